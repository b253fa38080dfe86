"""The texts that an appointment would get, as they would go out: shown before a file is taken in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from ivr.line.content import Content
from ivr.line.gsm import segments
from ivr.reminders.plan import Visit, due_at
from ivr.reminders.rows import Row
from ivr.reminders.wording import NoWords, visit_values, word


@dataclass(frozen=True)
class Preview:
    """One text to come. at: ISO, by the recipient's clock."""

    row: int
    step: str
    at: str
    language: str
    words: str
    segments: int

    def as_json(self) -> dict[str, object]:
        return asdict(self)


def preview(content: Content, row: Row, now: datetime) -> Iterator[Preview]:
    """The texts of the plan that are still ahead of an appointment, soonest first."""
    if row.status != "booked" or row.channel != "text":
        return
    config, zone = content.config, ZoneInfo(row.timezone)
    visit = Visit(row.starts_at, zone)
    language = row.language or config.default_language
    due = sorted((due_at(step, visit, config.reminders.quiet_hours), step.id, step) for step in config.reminders.plan)
    for at, _, step in due:
        if at < now:
            continue
        values = visit_values(content, language, row.starts_at, row.timezone, row.site)
        try:
            words = word(content, step.wording, language, values)
        except NoWords:
            continue
        local = at.astimezone(zone).isoformat(timespec="minutes")
        yield Preview(row.number, step.id, local, language, words, segments(words).segments)
