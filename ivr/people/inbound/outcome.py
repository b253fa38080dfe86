"""What an incoming text asks for: parsed once, then decided by one order of precedence. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ivr.line.nlu.matcher import Matcher, MatchResult
from ivr.line.text.normalize import normalize
from ivr.people.keywords import Keyword, ReminderReply, carrier_keyword, parse_reminder_reply

# Answered to everyone, and even during a silence.
ALWAYS_ANSWERED = frozenset({"urgent", "person-soon", "stop"})
# "I will be there" confirms an appointment, as C does.
_SYNONYMS = {"confirm": "confirmed"}


@dataclass(frozen=True, slots=True)
class ParsedText:
    """Every reading of one text. normalized: the body as the matcher compares it."""

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


@dataclass(frozen=True, slots=True)
class TextContext:
    """opted_out: the sender gets no reminders. reminder_asks: the last reminder asked for a confirmation."""

    opted_out: bool
    reminder_asks: bool = False


def parse_text(matcher: Matcher, body: str, opt_out_type: str, has_media: bool, language: str | None) -> ParsedText:
    """Parse a text. opt_out_type: the carrier's own reading of it. language: the sender's, if known."""
    normalized = normalize(body)
    return ParsedText(
        body,
        normalized,
        carrier_keyword(body, opt_out_type),
        parse_reminder_reply(normalized),
        has_media,
        matcher.ask(body, language),
    )


def decide_outcome(text: ParsedText, context: TextContext) -> str:
    """Return what a text asks for: an outcome of the matcher, a keyword, confirmed, change or media."""
    outcomes = (rule(text, context) for rule in _PRECEDENCE)
    return next(outcome for outcome in outcomes if outcome)


def _keyword(text: ParsedText, context: TextContext) -> str | None:
    """The carrier takes YES for START; from a sender who has not opted out it answers a reminder."""
    return None if text.keyword == "start" and text.is_yes and not context.opted_out else text.keyword


def _always_answered(text: ParsedText, _context: TextContext) -> str | None:
    return text.match.topic if text.match.topic in ALWAYS_ANSWERED else None


def _reminder_reply(text: ParsedText, _context: TextContext) -> str | None:
    return text.reply.answer if text.reply else None


def _yes(text: ParsedText, context: TextContext) -> str | None:
    if not text.is_yes:
        return None
    return "start" if context.opted_out else "confirmed" if context.reminder_asks else "menu"


def _media(text: ParsedText, _context: TextContext) -> str | None:
    return "media" if text.has_media and text.match.topic in ("menu", "none") else None


def _match(text: ParsedText, _context: TextContext) -> str:
    return _SYNONYMS.get(text.match.topic, text.match.topic)


_PRECEDENCE: tuple[Callable[[ParsedText, TextContext], str | None], ...] = (
    _keyword,
    _always_answered,
    _reminder_reply,
    _yes,
    _media,
    _match,
)
