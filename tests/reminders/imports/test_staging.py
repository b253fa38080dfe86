"""Two imports of the same appointments at once, in different processes: neither undoes what the other stages."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ivr.ledger.tables import appointment, batch, person, staged_change
from ivr.reminders.imports.rows import RowReader
from ivr.reminders.imports.staging import ImportStage
from tests.support.clinic import NOW, at, row


@pytest.fixture
def clinic(clinic_on_each_database):
    return clinic_on_each_database


def staged(clinic, *rows, now=NOW) -> ImportStage:
    """An import that has staged its rows, and still runs."""
    stage = ImportStage(clinic.ledger, clinic.vault, clinic.content.config, "appointments.csv", now)
    stage.add(RowReader(clinic.content.config, NOW).read(list(enumerate(rows, start=2))))
    return stage


def live_days(clinic) -> dict[str, int]:
    """The days from NOW of the appointments that are in live batches."""
    live = {stored.id for stored in clinic.all(batch) if stored.live_at}
    stored = [stored for stored in clinic.all(appointment) if stored.batch_id in live]
    return {stored.appointment_id: (stored.starts_at - NOW).days for stored in stored}


ROWS = [row(number, at(8)) for number in range(3)]
MOVED = [row(number, at(9)) for number in range(3)]
ALL_AT_8, ALL_AT_9 = {"A0": 8, "A1": 8, "A2": 8}, {"A0": 9, "A1": 9, "A2": 9}
# The rows of the second import, what happens in which order, and what is live then.
ORDERS = [
    ("the second is undone", ROWS, ["2 undo", "1 live"], ALL_AT_8),
    ("the second moves them and is undone", MOVED, ["2 undo", "1 live"], ALL_AT_8),
    ("the second is live first", ROWS, ["2 live", "1 live"], ALL_AT_8),
    ("the second moves them and is live first", MOVED, ["2 live", "1 live"], ALL_AT_9),
    ("the second moves them and is live last", MOVED, ["1 live", "2 live"], ALL_AT_9),
    ("the second is live and the first is undone", ROWS, ["2 live", "1 undo"], ALL_AT_8),
    ("the first is undone and the second is live", ROWS, ["1 undo", "2 live"], ALL_AT_8),
    ("the first is undone and the second moves them", MOVED, ["1 undo", "2 live"], ALL_AT_9),
    ("the first died", ROWS, ["2 live"], ALL_AT_8),
    ("both are undone", MOVED, ["2 undo", "1 undo"], {}),
    ("both are undone in order", MOVED, ["1 undo", "2 undo"], {}),
]


@pytest.mark.parametrize(("second", "steps", "live"), [case[1:] for case in ORDERS], ids=[case[0] for case in ORDERS])
def test_concurrent_imports_that_share_ids_keep_every_appointment(clinic, second, steps, live):
    stages = {"1": staged(clinic, *ROWS), "2": staged(clinic, *second, now=NOW + timedelta(seconds=1))}
    for step in steps:
        number, action = step.split()
        (stages[number].go_live if action == "live" else stages[number].undo)()
    assert live_days(clinic) == live
    assert clinic.all(staged_change) == []
    assert sorted(live_days(clinic)) == sorted(text.appointment_id for text in due(clinic))


def due(clinic):
    """The appointments that a worker would send texts about."""
    claimed = clinic.claim(NOW + timedelta(days=2))
    texts = {text.attempt: text.appointment_id for text in clinic.texts() if text.attempt}
    ids = {texts[text.attempt] for text in claimed}
    return [stored for stored in clinic.all(appointment) if stored.id in ids]


def test_an_import_goes_on_after_another_took_over_all_of_its_rows(clinic):
    first = staged(clinic, *ROWS)
    staged(clinic, *ROWS).go_live()
    first.add(RowReader(clinic.content.config, NOW).read([(2, row(7, at(8)))]))
    first.go_live()
    assert live_days(clinic) == {**ALL_AT_8, "A7": 8}


def test_undoing_an_import_removes_its_rows_persons_and_batch(clinic):
    staged(clinic, *ROWS).undo()
    assert [clinic.all(table) for table in (appointment, batch, person, staged_change)] == [[], [], [], []]


def test_rows_that_two_undone_imports_shared_are_taken_over_by_the_next_one(clinic):
    first, second = staged(clinic, *ROWS), staged(clinic, *MOVED)
    first.undo()
    second.undo()
    clinic.import_rows(*ROWS)
    assert live_days(clinic) == ALL_AT_8


def test_the_batch_of_an_import_that_died_is_deleted_a_day_later(clinic):
    staged(clinic, *ROWS)
    clinic.import_rows(*ROWS)
    assert [stored.live_at is not None for stored in clinic.all(batch)] == [False, True]
    clinic.import_rows(*MOVED, now=NOW + timedelta(days=2))
    assert all(stored.live_at for stored in clinic.all(batch))
