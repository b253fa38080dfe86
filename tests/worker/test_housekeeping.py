"""What the clock starts besides reminders: the nightly deletion, and encryption with a new key."""

from __future__ import annotations

import base64
import json
from datetime import timedelta

import pytest
from redis import Redis
from sqlalchemy import update

from ivr import queues
from ivr.ledger import Vault
from ivr.ledger.reseal import RETRY_AFTER, ResealReport, record_reseal, reseal_is_due, values_by_key
from ivr.ledger.tables import appointment, audit_entry, batch, mark, person
from ivr.settings import Settings
from tests.support.clinic import NOW, at, row
from tests.support.processes import KEY, Processes, wait_until
from worker.clock import tick

NEW = b"n" * 32


def encoded(*keys: bytes) -> str:
    return ",".join(base64.urlsafe_b64encode(key).decode() for key in keys)


def jobs_of_a_tick(clinic, queue_url, now, **settings):
    with Redis.from_url(queue_url) as connection:
        connection.flushall()
        queue = queues.open_queue(connection)
        tick(Settings(redis_url=queue_url, **settings), clinic.ledger, queue, now)
        return [queues.take(connection, 1).name for _ in range(len(queue))]


def test_the_nightly_job_starts_in_the_second_night_and_data_is_encrypted_again_only_with_a_new_key(clinic, queue_url):
    one, two = {"phone_key": encoded(KEY)}, {"phone_key": encoded(NEW, KEY)}
    assert jobs_of_a_tick(clinic, queue_url, NOW, **one) == []
    assert jobs_of_a_tick(clinic, queue_url, NOW + timedelta(days=1), **one) == [queues.EXPIRE]
    assert jobs_of_a_tick(clinic, queue_url, NOW, **two) == [queues.RESEAL]


RUNS = [
    ("complete", ResealReport(), timedelta(days=30), False),
    ("an older key is in use", ResealReport(in_use={"aa"}), RETRY_AFTER - timedelta(seconds=1), False),
    ("an older key was in use ten minutes ago", ResealReport(in_use={"aa"}), RETRY_AFTER, True),
]


@pytest.mark.parametrize(("report", "later", "due"), [case[1:] for case in RUNS], ids=[case[0] for case in RUNS])
def test_a_run_is_repeated_only_if_it_left_something(clinic_on_each_database, report, later, due):
    ledger, vault = clinic_on_each_database.ledger, Vault([NEW, KEY])
    assert reseal_is_due(ledger, vault, NOW)
    with ledger.write() as connection:
        record_reseal(connection, vault, report, NOW)
    assert reseal_is_due(ledger, vault, NOW + later) is due
    assert reseal_is_due(ledger, Vault([b"x" * 32, NEW]), NOW), "another new key needs another run"


@pytest.mark.processes
def test_workers_encrypt_old_data_with_a_new_key_and_delete_what_is_old_while_the_line_runs(clinic, queue_url):
    clinic.import_rows(*(row(number, at(20), first_name="Ana") for number in range(10, 40)))
    with clinic.ledger.write() as connection:
        old = appointment.c.appointment_id == "A10"
        connection.execute(update(appointment).where(old).values(starts_at=NOW - timedelta(days=200)))
        connection.execute(update(person).values(created_at=NOW - timedelta(days=300)))
        connection.execute(update(batch).values(created_at=NOW - timedelta(days=300)))
        connection.execute(mark.insert().values(name="retention", value="", at=NOW - timedelta(days=2)))
    processes = Processes(clinic, queue_url, PHONE_KEY=encoded(NEW, KEY))
    try:
        processes.start("-m", "worker")
        processes.start("-m", "worker", "clock")
        wait_until(lambda: "older_keys_unused" in processes.output(1))
        wait_until(lambda: "expire_data" in processes.output(1))
        assert set(values_by_key(clinic.ledger)) == {Vault([NEW]).newest_key_id}
        lines = [json.loads(line) for line in processes.output(1).splitlines()]
        unused = next(line for line in lines if line["event"] == "older_keys_unused")
        assert unused["keys"] == [Vault([KEY]).newest_key_id]
        assert len(clinic.all(appointment)) == 29
        assert {entry.kind for entry in clinic.all(audit_entry)} == {"keys_rotated", "data_expired"}
    finally:
        processes.end()
