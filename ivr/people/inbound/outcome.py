"""Decides what an incoming text asks for: one parse, one order of precedence. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from ivr.line.nlu.matcher import Matcher, MatchResult
from ivr.line.text.normalize import normalize
from ivr.people.keywords import Keyword, ReminderReply, carrier_keyword, parse_reminder_reply

# Outcomes that come before replies to reminders, and are answered even during a silence.
ALWAYS_ANSWERED = frozenset({"urgent", "person-soon", "stop"})
# "I will be there" confirms an appointment just as C does.
_SYNONYMS = {"confirm": "confirmed"}


@dataclass(frozen=True, slots=True)
class ParsedText:
    """Every reading of one text. normalized: as the matcher compares it."""

    body: str
    normalized: str
    keyword: Keyword | None
    reply: ReminderReply | None
    has_media: bool
    match: MatchResult

    @property
    def is_yes(self) -> bool:
        """Whether the text is a bare yes."""
        return self.reply is not None and self.reply.answer is None


def parse_text(matcher: Matcher, body: str, opt_out_type: str, has_media: bool, language: str | None) -> ParsedText:
    """Parse a text. opt_out_type: the carrier's own reading of it. language: the sender's, if known."""
    normalized = normalize(body)
    return ParsedText(
        body,
        normalized,
        carrier_keyword(body, opt_out_type),
        parse_reminder_reply(normalized),
        has_media,
        matcher.match(body, language),
    )


def decide_outcome(text: ParsedText, *, opted_out: bool, reminder_asks: bool) -> str:
    """Return an outcome of the matcher, a keyword, confirmed, change or media.

    opted_out: the sender's consent. reminder_asks: whether the last reminder asked for a confirmation.
    """
    topic = text.match.topic
    # To the carrier, YES means START. From a sender who has not opted out, it answers a reminder.
    is_answer = text.keyword == "start" and text.is_yes and not opted_out
    meaning_of_yes = "start" if opted_out else "confirmed" if reminder_asks else "menu"
    by_precedence = (
        None if is_answer else text.keyword,
        topic if topic in ALWAYS_ANSWERED else None,
        text.reply.answer if text.reply else None,
        meaning_of_yes if text.is_yes else None,
        "media" if text.has_media and topic in ("menu", "none") else None,
        _SYNONYMS.get(topic, topic),
    )
    return next(outcome for outcome in by_precedence if outcome)
