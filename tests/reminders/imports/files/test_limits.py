"""A hostile file costs bounded memory and time, and always ends in rows or in one error."""

from __future__ import annotations

import io
import json
import os
import struct
import subprocess
import sys
import threading
import zipfile

import pytest

from ivr.reminders.imports.files import ReadOptions, UnreadableFile, parent, read_rows
from ivr.reminders.imports.files.formats import SMALL_JSON_BYTES
from tests.support.paths import ROOT
from tests.support.workbooks import workbook, zip_file

LIST = [("appointment_id", "phone", "starts_at"), ("A1", "603-555-0101", "2026-12-24 10:00")]
FAR = '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
WIDE = '<row r="1"><c r="A1"><v>1</v></c><c r="XFD1"><v>1</v></c></row>'
BOMB = '<row r="1"><c r="A1"><v>1</v></c></row>' + " " * 60_000_000


@pytest.fixture
def error_of(tmp_path):
    def read_error(content: bytes):
        (tmp_path / "file").write_bytes(content)
        with pytest.raises(UnreadableFile) as caught:
            list(read_rows(tmp_path / "file", ReadOptions(), []))
        assert caught.value.error.row == 0
        assert caught.value.error.message.endswith(".")
        return caught.value.error

    return read_error


def renamed(content: bytes, name: str) -> bytes:
    """A workbook whose sheet is a part with another name."""
    parts = {}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for part in archive.namelist():
            data = archive.read(part).replace(b"worksheets/sheet0.xml", f"../{name}".encode())
            parts[name if part == "xl/worksheets/sheet0.xml" else part] = data
    return zip_file(parts)


def recompressed(content: bytes, method: int) -> bytes:
    """A workbook whose parts are compressed with another method."""
    copy = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as archive, zipfile.ZipFile(copy, "w", method) as other:
        for part in archive.namelist():
            other.writestr(part, archive.read(part))
    return copy.getvalue()


def with_declared_size(content: bytes, name: bytes, size: int) -> bytes:
    """A workbook in which a part declares another unpacked size, in both of its headers."""
    changed = bytearray(content)
    for signature, size_at, name_at in ((b"PK\x03\x04", 22, 30), (b"PK\x01\x02", 24, 46)):
        start = -1
        while (start := content.find(signature, start + 1)) >= 0:
            if content[start + name_at :].startswith(name):
                struct.pack_into("<I", changed, start + size_at, size)
    return bytes(changed)


WORKBOOKS = [
    ("a far cell", lambda: workbook({"A": FAR}), "file_unreadable"),
    ("a far cell in a part with another name", lambda: renamed(workbook({"A": FAR}), "any.xml"), "file_unreadable"),
    ("a far cell in a part that is not .xml", lambda: renamed(workbook({"A": FAR}), "any.bin"), "file_unreadable"),
    ("a far cell in the second sheet", lambda: workbook({"A": LIST, "B": FAR}), "file_unreadable"),
    ("a far column", lambda: workbook({"A": WIDE}), "file_unreadable"),
    ("two parts that unpack to much", lambda: workbook({"A": BOMB, "B": BOMB}), "file_too_large"),
    ("much in a part that nobody reads", lambda: zip_file({"xl/a.bin": bytes(110_000_000)}), "file_too_large"),
    ("bzip2", lambda: recompressed(workbook({"A": LIST}), zipfile.ZIP_BZIP2), "file_unreadable"),
    ("lzma", lambda: recompressed(workbook({"A": LIST}), zipfile.ZIP_LZMA), "file_unreadable"),
    (
        "a part that declares a small size",
        lambda: with_declared_size(workbook({"A": BOMB, "B": BOMB}), b"xl/worksheets", 1000),
        "file_unreadable",
    ),
    ("thousands of parts", lambda: zip_file({f"xl/{number}.xml": "<a/>" for number in range(5001)}), "file_unreadable"),
]


@pytest.mark.parametrize(("make", "code"), [case[1:] for case in WORKBOOKS], ids=[case[0] for case in WORKBOOKS])
def test_a_workbook_that_would_take_gigabytes_is_refused(error_of, make, code):
    assert error_of(make()).code == code


def test_a_part_is_counted_by_what_it_unpacks_to_and_not_by_what_it_declares(tmp_path):
    content = with_declared_size(workbook({"A": LIST}), b"xl/worksheets", 4_000_000_000)
    (tmp_path / "file").write_bytes(content)
    assert len(list(read_rows(tmp_path / "file", ReadOptions(), []))) == 1


def test_entities_that_expand_to_gigabytes_are_refused(error_of):
    entities = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
    sheet = f'<!DOCTYPE x [<!ENTITY a0 "aaaaaaaaaa">{entities}]><worksheet><sheetData>&a11;</sheetData></worksheet>'
    content = io.BytesIO(workbook({"A": LIST}))
    copy = io.BytesIO()
    with zipfile.ZipFile(content) as archive, zipfile.ZipFile(copy, "w") as other:
        for part in archive.namelist():
            other.writestr(part, sheet if "sheet0" in part else archive.read(part))
    assert error_of(copy.getvalue()).code == "file_unreadable"


BIG = 19_000_000
JSON = [
    ("endless lists", b"[" + b"[]," * 3_000_000 + b"[]]", ("file_too_many_rows", "file_too_complex")),
    ("deep lists", b"[" * BIG, ("file_unreadable",)),
    ("deep objects", b'{"a":' * 3_000_000, ("file_unreadable",)),
    ("an endless string", b'["' + b"a" * BIG + b'"]', ("file_unreadable",)),
    ("an endless string in UTF-16", ('["' + "a" * 9_000_000 + '"]').encode("utf-16"), ("file_unreadable",)),
    ("an endless number", b"[" + b"9" * BIG + b"]", ("file_unreadable",)),
    ("200,000 keys", b"[{" + b",".join(b'"%x":1' % n for n in range(200_000)) + b"}]", ("column_missing",)),
]


@pytest.mark.parametrize(("content", "codes"), [case[1:] for case in JSON], ids=[case[0] for case in JSON])
def test_json_that_would_take_much_memory_is_refused(error_of, content, codes):
    assert error_of(content).code in codes


HEADER = b"appointment_id,phone,starts_at\n"
CSV = [
    ("a cell of 20 MB", HEADER + b"X" * 20_000_000 + b",603,\n"),
    ("100,000 cells in a row", HEADER + b"," * 100_000 + b"x\n"),
    ("100,000 column names", HEADER.strip() + b",x" * 100_000 + b"\nA1,603-555-0101,2026-12-24 10:00\n"),
    ("one row of many quoted lines", HEADER + b'"a\n",' * 4_000_000),
    ("20 MB of blank lines", b"\n" * 20_000_000),
    ("an endless line in UTF-16", b"\xff\xfe" + b"X\0" * 9_000_000),
]


@pytest.mark.parametrize("content", [case[1] for case in CSV], ids=[case[0] for case in CSV])
def test_csv_that_would_take_much_memory_is_refused(error_of, content):
    assert error_of(content).code in ("file_unreadable", "file_empty")


def test_a_patient_in_thousands_of_appointments_is_read_in_linear_time(tmp_path):
    """Each appointment looks at a bounded part of the patient. A quadratic reader takes minutes here."""
    telecom = [{"system": "email", "value": "x"}] * 20_000 + [{"system": "phone", "value": "603-555-0101"}]
    patient = {"resourceType": "Patient", "id": "7", "telecom": telecom[::-1], "name": [{"given": []}] * 20_000}
    patient |= {"communication": [{}] * 20_000, **{f"extension{n}": n for n in range(20_000)}}
    contained = [{"resourceType": "Practitioner", "id": f"c{n}"} for n in range(20_000)]
    actors = [{"actor": {"reference": f"#x{n}"}} for n in range(20_000)] + [{"actor": {"reference": "Patient/7"}}]
    resources = [
        {"resourceType": "Appointment", "id": f"a{n}", "status": "booked", "start": "2026-12-24T10:00:00-05:00"}
        for n in range(5_000)
    ]
    for resource in resources:
        resource["participant"] = actors[-1:]
    resources[0] |= {"contained": contained, "participant": actors}
    entries = [{"resource": resource} for resource in (patient, *resources)]
    (tmp_path / "file").write_text(json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}))
    rows = list(read_rows(tmp_path / "file", ReadOptions(), []))
    assert len(rows) == 5_000
    assert {cells["phone"] for _, cells in rows} == {"603-555-0101"}


def test_a_file_that_needs_more_memory_than_the_child_has_is_refused(error_of, monkeypatch):
    monkeypatch.setattr(parent, "MEMORY_BYTES", 200_000_000)
    assert error_of(b"[" + b"[]," * 6_000_000 + b"[]]").code == "file_too_complex"


def test_a_file_that_needs_more_time_than_the_child_has_is_refused(error_of, monkeypatch):
    monkeypatch.setattr(parent, "CPU_SECONDS", 1)
    monkeypatch.setattr(parent, "_command", lambda options: [sys.executable, "-c", BUSY.format(options=options)])
    assert error_of(LARGE_JSON).code == "file_too_complex"


@pytest.mark.parametrize(("more", "in_child"), [(0, False), (1, True)])
def test_only_json_that_is_not_small_is_read_in_a_child(error_of, monkeypatch, more, in_child):
    monkeypatch.setattr(parent, "_command", lambda _options: [sys.executable, "-c", "pass"])
    code = "file_too_complex" if in_child else "file_no_appointments"
    assert error_of(b"[" + b" " * (SMALL_JSON_BYTES - 2 + more) + b"]").code == code


def test_a_pipe_whose_size_nobody_knows_is_read_in_a_child(tmp_path, monkeypatch):
    monkeypatch.setattr(parent, "_command", lambda _options: [sys.executable, "-c", "pass"])
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(b"[]",))
    writer.start()
    with pytest.raises(UnreadableFile) as refused:
        list(read_rows(tmp_path / "pipe", ReadOptions(), []))
    writer.join()
    assert refused.value.error.code == "file_too_complex"


LARGE_JSON = b"[" + b" " * SMALL_JSON_BYTES + b"]"
BUSY = """
import json, resource
resource.setrlimit(resource.RLIMIT_CPU, (json.loads('{options}')["cpu"],) * 2)
while True: pass
"""
FAULTS = [
    ("aborts", "import os; os.abort()"),
    ("exits without a word", "pass"),
    ("ends in the middle of a line", """print('["rows", [[2, {"a": "b"}]]', end='')"""),
    ("ends after some rows", """print('["rows", [[2, {"appointment_id": "A1"}]]]')"""),
    ("is silent", "import time; time.sleep(600)"),
    ("writes an endless line", "while True: print('[' * 1_000_000, end='')"),
    ("writes nonsense", "print('nonsense')"),
    ("writes JSON of another shape", "print('[]')"),
]


@pytest.mark.parametrize("code", [case[1] for case in FAULTS], ids=[case[0] for case in FAULTS])
def test_a_child_that_fails_in_any_way_yields_one_error(error_of, monkeypatch, code):
    monkeypatch.setattr(parent, "SILENT_SECONDS", 0.5)
    monkeypatch.setattr(parent, "_command", lambda _options: [sys.executable, "-c", code])
    assert error_of(b"[" + b" " * 1_000_000 + b"]").code == "file_too_complex"


def test_a_reader_that_is_closed_early_leaves_no_process(tmp_path):
    (tmp_path / "file").write_bytes(workbook({"A": [LIST[0], *LIST[1:] * 20_000]}))
    rows = read_rows(tmp_path / "file", ReadOptions(), [])
    assert next(rows)[0] == 2
    rows.close()


def test_the_child_gets_no_settings_and_no_keys(tmp_path, monkeypatch):
    monkeypatch.setenv("PHONE_KEY", "secret")
    code = """import json, os; print(json.dumps(["rows", [[1, dict(os.environ)]]])); print('["end"]')"""
    monkeypatch.setattr(parent, "_command", lambda _options: [sys.executable, "-c", code])
    (tmp_path / "file").write_bytes(LARGE_JSON)
    ((_, environment),) = read_rows(tmp_path / "file", ReadOptions(), [])
    assert "PHONE_KEY" not in environment


def test_the_child_does_not_import_what_takes_longer_than_most_files():
    code = f"import sys, {parent._MODULE}; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert {"sqlalchemy", "pydantic", "phonenumbers"}.isdisjoint(found.stdout.split())
