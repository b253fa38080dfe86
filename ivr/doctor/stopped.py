"""Whether the line is stopped, which a restore and a copy of the database need."""

from __future__ import annotations

from ivr import clock, queues
from ivr.ledger import Ledger, LedgerUnavailable, open_ledger
from ivr.ledger.in_use import used_by
from ivr.reminders.outbox.monitor import clock_age
from ivr.settings import Settings

CLOCK_STOPPED_SECONDS = 60.0
HOW_TO_STOP = "stop the line on all machines (systemctl stop infoline.target), wait a minute, and try again"


def still_running(settings: Settings) -> str:
    """What still uses the database, as a clause for people; empty if nothing does.

    This process must have no connection to it. Raises LedgerUnavailable if a server does not answer, and OSError.
    """
    if queues.live_workers(settings.redis_url):
        return "a worker runs"
    ledger = open_ledger(settings.database_url)
    try:
        if _clock_runs(ledger):
            return "the clock process ran within the last minute"
    finally:
        ledger.close()
    return used_by(settings.database_url)


def _clock_runs(ledger: Ledger) -> bool:
    try:
        age = clock_age(ledger, clock.now()) if ledger.has_tables() else None
    except LedgerUnavailable:
        # A damaged file is a reason to restore a backup; a server that does not answer cannot be restored.
        if not ledger.is_sqlite:
            raise
        return False
    return age is not None and age < CLOCK_STOPPED_SECONDS
