"""Files and documents that are bombs, sent by a system with a key; each ends in an answer, within memory and time.

Every kind of file is in tests/reminders/imports/files/test_limits.py and test_wrong_files.py, without the web process.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.attack.target import Target
from tests.support.paths import ROOT
from tests.support.workbooks import workbook, zip_file

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
JSON, CSV, FHIR = "application/json", "text/csv", "application/fhir+json"
LIST = [("appointment_id", "phone", "starts_at"), ("A9", "603-555-0101", "2026-12-24 10:00")]
FAR = '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
LAUGHS = '<!DOCTYPE x [<!ENTITY a0 "ha">' + "".join(
    f'<!ENTITY a{number} "{f"&a{number - 1};" * 10}">' for number in range(1, 12)
)
ROW = b"appointment_id,phone,starts_at\n"


def laughing_workbook() -> bytes:
    """A workbook whose sheet has entities that expand to gigabytes."""
    parts: dict[str, str | bytes] = {}
    with zipfile.ZipFile(io.BytesIO(workbook({"A": LIST}))) as archive:
        for name in archive.namelist():
            parts[name] = archive.read(name)
    parts["xl/worksheets/sheet0.xml"] = f"{LAUGHS}]><worksheet><sheetData>&a11;</sheetData></worksheet>"
    return zip_file(parts)


def appointments(**more: object) -> bytes:
    booked = {"appointment_id": "A9", "phone": "603-555-0109", "starts_at": "2026-12-24T10:00-05:00", "site": "elliot"}
    return json.dumps({"appointments": [{**booked, **more}]}).encode()


BOMBS: list[tuple[str, str, str, Callable[[], bytes]]] = [
    ("a workbook with a far cell", "/batches", XLSX, lambda: workbook({"A": FAR})),
    ("a workbook of 100 MB", "/batches", XLSX, lambda: zip_file({"xl/a.bin": bytes(110_000_000)})),
    ("a workbook of entities", "/batches", XLSX, laughing_workbook),
    ("a workbook that leaves its folder", "/batches", XLSX, lambda: zip_file({"../../../../tmp/attack": "x"})),
    ("half a workbook", "/batches", XLSX, lambda: workbook({"A": LIST})[:-200]),
    ("entities as a CSV file", "/batches", CSV, lambda: f"{LAUGHS}]><a>&a11;</a>".encode()),
    ("a quoted cell without an end", "/batches", CSV, lambda: ROW + b'"' + b"a" * 5_000_000),
    ("a million columns", "/batches", CSV, lambda: b"a," * 1_000_000 + b"\n"),
    ("nulls", "/batches", CSV, lambda: b"\0" * 1_000_000),
    ("half a mark of byte order", "/batches", CSV, lambda: b"\xff\xfe" + b"\xd8" * 999_999),
    ("UTF-32", "/batches", CSV, lambda: b"\xff\xfe\0\0" + "a,b\n".encode("utf-32-le") * 100_000),
    ("deep lists", "/batches", JSON, lambda: b"[" * 5_000_000),
    ("deep objects", "/batches", JSON, lambda: b'{"appointments":' * 100_000),
    ("a number of a million digits", "/batches", JSON, lambda: b'{"appointments": [' + b"9" * 1_000_000 + b"]}"),
    ("JSON in UTF-16", "/batches", JSON, lambda: b"\xfe\xff" + b"[" * 100_000),
    ("half a surrogate pair", "/batches", JSON, lambda: appointments(appointment_id="\ud800")),
    ("a null in an id", "/batches", JSON, lambda: appointments(appointment_id="A\0")),
    ("a null in a name", "/batches", JSON, lambda: appointments(first_name="\0" * 50)),
    ("not a number", "/batches", JSON, lambda: b'{"appointments": NaN}'),
    ("a list for a text", "/batches", JSON, lambda: appointments(phone=[["603-555-0109"] * 1000])),
    ("a deep bundle", "/fhir", FHIR, lambda: b'{"resourceType":"Bundle","entry":[{"resource":' * 50_000),
    ("a bundle in XML", "/fhir", "application/fhir+xml", lambda: f"{LAUGHS}]><Bundle>&a11;</Bundle>".encode()),
    ("a deep opt-out", "/opt-outs", JSON, lambda: b'{"phone":' + b"[" * 900_000),
    ("a number for a phone", "/opt-outs", JSON, lambda: b'{"phone": 1e999, "state": "out"}'),
    ("a null in a reason", "/opt-outs", JSON, lambda: b'{"phone": "603-555-0109", "state": "out", "reason": 1}'),
]
REFUSED = {400, 413, 415, 422}
# A file is read by a process of its own, with limits; the web process keeps at most the body.
MOST_MEMORY = 150


@pytest.mark.processes
def test_no_bomb_takes_much_memory_or_time_and_callers_are_answered(target: Target) -> None:
    memory, before = target.memory(), target.ledger_rows()
    answers: dict[str, int] = {}
    with target.others_call() as served:
        for name, path, kind, make in BOMBS:
            answers[name], _ = target.api("POST", path, make(), kind)
    accepted = {name: status for name, status in answers.items() if status not in REFUSED}
    # A row that is not valid is reported, and the batch has none of it.
    assert {name: status for name, status in accepted.items() if status != 201} == {}
    assert set(served.statuses) == {200}
    assert served.slowest < 15, "Twilio waits 15 s"
    assert target.memory() - memory < MOST_MEMORY
    assert target.crashes() == []
    after = target.ledger_rows()
    assert [name for name in ("appointment", "person", "text", "opt_out_event") if before[name] != after[name]] == []
    assert not Path("/tmp/attack").exists()


YAML = {
    "anchors that multiply": "a: &a [x, x]\n" + "\n".join(f"b{n}: &b{n} [*a, *a]" for n in range(30)),
    "deep lists": "a: " + "[" * 50_000,
    "deep mappings": "".join(f"{' ' * depth}a:\n" for depth in range(300)),
    "a tag that runs code": "a: !!python/object/apply:os.system [touch /tmp/attack]",
    "a merge": "<<: {a: b}\n<<: {c: d}",
    "a number of a million digits": "a: " + "9" * 90_000,
    "UTF-16": "\ufeffa: b".encode("utf-16").decode("latin-1"),
    "a null": "a: \0",
}


def check_prompts(folder: Path) -> tuple[int, str]:
    """(exit status, output) of the command for one folder."""
    done = subprocess.run(
        [sys.executable, "-m", "ivr.cli", "prompts", "check", str(folder), "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.processes
def test_prompts_that_are_bombs_or_lead_elsewhere_are_findings(tmp_path: Path) -> None:
    """One folder with all of them: the command lists each, and shows nothing of a file outside."""
    folder, secret = tmp_path / "prompts", tmp_path / "secret"
    (folder / "en").mkdir(parents=True)
    (folder / "recordings" / "en").mkdir(parents=True)
    secret.write_text("TWILIO_AUTH_TOKEN=taken\n")
    (folder / "line.yaml").write_text("timezone: America/New_York\n")
    bombs = [f"bomb-{number}.md" for number in range(len(YAML))]
    for name, text in zip(bombs, YAML.values(), strict=True):
        (folder / "en" / name).write_bytes(f"---\n{text}\n---\n# Bomb\n\nWords.\n".encode())
    status, output = check_prompts(folder)
    assert (status, "Traceback" in output) == (1, False)
    reported = {finding["file"] for finding in json.loads(output)["findings"]}
    assert reported >= {f"en/{name}" for name in bombs}
    for link in ("en/cancer.md", "recordings/en/cancer-1.mp3", "es"):
        (folder / link).symlink_to(secret if "." in link else tmp_path)
    status, output = check_prompts(folder)
    assert (status, "taken" in output, "Traceback" in output) == (1, False, False)
    reported = {finding["file"] for finding in json.loads(output)["findings"]}
    assert reported >= {"en/cancer.md", "recordings/en/cancer-1.mp3", "es"}
    assert not Path("/tmp/attack").exists()
