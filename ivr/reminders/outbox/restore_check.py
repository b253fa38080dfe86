"""Detects a restored backup on a machine that remembers no send count: its texts may have gone out already.

Before the first claim, the carrier's log since the newest text in the database is compared with the database, in both
directions: a restored backup has also forgotten opt-outs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import islice

from sqlalchemy import Connection, func, select

from ivr import log
from ivr.carrier.twilio.client import UNREACHABLE, Carrier, LoggedMessage
from ivr.i18n import sentence
from ivr.ledger import Ledger, Vault
from ivr.ledger.marks import TEXTS_FORGOTTEN, read_mark
from ivr.ledger.tables import person, text
from ivr.people.keywords import carrier_keyword
from ivr.people.persons import consent_changed_since
from ivr.people.phones import is_e164
from ivr.reminders.alarms import Alarm, raise_alarm, raised
from ivr.reminders.outbox.reconcile import CLOCK_TOLERANCE
from ivr.reminders.outbox.restore_guard import RESTORED, RestoreGuard, send_count, stored_count
from ivr.reminders.outbox.resume import try_sending_again
from ivr.reminders.outbox.text_states import COUNTED

# Texts that were being sent when the newest one was handed over may come before it in the log.
MARGIN = timedelta(minutes=10)
# An opt-out in the log may still be on its way to us.
ARRIVAL = timedelta(minutes=1)
CHUNK_SIZE = 500


def may_send(ledger: Ledger, vault: Vault, carrier: Carrier, guard: RestoreGuard, now: datetime) -> bool:
    """Whether the database is known to have every text that went out, so that texts may be claimed.

    If `guard` does not know this database, the carrier's log decides. False, with an alarm, if the log has a text or an
    opt-out that the database lacks; False too while the log cannot be read.
    """
    with ledger.read() as connection:
        if Alarm.LEDGER_RESTORED in raised(connection):
            return False
        stored = stored_count(connection)
    if stored and stored[0].epoch in guard.read():
        return True
    with ledger.write() as connection:
        ledger.exclusive_lock(connection)
        # Before a count begins now that there is none: its beginning would hide what went out earlier.
        since = _newest_known(connection, now)
        count = send_count(connection)
    try:
        is_restored = _lacks_a_message(ledger, vault, carrier, since, now)
    except UNREACHABLE as error:
        log.get_logger().warning("restore_check_delayed", reason=str(error))
        _raise_if_refused(ledger, carrier, now)
        return False
    if is_restored:
        with ledger.write() as connection:
            ledger.exclusive_lock(connection)
            raise_alarm(connection, Alarm.LEDGER_RESTORED, now, sentence(RESTORED))
        return False
    guard.remember(count)
    # The carrier let us read its log, so it accepts our account.
    try_sending_again(ledger, now)
    return True


def _newest_known(connection: Connection, now: datetime) -> datetime:
    """A time such that a backup lacks no text from before it: the newest hand-over, or when this count began."""
    newest = select(func.max(text.c.claimed_at)).where(text.c.sid.is_not(None), text.c.claimed_at <= now)
    handed_over: datetime | None = connection.execute(newest).scalar()
    stored = stored_count(connection)
    times = [handed_over - MARGIN] if handed_over else []
    times += [stored[1] - CLOCK_TOLERANCE] if stored else []
    # Older texts were deleted: that they are in the log but not in the database shows nothing.
    forgotten = read_mark(connection, TEXTS_FORGOTTEN)
    times += [forgotten] if forgotten else []
    return min(max(times, default=now), now)


def _lacks_a_message(ledger: Ledger, vault: Vault, carrier: Carrier, since: datetime, now: datetime) -> bool:
    """Whether the log since a moment has a text of ours, or an opt-out, that the database lacks. Raises UNREACHABLE."""
    log_since = (message for message in carrier.log(since) if message.created_at >= since)
    matched: set[int] = set()
    while messages := list(islice(log_since, CHUNK_SIZE)):
        ours = [message for message in messages if carrier.is_ours(message)]
        stops = [message for message in messages if carrier.is_to_us(message) and _is_stop(message, now)]
        # Read after the log: a text is claimed before it is sent, so another worker's text is never missed.
        with ledger.read() as connection:
            unknown = list(_without_sid(connection, ours))
            claimed = _claimed_texts(connection, vault, unknown)
            if not all(_knows_opt_out(connection, vault, stop) for stop in stops):
                return True
        for message in unknown:
            candidates = claimed[vault.hash(message.to), vault.hash(message.body)]
            text_id = next((candidate for candidate in candidates if candidate not in matched), None)
            if text_id is None:
                return True
            matched.add(text_id)
    return False


def _is_stop(message: LoggedMessage, now: datetime) -> bool:
    is_person = is_e164(message.sender)
    return is_person and message.created_at <= now - ARRIVAL and carrier_keyword(message.body) == "stop"


def _knows_opt_out(connection: Connection, vault: Vault, stop: LoggedMessage) -> bool:
    """Whether the sender of a STOP has opted out, or has opted in since."""
    is_out = person.c.phone_hash == vault.hash(stop.sender), person.c.opted_out_at.is_not(None)
    if connection.execute(select(person.c.id).where(*is_out)).first():
        return True
    return consent_changed_since(connection, vault, stop.sender, stop.created_at - CLOCK_TOLERANCE)


def _without_sid(connection: Connection, messages: Sequence[LoggedMessage]) -> Iterator[LoggedMessage]:
    """The messages whose sid is not in the database."""
    stored = select(text.c.sid).where(text.c.sid.in_([message.sid for message in messages]))
    known = set(connection.execute(stored).scalars())
    return (message for message in messages if message.sid not in known)


def _claimed_texts(
    connection: Connection, vault: Vault, messages: Sequence[LoggedMessage]
) -> Mapping[tuple[str, str], list[int]]:
    """Texts that went out, or may have, but whose sid is not recorded: ids by the hashes of number and body."""
    columns = (text.c.id, text.c.state, text.c.body_hash, person.c.phone_hash)
    query = select(*columns).join(person, person.c.id == text.c.person_id)
    bodies, phones = ({vault.hash(getattr(message, name)) for message in messages} for name in ("body", "to"))
    found: dict[tuple[str, str], list[int]] = defaultdict(list)
    for row in connection.execute(
        query.where(person.c.phone_hash.in_(phones), text.c.body_hash.in_(bodies), text.c.sid.is_(None))
    ):
        if row.state in COUNTED:
            found[row.phone_hash, row.body_hash].append(row.id)
    return found


def _raise_if_refused(ledger: Ledger, carrier: Carrier, now: datetime) -> None:
    """Without a log, no text is tried either, so nothing else would report that the carrier refuses our account."""
    with suppress(*UNREACHABLE):
        refusal = carrier.check_credentials()
        if refusal:
            with ledger.write() as connection:
                ledger.exclusive_lock(connection)
                raise_alarm(connection, Alarm.SENDING_STOPPED, now, refusal)
