"""Texts that staff skipped and planned again: each goes out once, at its time in the plan."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from ivr.carrier.twilio.client import Refused
from ivr.carrier.twilio.errors import ErrorClass
from ivr.ledger.tables import appointment
from ivr.people.persons import opt_out
from ivr.reminders.outbox.text_states import PLANNED_AGAIN
from ivr.reminders.reports.appointment_texts import TextReporter, appointments_query
from ivr.reminders.reports.manual import MANUAL, ManualActions, UnknownAppointment
from ivr.reminders.reports.status import batch_status, control
from ivr.reminders.schedule.replan import replan
from tests.support.clinic import NOW, at, row

# The steps 7d, 2d and 1d are due 13, 18 and 19 days from now.
AHEAD = at(20)
BUSY = Refused(ErrorClass.TRANSIENT, 20429, "HTTP 429")


def days(number: int) -> timedelta:
    return timedelta(days=number, minutes=1)


def actions(clinic):
    return ManualActions(clinic.ledger, clinic.vault, clinic.content.config)


def skip(clinic, step=None, now=NOW):
    return {result.step: result.code for result in actions(clinic).skip("A1", step, now)}


def unskip(clinic, step=None, now=NOW):
    return {result.step: result.code for result in actions(clinic).unskip("A1", step, now)}


def reports(clinic, now=NOW):
    """The state and the reason of each text, as pages and files have them."""
    with clinic.ledger.read() as connection:
        rows = connection.execute(appointments_query().where(appointment.c.appointment_id == "A1")).all()
        [(_, texts)] = TextReporter(clinic.content.config.reminders, now).report(connection, rows)
    return {text.step: (text.state.value, text.reason) for text in texts}


def test_a_text_that_is_planned_again_goes_out_at_its_time_and_once(clinic_on_each_database):
    clinic = clinic_on_each_database
    clinic.import_rows(row(1, AHEAD))
    assert skip(clinic, "7d") == {"7d": "left_out"}
    assert unskip(clinic, "7d", NOW + days(1)) == {"7d": "planned_again"}
    assert clinic.appointment("A1").next_due_at == NOW + timedelta(days=13)
    assert reports(clinic)["7d"] == ("planned", PLANNED_AGAIN)
    assert [len(clinic.send(NOW + days(number))) for number in (1, 12, 13, 13, 18, 19)] == [0, 0, 1, 0, 1, 1]
    assert clinic.states() == dict.fromkeys(("7d", "2d", "1d"), "handed_over")
    (first, *_) = clinic.texts()
    assert clinic.moves(first.id) == [
        (None, "skipped", MANUAL),
        ("skipped", "planned", PLANNED_AGAIN),
        ("planned", "claimed", None),
        ("claimed", "handed_over", None),
    ]


def test_all_texts_are_planned_again_and_counted_as_planned(clinic_on_each_database):
    clinic = clinic_on_each_database
    clinic.import_rows(row(1, AHEAD))
    skip(clinic)
    assert batch_status(clinic.ledger)["texts"]["planned"] == 0
    assert unskip(clinic) == dict.fromkeys(("7d", "2d", "1d"), "planned_again")
    status = batch_status(clinic.ledger)
    assert (status["texts"]["planned"], status["texts"]["skipped"], status["reasons"]) == (1, 0, {})
    assert [len(clinic.send(NOW + days(number))) for number in (0, 13, 18, 19)] == [0, 1, 1, 1]


def test_a_text_can_be_skipped_and_planned_again_any_number_of_times(clinic):
    clinic.import_rows(row(1, AHEAD))
    for _ in range(3):
        assert skip(clinic, "7d") == {"7d": "left_out"}
        assert unskip(clinic, "7d") == {"7d": "planned_again"}
    assert skip(clinic, "7d") == {"7d": "left_out"}
    assert clinic.appointment("A1").next_due_at == NOW + timedelta(days=18)
    assert [len(clinic.send(NOW + days(number))) for number in (13, 18)] == [0, 1]


def test_a_text_that_is_planned_again_can_be_sent_now_and_goes_out_once(clinic_on_each_database):
    clinic = clinic_on_each_database
    clinic.import_rows(row(1, AHEAD))
    skip(clinic, "2d")
    unskip(clinic, "2d")
    assert [actions(clinic).send("A1", "2d", NOW).code for _ in range(2)] == ["due_now", "already"]
    assert [len(clinic.send(NOW + days(number))) for number in (0, 18)] == [1, 0]
    (text_row,) = [text_row for text_row in clinic.texts() if text_row.step == "2d"]
    assert clinic.moves(text_row.id)[1:3] == [("skipped", "planned", PLANNED_AGAIN), ("planned", "planned", MANUAL)]


def test_skipping_another_text_keeps_the_time_of_one_that_is_planned_again(clinic):
    clinic.import_rows(row(1, AHEAD))
    skip(clinic)
    unskip(clinic, "7d")
    unskip(clinic, "2d")
    assert skip(clinic, "7d") == {"7d": "left_out"}
    assert clinic.appointment("A1").next_due_at == NOW + timedelta(days=18)


def test_a_text_that_is_planned_again_follows_a_plan_that_changes(clinic):
    clinic.import_rows(row(1, AHEAD))
    skip(clinic, "7d")
    unskip(clinic, "7d")
    rules = clinic.content.config.reminders
    later = [step.model_copy(update={"before": timedelta(days=5)}) if step.id == "7d" else step for step in rules.plan]
    changed = rules.model_copy(update={"plan": later})
    config = clinic.content.config.model_copy(update={"reminders": changed})
    clinic.content = replace(clinic.content, config=config)
    replan(clinic.ledger, changed, NOW + days(1))
    assert [len(clinic.send(NOW + days(number))) for number in (1, 13, 15)] == [0, 0, 1]


def test_a_text_that_is_planned_again_and_refused_is_retried_and_goes_out_once(clinic_on_each_database):
    clinic = clinic_on_each_database
    clinic.import_rows(row(1, AHEAD))
    skip(clinic, "7d")
    unskip(clinic, "7d")
    due = NOW + days(13)
    (claimed,) = clinic.claim(due)
    clinic.record([(claimed.attempt, BUSY)], due)
    assert clinic.claim(due + timedelta(seconds=29)) == []
    assert [len(clinic.send(due + timedelta(seconds=seconds))) for seconds in (31, 62)] == [1, 0]


@pytest.mark.parametrize("users", [2, 6])
def test_people_who_plan_again_and_send_a_text_at_once_send_it_once(clinic_on_each_database, users):
    clinic = clinic_on_each_database
    clinic.import_rows(row(1, AHEAD))
    skip(clinic, "7d")
    done, start = list[str](), threading.Barrier(2 * users)

    def plan_again():
        start.wait()
        done.append(unskip(clinic, "7d")["7d"])

    def send_now():
        start.wait()
        done.append(actions(clinic).send("A1", "7d", NOW).code)

    threads = [threading.Thread(target=each) for each in (plan_again, send_now) for _ in range(users)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done.count("due_now") == 1
    assert done.count("already") == users - 1
    assert done.count("planned_again") <= 1
    assert [len(clinic.send(NOW + days(number))) for number in (0, 13)] == [1, 0]


def opted_out(clinic):
    with clinic.ledger.write() as connection:
        opt_out(connection, clinic.vault, "+16035550101", NOW, "text", "STOP")


def test_a_text_that_is_planned_again_still_obeys_an_opt_out(clinic_on_each_database):
    clinic = clinic_on_each_database
    clinic.import_rows(row(1, AHEAD))
    skip(clinic, "7d")
    opted_out(clinic)
    assert unskip(clinic, "7d") == {"7d": "planned_again"}
    assert reports(clinic)["7d"] == ("planned", "opted_out")
    assert clinic.claim(NOW + days(13)) == []
    assert (clinic.texts()[0].state, clinic.texts()[0].reason) == ("skipped", "opted_out")


REFUSALS = (
    ("nobody skipped it", lambda clinic: clinic.claim(), days(0), "not_left_out"),
    ("it went out", lambda clinic: clinic.send(NOW + days(13)), days(14), "not_left_out"),
    ("its time has passed", lambda clinic: skip(clinic, "7d"), days(13), "time_passed"),
    ("the appointment is over", lambda clinic: skip(clinic, "7d"), days(20), "visit_over"),
    (
        "the batch is cancelled",
        lambda clinic: (skip(clinic, "7d"), control(clinic.ledger, 1, cancelled_at=NOW)),
        days(0),
        "batch_cancelled",
    ),
    (
        "the appointment is cancelled",
        lambda clinic: (skip(clinic, "7d"), clinic.import_rows(row(1, AHEAD, status="cancelled"))),
        days(0),
        "cancelled",
    ),
)


@pytest.mark.parametrize(
    ("before", "after", "code"), [case[1:] for case in REFUSALS], ids=[case[0] for case in REFUSALS]
)
def test_a_text_that_cannot_be_planned_again_stays_as_it_is(clinic_on_each_database, before, after, code):
    clinic = clinic_on_each_database
    clinic.import_rows(row(1, AHEAD))
    before(clinic)
    states, due = clinic.states(), clinic.appointment("A1").next_due_at
    assert unskip(clinic, "7d", NOW + after) == {"7d": code}
    assert (clinic.states(), clinic.appointment("A1").next_due_at) == (states, due)


def test_an_appointment_that_is_booked_again_keeps_the_time_of_a_text_that_was_planned_again(clinic):
    clinic.import_rows(row(1, AHEAD))
    skip(clinic, "7d")
    unskip(clinic, "7d")
    clinic.import_rows(row(1, AHEAD, status="cancelled"))
    clinic.send(NOW + days(1))
    clinic.import_rows(row(1, AHEAD), now=NOW + days(2))
    assert [len(clinic.send(NOW + days(number))) for number in (2, 13)] == [0, 1]


def test_an_unknown_step_is_explained(clinic):
    clinic.import_rows(row(1, AHEAD))
    with pytest.raises(UnknownAppointment, match="no step 9d"):
        unskip(clinic, "9d")
