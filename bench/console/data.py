"""Fills a ledger with a large hospital's year. Rows are generated in the database: n counts from 1."""

from __future__ import annotations

import base64
import secrets
from datetime import UTC, datetime

from sqlalchemy import insert, text

from bench.ledger import SERIES
from ivr.ledger import Ledger, Vault
from ivr.ledger.tables import console_user
from ivr.staff.users import Role

USERS = 50
BIG_BATCH = 1
# Parts of the number of appointments.
APPOINTMENTS_IN_BATCH, APPOINTMENTS_OF_PERSON, LANDLINE_EVERY = 100, 3, 100
DAY = 24 * 60
MESSAGE = b"MSH|^~\\&|SCHEDULING|ELLIOT|||20261201090000||SIU^S12|1|P|2.5\rPID|1||A7||DOE^ANN\r"
# Each statement: rows per appointment, table, columns, and the values of row n.
TABLES = (
    (
        1 / APPOINTMENTS_OF_PERSON,
        "person (id, phone_hash, phone_sealed, created_at, landline)",
        "n, 'hash' || n, {sealed}, {now}, mod(n, {landline_every}) = 0",
    ),
    (
        1 / APPOINTMENTS_IN_BATCH,
        "batch (id, created_at, filename, live_at, paused)",
        "n, {ago_n}, 'appointments.csv', {now}, {false}",
    ),
    (
        1,
        "appointment (id, appointment_id, person_id, batch_id, starts_at, timezone, site, language, channel, status,"
        " next_due_at, created_at, updated_at)",
        "n, 'A' || n, 1 + mod(n, {persons}), {batch_of_n}, {start_of_n}, 'America/New_York', 'elliot', 'en', 'text',"
        " 'booked', CASE WHEN {minutes_of_n} > 4320 THEN {due_of_n} END, {now}, {now}",
    ),
    (
        1,
        "text (id, appointment_id, person_id, batch_id, starts_at, step, state, reason, tries, looks, claimed_at,"
        " updated_at)",
        "n, n, 1 + mod(n, {persons}), {batch_of_n}, {start_of_n}, '7d', CASE mod(n, 20) WHEN 0 THEN 'undelivered'"
        " WHEN 1 THEN 'skipped' ELSE 'delivered' END, CASE mod(n, 20) WHEN 0 THEN 'unreachable' WHEN 1 THEN 'late' END,"
        " 1, 0, {ago_n}, {now}",
    ),
    (1, "text_move (id, text_id, at, from_state, to_state)", "n, n, {ago_n}, 'handed_over', 'delivered'"),
    (
        1 / 10,
        "call_turn (id, call, at, release, state, heard)",
        "'t' || n, 'c' || (n / 5), {ago_n}, '', CASE mod(n, 5) WHEN 4 THEN 'en.topic-cancer' ELSE 'en.menu-welcome'"
        " END, CASE mod(n, 5) WHEN 0 THEN 'start' WHEN 4 THEN 'hangup' ELSE '1' END",
    ),
    (
        1 / 20,
        "incoming_text (id, phone_hash, at, asked, outcome)",
        "'i' || n, 'hash' || (1 + mod(n, {persons})), {ago_n}, 'a' || n, 'cancer'",
    ),
    (1 / 10, "audit_entry (id, at, actor, kind, details)", "n, {ago_n}, 'console user 1', 'person_read', '{{}}'"),
    (
        1 / 1000,
        "callback (id, person_id, language, entry, topic, wished, call, asked_at, done_at, done_by)",
        "n, 1 + mod(n, {persons}), 'en', 'breast-health-center', 'cancer', 'morning', 'k' || n, {ago_n}, {done_n},"
        " 'User 1'",
    ),
    (
        1 / 1000,
        "todo (id, kind, person_id, appointment_id, at, done_at, done_by)",
        "n, CASE mod(n, 2) WHEN 0 THEN 'change' ELSE 'cancel' END, 1 + mod(n, {persons}), n, {ago_n}, {done_n},"
        " 'User 1'",
    ),
    (
        1 / 1000,
        "hl7_message (id, key_hash, sender, event, received_at, state, fault, message_sealed)",
        "n, 'm' || n, 'SCHEDULING', 'S12', {ago_n}, 'unread', 'no_schedule', {message_sealed}",
    ),
)


def fill(ledger: Ledger, vault: Vault, appointments: int) -> None:
    """Fill all tables, and let the database see how large they are."""
    values = _values(ledger, vault, appointments)
    for share, table, columns in TABLES:
        rows = max(2, int(appointments * share))
        count = SERIES[ledger.engine.dialect.name].format(rows)
        with ledger.write() as connection:
            columns_of_n = columns.format(**values)
            connection.exec_driver_sql(f"INSERT INTO {table} SELECT {columns_of_n} FROM {count}")
    _reset_sequences(ledger)
    with ledger.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE" if ledger.is_sqlite else "VACUUM ANALYZE"))


def _values(ledger: Ledger, vault: Vault, appointments: int) -> dict[str, object]:
    now = datetime.now(UTC).replace(tzinfo=None)
    # From 30 days ago to 30 days ahead, in steps of a quarter of an hour.
    # The multiplied remainders stay below the largest integer of PostgreSQL.
    start = "(15 * mod(mod(n, 5760) * 7919, 5760) - 43200)"
    age = "(-mod(mod(n, 20011) * 104729, 43200))"

    def moment(minutes: str) -> str:
        if ledger.is_sqlite:
            return f"strftime('%Y-%m-%d %H:%M:%S.000000', '{now:%Y-%m-%d %H:%M}', {minutes} || ' minutes')"
        return f"('{now:%Y-%m-%d %H:%M}'::timestamp + {minutes} * interval '1 minute')"

    def sealed(words: str) -> str:
        return f"X'{vault.seal(words).hex()}'" if ledger.is_sqlite else f"'\\x{vault.seal(words).hex()}'::bytea"

    batches = max(2, appointments // APPOINTMENTS_IN_BATCH)
    return {
        "sealed": sealed("+16035550123"),
        "message_sealed": sealed(base64.b64encode(MESSAGE).decode()),
        "false": "0" if ledger.is_sqlite else "false",
        "persons": max(1, appointments // APPOINTMENTS_OF_PERSON),
        "landline_every": LANDLINE_EVERY,
        # One batch is as large as batches get; the others share the rest.
        "batch_of_n": f"CASE WHEN n <= {appointments // 20} THEN {BIG_BATCH} ELSE 2 + mod(n, {batches - 1}) END",
        "now": moment("0"),
        "ago_n": moment(age),
        # Every fifth, in the last days, so that it can still be put back.
        "done_n": f"CASE WHEN mod(n, 5) = 0 THEN {moment('(-mod(n * 13, 10000))')} END",
        "minutes_of_n": start,
        "start_of_n": moment(start),
        "due_of_n": moment(f"({start} - 2880)"),
    }


def _reset_sequences(ledger: Ledger) -> None:
    """PostgreSQL counts ids in sequences, which rows with ids of their own do not move."""
    if ledger.is_sqlite:
        return
    with ledger.write() as connection:
        for table in (
            "person",
            "batch",
            "appointment",
            "text",
            "text_move",
            "audit_entry",
            "callback",
            "todo",
            "hl7_message",
        ):
            last = f"(SELECT max(id) FROM {table})"
            connection.exec_driver_sql(f"SELECT setval('{table}_id_seq', {last})")


def add_users(ledger: Ledger) -> list[str]:
    """Add USERS administrators, who may open every page. Returns the keys of their sessions."""
    keys = [secrets.token_hex(16) for _ in range(USERS)]
    now = datetime.now(UTC)
    rows = [
        {
            "email": f"user{number}@example.org",
            "name": f"User {number}",
            "role": Role.ADMIN.value,
            "language": "en",
            "active": True,
            "password": "x",
            "session_key": key,
            "second_factor": "authenticator",
            "created_at": now,
        }
        for number, key in enumerate(keys)
    ]
    with ledger.write() as connection:
        connection.execute(insert(console_user), rows)
    return keys
