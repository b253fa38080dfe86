"""The export of a batch: every text with its state and reason, masked numbers, escaped formulas, constant memory."""

from __future__ import annotations

import csv
import io
import stat
import tracemalloc
from collections import deque
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, update

from ivr.carrier.twilio.client import Refused
from ivr.carrier.twilio.errors import ErrorClass
from ivr.ledger.tables import appointment, batch, person
from ivr.people.persons import opt_out
from ivr.people.replies import mark_wrong_number
from ivr.reminders.outbox.claims import due_count
from ivr.reminders.outbox.receipts import Receipt, apply_receipt
from ivr.reminders.reports import export
from ivr.reminders.reports.export import COLUMNS, UnwritableFile, export_texts, private_file, write_csv
from ivr.reminders.reports.manual import ManualActions
from ivr.reminders.reports.status import NoSuchBatch, batch_status, control
from tests.support.clinic import NOW, at, row

JANE = "+16035550101"
# Step 7d of the plan is too late, 2d is due, and 1d is upcoming.
DUE = at(2, -1)


def lines(clinic, now=NOW, numbers=False):
    return list(export_texts(clinic.ledger, clinic.vault, clinic.content.config.reminders, 1, now, numbers))


def states(clinic, now=NOW, name="A1"):
    """(state, reason) of each text of an appointment, by step."""
    rows = [line for line in lines(clinic, now) if line["appointment_id"] == name]
    return {line["step"]: (line["state"], line["reason"]) for line in rows}


def write(clinic, statement):
    with clinic.ledger.write() as connection:
        connection.execute(statement)


def record(clinic, change, *arguments):
    """Record an opt-out, an opt-in or a wrong number of Jane's."""
    with clinic.ledger.write() as connection:
        change(connection, clinic.vault, JANE, NOW, *arguments)


def refuse(clinic, kind, code):
    clinic.record([(claimed.attempt, Refused(kind, code, "")) for claimed in clinic.claim()])


LATE = ("skipped", "late")


def all_three(state, reason):
    return dict.fromkeys(("7d", "2d", "1d"), (state, reason))


def last_two(state, reason):
    return {"7d": LATE, "2d": (state, reason), "1d": (state, reason)}


SITUATIONS = [
    ("nothing happened", lambda _clinic: None, {"7d": LATE, "2d": ("planned", "due"), "1d": ("planned", "")}),
    ("handed over", lambda clinic: clinic.send(), {"7d": LATE, "2d": ("handed_over", ""), "1d": ("planned", "")}),
    (
        "refused temporarily",
        lambda clinic: refuse(clinic, ErrorClass.TRANSIENT, 20429),
        {"7d": LATE, "2d": ("planned", "error_20429"), "1d": ("planned", "")},
    ),
    (
        "refused permanently",
        lambda clinic: refuse(clinic, ErrorClass.PERMANENT, 21211),
        {"7d": LATE, "2d": ("failed", "error_21211"), "1d": ("planned", "")},
    ),
    ("an opt-out", lambda clinic: record(clinic, opt_out, "text", "STOP"), last_two("planned", "opted_out")),
    ("a landline", lambda clinic: write(clinic, update(person).values(landline=True)), last_two("planned", "landline")),
    ("paused", lambda clinic: control(clinic.ledger, 1, paused=True), last_two("planned", "paused")),
    (
        "still importing",
        lambda clinic: write(clinic, update(batch).values(live_at=None)),
        last_two("planned", "not_live"),
    ),
    (
        "a cancelled batch",
        lambda clinic: control(clinic.ledger, 1, cancelled_at=NOW),
        all_three("cancelled", "batch_cancelled"),
    ),
    (
        "a cancelled appointment",
        lambda clinic: write(clinic, update(appointment).values(status="cancelled")),
        all_three("cancelled", "cancelled"),
    ),
    ("a wrong number", lambda clinic: record(clinic, mark_wrong_number), all_three("cancelled", "not_hers")),
    (
        "reminders by call",
        lambda clinic: write(clinic, update(appointment).values(channel="call")),
        all_three("skipped", "not_by_text"),
    ),
    (
        "attended",
        lambda clinic: write(clinic, update(appointment).values(status="attended")),
        all_three("skipped", "visit_over"),
    ),
    (
        "confirmed",
        lambda clinic: write(clinic, update(appointment).values(answer="confirmed")),
        {"7d": LATE, "2d": ("skipped", "confirmed"), "1d": ("planned", "")},
    ),
    (
        "another text today",
        lambda clinic: (clinic.import_rows({**row(1, DUE), "appointment_id": "B1"}), clinic.claim(limit=1), None)[-1],
        {"7d": LATE, "2d": ("claimed", ""), "1d": ("planned", "")},
    ),
]


@pytest.mark.parametrize(
    ("change", "expected"), [case[1:] for case in SITUATIONS], ids=[case[0] for case in SITUATIONS]
)
def test_every_text_of_the_plan_has_a_state_and_a_reason(clinic_on_each_database, change, expected):
    clinic_on_each_database.import_rows(row(1, DUE))
    change(clinic_on_each_database)
    assert states(clinic_on_each_database) == expected


def test_a_text_postponed_by_limits_or_quiet_hours_has_that_reason(clinic):
    clinic.import_rows(row(1, DUE), {**row(1, DUE), "appointment_id": "B1"})
    clinic.claim(limit=1)
    assert states(clinic, name="B1")["2d"] == ("planned", "limit")
    assert states(clinic, NOW + timedelta(hours=12), "B1")["2d"] == ("planned", "quiet_hours")


def test_a_text_reported_as_skipped_is_skipped_by_the_next_claim(clinic):
    clinic.import_rows(row(1, DUE))
    before = states(clinic)
    clinic.claim()
    assert states(clinic) == {**before, "2d": ("claimed", "")}


def test_a_moved_appointment_lists_the_texts_for_its_old_time_and_its_new_time(clinic):
    clinic.import_rows(row(1, DUE))
    clinic.send()
    clinic.import_rows(row(1, at(20)))
    rows = [
        (line["starts_at"], line["step"], line["state"])
        for line in export_texts(clinic.ledger, clinic.vault, clinic.content.config.reminders, 2, NOW)
    ]
    assert rows == [
        ("2026-12-03 09:00-05:00", "7d", "skipped"),
        ("2026-12-03 09:00-05:00", "2d", "handed_over"),
        ("2026-12-21 10:00-05:00", "7d", "planned"),
        ("2026-12-21 10:00-05:00", "2d", "planned"),
        ("2026-12-21 10:00-05:00", "1d", "planned"),
    ]


def test_times_are_exported_in_the_time_zone_of_the_appointment(clinic):
    clinic.import_rows(row(1, DUE, first_name="Zoë", language="es", timezone="America/Denver"))
    (sent,) = clinic.send()
    later = NOW + timedelta(minutes=7)
    apply_receipt(clinic.ledger, clinic.vault, Receipt(sent.attempt, "delivered", "", None), later)
    write(clinic, update(appointment).values(answer="confirmed", answered_at=later))
    (line,) = [line for line in lines(clinic) if line["step"] == "2d"]
    assert line == {
        "appointment_id": "A1",
        "number": "***-***-0101",
        "first_name": "",
        "starts_at": "2026-12-03 07:00-07:00",
        "site": "elliot",
        "language": "es",
        "step": "2d",
        "due_at": "2026-12-01 08:00-07:00",
        "state": "delivered",
        "reason": "",
        "handed_over_at": "2026-12-01 08:00-07:00",
        "changed_at": "2026-12-01 08:07-07:00",
        "answer": "confirmed",
        "answered_at": "2026-12-01 08:07-07:00",
        "status": "booked",
    }
    assert set(line) == set(COLUMNS)


def test_full_numbers_and_names_are_exported_on_request(clinic):
    clinic.import_rows(row(1, DUE, first_name="Zoë"))
    assert {(line["number"], line["first_name"]) for line in lines(clinic, numbers=True)} == {("603-555-0101", "Zoë")}


def test_an_unknown_batch_is_reported_before_anything_is_written(clinic):
    with pytest.raises(NoSuchBatch, match="no batch 7"):
        export_texts(clinic.ledger, clinic.vault, clinic.content.config.reminders, 7, NOW)


CELLS = [
    ("=1+1", "'=1+1"),
    ("+44 20 7946 0000", "'+44 20 7946 0000"),
    ("-1", "'-1"),
    ("@SUM(A1)", "'@SUM(A1)"),
    ("\tx", "'\tx"),
    ("\rx", "'\rx"),
    (" =1", "' =1"),
    ("＝1", "'＝1"),
    ('=cmd|"/C calc"!A0', '\'=cmd|"/C calc"!A0'),
    ("***-***-0123", "***-***-0123"),
    ("2026-12-01 10:00-05:00", "2026-12-01 10:00-05:00"),
    ("Zoë", "Zoë"),
    ("", ""),
]


@pytest.mark.parametrize(("cell", "expected"), CELLS, ids=[repr(case[0]) for case in CELLS])
def test_formulas_are_escaped(cell, expected):
    file = io.StringIO(newline="")
    assert write_csv([{"a": cell, "b": 'x,"y'}], file, ("a", "b"), lambda _count: None) == 1
    assert list(csv.reader(io.StringIO(file.getvalue(), newline=""))) == [["a", "b"], [expected, 'x,"y']]


def test_each_text_is_exported_once_across_chunks(clinic, monkeypatch):
    monkeypatch.setattr(export, "CHUNK", 7)
    clinic.import_rows(*(row(number, at(20)) for number in range(21)))
    exported = lines(clinic)
    assert len(exported) == 63
    assert len({(line["appointment_id"], line["step"]) for line in exported}) == 63


def test_memory_does_not_grow_with_the_batch(clinic, monkeypatch):
    monkeypatch.setattr(export, "CHUNK", 100)
    clinic.import_rows(row(0, at(20)))
    (stored,) = clinic.all(appointment)
    values = {name: value for name, value in stored._mapping.items() if name not in ("id", "appointment_id")}
    for start in range(0, 1000, 500):
        copies = [{**values, "appointment_id": f"M{number}"} for number in range(start, start + 500)]
        with clinic.ledger.write() as connection:
            connection.execute(insert(appointment), copies)

    def peak(collect):
        exported = export_texts(clinic.ledger, clinic.vault, clinic.content.config.reminders, 1, NOW)
        tracemalloc.start()
        collect(exported)
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return highest

    # The smallest of several: threads of the test process allocate memory meanwhile.
    assert min(peak(lambda lines: deque(lines, maxlen=0)) for _ in range(3)) < peak(list) / 3


def test_the_file_is_readable_by_its_owner_only_and_replaces_the_old_one_when_complete(tmp_path):
    path = tmp_path / "texts.csv"
    path.write_text("old")
    path.chmod(0o644)
    with private_file(path) as file:
        file.write("new")
        assert path.read_text() == "old"
    assert path.read_bytes() == b"\xef\xbb\xbfnew"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(ZeroDivisionError), private_file(path) as file:
        file.write(f"half {1 / 0}")
    assert path.read_text("utf-8-sig") == "new"
    assert [file.name for file in tmp_path.iterdir()] == ["texts.csv"]


def test_a_device_is_not_replaced_by_a_file():
    with private_file(Path("/dev/null")) as file:
        file.write("x")
    assert not Path("/dev/null").is_file()


PATHS = [
    ("a missing folder", "missing/texts.csv", "does not exist"),
    ("a folder", "", "is a folder"),
    ("a file in place of a folder", "file/texts.csv", "does not exist"),
    ("a name that is too long", "x" * 300, "cannot be written"),
]


@pytest.mark.parametrize(("path", "sentence"), [case[1:] for case in PATHS], ids=[case[0] for case in PATHS])
def test_an_unwritable_file_is_explained(tmp_path, path, sentence):
    (tmp_path / "file").write_text("")
    with pytest.raises(UnwritableFile, match=sentence), private_file(tmp_path / path):
        pass


# Export and status agree


def manual_actions(clinic):
    return ManualActions(clinic.ledger, clinic.vault, clinic.content.config)


CHANGES = [
    ("nothing happened", lambda _clinic: None),
    ("claimed", lambda clinic: clinic.claim()),
    ("handed over", lambda clinic: clinic.send()),
    ("refused temporarily", lambda clinic: refuse(clinic, ErrorClass.TRANSIENT, 20429)),
    ("cancelled", lambda clinic: control(clinic.ledger, 1, cancelled_at=NOW)),
    ("cancelled after a claim", lambda clinic: (clinic.claim(), control(clinic.ledger, 1, cancelled_at=NOW))),
    ("an opt-out", lambda clinic: record(clinic, opt_out, "text", "STOP")),
    ("a wrong number", lambda clinic: record(clinic, mark_wrong_number)),
    ("one text skipped", lambda clinic: manual_actions(clinic).skip("A1", "7d", NOW)),
    ("all texts skipped", lambda clinic: manual_actions(clinic).skip("A1", None, NOW)),
    ("cancelled by a file", lambda clinic: clinic.import_rows(row(1, at(20), status="cancelled"))),
    ("moved by a file", lambda clinic: clinic.import_rows(row(1, at(25)))),
    (
        "three appointments of one patient in a day",
        lambda clinic: clinic.import_rows(*(row(n, DUE, phone=JANE) for n in range(101, 104))),
    ),
]


@pytest.mark.parametrize("change", [case[1] for case in CHANGES], ids=[case[0] for case in CHANGES])
def test_status_counts_an_appointment_as_planned_while_the_export_lists_a_planned_text(clinic, change):
    clinic.import_rows(row(1, at(20)), row(2, DUE), row(3, at(0, 1)))
    change(clinic)
    for days in (0, 0.1, 1, 13.01, 19.01, 26):
        now = NOW + timedelta(days=days)
        while due_count(clinic.ledger, now, 10):
            clinic.send(now)
        for counts in batch_status(clinic.ledger)["batches"]:
            batch_id = counts["batch"]
            exported = export_texts(clinic.ledger, clinic.vault, clinic.content.config.reminders, batch_id, now)
            planned = {line["appointment_id"] for line in exported if line["state"] == "planned"}
            assert counts["texts"]["planned"] == len(planned), (days, batch_id)
    assert batch_status(clinic.ledger)["texts"]["planned"] == 0
