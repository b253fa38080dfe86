"""Whether the feeds run: each process reports while it works, and one that should run and is silent raises an alarm.

The clock process looks, because a process that has died, or was never started after a reboot, cannot. A folder and a
FHIR server are expected while a setting names them; HL7, which needs no setting, from the first report of its process
until `infoline hl7 retire`.
"""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import delete, select

from ivr.i18n import N_, sentence
from ivr.ledger import Ledger, LedgerUnavailable
from ivr.ledger.marks import set_mark
from ivr.ledger.tables import alarm, mark
from ivr.reminders.alarms import Alarm, clear_other_subjects, raise_alarm
from ivr.settings import Settings

REPORT_SECONDS = 30.0
SILENT_AFTER = timedelta(minutes=10)
_MARK = "feed-"
_SILENT = N_(
    "A feed has not worked for ten minutes, so appointments may be missing: start {commands}, or read its log."
)


class FeedName(StrEnum):
    HL7 = "hl7"
    WATCH = "watch"
    PULL = "pull"


COMMANDS = {
    FeedName.HL7: "`infoline hl7`",
    FeedName.WATCH: "`infoline reminders watch`",
    FeedName.PULL: "`infoline reminders pull`",
}


class Heartbeat:
    """The reports of one process, at most one in REPORT_SECONDS."""

    def __init__(self, ledger: Ledger, feed: FeedName) -> None:
        self._ledger, self._feed = ledger, feed
        self._due = 0.0

    def beat(self, now: datetime) -> None:
        """Report that the feed works. While the database is down, nobody can see that anyway."""
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + REPORT_SECONDS
        with suppress(LedgerUnavailable), self._ledger.write() as connection:
            set_mark(connection, _MARK + self._feed, now)


def last_reports(ledger: Ledger, settings: Settings) -> dict[FeedName, datetime | None]:
    """When each feed that should run reported last; None if it never has. Raises LedgerUnavailable."""
    with ledger.read() as connection:
        rows = connection.execute(select(mark.c.name, mark.c.at).where(mark.c.name.startswith(_MARK)))
        reported = {row.name.removeprefix(_MARK): row.at for row in rows}
    expected = {
        FeedName.HL7: FeedName.HL7 in reported,
        FeedName.WATCH: settings.watch_folder is not None,
        FeedName.PULL: bool(settings.fhir_url),
    }
    return {feed: reported.get(feed) for feed, is_expected in expected.items() if is_expected}


def silent_feeds(ledger: Ledger, settings: Settings, now: datetime) -> list[FeedName]:
    """The feeds that should run and have not reported lately. Raises LedgerUnavailable."""
    # Between two pulls, the process only waits.
    pause = {FeedName.PULL: timedelta(seconds=settings.fhir_seconds)}
    return [
        feed
        for feed, last in last_reports(ledger, settings).items()
        if last is None or now - last > SILENT_AFTER + pause.get(feed, timedelta(0))
    ]


def check_feeds(ledger: Ledger, settings: Settings, now: datetime, started: datetime) -> None:
    """Raise or clear FEED_SILENT. started: of the clock process. Raises LedgerUnavailable."""
    silent = silent_feeds(ledger, settings, now)
    if silent and now - started < SILENT_AFTER:
        # After a reboot, the feeds may be starting too. An alarm that is active stays.
        return
    subject = ",".join(silent)
    with ledger.read() as connection:
        active = connection.execute(select(alarm.c.subject).where(alarm.c.name == Alarm.FEED_SILENT)).scalar()
    if subject == (active or ""):
        return
    with ledger.write() as connection:
        ledger.exclusive_lock(connection)
        clear_other_subjects(connection, Alarm.FEED_SILENT, subject)
        if silent:
            commands = [COMMANDS[feed] for feed in silent]
            raise_alarm(connection, Alarm.FEED_SILENT, now, sentence(_SILENT, commands=commands), subject)


def retire(ledger: Ledger, feed: FeedName) -> None:
    """Expect no report of a feed any more. Raises LedgerUnavailable."""
    with ledger.write() as connection:
        connection.execute(delete(mark).where(mark.c.name == _MARK + feed))
