"""Results that a worker records while a clock expires claims: neither waits for the other forever."""

from __future__ import annotations

import threading
from datetime import timedelta

from ivr.reminders.outbox.results import expire_claims
from ivr.reminders.outbox.text_states import TextState, transition
from tests.support.clinic import NOW, at, row
from tests.support.processes import wait_until

# Only step 2d of the plan is due.
DUE = at(2, -1)
LATER = NOW + timedelta(minutes=1)


def test_an_expiring_claim_and_a_worker_that_records_results_do_not_deadlock(clinic_on_each_database):
    clinic = clinic_on_each_database
    clinic.import_rows(row(1, DUE), row(2, DUE))
    clinic.claim()
    first, second = (each.id for each in clinic.texts() if each.step == "2d")
    expired = []
    expiring = threading.Thread(
        target=lambda: expired.append(expire_claims(clinic.ledger, NOW + timedelta(seconds=121), 120))
    )
    # As a worker does: it locks texts in the order of its results, here the later text first.
    with clinic.ledger.write() as connection:
        clinic.ledger.exclusive_lock(connection)
        transition(connection, [second], TextState.UNCERTAIN, LATER)
        expiring.start()
        wait_until(lambda: clinic.ledger.is_sqlite or a_session_waits(connection), 30)
        transition(connection, [first], TextState.UNCERTAIN, LATER)
    expiring.join(30)
    assert expired == [0]


def a_session_waits(connection):
    """Whether a session of this PostgreSQL database waits for a lock."""
    mine = "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE datname = current_database()"
    return connection.exec_driver_sql(f"{mine} AND NOT granted").scalar_one()
