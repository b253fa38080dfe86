"""Every text of a batch for the spreadsheet: with state and reason, masked, harmless, and never all in memory."""

from __future__ import annotations

import csv
import io
import stat
import tracemalloc
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
from ivr.reminders.reports import export as exporting
from ivr.reminders.reports.export import COLUMNS, UnwritableFile, export_texts, private_file, write_csv
from ivr.reminders.reports.manual import ManualActions
from ivr.reminders.reports.status import NoSuchBatch, control, status
from tests.support.clinic import NOW, at, row

HER = "+16035550101"
# Of the plan, 7d is too late, 2d is due, 1d is still to come.
DUE = at(2, -1)


def lines(clinic, now=NOW, numbers=False):
    return list(export_texts(clinic.ledger, clinic.vault, clinic.content.config.reminders, 1, now, numbers))


def stands(clinic, now=NOW, name="A1"):
    """(state, reason) of each text, by its step."""
    return {one["step"]: (one["state"], one["reason"]) for one in lines(clinic, now) if one["appointment_id"] == name}


def write(clinic, statement):
    with clinic.ledger.write() as connection:
        connection.execute(statement)


def tell(clinic, what, *told):
    with clinic.ledger.write() as connection:
        what(connection, clinic.vault, HER, NOW, *told)


def refuse(clinic, kind, code):
    clinic.record([(one.attempt, Refused(kind, code, "")) for one in clinic.claim()])


LATE = ("skipped", "late")


def all_three(state, reason):
    return dict.fromkeys(("7d", "2d", "1d"), (state, reason))


def both(state, reason):
    return {"7d": LATE, "2d": (state, reason), "1d": (state, reason)}


STANDINGS = [
    (
        "nothing happened yet",
        lambda _house: None,
        {"7d": LATE, "2d": ("planned", "due"), "1d": ("planned", "")},
    ),
    (
        "handed over",
        lambda clinic: clinic.send(),
        {"7d": LATE, "2d": ("handed_over", ""), "1d": ("planned", "")},
    ),
    (
        "refused for a while",
        lambda clinic: refuse(clinic, ErrorClass.TRANSIENT, 20429),
        {"7d": LATE, "2d": ("planned", "error_20429"), "1d": ("planned", "")},
    ),
    (
        "refused for ever",
        lambda clinic: refuse(clinic, ErrorClass.PERMANENT, 21211),
        {"7d": LATE, "2d": ("failed", "error_21211"), "1d": ("planned", "")},
    ),
    ("she opted out", lambda clinic: tell(clinic, opt_out, "text", "STOP"), both("planned", "opted_out")),
    ("a landline", lambda clinic: write(clinic, update(person).values(landline=True)), both("planned", "landline")),
    ("paused", lambda clinic: control(clinic.ledger, 1, paused=True), both("planned", "paused")),
    ("half taken in", lambda clinic: write(clinic, update(batch).values(live_at=None)), both("planned", "not_live")),
    (
        "its batch is cancelled",
        lambda clinic: control(clinic.ledger, 1, cancelled_at=NOW),
        all_three("cancelled", "batch_cancelled"),
    ),
    (
        "the visit is cancelled",
        lambda clinic: write(clinic, update(appointment).values(status="cancelled")),
        all_three("cancelled", "cancelled"),
    ),
    ("not her number", lambda clinic: tell(clinic, mark_wrong_number), all_three("cancelled", "not_hers")),
    (
        "by call",
        lambda clinic: write(clinic, update(appointment).values(channel="call")),
        all_three("skipped", "not_by_text"),
    ),
    (
        "she came",
        lambda clinic: write(clinic, update(appointment).values(status="attended")),
        all_three("skipped", "visit_over"),
    ),
    (
        "she has confirmed",
        lambda clinic: write(clinic, update(appointment).values(answer="confirmed")),
        {"7d": LATE, "2d": ("skipped", "confirmed"), "1d": ("planned", "")},
    ),
    (
        "another text today",
        lambda clinic: (clinic.take({**row(1, DUE), "appointment_id": "B1"}), clinic.claim(limit=1), None)[-1],
        {"7d": LATE, "2d": ("claimed", ""), "1d": ("planned", "")},
    ),
]


@pytest.mark.parametrize(("happens", "expected"), [case[1:] for case in STANDINGS], ids=[case[0] for case in STANDINGS])
def test_every_text_of_the_plan_has_a_state_and_a_reason(clinic_on_each_database, happens, expected):
    clinic_on_each_database.take(row(1, DUE))
    happens(clinic_on_each_database)
    assert stands(clinic_on_each_database) == expected


def test_what_limits_and_quiet_hours_put_off_says_so(clinic):
    clinic.take(row(1, DUE), {**row(1, DUE), "appointment_id": "B1"})
    clinic.claim(limit=1)
    assert stands(clinic, name="B1")["2d"] == ("planned", "limit")
    assert stands(clinic, NOW + timedelta(hours=12), "B1")["2d"] == ("planned", "quiet_hours")


def test_what_is_told_to_be_skipped_is_what_the_next_claim_skips(clinic):
    clinic.take(row(1, DUE))
    told = stands(clinic)
    clinic.claim()
    assert stands(clinic) == {**told, "2d": ("claimed", "")}


def test_a_moved_visit_shows_the_texts_for_its_old_time_and_those_for_the_new_one(clinic):
    clinic.take(row(1, DUE))
    clinic.send()
    clinic.take(row(1, at(20)))
    found = [
        (one["starts_at"], one["step"], one["state"])
        for one in export_texts(clinic.ledger, clinic.vault, clinic.content.config.reminders, 2, NOW)
    ]
    assert found == [
        ("2026-12-03 09:00-05:00", "7d", "skipped"),
        ("2026-12-03 09:00-05:00", "2d", "handed_over"),
        ("2026-12-21 10:00-05:00", "7d", "planned"),
        ("2026-12-21 10:00-05:00", "2d", "planned"),
        ("2026-12-21 10:00-05:00", "1d", "planned"),
    ]


def test_a_line_tells_when_in_the_time_of_the_place(clinic):
    clinic.take(row(1, DUE, first_name="Zoë", language="es", timezone="America/Denver"))
    (one,) = clinic.send()
    later = NOW + timedelta(minutes=7)
    apply_receipt(clinic.ledger, clinic.vault, Receipt(one.attempt, "delivered", "", None), later)
    write(clinic, update(appointment).values(answer="confirmed", answered_at=later))
    (told,) = [one for one in lines(clinic) if one["step"] == "2d"]
    assert told == {
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
    assert set(told) == set(COLUMNS)


def test_numbers_and_names_are_there_when_they_are_asked_for(clinic):
    clinic.take(row(1, DUE, first_name="Zoë"))
    assert {(one["number"], one["first_name"]) for one in lines(clinic, numbers=True)} == {("603-555-0101", "Zoë")}


def test_a_batch_that_was_never_given_is_told_before_anything_is_written(clinic):
    with pytest.raises(NoSuchBatch, match="no batch 7"):
        export_texts(clinic.ledger, clinic.vault, clinic.content.config.reminders, 7, NOW)


DANGEROUS = [
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


@pytest.mark.parametrize(("cell", "expected"), DANGEROUS, ids=[repr(case[0]) for case in DANGEROUS])
def test_no_cell_becomes_a_formula(cell, expected):
    file = io.StringIO(newline="")
    assert write_csv([{"a": cell, "b": 'x,"y'}], file, ("a", "b"), lambda _count: None) == 1
    assert list(csv.reader(io.StringIO(file.getvalue(), newline=""))) == [["a", "b"], [expected, 'x,"y']]


def test_texts_are_told_in_chunks_and_each_once(clinic, monkeypatch):
    monkeypatch.setattr(exporting, "CHUNK", 7)
    clinic.take(*(row(number, at(20)) for number in range(21)))
    told = lines(clinic)
    assert len(told) == 63
    assert len({(one["appointment_id"], one["step"]) for one in told}) == 63


def test_memory_does_not_grow_with_the_batch(clinic, monkeypatch):
    monkeypatch.setattr(exporting, "CHUNK", 200)
    clinic.take(row(0, at(20)))
    (one,) = clinic.all(appointment)
    values = {name: value for name, value in one._mapping.items() if name not in ("id", "appointment_id")}
    for start in range(0, 2000, 1000):
        more = [{**values, "appointment_id": f"M{number}"} for number in range(start, start + 1000)]
        with clinic.ledger.write() as connection:
            connection.execute(insert(appointment), more)

    def peak(most):
        found = export_texts(clinic.ledger, clinic.vault, clinic.content.config.reminders, 1, NOW)
        tracemalloc.start()
        for _, _line in zip(range(most), found, strict=False):
            pass
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return highest

    peak(1800)
    assert peak(6003) < 1.4 * peak(1800)


def test_the_file_is_its_owners_alone_and_takes_its_place_when_it_is_whole(tmp_path):
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
    assert [found.name for found in tmp_path.iterdir()] == ["texts.csv"]


def test_a_device_is_written_to_and_not_replaced():
    with private_file(Path("/dev/null")) as file:
        file.write("x")
    assert not Path("/dev/null").is_file()


PLACES = [
    ("a folder that is not there", "missing/texts.csv", "not there"),
    ("a folder itself", "", "is a folder"),
    ("a file for a folder", "file/texts.csv", "not there"),
    ("a name that is too long", "x" * 300, "cannot be written"),
]


@pytest.mark.parametrize(("place", "sentence"), [case[1:] for case in PLACES], ids=[case[0] for case in PLACES])
def test_a_file_that_cannot_be_written_is_told_in_a_sentence(tmp_path, place, sentence):
    (tmp_path / "file").write_text("")
    with pytest.raises(UnwritableFile, match=sentence), private_file(tmp_path / place):
        pass


# The two counts that staff see side by side


def by_hand(clinic):
    return ManualActions(clinic.ledger, clinic.vault, clinic.content.config)


COUNTED = [
    ("nothing happened yet", lambda _house: None),
    ("a claim under way", lambda clinic: clinic.claim()),
    ("handed over", lambda clinic: clinic.send()),
    ("refused for a while", lambda clinic: refuse(clinic, ErrorClass.TRANSIENT, 20429)),
    ("cancelled", lambda clinic: control(clinic.ledger, 1, cancelled_at=NOW)),
    (
        "cancelled while a claim was under way",
        lambda clinic: (clinic.claim(), control(clinic.ledger, 1, cancelled_at=NOW)),
    ),
    ("she opted out", lambda clinic: tell(clinic, opt_out, "text", "STOP")),
    ("not her number", lambda clinic: tell(clinic, mark_wrong_number)),
    ("one text left out", lambda clinic: by_hand(clinic).skip("A1", "7d", NOW)),
    ("all left out", lambda clinic: by_hand(clinic).skip("A1", None, NOW)),
    ("cancelled by a file", lambda clinic: clinic.take(row(1, at(20), status="cancelled"))),
    ("moved by a file", lambda clinic: clinic.take(row(1, at(25)))),
    ("three visits of hers on a day", lambda clinic: clinic.take(*(row(n, DUE, phone=HER) for n in range(101, 104)))),
]


@pytest.mark.parametrize("happens", [case[1] for case in COUNTED], ids=[case[0] for case in COUNTED])
def test_a_visit_is_counted_as_planned_while_a_text_of_it_is_still_to_come(clinic, happens):
    clinic.take(row(1, at(20)), row(2, DUE), row(3, at(0, 1)))
    happens(clinic)
    for days in (0, 0.1, 1, 13.01, 19.01, 26):
        now = NOW + timedelta(days=days)
        while due_count(clinic.ledger, now, 10):
            clinic.send(now)
        for one in status(clinic.ledger)["batches"]:
            coming = export_texts(clinic.ledger, clinic.vault, clinic.content.config.reminders, one["batch"], now)
            visits = {line["appointment_id"] for line in coming if line["state"] == "planned"}
            assert one["texts"]["planned"] == len(visits), (days, one["batch"])
    assert status(clinic.ledger)["texts"]["planned"] == 0
