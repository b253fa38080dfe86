"""By when a file is expected in the watched folder: WATCH_EXPECTED_BY, such as `07:00` or `mon-fri 06:00`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time

from ivr.line.callflow.holiday_calendar import is_holiday
from ivr.line.content.config import Holidays

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True)
class ExpectedFile:
    """by: in the line's time zone. days: of the week, Monday is 0; None is every day, public holidays too."""

    by: time
    days: frozenset[int] | None = None

    @classmethod
    def parse(cls, text: str) -> ExpectedFile | None:
        """None for an empty setting. `ivr/feed_settings.py` has the pattern."""
        if not text:
            return None
        days, _, by = text.lower().rpartition(" ")
        listed = frozenset(day for part in days.split(",") for day in _range(part)) if days else None
        return cls(time.fromisoformat(by), listed)

    def is_due(self, local: datetime, holidays: Holidays) -> bool:
        """Whether the file of this day should be there. With weekdays, none is expected on a public holiday."""
        if local.time() < self.by:
            return False
        return self.days is None or (local.weekday() in self.days and not is_holiday(holidays, local.date()))


def _range(part: str) -> list[int]:
    """The days of `mon`, `mon-fri`, or `sat-mon`."""
    first, _, last = part.partition("-")
    start, end = _DAYS.index(first), _DAYS.index(last or first)
    return [day % 7 for day in range(start, end + 1 + 7 * (end < start))]
