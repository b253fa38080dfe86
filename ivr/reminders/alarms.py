"""Alarms: what an operator must know until it is put right. Each stands once in the ledger, and once in the log."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Connection, delete, insert, select, update

from ivr import log
from ivr.ledger import Vault
from ivr.ledger.tables import alarm, mark


class Alarm(StrEnum):
    """The alarms by their names in `reminders status`, on /metrics and in the log."""

    SENDING_STOPPED = "sending_stopped"  # the carrier refuses our account or sender
    DELIVERY_STOPPED = "delivery_stopped"  # the carrier takes our texts, and the networks refuse our sender
    LEDGER_RESTORED = "ledger_restored"  # the ledger knows less than was sent
    KEY_MISSING = "key_missing"  # a number was sealed with a key that we do not have
    WORDS_MISSING = "words_missing"  # a release has no words for a text of the plan
    BACKLOG = "backlog"
    RECEIPTS_MISSING = "receipts_missing"
    CLOCK_SILENT = "clock_silent"


LONGEST_WAIT = timedelta(hours=1)
"""Between two tries of a text."""
PROBE = "probe"


def raise_alarm(connection: Connection, name: Alarm, now: datetime, detail: str) -> None:
    """Raise an alarm once; it stays until what it tells of is put right."""
    if not connection.execute(select(alarm.c.name).where(alarm.c.name == name)).first():
        connection.execute(insert(alarm).values(name=name, raised_at=now, detail=detail))
        log.get_logger().error("alarm_raised", name=str(name), detail=detail)


def clear_alarm(connection: Connection, name: Alarm, until: datetime) -> None:
    """Take an alarm back that was raised at `until` or before."""
    if connection.execute(delete(alarm).where(alarm.c.name == name, alarm.c.raised_at <= until)).rowcount:
        log.get_logger().info("alarm_cleared", name=str(name))


def clear_for_others(connection: Connection, name: Alarm, named: str) -> None:
    """What an alarm found wrong is no longer in use: its detail does not name what is."""
    of_others = alarm.c.detail.not_like(f"%{named}%")
    if connection.execute(delete(alarm).where(alarm.c.name == name, of_others)).rowcount:
        log.get_logger().info("alarm_cleared", name=str(name))


def raise_missing_key(connection: Connection, vault: Vault, now: datetime) -> None:
    """A number cannot be opened; whoever it is waits until the key is named."""
    told = "A number was sealed with a key that PHONE_KEY does not name: name the old keys too, newest first."
    raise_alarm(connection, Alarm.KEY_MISSING, now, f"{told} Known: {vault.key_ids}")


def raised(connection: Connection) -> dict[str, datetime]:
    """The alarms that stand, and since when."""
    return {row.name: row.raised_at for row in connection.execute(select(alarm.c.name, alarm.c.raised_at))}


def probed(connection: Connection) -> datetime | None:
    """When a text was last tried while an alarm stopped the sending."""
    return connection.execute(select(mark.c.at).where(mark.c.name == PROBE)).scalar()


def note_probe(connection: Connection, stopped: Iterable[str], now: datetime) -> None:
    """One text is tried. The alarms stay as old as they are, so that its receipt clears them however late it comes."""
    connection.execute(delete(mark).where(mark.c.name == PROBE))
    connection.execute(insert(mark).values(name=PROBE, value="", at=now))
    ahead = alarm.c.name.in_(list(stopped)), alarm.c.raised_at > now
    connection.execute(update(alarm).where(*ahead).values(raised_at=now))
