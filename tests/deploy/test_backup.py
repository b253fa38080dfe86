"""A backup is made while the line runs, restored by the script, and the line resumes without a second text."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect
from sqlalchemy import text as sql

from ivr import clock
from ivr.doctor.measures import last_backup
from ivr.ledger import Vault, open_ledger
from ivr.ledger.engine import latest_migration
from ivr.ledger.keys import verify_keys
from ivr.reminders.outbox.monitor import beat
from tests.support.clinic import NOW, Clinic, at, row
from tests.support.network import JANE, LINE, SID, TOKEN, Network
from tests.support.paths import ROOT
from tests.support.processes import KEY, environment, wait_until

DUE = at(2, -1)
pytestmark = pytest.mark.processes


class Installation:
    """A line on one kind of database whose carrier is a simulator. run: a script of deploy/ as its user."""

    def __init__(self, clinic: Clinic, url: str, network: Network, carrier: Any, folder: Path) -> None:
        self.clinic, self.url, self.carrier, self.folder = clinic, url, carrier, folder
        self.backups = folder / "backups"
        settings = {"DATABASE_URL": url, "TWILIO_API_URL": network.url, "TWILIO_ACCOUNT_SID": SID}
        settings |= {"TWILIO_AUTH_TOKEN": TOKEN, "TWILIO_FROM": LINE, "BACKUP_FOLDER": self.backups}
        self.env = environment(folder, **settings)

    def run(self, script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
        process = self.start(script, *arguments)
        output, errors = process.communicate(timeout=300)
        return subprocess.CompletedProcess(process.args, process.returncode, output, errors)

    def start(self, script: str, *arguments: object) -> subprocess.Popen[str]:
        command = [sys.executable, str(ROOT / "deploy" / script), *map(str, arguments)]
        environment = {**self.env, "PYTHONPATH": os.pathsep.join(sys.path)}
        pipe = subprocess.PIPE
        return subprocess.Popen(command, cwd=self.folder, env=environment, stdout=pipe, stderr=pipe, text=True)

    def replace_program(self, name: str, script: str) -> None:
        """Put a shell script in front of a program of the machine."""
        folder = self.folder / "programs"
        folder.mkdir()
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
        self.env["PATH"] = f"{folder}{os.pathsep}{self.env.get('PATH', os.environ['PATH'])}"

    def back_up(self) -> Path:
        made = self.run("backup.py")
        assert made.returncode == 0, made.stderr
        return Path(made.stdout.strip())

    def send_due(self) -> int:
        """Send what is due through the carrier, as a worker does."""
        claimed = self.clinic.claim(clock.now())
        answers = [
            (each.attempt, self.carrier.send(each.phone, each.body, "http://127.0.0.1:1/", 3600)) for each in claimed
        ]
        self.clinic.record(answers, clock.now())
        return len(claimed)

    def reopen(self) -> None:
        self.clinic.ledger.close()
        self.clinic.ledger = open_ledger(self.url)


@pytest.fixture
def installation(
    ledger_url: str, content: Any, network: Network, carrier: Any, tmp_path: Path
) -> Iterator[Installation]:
    clock.set_shift(float(environment(tmp_path)["CLOCK_SHIFT_SECONDS"]))
    made = Installation(
        Clinic(open_ledger(ledger_url), Vault([KEY]), content, tmp_path), ledger_url, network, carrier, tmp_path
    )
    (tmp_path / "var").mkdir(mode=0o700)
    yield made
    made.clinic.ledger.close()


def damage(installation: Installation) -> None:
    """Lose the data: the SQLite file is overwritten, the PostgreSQL table of texts emptied."""
    if installation.url.startswith("sqlite"):
        installation.clinic.ledger.close()
        Path(installation.url.removeprefix("sqlite:///")).write_bytes(b"not a database" * 1000)
        return
    with installation.clinic.ledger.write() as connection:
        connection.execute(sql("TRUNCATE text CASCADE"))
    installation.clinic.ledger.close()


def test_a_restored_line_resumes_and_repeats_no_text(installation: Installation) -> None:
    clinic = installation.clinic
    clinic.import_rows(row(10, DUE), row(11, DUE))
    backup = installation.back_up()
    assert installation.send_due() == 2
    damage(installation)
    restored = installation.run("restore.py", backup, "--replace")
    assert restored.returncode == 0, restored.stdout + restored.stderr
    assert "sending continues" in restored.stdout
    installation.reopen()
    assert clinic.states("A10")["2d"] in ("handed_over", "delivered")
    assert installation.send_due() == 0
    clinic.import_rows(row(12, DUE), now=clock.now())
    assert installation.send_due() == 1
    with_the_line = [message for message in installation.carrier.log(NOW - timedelta(days=1))]
    assert len(with_the_line) == 3


def test_a_backup_of_before_an_upgrade_is_restored_onto_the_upgraded_tables(installation: Installation) -> None:
    installation.clinic.import_rows(row(10, DUE))
    backup = installation.back_up()
    with installation.clinic.ledger.write() as connection:
        # What a later migration may add: a table that refers to one of the backup, and an index on that.
        connection.execute(sql("CREATE TABLE visit_note (id INTEGER, visit INTEGER REFERENCES appointment (id))"))
        connection.execute(sql("CREATE INDEX later ON appointment (appointment_id, id)"))
    installation.clinic.ledger.close()
    restored = installation.run("restore.py", backup, "--replace")
    assert restored.returncode == 0, restored.stdout + restored.stderr
    installation.reopen()
    assert installation.clinic.appointment("A10")
    with installation.clinic.ledger.read() as connection:
        assert "visit_note" not in inspect(connection).get_table_names()
        assert "later" not in [index["name"] for index in inspect(connection).get_indexes("appointment")]
        if not installation.clinic.ledger.is_sqlite:
            assert inspect(connection).get_schema_names() == ["information_schema", "public"]


@pytest.mark.parametrize("store", ["postgresql"], indirect=True)
def test_a_restore_that_fails_half_way_says_why_and_leaves_the_database_as_it_was(installation: Installation) -> None:
    installation.clinic.import_rows(row(10, DUE))
    backup = installation.back_up()
    installation.clinic.import_rows(row(11, DUE))
    installation.clinic.ledger.close()
    why = "pg_restore: error: could not execute query: ERROR:  disk full\nCommand was: COPY public.text"
    installation.replace_program("pg_restore", f"printf '{why}' >&2; exit 1")
    failed = installation.run("restore.py", backup, "--replace")
    assert failed.returncode == 2
    assert "could not execute query: ERROR:  disk full" in failed.stderr
    assert "Traceback" not in failed.stderr
    installation.reopen()
    assert installation.clinic.appointment("A11")
    assert installation.clinic.ledger.version() == latest_migration()


@pytest.mark.parametrize("store", ["postgresql"], indirect=True)
def test_a_backup_that_is_stopped_leaves_nothing_and_one_that_was_killed_is_cleared_away(
    installation: Installation,
) -> None:
    installation.backups.mkdir(mode=0o700)
    killed = installation.backups / ".infoline-20261101T030000Z.partial"
    killed.mkdir()
    os.utime(killed, (0, 0))
    installation.replace_program("pg_dump", f"touch {installation.folder}/dumping; exec sleep 60")
    process = installation.start("backup.py")
    wait_until((installation.folder / "dumping").exists)
    process.terminate()
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (2, "No backup was made: it was stopped.\n")
    assert list(installation.backups.iterdir()) == []


def test_a_backup_has_no_key_and_is_readable_for_the_lines_user_only(installation: Installation) -> None:
    installation.clinic.import_rows(row(23, DUE))
    kept = installation.folder / "var" / "kept"
    kept.mkdir(mode=0o700)
    (kept / "0001").write_bytes(b"sealed")
    backup = installation.back_up()
    assert (backup / "kept" / "0001").read_bytes() == b"sealed"
    secrets = (installation.env["PHONE_KEY"], TOKEN, JANE.removeprefix("+1"))
    for path in (backup, *backup.rglob("*")):
        assert not path.stat().st_mode & 0o077, path
        if path.is_file():
            assert not any(secret.encode() in path.read_bytes() for secret in secrets), path


def test_the_newest_backup_is_found_by_the_doctor_and_by_the_metrics(installation: Installation) -> None:
    before = clock.now().replace(microsecond=0)
    backup = installation.back_up()
    assert backup.parent == installation.backups
    made_at = last_backup(installation.backups)
    assert made_at
    assert before <= made_at <= clock.now()


def test_the_oldest_backups_are_deleted(installation: Installation) -> None:
    installation.backups.mkdir(mode=0o700)
    for day in (1, 2, 3):
        (installation.backups / f"infoline-2026110{day}T030000Z").mkdir()
    (installation.backups / "notes").mkdir()
    made = installation.run("backup.py", installation.backups, "--keep", 2)
    names = sorted(path.name for path in installation.backups.iterdir())
    assert names == ["infoline-20261103T030000Z", Path(made.stdout.strip()).name, "notes"]


def test_a_running_line_and_a_database_with_tables_are_not_replaced(installation: Installation) -> None:
    backup = installation.back_up()
    ledger = installation.clinic.ledger
    ledger.close()
    refused = installation.run("restore.py", backup)
    assert (refused.returncode, "add --replace" in refused.stderr) == (2, True)
    beat(ledger, clock.now())
    ledger.close()
    refused = installation.run("restore.py", backup, "--replace")
    assert (refused.returncode, "the clock process ran" in refused.stderr) == (2, True)


def test_a_database_that_another_process_has_open_is_not_replaced(installation: Installation) -> None:
    """A web process would go on writing opt-outs to the file that was set aside."""
    backup = installation.back_up()
    ledger = installation.clinic.ledger
    # A connection that waits in the pool, as those of an idle web process do.
    assert ledger.has_tables()
    refused = installation.run("restore.py", backup, "--replace")
    assert (refused.returncode, "stop the line" in refused.stderr) == (2, True), refused.stderr
    assert ("open:" in refused.stderr) is ledger.is_sqlite
    assert ("(1, from " in refused.stderr) is not ledger.is_sqlite
    ledger.close()
    assert installation.run("restore.py", backup, "--replace").returncode == 0


@pytest.mark.parametrize(
    ("settings", "step"),
    [
        ({"PHONE_KEY": base64.urlsafe_b64encode(b"x" * 32).decode()}, "infoline db upgrade"),
        ({"TWILIO_API_URL": "http://127.0.0.1:1"}, "infoline reminders reconcile --since"),
    ],
    ids=["the tables cannot be upgraded", "the carrier does not answer"],
)
def test_a_step_after_the_restore_that_fails_says_what_to_run_once_it_is_corrected(
    settings: dict[str, str], step: str, installation: Installation
) -> None:
    installation.clinic.import_rows(row(10, DUE))
    verify_keys(installation.clinic.ledger, installation.clinic.vault)
    backup = installation.back_up()
    installation.clinic.ledger.close()
    installation.env |= settings
    failed = installation.run("restore.py", backup, "--replace")
    assert (failed.returncode, f"`{step}" in failed.stderr) == (3, True), failed.stderr
    assert "then run `infoline db upgrade` and `infoline reminders reconcile --since 20" in failed.stderr
    assert "Traceback" not in failed.stderr
    installation.reopen()
    assert installation.clinic.appointment("A10")


def test_a_release_that_was_rolled_back_backs_up_the_newer_tables_and_leaves_their_restore_to_the_newer_one(
    installation: Installation,
) -> None:
    ledger = installation.clinic.ledger
    version = sql("UPDATE alembic_version SET version_num = :version")
    with ledger.write() as connection:
        connection.execute(version, {"version": "9999"})
    made = installation.run("backup.py", installation.backups)
    assert (made.returncode, "Warning: A newer version" in made.stderr) == (0, True), made.stderr
    manifest = json.loads((Path(made.stdout.strip()) / "backup.json").read_text())
    with ledger.write() as connection:
        connection.execute(version, {"version": latest_migration()})
    assert manifest["tables"] == "9999"
    ledger.close()
    refused = installation.run("restore.py", made.stdout.strip(), "--replace")
    assert (refused.returncode, "tables (9999) are of a newer version" in refused.stderr) == (2, True)


@pytest.mark.parametrize("fault", ["a file is changed", "a file is missing", "a newer version"])
def test_a_damaged_or_newer_backup_changes_nothing(fault: str, installation: Installation) -> None:
    installation.clinic.import_rows(row(10, DUE))
    backup = installation.back_up()
    (database,) = backup.glob("database.*")
    manifest = json.loads((backup / "backup.json").read_text())
    if fault == "a newer version":
        manifest["tables"] = "9999"
        (backup / "backup.json").write_text(json.dumps(manifest))
    elif fault == "a file is missing":
        database.unlink()
    else:
        database.write_bytes(database.read_bytes()[:-1] + b"?")
    refused = installation.run("restore.py", backup, "--replace")
    assert (refused.returncode, "was not restored" in refused.stderr) == (2, True)
    assert "Traceback" not in refused.stderr
    assert installation.clinic.appointment("A10")
