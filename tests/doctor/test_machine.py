"""What the checks of this machine, its database and its queue find."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from ivr import clock
from ivr.doctor import machine, stores
from ivr.doctor.result import Level, Line
from ivr.ledger import Ledger
from ivr.reminders.alarms import Alarm, raise_alarm
from ivr.reminders.outbox.monitor import beat
from ivr.settings import Settings
from ivr.version import version_text

GB = 10**9


def line_of(folder: Path, **values: object) -> Line:
    return Line(Settings(var_dir=folder, public_url="https://line.example.org", **values), "")


def test_the_fullest_disk_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backups = tmp_path / "backups"
    backups.mkdir()
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(
        shutil, "disk_usage", lambda folder: usage._replace(free=GB // 2 if folder == backups else GB * 9)
    )
    result = machine.check_disk(line_of(tmp_path, backup_folder=backups))
    assert (result.level, "The disk of BACKUP_FOLDER has 0.5 GB left" in result.sentence) == (Level.WARNING, True)


@pytest.mark.parametrize(
    ("mode", "level"), [(0o600, Level.OK), (0o640, Level.OK), (0o644, Level.PROBLEM), (0o602, Level.PROBLEM)]
)
@pytest.mark.parametrize("setting", ["backup_folder", "hl7_key", "fhir_key"])
def test_backups_and_keys_that_everybody_can_open_are_reported(
    setting: str, mode: int, level: Level, tmp_path: Path
) -> None:
    (tmp_path / "var").mkdir(mode=0o700)
    path = tmp_path / "hl7.key"
    path.touch()
    path.chmod(mode)
    result = machine.check_files(line_of(tmp_path / "var", **{setting: path}))
    assert (result.level, str(path) in result.sentence) == (level, level is Level.PROBLEM)


@pytest.mark.parametrize(("free", "level"), [(5 * GB, Level.OK), (0.9 * GB, Level.WARNING), (0.1 * GB, Level.PROBLEM)])
def test_a_disk_that_fills_up_is_reported(
    free: float, level: Level, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=int(free))
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: usage)
    assert machine.check_disk(line_of(tmp_path / "not" / "yet")).level is level


@pytest.mark.parametrize(
    ("hours", "level"),
    [(5, Level.OK), (26, Level.OK), (28, Level.WARNING), (None, Level.WARNING)],
    ids=["last night", "a day ago", "missed a night", "none"],
)
def test_a_backup_of_the_last_night_is_looked_for(hours: int | None, level: Level, tmp_path: Path) -> None:
    for age in (hours, 90) if hours else ():
        (tmp_path / f"infoline-{clock.now() - timedelta(hours=age):%Y%m%dT%H%M%SZ}").mkdir()
    (tmp_path / f".infoline-{clock.now():%Y%m%dT%H%M%SZ}.partial").mkdir()
    assert machine.check_backup(line_of(tmp_path, backup_folder=tmp_path)).level is level


@pytest.mark.parametrize(
    ("url", "level"), [("http://127.0.0.1:8000", Level.OK), ("https://line.example.org", Level.WARNING)]
)
def test_only_a_public_line_needs_a_folder_for_backups(url: str, level: Level, tmp_path: Path) -> None:
    settings = Settings(public_url=url, backup_folder=tmp_path / "none")
    assert machine.check_backup(Line(settings, "")).level is level


@pytest.mark.parametrize(
    ("files", "level"),
    [([], Level.OK), (["0001"], Level.WARNING), (["0001", ".unreadable-0002"], Level.PROBLEM), ([".lock"], Level.OK)],
)
def test_spooled_writes_are_counted(files: list[str], level: Level, tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    for name in files:
        (tmp_path / "kept" / name).touch()
    assert machine.check_spool(line_of(tmp_path)).level is level


@pytest.mark.parametrize(
    ("values", "level"),
    [
        ({"secret_key": "k" * 40}, Level.OK),
        ({}, Level.WARNING),
        ({"secret_key": "k" * 40, "twilio_auth_token_secondary": "t" * 32}, Level.WARNING),
    ],
)
def test_settings_that_a_line_should_not_keep_are_a_warning(
    values: dict[str, str], level: Level, tmp_path: Path
) -> None:
    assert machine.check_settings(line_of(tmp_path, **values)).level is level


def test_the_report_says_which_version_runs(tmp_path: Path) -> None:
    result = machine.check_version(line_of(tmp_path))
    assert (result.level, version_text() in result.sentence) == (Level.OK, True)


def test_active_alarms_are_a_problem(ledger: Ledger, ledger_url: str, tmp_path: Path) -> None:
    line = line_of(tmp_path, database_url=ledger_url)
    assert stores.check_alarms(line).level is Level.OK
    with ledger.write() as connection:
        raise_alarm(connection, Alarm.BACKLOG, clock.now(), "waiting")
    result = stores.check_alarms(line)
    assert (result.level, "backlog" in result.sentence) == (Level.PROBLEM, True)


@pytest.mark.parametrize(("age", "level"), [(5, Level.OK), (90, Level.PROBLEM), (None, Level.PROBLEM)])
def test_a_silent_clock_is_a_problem_of_a_public_line(
    age: int | None, level: Level, ledger: Ledger, ledger_url: str, tmp_path: Path
) -> None:
    if age is not None:
        beat(ledger, clock.now() - timedelta(seconds=age))
    assert stores.check_clock(line_of(tmp_path, database_url=ledger_url)).level is level


def test_a_queue_without_a_worker_is_a_problem_of_a_public_line(queue_url: str, tmp_path: Path) -> None:
    line = Line(Settings(var_dir=tmp_path, public_url="https://line.example.org"), queue_url)
    assert stores.check_queue(line).level is Level.OK
    assert stores.check_workers(line).level is Level.PROBLEM


def test_a_database_that_is_gone_is_a_problem_of_each_check_that_needs_it(tmp_path: Path) -> None:
    line = line_of(tmp_path, database_url=f"sqlite:///{tmp_path}/none.db")
    checks = (stores.check_ledger, stores.check_alarms, stores.check_clock)
    assert [check(line).level for check in checks] == [Level.PROBLEM] * 3
