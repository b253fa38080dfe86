"""What the line answers to a text, and what it writes down first: nothing is promised that is not kept somewhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection

from ivr import log
from ivr.ledger import LedgerUnavailable
from ivr.line.nlu.matcher import MatchResult, ambiguous_reply
from ivr.line.text.gsm7 import count_segments
from ivr.line.twiml.release import CompiledLine
from ivr.people import languages, persons, replies
from ivr.people.keywords import Keyword, ReminderReply, parse_reminder_reply
from ivr.people.profile import SenderProfile
from ivr.people.spool import SpoolKind
from ivr.reminders.schedule.message import appointment_values
from ivr.web.services import Services

# A text may grow to this many segments by what is added to it.
MOST_SEGMENTS = 3
MOST_VISITS = 4
_PROMPTS = {"confirmed": "confirm", "change": "change"}
_NO_VISIT = {"none": "no-visit", "cancelled": "visit-cancelled", "past": "visit-past"}


@dataclass
class ReceivedText:
    """A text that came in, and what is known and understood of it. id, phone_hash, asked: keyed hashes."""

    here: Services
    line: CompiledLine
    id: str
    sender: str
    phone_hash: str
    body: str
    keyword: Keyword | None
    has_media: bool
    known: SenderProfile
    understood: MatchResult
    now: datetime
    asked: str = ""
    silenced: bool = False

    @property
    def language(self) -> str:
        return self.understood.language


def topic_reply(text: ReceivedText, outcome: str) -> list[str]:
    """The words of a topic or outcome; beside a red flag, a wish to stop is honoured too."""
    if text.understood.between:
        return [ambiguous_reply(text.line.content, text.language, text.understood.between)]
    said = [text.line.text(text.language, outcome)]
    return [*said, *_stop(text)] if text.understood.also_stop else said


def with_first_time_hint(text: ReceivedText, said: list[str]) -> list[str]:
    """The very first answer also says how to switch the language: in the same text where there is room."""
    if not (text.known.first and said):
        return said
    how = text.line.text(text.language, "first-text")
    longer = f"{said[0]}\n{how}"
    return [longer, *said[1:]] if _segments(longer) <= MOST_SEGMENTS else [*said, how]


@lru_cache(1000)
def _segments(words: str) -> int:
    """Most answers are the same few hundred texts."""
    return count_segments(words).segments


def _write(text: ReceivedText, kind: SpoolKind, write: Callable[[Connection], Any], **told: Any) -> tuple[Any, bool]:
    """Do it in the ledger; while that is away, keep it on disk. Returns what was written, and whether it is safe."""
    here = text.here
    try:
        with here.ledger.write() as connection:
            here.ledger.exclusive_lock(connection)
            return write(connection), True
    except LedgerUnavailable:
        return None, here.kept.keep(kind, text.now, phone=text.sender, **told)


def _stop(text: ReceivedText) -> list[str]:
    """An opt-out is confirmed once; CANCEL may have meant the visit, so schedulers look at it."""
    cancel = text.body.strip().upper() == "CANCEL"

    def write(connection: Connection) -> bool:
        changed = persons.opt_out(connection, text.here.vault, text.sender, text.now, "text", text.body)
        if cancel:
            replies.note_possible_cancellation(connection, text.here.vault, text.sender, text.now)
        return changed

    changed, safe = _write(text, "stop", write, source="text", evidence=text.body, cancel=cancel)
    if not safe:
        log.get_logger().error("consent_not_recorded", kind="stop")
        return [text.line.text(text.language, "help")]
    return [] if changed is False else [text.line.text(text.language, "stop")]


def _start(text: ReceivedText) -> list[str]:
    def write(connection: Connection) -> bool:
        return persons.opt_in(connection, text.here.vault, text.sender, text.now, "text", text.body)

    _, safe = _write(text, "start", write, source="text", evidence=text.body)
    return [text.line.text(text.language, "start" if safe else "help")]


def _switch_language(text: ReceivedText) -> list[str]:
    """The language that somebody asks for stays hers; what cannot be kept is not promised."""
    here = text.here
    try:
        with here.ledger.write() as connection:
            languages.remember_language(connection, here.vault, text.sender, text.language, text.now)
    except LedgerUnavailable:
        log.get_logger().error("language_not_kept")
        return [text.line.text(text.language, "menu")]
    return [text.line.text(text.language, "language")]


def _wrong_number(text: ReceivedText) -> list[str]:
    def write(connection: Connection) -> int:
        return replies.mark_wrong_number(connection, text.here.vault, text.sender, text.now)

    _, safe = _write(text, "wrong_number", write)
    return [text.line.text(text.language, "wrong-number" if safe else "help")]


def _answer_visit(text: ReceivedText, given: ReminderReply) -> list[str]:
    """Nothing is called confirmed that is not written down."""

    def write(connection: Connection) -> replies.ReplyOutcome:
        vault = text.here.vault
        return replies.record_reply(connection, vault, text.sender, text.now, given.answer, given.which)

    answered, safe = _write(text, "answer", write, answer=given.answer, which=given.which)
    if answered is None:
        return [text.line.text(text.language, "passed-on" if safe else "help")]
    if answered.found == "which":
        return [_which_visit(text, given, answered)]
    if answered.found != "answered":
        return [text.line.text(text.language, _NO_VISIT[answered.found])]
    visit = answered.visits[0]
    language = _language_of(text, visit)
    return [text.line.content.texted(language, _PROMPTS[given.answer], **_values(text, visit, language))]


def _which_visit(text: ReceivedText, given: ReminderReply, answered: replies.ReplyOutcome) -> str:
    """The visits ahead, each with the answer that names it: "C1: Tue Dec 1 9:00 AM"."""
    letter = "C" if given.answer == "confirmed" else "R"
    language = _language_of(text, answered.visits[0])
    told = []
    for number, visit in enumerate(answered.visits[:MOST_VISITS], start=1):
        values = _values(text, visit, language)
        told.append(f"{letter}{number}: {values['date']} {values['time']}")
    return text.line.content.texted(language, "which-visit", visits="\n".join(told))


def _language_of(text: ReceivedText, visit: replies.UpcomingAppointment) -> str:
    spoken = text.known.language or visit.language
    return spoken if spoken in text.line.content.config.languages else text.language


def _values(text: ReceivedText, visit: replies.UpcomingAppointment, language: str) -> dict[str, str]:
    return appointment_values(text.line.content, language, visit.starts_at, visit.timezone, visit.site)


def _confirmed(text: ReceivedText) -> list[str]:
    return _answer_visit(text, parse_reminder_reply(text.body) or ReminderReply("confirmed"))


def _change(text: ReceivedText) -> list[str]:
    return _answer_visit(text, parse_reminder_reply(text.body) or ReminderReply("change"))


def _media(text: ReceivedText) -> list[str]:
    return [text.line.text(text.language, "media")]


ACTIONS: dict[str, Callable[[ReceivedText], list[str]]] = {
    "stop": _stop,
    "start": _start,
    "language": _switch_language,
    "wrong-number": _wrong_number,
    "confirmed": _confirmed,
    "change": _change,
    "media": _media,
}
