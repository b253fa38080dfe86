"""What a run of the retention deleted is in the audit log, however the run ended; on SQLite and PostgreSQL."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import astuple

import pytest

from ivr.ledger import LedgerUnavailable
from ivr.ledger.tables import audit_entry
from ivr.people.audit import AuditKind, entries_since
from ivr.reminders.retention import expire as module
from ivr.reminders.retention.expire import check_due, expire
from tests.reminders.retention.test_expire import CUTOFFS, DAY, NEW_YORK, aged, counts, run
from tests.support.clinic import NOW
from tests.support.paths import ROOT


@pytest.fixture(autouse=True)
def _without_pauses(monkeypatch):
    monkeypatch.setattr(module, "PAUSE_SECONDS", 0)


@pytest.fixture
def clinic(clinic_on_each_database):
    return clinic_on_each_database


def test_a_run_that_is_stopped_is_continued_by_the_next_and_both_are_in_the_audit_log(clinic, monkeypatch):
    monkeypatch.setattr(module, "ROWS_PER_TRANSACTION", 1)
    for number in (10, 11, 12):
        aged(clinic, 200, number)
    check_due(clinic.ledger, NOW - DAY, NEW_YORK)
    answers = iter([False, False, False, False, False, False, True])
    assert run(clinic, should_stop=lambda: next(answers)) == {"appointments": 2}
    assert check_due(clinic.ledger, NOW, NEW_YORK)
    assert run(clinic) == {"appointments": 1, "batches": 3, "numbers": 3}
    assert not check_due(clinic.ledger, NOW, NEW_YORK)
    with clinic.ledger.read() as connection:
        entries = [entry for entry in entries_since(connection, NOW) if entry.kind == AuditKind.DATA_EXPIRED]
    assert [entry.details["appointments"] for entry in entries] == [2, 1]
    assert entries[0].actor.name == "infoline retention"


def test_a_run_without_anything_to_delete_leaves_no_entry(clinic):
    assert run(clinic) == {}
    assert clinic.all(audit_entry) == []


def test_what_was_deleted_before_the_database_failed_is_recorded(clinic, monkeypatch):
    monkeypatch.setattr(module, "ROWS_PER_TRANSACTION", 1)
    for number in (10, 11):
        aged(clinic, 200, number)

    def fail(_count):
        raise LedgerUnavailable("gone")

    with pytest.raises(LedgerUnavailable):
        expire(clinic.ledger, clinic.vault, CUTOFFS, NOW, progress=fail)
    (entry,) = clinic.all(audit_entry)
    assert '"appointments": 1' in entry.details


KILLED_RUN = """
import os, signal, sys
from datetime import datetime
from ivr.ledger import Vault, open_ledger
from ivr.reminders.retention import expire
from ivr.reminders.retention.rules import Cutoffs

expire.ROWS_PER_TRANSACTION = 1
slices = []

def kill_after_two(count):
    slices.append(count)
    if len(slices) == 2:
        os.kill(os.getpid(), signal.SIGKILL)

now, *cutoffs = map(datetime.fromisoformat, sys.argv[2:])
expire.expire(open_ledger(sys.argv[1]), Vault([b"k" * 32]), Cutoffs(*cutoffs), now, progress=kill_after_two)
"""


def test_what_a_killed_run_deleted_is_recorded_by_the_next(clinic, ledger_url):
    for number in (10, 11, 12):
        aged(clinic, 200, number)
    times = [time.isoformat() for time in (NOW, *astuple(CUTOFFS))]
    killed = subprocess.run([sys.executable, "-c", KILLED_RUN, ledger_url, *times], cwd=ROOT, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert (counts(clinic)["appointment"], clinic.all(audit_entry)) == (1, [])
    assert run(clinic)["appointments"] == 1
    (entry,) = clinic.all(audit_entry)
    assert json.loads(entry.details)["appointments"] == 3
    assert run(clinic) == {}
    assert len(clinic.all(audit_entry)) == 1
