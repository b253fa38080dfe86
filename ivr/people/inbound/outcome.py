"""Decides what an incoming text asks for: one parse, one order of precedence. Pure."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from weakref import WeakKeyDictionary

from ivr.line.content.keyword_rules import RED_FLAGS
from ivr.line.nlu.matcher import Matcher, MatchResult
from ivr.line.text.normalize import normalize, shorten, squeeze
from ivr.line.text.own_words import own_words
from ivr.people.keywords import (
    Keyword,
    ReminderReply,
    carrier_keyword,
    is_bare_emoji,
    is_opt_out,
    menu_choice,
    parse_reminder_reply,
    reply_words,
    short_reply,
    signed_name,
)
from ivr.people.reminder_letters import cannot_come, has_other_sense, letter_in

# Outcomes that come before replies to reminders, and are answered even during a silence.
ALWAYS_ANSWERED = frozenset({"urgent", "person-soon", "stop"})
# The outcome of reactions, quotes, and automatic replies: they get no answer, and they change nothing.
AUTOMATIC = "automatic"
_CACHED, _LONGEST_CACHED = 1000, 40
_caches: WeakKeyDictionary[Matcher, Callable[[str, str, bool, str | None], ParsedText]] = WeakKeyDictionary()
# "I will be there" confirms an appointment just as C does.
_SYNONYMS = {"confirm": "confirmed"}
# Who writes one of these beside a letter needs the answer to it. What may be a name counts only as the opposite.
_OPPOSITE = {"confirmed": "change", "change": "confirm"}
_OTHER_WISHES = frozenset({"language", "start", "wrong-number"})
# Beside a letter, the first ask nothing, and the second ask something only with a question mark.
_NO_QUESTIONS = _OTHER_WISHES | {"none", "thanks", "menu", "confirm", "change", "stop"}
_ASKED_WITH_MARK = frozenset({"scheduling", "people", "help", "late", "results", "interpreter", "ambiguous"})


@dataclass(frozen=True, slots=True)
class ParsedText:
    """Every reading of one text. normalized: as the matcher compares it."""

    body: str
    normalized: str
    keyword: Keyword | None
    reply: ReminderReply | None
    has_media: bool
    match: MatchResult
    is_automatic: bool = False
    opts_out: bool = False
    """Whether the text is a word that opts out, with trimmings such as a name."""
    while_asked: ParsedText | None = None
    """The reading while the last reminder asks for C or R, if it differs."""
    question: MatchResult | None = None
    """What the text asks besides its answer to a reminder."""

    @property
    def is_yes(self) -> bool:
        """Whether the text is a bare yes."""
        return self.reply is not None and self.reply.answer is None and not self.reply.is_no

    @property
    def depends_on_reminder(self) -> bool:
        """Whether the text is a bare yes or no, or has another reading while a reminder asks."""
        return self.while_asked is not None or (self.reply is not None and self.reply.answer is None)


def parse_text(matcher: Matcher, body: str, opt_out_type: str, has_media: bool, language: str | None) -> ParsedText:
    """Parse a text. opt_out_type: the carrier's own reading of it. language: the sender's, if known.

    Short texts are cached, because most people send the same few.
    """
    if len(body) > _LONGEST_CACHED:
        return _parse(matcher, body, opt_out_type, has_media, language)
    cached = _caches.get(matcher)
    if cached is None:
        # Not the matcher itself, which goes with its release.
        cached = _caches[matcher] = lru_cache(_CACHED)(partial(_parse, weakref.proxy(matcher)))
    return cached(body, opt_out_type, has_media, language)


def outcome_of_stranger(matcher: Matcher, body: str, language: str | None) -> tuple[str, MatchResult]:
    """The outcome of a text by a sender of whom nothing is known, and what the matcher made of it."""
    text = parse_text(matcher, body, "", False, language)
    return decide_outcome(text, opted_out=False, reminder_asks=False), text.match


def _parse(matcher: Matcher, body: str, opt_out_type: str, has_media: bool, language: str | None) -> ParsedText:
    own = own_words(shorten(squeeze(body)))
    short = short_reply(own.words)
    reply = None if own.is_automatic else parse_reminder_reply(normalize(own.words)) or parse_reminder_reply(short)
    opts_out = not own.is_automatic and is_opt_out(short)
    is_automatic = own.is_automatic or (not (reply or has_media) and is_bare_emoji(own.words))
    match = _chosen(matcher, own.words, short, language)
    is_short = bool(match or reply or opts_out)
    match = match or matcher.match(short if is_short else own.words, language)
    if reply and reply.answer:
        # "C2" or "on my way" is neither an emergency nor an opt-out, whatever the model makes of so little.
        match = replace(match, possible=())
    if is_short:
        # "STOP - Chest Pain": what looks like a name may be a red flag.
        name = signed_name(own.words)
        signed = matcher.match(name, language) if name else match
        match = replace(signed, also_stop=opts_out) if signed.topic in RED_FLAGS else match
    normalized = normalize(shorten(body))
    parsed = ParsedText(
        body, normalized, carrier_keyword(body, opt_out_type), reply, has_media, match, is_automatic, opts_out
    )
    is_known = is_short or is_automatic or parsed.keyword is not None
    return parsed if is_known else replace(parsed, while_asked=_while_asked(matcher, parsed, own.words, language))


def _chosen(matcher: Matcher, words: str, short: str, language: str | None) -> MatchResult | None:
    """What a text asks for by the numbers of the menu, or by the reply words of answers."""
    choice = menu_choice(words)
    match = matcher.match_numbers(choice.digits, choice.language or language) if choice else None
    return match or matcher.match_words(reply_words(short), language)


def _while_asked(matcher: Matcher, parsed: ParsedText, words: str, language: str | None) -> ParsedText | None:
    """The reading of a text while the last reminder asks for C or R; None if it is the same."""
    topic = parsed.match.topic
    if topic in ("confirm", "change") and has_other_sense(words):
        return replace(parsed, match=replace(parsed.match, topic="none"))
    if topic == "scheduling" and cannot_come(normalize(words)):
        return replace(parsed, reply=ReminderReply("change"))
    letter = letter_in(words)
    if letter is None or letter.reply.answer is None:
        return None
    answer = matcher.match(letter.letter, language)
    others = matcher.match(letter.others, language) if letter.others else answer
    # Without any other word, there is only the letter: "Responder C" is no emergency.
    for match in (others, parsed.match) if letter.others else ():
        # "C thanks for everything": two words that are left prove no emergency if the whole text shows none.
        is_red_flag = match.topic in RED_FLAGS and (topic in RED_FLAGS or parsed.match.may_be_red_flag)
        if is_red_flag or match.topic == "stop":
            return replace(parsed, match=match)
    if letter.is_doubtful:
        return replace(parsed, match=others) if others.topic in ("change", "scheduling") else None
    if others.topic == _OPPOSITE[letter.reply.answer] or (not letter.is_bare and others.topic in _OTHER_WISHES):
        return None
    if letter.is_bare:
        return replace(parsed, reply=letter.reply, match=answer)
    answer = replace(answer, possible=others.possible)
    return replace(parsed, reply=letter.reply, match=answer, question=_question(others, words, letter.reply.answer))


def _question(match: MatchResult, words: str, answer: str) -> MatchResult | None:
    """What a text asks beside its answer to a reminder, if anything."""
    if answer == "change" and match.topic == "scheduling":
        # The reply to an R already says whom to call.
        return None
    is_asked = match.topic not in _NO_QUESTIONS and (match.topic not in _ASKED_WITH_MARK or "?" in words)
    return match if is_asked else None


def decide_outcome(text: ParsedText, *, opted_out: bool, reminder_asks: bool) -> str:
    """Return an outcome of the matcher, a keyword, confirmed, change, media or automatic.

    opted_out: the sender's consent. reminder_asks: whether the last reminder asked for a confirmation.
    """
    text = (text.while_asked if reminder_asks and not opted_out else None) or text
    topic = text.match.topic
    # To the carrier, YES means START. From a sender who has not opted out, it answers a reminder.
    is_answer = text.keyword == "start" and text.is_yes and not opted_out
    if opted_out:
        meaning_of_yes = "start" if text.reply and text.reply.opts_in else None
    else:
        # "OK" to an answer ends the conversation.
        meaning_of_yes = "confirmed" if reminder_asks else "thanks" if topic == "thanks" else "menu"
    by_precedence = (
        None if is_answer else text.keyword,
        topic if topic in RED_FLAGS else None,
        AUTOMATIC if text.is_automatic else None,
        "stop" if text.opts_out or topic == "stop" else None,
        text.reply.answer if text.reply else None,
        meaning_of_yes if text.is_yes else None,
        "change" if text.depends_on_reminder and reminder_asks else None,
        "media" if text.has_media and (topic in ("menu", "none", "thanks") or text.match.or_none) else None,
        _SYNONYMS.get(topic, topic),
    )
    return next(outcome for outcome in by_precedence if outcome)
