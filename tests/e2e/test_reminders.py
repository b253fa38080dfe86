"""Imported files, with a real database, queue and worker and the simulated carrier."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.running import RunningLine, until

pytestmark = pytest.mark.processes


def _file(path: Path, *rows: str) -> Path:
    path.write_text("\n".join(["appointment_id,phone,starts_at,language,status", *rows]) + "\n")
    return path


def _status(line: RunningLine, batch: int) -> dict[str, int]:
    texts: dict[str, int] = line.json("reminders", "status", str(batch))["texts"]
    return texts


def _receipted(line: RunningLine, numbers: set[str]) -> bool:
    """Whether the carrier reports a delivered text to each number."""
    delivered = {text["to"] for text in line.carrier_log() if text["status"] == "delivered"}
    return numbers <= delivered


def _sent_to(line: RunningLine, numbers: set[str]) -> list[str]:
    return sorted(text["to"] for text in line.carrier_log() if text["to"] in numbers)


def test_20_imported_appointments_get_one_delivered_text_each(open_line: RunningLine, tmp_path: Path) -> None:
    numbers = {f"+1603555012{n}" if n < 10 else f"+160355501{n + 20}" for n in range(20)}
    rows = [
        f"E2E-{number[-4:]},{number},2026-12-03 0{9 - n % 2}:30,{'es' if n % 4 else 'en'},"
        for n, number in enumerate(sorted(numbers))
    ]
    file = _file(tmp_path / "twenty.csv", *rows)
    imported = open_line.json("reminders", "import", file)
    assert (imported["rows"], imported["accepted"], imported["rejected"]) == (20, 20, 0)
    until(lambda: _receipted(open_line, numbers), "20 receipts")
    until(lambda: _status(open_line, imported["batch"])["delivered"] == 20, "20 receipts in the ledger")
    again = open_line.json("reminders", "import", file)
    assert (again["accepted"], again["unchanged"]) == (0, 20)
    late = open_line.json(
        "reminders", "import", _file(tmp_path / "late.csv", "E2E-LATE,603-555-0199,2026-12-03 09:00,en,")
    )
    until(lambda: _sent_to(open_line, {"+16035550199"}), "the text of the last import")
    assert late["accepted"] == 1
    assert _sent_to(open_line, numbers) == sorted(numbers)
    texts = [text for text in open_line.carrier_log() if text["to"] in numbers]
    assert all(text["num_segments"] == "1" and "STOP" in text["body"] for text in texts)


def test_a_cancelled_appointment_gets_no_text(open_line: RunningLine, tmp_path: Path) -> None:
    row = "E2E-GONE,603-555-0170,2026-12-12 09:00,en"
    open_line.json("reminders", "import", _file(tmp_path / "a.csv", f"{row},booked"))
    gone = open_line.json("reminders", "import", _file(tmp_path / "b.csv", f"{row},cancelled"))
    assert gone["updated"] == 1
    assert _status(open_line, gone["batch"])["planned"] == 0


def test_nothing_goes_out_in_quiet_hours(closed_line: RunningLine, tmp_path: Path) -> None:
    file = _file(tmp_path / "night.csv", "E2E-NIGHT,603-555-0171,2026-12-08 22:30,en,")
    batch = closed_line.json("reminders", "import", file)["batch"]
    closed_line.text("hello")
    assert _status(closed_line, batch)["planned"] == 1
    assert _sent_to(closed_line, {"+16035550171"}) == []


def test_a_reply_to_a_reminder_confirms_the_appointment(open_line: RunningLine, tmp_path: Path) -> None:
    file = _file(tmp_path / "one.csv", "E2E-REPLY,603-555-0172,2026-12-03 09:15,en,")
    open_line.json("reminders", "import", file)
    until(lambda: _sent_to(open_line, {"+16035550172"}), "the reminder")
    assert "9:15" in open_line.text("C", "+16035550172")[0]


def test_bad_rows_are_listed_and_good_rows_are_imported(open_line: RunningLine, tmp_path: Path) -> None:
    file = _file(
        tmp_path / "bad.csv",
        "E2E-GOOD,603-555-0173,2026-12-20 09:00,en,",
        "E2E-BAD1,12345,2026-12-20 09:00,en,",
        "E2E-BAD2,603-555-0174,soon,xx,perhaps",
    )
    result = open_line.infoline("reminders", "import", file)
    assert result.returncode == 1
    printed = " ".join(result.stdout.split())
    assert "row 3, phone: error: This is not a phone number" in printed
    assert "row 4, starts_at: error: This is not a date and time" in printed
    assert "row 4, status: error: This status is unknown" in printed
    assert "3 rows: 1 new, 0 updated, 0 unchanged, 2 rejected." in result.stdout


def test_logs_and_the_queue_contain_no_phone_number(open_line: RunningLine) -> None:
    open_line.call().presses("0")
    open_line.text("call me on 603-555-0123 please")
    files = [*(open_line.var_dir / "logs").iterdir(), *(open_line.var_dir / "queue").rglob("*")]
    for path in (path for path in files if path.is_file()):
        data = path.read_bytes()
        assert b"60355501" not in data, path
        assert b"603-555-01" not in data, path


def test_a_paused_batch_stays_paused_when_a_newer_file_moves_its_appointments(
    open_line: RunningLine, tmp_path: Path
) -> None:
    first = open_line.json(
        "reminders", "import", _file(tmp_path / "a.csv", "E2E-PAUSE,603-555-0176,2026-12-20 09:00,en,")
    )
    assert open_line.infoline("reminders", "pause", str(first["batch"])).returncode == 0
    open_line.json("reminders", "import", _file(tmp_path / "b.csv", "E2E-PAUSE,603-555-0176,2026-12-03 09:00,en,"))
    open_line.json("reminders", "import", _file(tmp_path / "c.csv", "E2E-OTHER,603-555-0177,2026-12-03 09:00,en,"))
    until(lambda: _receipted(open_line, {"+16035550177"}), "a text of another batch")
    assert _sent_to(open_line, {"+16035550176"}) == []
    open_line.infoline("reminders", "resume", str(first["batch"]))
    until(lambda: _sent_to(open_line, {"+16035550176"}), "the text after the pause")


def test_a_cancelled_batch_stays_cancelled(open_line: RunningLine, tmp_path: Path) -> None:
    batch = open_line.json(
        "reminders", "import", _file(tmp_path / "a.csv", "E2E-CANCEL,603-555-0178,2026-12-20 09:00,en,")
    )["batch"]
    assert open_line.infoline("reminders", "cancel", str(batch)).returncode == 0
    result = open_line.infoline("reminders", "resume", str(batch))
    assert result.returncode == 2
    assert "is cancelled" in result.stderr
    assert _status(open_line, batch)["planned"] == 0
