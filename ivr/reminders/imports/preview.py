"""The texts that an appointment would get, as they would go out: shown before a file is taken in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from ivr.line.content.config import ReminderRules, ReminderStep
from ivr.line.content.loader import Content
from ivr.line.text.gsm7 import count_segments
from ivr.reminders.imports.rows import AppointmentRow
from ivr.reminders.schedule.message import MissingText, appointment_values, reminder_text
from ivr.reminders.schedule.plan import PlannedAppointment, decide


@dataclass(frozen=True)
class TextPreview:
    """One text to come. at: ISO, by the recipient's clock."""

    row: int
    step: str
    at: str
    language: str
    words: str
    segments: int

    def as_json(self) -> dict[str, object]:
        return asdict(self)


def gets_texts(row: AppointmentRow) -> bool:
    return row.status == "booked" and row.channel == "text"


def preview_texts(content: Content, row: AppointmentRow, now: datetime) -> Iterator[TextPreview]:
    """The texts of the plan that would go out for an appointment from now on, soonest first, if she had no others."""
    if not gets_texts(row):
        return
    config, zone = content.config, ZoneInfo(row.timezone)
    language = row.language or config.default_language
    values = appointment_values(content, language, row.starts_at, row.timezone, row.site)
    for at, step in _lived_through(PlannedAppointment(row.starts_at, zone), config.reminders, now):
        try:
            words = reminder_text(content, step.wording, language, values)
        except MissingText:
            continue
        local = at.astimezone(zone).isoformat(timespec="minutes")
        yield TextPreview(row.number, step.id, local, language, words, count_segments(words).segments)


def _lived_through(
    visit: PlannedAppointment, rules: ReminderRules, now: datetime
) -> Iterator[tuple[datetime, ReminderStep]]:
    """What would go out when, as the plan would decide at each moment that it waits for."""
    done: set[str] = set()
    sent: list[datetime] = []
    at: datetime | None = now
    while at is not None:
        decision = decide(visit, rules, at, frozenset(done), sent)
        done |= {step.id for step, _ in decision.skips}
        if decision.send:
            yield at, decision.send
            done.add(decision.send.id)
            sent.append(at)
        at = decision.next_at
