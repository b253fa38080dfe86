"""Does what an incoming text asks for, and composes the replies. No reply promises what is not stored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from ivr import log
from ivr.ledger import LedgerUnavailable
from ivr.line.nlu.matcher import AMBIGUOUS, MatchResult
from ivr.line.nlu.replies import choice_reply, with_caution
from ivr.line.text.gsm7 import count_segments
from ivr.line.twiml.release import CompiledLine
from ivr.people.inbound.loops import SILENCED, LoopVerdict
from ivr.people.inbound.outcome import ALWAYS_ANSWERED, AUTOMATIC, ParsedText
from ivr.people.persons import remember_language
from ivr.people.profile import SenderProfile
from ivr.people.spool import WRITES, SpoolKind
from ivr.reminders.schedule.message import appointment_values
from ivr.web.services import Services

# The longest first reply, in segments, that still includes the language hint.
MAX_SEGMENTS = 3
# For each stored answer: the prompt that acknowledges it, and the letter to reply with.
_ANSWERS = {"confirmed": ("confirm", "C"), "change": ("change", "R")}
_NO_APPOINTMENT = {"none": "no-visit", "cancelled": "visit-cancelled", "past": "visit-past"}


@dataclass(frozen=True)
class ReceivedText:
    """A text that came in, parsed, with its sender's profile.

    id, phone_hash, body_hash: keyed hashes. waits: whether its answer may wait for the database.
    """

    services: Services
    line: CompiledLine
    id: str
    sender: str
    phone_hash: str
    body_hash: str
    parsed: ParsedText
    profile: SenderProfile
    now: datetime
    waits: bool

    @property
    def language(self) -> str:
        return self.parsed.match.language

    def reply_with(self, name: str) -> list[str]:
        """Return a prompt in the sender's language as the only reply."""
        return [self.line.text(self.language, name)]


def reply_to(text: ReceivedText, outcome: str, verdict: LoopVerdict) -> list[str]:
    """Do what a text asks for, even during a silence, and return the replies."""
    if outcome == AUTOMATIC:
        return []
    answers = _ACTIONS.get(outcome, _topic_replies)(text, outcome)
    if verdict == "silence":
        # A red flag that is no longer answered may still contain an opt-out, whose confirmation follows the topic.
        return answers[1:] if text.parsed.match.also_stop else []
    if verdict == "last":
        return text.reply_with(SILENCED)
    if outcome == text.parsed.keyword and text.services.settings.keywords_answered_by == "carrier":
        return []
    # The answer to a picture names the numbers to call, and few words beside a picture mean little.
    if answers and outcome != "media":
        answers = [*with_caution(text.line.content, _beside(text.parsed.match, outcome), answers[0]), *answers[1:]]
    return answers if outcome in ALWAYS_ANSWERED else _with_language_hint(text, answers)


def _beside(match: MatchResult, outcome: str) -> MatchResult:
    """A match without the offer to opt out, if the text has opted out."""
    return replace(match, possible=tuple(each for each in match.possible if each != outcome))


def _topic_replies(text: ReceivedText, outcome: str) -> list[str]:
    match = text.parsed.match
    if outcome == AMBIGUOUS:
        return _ask_which(text, match)
    answers = text.reply_with(outcome)
    # A text may contain both a red flag and an opt-out.
    return [*answers, *_stop(text, "stop")] if match.also_stop else answers


def _ask_which(text: ReceivedText, match: MatchResult) -> list[str]:
    return [choice_reply(text.line.content, match)]


def _with_language_hint(text: ReceivedText, answers: list[str]) -> list[str]:
    """Tell a new sender how to switch the language: in a reply that has room, or in a second one."""
    if not (text.profile.is_new and answers):
        return answers
    (hint,) = text.reply_with("first-text")
    for index, answer in enumerate(answers):
        longer = f"{answer}\n{hint}"
        if _segments(longer) <= MAX_SEGMENTS:
            return [*answers[:index], longer, *answers[index + 1 :]]
    return [*answers, hint] if len(answers) == 1 else answers


@lru_cache(1000)
def _segments(text: str) -> int:
    return count_segments(text).segments


def _write(text: ReceivedText, kind: SpoolKind, **data: Any) -> tuple[Any, bool]:
    """Write to the database, or spool the write while it is down. Returns the result and whether the write is safe."""
    services, data = text.services, {"phone": text.sender, **data}
    if text.waits and services.writes.admits():
        try:
            with services.ledger.write() as connection:
                services.ledger.exclusive_lock(connection)
                result = WRITES[kind](connection, services.vault, text.now, data)
            services.writes.reset()
        except LedgerUnavailable:
            services.writes.trip()
        else:
            return result, True
    safe = services.spool.save(kind, text.now, **data)
    if not safe:
        if kind in ("stop", "start"):
            log.get_logger().error("consent_not_recorded", kind=kind)
        else:
            log.get_logger().error("reply_not_recorded", kind=kind)
    return None, safe


def _stop(text: ReceivedText, _outcome: str) -> list[str]:
    """Opt out, and confirm it once. CANCEL may have meant the appointment, so schedulers get a work item."""
    body = text.parsed.body
    changed, safe = _write(text, "stop", source="text", evidence=body, cancel=body.strip().upper() == "CANCEL")
    if not safe:
        return text.reply_with("not-passed-on")
    return [] if changed is False else text.reply_with("stop")


def _start(text: ReceivedText, _outcome: str) -> list[str]:
    _, safe = _write(text, "start", source="text", evidence=text.parsed.body)
    return text.reply_with("start" if safe else "not-passed-on")


def _switch_language(text: ReceivedText, _outcome: str) -> list[str]:
    """Remember the language. While the database is down, reply with the menu in that language; nothing is spooled."""
    services = text.services
    if text.waits and services.writes.admits():
        try:
            with services.ledger.write() as connection:
                remember_language(connection, services.vault, text.sender, text.language, text.now)
            services.writes.reset()
        except LedgerUnavailable:
            services.writes.trip()
        else:
            return text.reply_with("language")
    log.get_logger().error("language_not_saved")
    return text.reply_with("menu")


def _wrong_number(text: ReceivedText, _outcome: str) -> list[str]:
    _, safe = _write(text, "wrong_number")
    return text.reply_with("wrong-number" if safe else "not-passed-on")


def _answer_reminder(text: ReceivedText, outcome: str) -> list[str]:
    """Store an answer to a reminder, and answer what the text asks besides."""
    replies, question = _record_answer(text, outcome), text.parsed.question
    if question is None:
        return replies
    if question.between:
        return [*replies, *_ask_which(text, question)]
    return [*replies, text.line.text(question.language, question.topic)]


def _record_answer(text: ReceivedText, outcome: str) -> list[str]:
    """Store an answer to a reminder, and return what acknowledges it.

    While the database is down, the reply does not say that it is confirmed.
    """
    if text.profile.is_known and not text.profile.is_person:
        # A number that the database does not have has no appointment. The answer takes no lock, so it never waits.
        return text.reply_with("no-visit")
    which = text.parsed.reply.which if text.parsed.reply else None
    recorded, safe = _write(text, "answer", answer=outcome, which=which)
    if recorded is None:
        return text.reply_with("passed-on" if safe else "not-passed-on")
    if recorded.result in _NO_APPOINTMENT:
        return text.reply_with(_NO_APPOINTMENT[recorded.result])
    prompt, letter = _ANSWERS[outcome]
    language = text.profile.language or recorded.appointments[0].language
    language = language if language in text.line.content.config.languages else text.language
    values = [
        appointment_values(text.line.content, language, appointment.starts_at, appointment.timezone, appointment.site)
        for appointment in recorded.appointments
    ]
    if recorded.result == "answered":
        return [text.line.content.texted(language, prompt, **values[0])]
    # Each appointment with the reply that names it: "C1: Tue Dec 1 9:00 AM". Two at one time differ by their site.
    times = [f"{value['date']} {value['time']}" for value in values]
    names = [
        f"{time}, {value['site']}" if times.count(time) > 1 else time for time, value in zip(times, values, strict=True)
    ]
    lines = [f"{letter}{number}: {name}" for number, name in enumerate(names, start=1)]
    return [text.line.content.texted(language, "which-visit", visits="\n".join(lines))]


_ACTIONS: dict[str, Callable[[ReceivedText, str], list[str]]] = {
    "stop": _stop,
    "start": _start,
    "language": _switch_language,
    "wrong-number": _wrong_number,
    "confirmed": _answer_reminder,
    "change": _answer_reminder,
}
