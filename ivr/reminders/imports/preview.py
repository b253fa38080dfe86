"""The texts that an appointment would get, shown in a dry run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
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
    """A text that would be sent. at: ISO, in the recipient's time zone. words: the text itself."""

    row: int
    step: str
    at: str
    language: str
    words: str
    segments: int


def preview_texts(content: Content, row: AppointmentRow, now: datetime) -> Iterator[TextPreview]:
    """The texts that the plan would send from now on, in order of time, if the patient got no other texts."""
    if not row.gets_texts:
        return
    config, zone = content.config, ZoneInfo(row.timezone)
    language = row.language or config.default_language
    values = appointment_values(content, language, row.starts_at, row.timezone, row.site)
    for at, step in _simulate(PlannedAppointment(row.starts_at, zone), config.reminders, now):
        try:
            text = reminder_text(content, step.wording, language, values)
        except MissingText:
            continue
        local = at.astimezone(zone).isoformat(timespec="minutes")
        yield TextPreview(row.number, step.id, local, language, text, count_segments(text).segments)


def _simulate(
    appointment: PlannedAppointment, rules: ReminderRules, now: datetime
) -> Iterator[tuple[datetime, ReminderStep]]:
    """The steps and when each would be sent: decides now, and again at each `next_at`."""
    done: set[str] = set()
    sent: list[datetime] = []
    at: datetime | None = now
    while at is not None:
        decision = decide(appointment, rules, at, frozenset(done), sent)
        done |= {step.id for step, _ in decision.skips}
        if decision.send:
            yield at, decision.send
            done.add(decision.send.id)
            sent.append(at)
        at = decision.next_at
