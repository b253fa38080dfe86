"""During an upgrade, workers of an earlier version still send, with the tables of this version."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text

from ivr import queues
from ivr.ledger import open_ledger
from ivr.ledger.engine import migrate
from ivr.ledger.tables import text as texts
from ivr.reminders.reports.status import batch_status
from ivr.settings import Settings
from tests.support.clinic import NOW, Clinic, at, row
from tests.support.paths import ROOT
from worker.clock import tick

pytestmark = pytest.mark.processes

HERE = ROOT / "tests" / "e2e"
# The modules that claim texts and record results at commit 2d396e1, and its prompts.
FORMER_WORKER = HERE / "worker-before-batch-ids.zip"
DUE = at(2, -1)
# A reminder, and a text that a caller requested.
ROWS_WITHOUT_A_BATCH = """
INSERT INTO batch (created_at, filename) VALUES ('2026-12-01', 'a.csv');
INSERT INTO person (phone_hash, phone_sealed, created_at) VALUES ('h', 's', '2026-12-01');
INSERT INTO appointment (appointment_id, person_id, batch_id, starts_at, timezone, site, channel, status, created_at,
    updated_at) VALUES ('A1', 1, 1, '2026-12-03', 'UTC', 'a', 'text', 'booked', '2026-12-01', '2026-12-01');
INSERT INTO text (appointment_id, person_id, starts_at, step, state, attempt, updated_at)
    VALUES (1, 1, '2026-12-03', '2d', 'delivered', 'a', '2026-12-01');
INSERT INTO text (person_id, step, state, asked_in, updated_at) VALUES (1, 'cancer', 'delivered', 'c', '2026-12-01')
"""


def send_with_former_worker(url: str, folder: Path) -> int:
    """Claim and record what is due at NOW with the code of the earlier version. Returns the number of texts."""
    with zipfile.ZipFile(FORMER_WORKER) as archive:
        archive.extractall(folder)
    done = subprocess.run(
        [sys.executable, str(HERE / "send_with_former_worker.py"), url, (b"k" * 32).hex(), NOW.isoformat()],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def test_texts_of_an_earlier_worker_are_counted_in_their_batch(
    clinic_on_each_database: Clinic, ledger_url: str, tmp_path: Path, queue_url: str
) -> None:
    clinic = clinic_on_each_database
    batches = [clinic.import_rows(row(number, DUE), row(number + 1, DUE)).batch for number in (10, 20)]
    assert send_with_former_worker(ledger_url, tmp_path / "former") == 4
    with queues.connect(queue_url) as connection:
        tick(Settings(), clinic.ledger, queues.open_queue(connection), NOW)
    for batch in batches:
        status = batch_status(clinic.ledger, batch)
        assert (status["appointments"], status["texts"]["handed_over"]) == (2, 2)
    # This version's worker does not send them again.
    assert clinic.claim(NOW + timedelta(minutes=5)) == []


def test_an_upgrade_completes_the_texts_that_an_earlier_worker_wrote(database_url: str) -> None:
    ledger = open_ledger(database_url)
    with ledger.engine.begin() as connection:
        migrate(connection, "0008")
        for statement in ROWS_WITHOUT_A_BATCH.split(";"):
            connection.execute(text(statement))
    ledger.upgrade()
    with ledger.read() as connection:
        stored = connection.execute(select(texts.c.step, texts.c.batch_id).order_by(texts.c.id)).all()
    assert [tuple(row) for row in stored] == [("2d", 1), ("cancer", None)]
    ledger.close()
