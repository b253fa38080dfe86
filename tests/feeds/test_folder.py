"""The watched folder: each complete file once, and a report beside it."""

from __future__ import annotations

import json
import os
from datetime import timedelta

import pytest
from click.testing import CliRunner

from ivr.cli import main
from ivr.feeds.folder import WatchedFolder
from ivr.ledger.tables import alarm, alarm_event, batch
from tests.feeds.loops import Steps
from tests.support.clinic import NOW, at, csv_text, row


@pytest.fixture
def clinic(clinic_on_each_database):
    return clinic_on_each_database


@pytest.fixture
def incoming(tmp_path):
    folder = tmp_path / "incoming"
    folder.mkdir()
    return folder


def watched(clinic, folder, **more) -> WatchedFolder:
    return WatchedFolder(folder, clinic.ledger, clinic.vault, lambda: clinic.content, **more)


def taken(folder: WatchedFolder, scans: int = 2, now=NOW):
    return [each for _ in range(scans) for each in folder.scan(now)]


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_a_complete_file_is_imported_and_moved_with_its_report(clinic, incoming):
    (incoming / "monday.csv").write_text(csv_text([row(1, at(8)), row(2, "never")]))
    [file] = taken(watched(clinic, incoming))
    assert clinic.appointment("A1").status == "booked"
    assert names(incoming) == ["done"]
    assert names(incoming / "done") == ["20261201-100000-monday.csv", "20261201-100000-monday.csv.report.json"]
    report = json.loads((incoming / "done" / "20261201-100000-monday.csv.report.json").read_text())
    assert (report["accepted"], report["rejected"], report["errors"][0]["row"]) == (1, 1, 3)
    assert file.is_done


def test_a_file_that_still_grows_is_left_alone(clinic, incoming):
    folder, path = watched(clinic, incoming), incoming / "monday.csv"
    text = csv_text([row(1, at(8)), row(2, at(8))])
    for length in (20, 40, len(text)):
        path.write_text(text[:length])
        assert taken(folder, 1) == []
    [file] = taken(folder, 1)
    assert file.report.accepted == 2


def modified(path, moment) -> None:
    os.utime(path, (moment.timestamp(),) * 2)


@pytest.mark.parametrize(
    ("modified_at", "left_until"),
    [
        # By the clock of the file: 10 of its 30 seconds are over at the first scan.
        (NOW - timedelta(seconds=10), 20),
        (NOW - timedelta(hours=1), 5),
        # The clock of a file server is ahead, so the first scan counts.
        (NOW + timedelta(hours=1), 30),
    ],
)
def test_a_file_is_left_alone_until_it_has_been_quiet(clinic, incoming, modified_at, left_until):
    folder, path = watched(clinic, incoming, quiet=timedelta(seconds=30)), incoming / "monday.csv"
    path.write_text(csv_text([row(1, at(8))]))
    modified(path, modified_at)
    taken_after = [seconds for seconds in range(0, 60, 5) if taken(folder, 1, NOW + timedelta(seconds=seconds))]
    assert (taken_after, folder.waiting) == ([left_until], [])


def test_an_upload_that_stalls_and_goes_on_is_taken_as_a_whole(clinic, incoming):
    folder, path = watched(clinic, incoming, quiet=timedelta(seconds=30)), incoming / "monday.csv"
    text = csv_text([row(1, at(8)), row(2, at(8))])
    for seconds, length in ((0, 60), (25, len(text))):
        path.write_text(text[:length])
        modified(path, NOW + timedelta(seconds=seconds))
        for later in (0, 5, 20):
            assert taken(folder, 1, NOW + timedelta(seconds=seconds + later)) == []
    [file] = taken(folder, 1, NOW + timedelta(seconds=55))
    assert (file.report.accepted, file.is_done) == (2, True)


@pytest.mark.parametrize("is_repeated", [False, True])
def test_a_file_that_changes_while_it_is_imported_stays_and_is_read_again(clinic, incoming, monkeypatch, is_repeated):
    folder, path = watched(clinic, incoming), incoming / "monday.csv"
    part, rest = csv_text([row(1, at(8))]), csv_text([row(2, at(8))]).partition("\n")[2]
    if is_repeated:
        (incoming / "sunday.csv").write_text(part)
        assert len(taken(folder)) == 1
    look_up = WatchedFolder._came_before

    def upload_goes_on(watched_folder, name):
        came_before = look_up(watched_folder, name)
        assert came_before is is_repeated
        with path.open("a") as file:
            file.write(rest)
        return came_before

    path.write_text(part)
    with monkeypatch.context() as patch:
        patch.setattr(WatchedFolder, "_came_before", upload_goes_on)
        assert taken(folder) == []
    assert names(incoming) == [*(["done"] if is_repeated else []), "monday.csv"]
    [file] = taken(folder)
    assert (file.is_done, file.is_repeated, file.report.rows) == (True, False, 2)
    assert clinic.appointment("A2").status == "booked"


@pytest.mark.parametrize("name", [".monday.csv", "monday.csv.part", "monday.csv.TMP", "monday.csv~", "~lock.csv"])
def test_a_file_under_a_temporary_name_is_left_alone(clinic, incoming, name):
    (incoming / name).write_text(csv_text([row(1, at(8))]))
    (incoming / "folder.csv").mkdir()
    (incoming / "link.csv").symlink_to("/etc/passwd")
    assert taken(watched(clinic, incoming), 3) == []


def test_the_same_content_is_imported_once(clinic, incoming):
    text = csv_text([row(1, at(8))])
    (incoming / "a.csv").write_text(text)
    taken(watched(clinic, incoming))
    clinic.import_rows(row(1, at(9)), now=NOW + timedelta(minutes=1))
    (incoming / "b.csv").write_text(text)
    [again] = taken(watched(clinic, incoming), now=NOW + timedelta(minutes=2))
    assert (again.is_repeated, again.is_done) == (True, True)
    assert clinic.appointment("A1").starts_at == NOW + timedelta(days=9)


def test_a_file_whose_import_was_not_followed_by_the_move_is_only_moved(clinic, incoming, monkeypatch):
    (incoming / "a.csv").write_text(csv_text([row(1, at(8))]))
    with monkeypatch.context() as patch:
        patch.setattr(WatchedFolder, "_move", lambda *_arguments, **_options: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            taken(watched(clinic, incoming))
    [file] = taken(watched(clinic, incoming))
    assert file.is_repeated
    assert len(clinic.all(batch)) == 1
    assert names(incoming) == ["done"]


@pytest.mark.parametrize(
    ("data", "strict"),
    [
        (b"\x89PNG....", False),
        (b"", False),
        (b"a,b\n1,2\n", False),
        (csv_text([row(1, at(8)), row(2, "never")]).encode(), True),
    ],
)
def test_a_file_that_is_not_imported_goes_to_failed_and_may_come_again(clinic, incoming, data, strict):
    for _ in range(2):
        (incoming / "a.csv").write_bytes(data)
        [file] = taken(watched(clinic, incoming, strict=strict))
        assert (file.is_done, file.is_repeated) == (False, False)
    assert len(names(incoming / "failed")) == 4
    assert clinic.all(batch) == []


def test_a_file_that_is_not_imported_raises_an_alarm_until_the_next_good_one(clinic, incoming):
    def comes(text: str, minutes: int, **more) -> list[str]:
        (incoming / "a.csv").write_text(text)
        assert len(taken(watched(clinic, incoming, **more), now=NOW + timedelta(minutes=minutes))) == 1
        return [each.name for each in clinic.all(alarm)]

    good, doubtful = csv_text([row(1, at(8))]), csv_text([row(1, at(8)), row(2, "never")])
    assert comes("nonsense", 0) == ["file_failed"]
    assert comes("more nonsense", 1) == ["file_failed"]
    assert comes(good, 2) == []
    assert comes(doubtful, 3, strict=True) == ["file_failed"]
    # A file that was imported before is a good one too.
    assert comes(good, 4) == []
    assert len(clinic.all(alarm_event)) == 2


def test_the_command_takes_what_is_there(tmp_path, incoming, monkeypatch):
    monkeypatch.setenv("VAR_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("WATCH_QUIET_SECONDS", "0")
    assert CliRunner().invoke(main, ["db", "upgrade"]).exit_code == 0
    (incoming / "a.csv").write_text("appointment_id\nA1\n")
    result = CliRunner().invoke(main, ["reminders", "watch", str(incoming), "--once", "--every", "0.1"])
    assert result.exit_code == 1
    assert "a.csv: failed/" in result.output


@pytest.mark.parametrize(
    ("options", "setting", "folder"),
    [([], "", "done"), (["--strict"], "", "failed"), ([], "true", "failed"), (["--strict"], "false", "failed")],
)
def test_strict_keeps_a_file_with_a_rejected_row_out(tmp_path, incoming, monkeypatch, options, setting, folder):
    monkeypatch.setenv("VAR_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("WATCH_QUIET_SECONDS", "0")
    monkeypatch.setenv("WATCH_STRICT", setting)
    monkeypatch.setattr("ivr.clock.now", lambda: NOW)
    assert CliRunner().invoke(main, ["db", "upgrade"]).exit_code == 0
    (incoming / "a.csv").write_text(csv_text([row(1, at(8)), row(2, "never")]))
    result = CliRunner().invoke(main, ["reminders", "watch", str(incoming), "--once", *options])
    assert (result.exit_code, f"a.csv: {folder}/" in result.output) == (int(folder == "failed"), True), result.output
    [report] = (incoming / folder).glob("*.report.json")
    assert json.loads(report.read_text())["accepted"] == (1 if folder == "done" else 0)


def test_the_command_waits_once_until_a_file_is_quiet_and_leaves_one_that_still_changes(
    tmp_path, incoming, monkeypatch
):
    monkeypatch.setenv("VAR_DIR", str(tmp_path / "var"))
    assert CliRunner().invoke(main, ["db", "upgrade"]).exit_code == 0
    times = iter(NOW + timedelta(seconds=seconds) for seconds in range(0, 1000, 10))
    monkeypatch.setattr("ivr.clock.now", lambda: next(times))
    grown = []

    def grow() -> None:
        grown.append(1)
        (incoming / "growing.csv").write_text("x" * len(grown))

    steps = Steps(*[grow] * 20)
    monkeypatch.setattr("ivr.cli.reminders.watch.stop_on_signals", lambda: steps)
    (incoming / "a.csv").write_text("appointment_id\nA1\n")
    grow()
    for path in incoming.iterdir():
        modified(path, NOW + timedelta(days=1))
    result = CliRunner().invoke(main, ["reminders", "watch", str(incoming), "--once"])
    assert "a.csv: failed/" in result.output
    assert "growing.csv: left, because it still changes." in result.output
    assert (result.exit_code, set(steps.waits)) == (1, {1.0})
    assert len(steps.waits) < 20


def test_the_command_goes_on_after_a_scan_that_failed(tmp_path, incoming, monkeypatch):
    monkeypatch.setenv("VAR_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("WATCH_QUIET_SECONDS", "0")
    assert CliRunner().invoke(main, ["db", "upgrade"]).exit_code == 0
    away = incoming.with_name("away")
    (incoming / "a.csv").write_text("appointment_id\nA1\n")
    steps = Steps(lambda: incoming.rename(away), lambda: away.rename(incoming), lambda: None)
    monkeypatch.setattr("ivr.cli.reminders.watch.stop_on_signals", lambda: steps)
    result = CliRunner().invoke(main, ["reminders", "watch", str(incoming), "--every", "3"])
    assert (result.exit_code, steps.waits) == (0, [3.0] * 4), result.output
    assert "watched_folder_interrupted" in result.output
    assert "a.csv: failed/" in result.output


def test_the_command_takes_its_folder_from_the_setting_and_names_what_is_missing(tmp_path, incoming, monkeypatch):
    monkeypatch.setenv("VAR_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("WATCH_QUIET_SECONDS", "0")
    assert CliRunner().invoke(main, ["db", "upgrade"]).exit_code == 0
    command = ["reminders", "watch", "--once", "--every", "0.1"]
    for folder, words in (("", "set WATCH_FOLDER"), (str(tmp_path / "none"), "create it, or correct WATCH_FOLDER")):
        monkeypatch.setenv("WATCH_FOLDER", folder)
        result = CliRunner().invoke(main, command)
        assert (result.exit_code, words in result.output) == (2, True), result.output
    monkeypatch.setenv("WATCH_FOLDER", str(incoming))
    (incoming / "a.csv").write_text("appointment_id\nA1\n")
    assert "a.csv: failed/" in CliRunner().invoke(main, command).output
