"""By when a file is expected in the watched folder: WATCH_EXPECTED_BY, such as `07:00` or `mon-fri 06:00`.

The clock process looks, because the process that watches the folder may be what has died.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time

from sqlalchemy import func, select

from ivr.i18n import N_, sentence
from ivr.ledger import Ledger
from ivr.ledger.tables import mark
from ivr.line.callflow.holiday_calendar import is_holiday
from ivr.line.content.config import Config, Holidays
from ivr.reminders.alarms import Alarm, clear_alarm, raise_alarm, raised

FILE_MARK = "file-"
"""Begins the names of the marks of the files that came, each set when its content came last."""
FAILED_FILE_MARK = f"{FILE_MARK}failed"
"""The mark of the files that came and could not be imported: they are not missing, and have an alarm of their own."""
_NO_FILE = N_("No file came by {time}.")
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


def check_expected_file(ledger: Ledger, expected: ExpectedFile | None, config: Config, now: datetime) -> None:
    """Raise the alarm if no file has come today although one is due; clear it once one has, or if none is expected."""
    local = now.astimezone(config.zone)
    with ledger.read() as connection:
        is_raised = Alarm.FILE_MISSING in raised(connection)
        last = connection.execute(select(func.max(mark.c.at)).where(mark.c.name.startswith(FILE_MARK))).scalar()
    has_come = last is not None and last.astimezone(config.zone).date() >= local.date()
    if is_raised and (has_come or expected is None):
        with ledger.write() as connection:
            clear_alarm(connection, Alarm.FILE_MISSING, now)
    elif expected and not is_raised and not has_come and expected.is_due(local, config.holidays):
        with ledger.write() as connection:
            raise_alarm(connection, Alarm.FILE_MISSING, now, sentence(_NO_FILE, time=f"{expected.by:%H:%M}"))


def _range(part: str) -> list[int]:
    """The days of `mon`, `mon-fri`, or `sat-mon`."""
    first, _, last = part.partition("-")
    start, end = _DAYS.index(first), _DAYS.index(last or first)
    return [day % 7 for day in range(start, end + 1 + 7 * (end < start))]
