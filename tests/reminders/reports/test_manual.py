"""Manual actions: opt out, opt in, send now and skip; a manual text goes out once, under the same rules as others."""

from __future__ import annotations

import json
import threading
from datetime import timedelta

import pytest
from sqlalchemy import update

from ivr.carrier.twilio.client import Refused
from ivr.carrier.twilio.errors import ErrorClass
from ivr.ledger.tables import appointment, batch, opt_out_event, person, text
from ivr.people.persons import opt_in, opt_out
from ivr.people.replies import mark_wrong_number
from ivr.reminders.outbox.claims import due_count
from ivr.reminders.reports.manual import MANUAL, ManualActions, UnknownAppointment
from ivr.reminders.reports.status import batch_status, control
from tests.support.clinic import NOW, at, row

JANE = "+16035550101"
AHEAD = at(20)
BUSY = Refused(ErrorClass.TRANSIENT, 20429, "HTTP 429")
STOPPED = Refused(ErrorClass.STOP, 20003, "HTTP 401")


def actions(clinic):
    return ManualActions(clinic.ledger, clinic.vault, clinic.content.config)


def send(clinic, step="7d", now=NOW, name="A1"):
    return actions(clinic).send(name, step, now)


def skip(clinic, step=None, now=NOW, name="A1"):
    return {result.step: result.code for result in actions(clinic).skip(name, step, now)}


def write(clinic, statement):
    with clinic.ledger.write() as connection:
        connection.execute(statement)


def record(clinic, change, *arguments):
    """Record an opt-out, an opt-in or a wrong number of Jane's."""
    with clinic.ledger.write() as connection:
        change(connection, clinic.vault, JANE, NOW, *arguments)


# Send now


def test_a_text_that_staff_send_goes_out_early_and_once(clinic_on_each_database):
    clinic_on_each_database.import_rows(row(1, AHEAD))
    assert due_count(clinic_on_each_database.ledger, NOW, 10) == 0
    assert send(clinic_on_each_database, "2d").code == "due_now"
    assert due_count(clinic_on_each_database.ledger, NOW, 10) == 1
    (sent,) = clinic_on_each_database.send()
    assert "confirm" in sent.body
    (text_row,) = clinic_on_each_database.texts()
    assert (text_row.step, text_row.state, text_row.tries) == ("2d", "handed_over", 1)
    assert clinic_on_each_database.moves(text_row.id) == [
        (None, "planned", MANUAL),
        ("planned", "claimed", None),
        ("claimed", "handed_over", None),
    ]
    later = [clinic_on_each_database.send(NOW + timedelta(days=days, minutes=1)) for days in (0, 13, 18, 19)]
    assert [len(claimed) for claimed in later] == [0, 1, 0, 1]
    assert [text.step for text in clinic_on_each_database.texts()] == ["2d", "7d", "1d"]


def test_a_text_that_staff_skipped_can_be_sent_after_all_and_goes_out_once(clinic_on_each_database):
    clinic_on_each_database.import_rows(row(1, AHEAD))
    assert set(skip(clinic_on_each_database).values()) == {"left_out"}
    assert due_count(clinic_on_each_database.ledger, NOW + timedelta(days=19), 10) == 0
    assert [send(clinic_on_each_database, "2d").code for _ in range(2)] == ["due_now", "already"]
    assert len(clinic_on_each_database.send()) == 1
    (text_row,) = [text_row for text_row in clinic_on_each_database.texts() if text_row.step == "2d"]
    assert text_row.state == "handed_over"
    assert clinic_on_each_database.moves(text_row.id)[:3] == [
        (None, "skipped", MANUAL),
        ("skipped", "planned", MANUAL),
        ("planned", "claimed", None),
    ]
    assert [len(clinic_on_each_database.send(NOW + timedelta(days=days, minutes=1))) for days in (13, 18, 19)] == [
        0,
        0,
        0,
    ]
    assert send(clinic_on_each_database, "2d").code == "written"


def test_a_skipped_text_that_may_not_be_sent_now_stays_skipped(clinic):
    clinic.import_rows(row(1, AHEAD))
    skip(clinic)
    assert send(clinic, "2d", NOW + timedelta(hours=12)).code == "quiet_hours"
    assert clinic.states() == dict.fromkeys(("7d", "2d", "1d"), "skipped")


def test_a_repeated_send_reports_that_the_text_is_planned_and_later_that_it_was_sent(clinic):
    clinic.import_rows(row(1, AHEAD))
    assert [send(clinic).code for _ in range(3)] == ["due_now", "already", "already"]
    assert len(clinic.send()) == 1
    later = send(clinic, now=NOW + timedelta(days=2))
    assert (later.code, later.done) == ("written", False)
    assert "handed over already" in later.sentence
    assert len(clinic.texts()) == 1


@pytest.mark.parametrize("users", [2, 6])
def test_concurrent_sends_of_a_text_send_it_once(clinic_on_each_database, users):
    clinic_on_each_database.import_rows(row(1, AHEAD))
    codes, start = [], threading.Barrier(users)

    def send_now():
        start.wait()
        codes.append(send(clinic_on_each_database).code)

    threads = [threading.Thread(target=send_now) for _ in range(users)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == ["already"] * (users - 1) + ["due_now"]
    assert len(clinic_on_each_database.send()) == 1


def test_a_manual_text_that_the_carrier_refuses_is_retried_before_its_planned_time(clinic):
    clinic.import_rows(row(1, AHEAD))
    send(clinic)
    (claimed,) = clinic.claim()
    clinic.record([(claimed.attempt, BUSY)])
    assert clinic.claim(NOW + timedelta(seconds=29)) == []
    assert len(clinic.claim(NOW + timedelta(seconds=31))) == 1


def test_a_manual_text_waits_while_the_carrier_refuses_our_texts(clinic):
    clinic.import_rows(row(1, AHEAD), row(2, at(2, -1)))
    clinic.record([(claimed.attempt, STOPPED) for claimed in clinic.claim()])
    assert send(clinic).code == "waits_for_carrier"


REFUSED = [
    ("an opt-out", lambda clinic: record(clinic, opt_out, "text", "STOP"), "opted_out"),
    ("a landline", lambda clinic: write(clinic, update(person).values(landline=True)), "landline"),
    ("a wrong number", lambda clinic: record(clinic, mark_wrong_number), "not_hers"),
    ("paused", lambda clinic: control(clinic.ledger, 1, paused=True), "paused"),
    ("still importing", lambda clinic: write(clinic, update(batch).values(live_at=None)), "not_live"),
    ("a cancelled batch", lambda clinic: control(clinic.ledger, 1, cancelled_at=NOW), "batch_cancelled"),
    (
        "a cancelled appointment",
        lambda clinic: write(clinic, update(appointment).values(status="cancelled")),
        "cancelled",
    ),
    ("reminders by call", lambda clinic: write(clinic, update(appointment).values(channel="call")), "not_by_text"),
    ("attended", lambda clinic: write(clinic, update(appointment).values(status="attended")), "visit_over"),
    (
        "an appointment that has started",
        lambda clinic: write(clinic, update(appointment).values(starts_at=NOW)),
        "visit_over",
    ),
    ("confirmed", lambda clinic: write(clinic, update(appointment).values(answer="confirmed")), "confirmed"),
    (
        "skipped by the plan",
        lambda clinic: (skip(clinic, "2d"), write(clinic, update(text).values(reason="late"))),
        "written",
    ),
    (
        "the daily limit",
        lambda clinic: (clinic.import_rows({**row(1, at(2, -1)), "appointment_id": "B1"}), clinic.claim()),
        "limit",
    ),
    (
        "the daily limit with a planned text",
        lambda clinic: (clinic.import_rows({**row(1, AHEAD), "appointment_id": "B1"}), send(clinic, name="B1")),
        "limit",
    ),
]


@pytest.mark.parametrize(("change", "code"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_a_text_that_must_not_go_out_is_refused_with_the_reason(clinic_on_each_database, change, code):
    clinic_on_each_database.import_rows(row(1, AHEAD))
    change(clinic_on_each_database)
    before = [text.id for text in clinic_on_each_database.texts("A1")]
    result = send(clinic_on_each_database, "2d")
    assert (result.code, result.done) == (code, False)
    assert "{" not in result.sentence
    assert [text.id for text in clinic_on_each_database.texts("A1")] == before


TIMES = [
    ("at night", 12, at(20), "2d", "quiet_hours"),
    ("just before quiet hours", 10.99, at(20), "2d", "due_now"),
    ("too late", 0, at(1.5), "7d", "late"),
    ("while a text of higher priority is due", 0, at(1.5), "1d", "other_first"),
]


@pytest.mark.parametrize(
    ("hours", "starts_at", "step", "code"), [case[1:] for case in TIMES], ids=[case[0] for case in TIMES]
)
def test_the_rules_of_the_plan_apply_to_manual_texts(clinic, hours, starts_at, step, code):
    clinic.import_rows(row(1, starts_at))
    assert send(clinic, step, NOW + timedelta(hours=hours)).code == code


LATER_CHANGES = [
    ("an opt-out", lambda clinic: record(clinic, opt_out, "text", "STOP"), "skipped"),
    ("a moved appointment", lambda clinic: clinic.import_rows(row(1, at(30))), "cancelled"),
    ("a cancelled appointment", lambda clinic: clinic.import_rows(row(1, AHEAD, status="cancelled")), "cancelled"),
    ("a cancelled batch", lambda clinic: control(clinic.ledger, 1, cancelled_at=NOW), "cancelled"),
    ("a wrong number", lambda clinic: record(clinic, mark_wrong_number), "planned"),
    ("skipped after all", lambda clinic: skip(clinic, "7d"), "skipped"),
]


@pytest.mark.parametrize(
    ("change", "state"), [case[1:] for case in LATER_CHANGES], ids=[case[0] for case in LATER_CHANGES]
)
def test_a_change_between_send_and_claim_takes_effect(clinic_on_each_database, change, state):
    clinic_on_each_database.import_rows(row(1, AHEAD))
    assert send(clinic_on_each_database).done
    change(clinic_on_each_database)
    assert clinic_on_each_database.claim() == []
    assert clinic_on_each_database.texts("A1")[0].state == state


def test_a_manual_text_claimed_in_quiet_hours_waits_for_their_end(clinic):
    clinic.import_rows(row(1, AHEAD))
    send(clinic, now=NOW + timedelta(hours=10))
    assert clinic.claim(NOW + timedelta(hours=11)) == []
    assert clinic.claim(NOW + timedelta(hours=21, minutes=59)) == []
    assert len(clinic.claim(NOW + timedelta(hours=22))) == 1


# Skip


def test_a_skipped_text_does_not_go_out_and_the_others_do(clinic_on_each_database):
    clinic_on_each_database.import_rows(row(1, AHEAD))
    assert skip(clinic_on_each_database, "7d") == {"7d": "left_out"}
    assert clinic_on_each_database.appointment("A1").next_due_at == NOW + timedelta(days=18)
    for days in (13, 18, 19):
        clinic_on_each_database.send(NOW + timedelta(days=days))
    assert clinic_on_each_database.states() == {"7d": "skipped", "2d": "handed_over", "1d": "handed_over"}
    (skipped, *_) = clinic_on_each_database.texts()
    assert clinic_on_each_database.moves(skipped.id) == [(None, "skipped", MANUAL)]


def test_an_appointment_whose_texts_are_all_skipped_has_none_planned(clinic_on_each_database):
    clinic_on_each_database.import_rows(row(1, at(2, -1)), row(2, AHEAD))
    clinic_on_each_database.send()
    assert skip(clinic_on_each_database) == {"7d": "written", "2d": "written", "1d": "left_out"}
    assert skip(clinic_on_each_database, name="A2") == dict.fromkeys(("7d", "2d", "1d"), "left_out")
    assert batch_status(clinic_on_each_database.ledger)["texts"]["planned"] == 0
    assert batch_status(clinic_on_each_database.ledger)["reasons"] == {"late": 1, MANUAL: 4}


def test_skipping_a_text_of_a_cancelled_batch_makes_nothing_due(clinic):
    clinic.import_rows(row(1, AHEAD))
    control(clinic.ledger, 1, cancelled_at=NOW)
    skip(clinic, "2d")
    assert clinic.appointment("A1").next_due_at is None


def test_texts_of_a_past_appointment_cannot_be_skipped(clinic):
    clinic.import_rows(row(1, AHEAD))
    assert set(skip(clinic, now=NOW + timedelta(days=20)).values()) == {"visit_over"}
    assert clinic.texts() == []


def test_a_moved_appointment_gets_texts_for_its_new_time_even_if_the_old_ones_were_skipped(clinic):
    clinic.import_rows(row(1, AHEAD))
    skip(clinic)
    clinic.import_rows(row(1, at(30)))
    assert len(clinic.claim(NOW + timedelta(days=23))) == 1


@pytest.mark.parametrize(
    ("name", "step", "sentence"), [("X", "7d", "no appointment X"), ("A1", "9d", "no step 9d.*7d, 2d, 1d")]
)
def test_an_unknown_appointment_or_step_is_explained(clinic, name, step, sentence):
    clinic.import_rows(row(1, AHEAD))
    with pytest.raises(UnknownAppointment, match=sentence):
        send(clinic, step, name=name)
    with pytest.raises(UnknownAppointment, match=sentence):
        skip(clinic, step, name=name)


# Opt out and opt in


def test_an_opt_out_by_staff_stops_texts_and_its_reason_is_stored_sealed(clinic_on_each_database):
    clinic_on_each_database.import_rows(row(1, at(2, -1)))
    assert actions(clinic_on_each_database).stop(JANE, "called us", NOW)
    assert not actions(clinic_on_each_database).stop(JANE, "called again", NOW)
    assert clinic_on_each_database.claim() == []
    (event,) = clinic_on_each_database.all(opt_out_event)
    assert (event.kind, event.source, event.at) == ("stop", "staff", NOW)
    assert clinic_on_each_database.vault.open(event.evidence_sealed) == "called us"


def test_an_unknown_number_can_be_opted_out_before_its_first_import(clinic):
    assert actions(clinic).stop(JANE, "called us", NOW)
    clinic.import_rows(row(1, at(2, -1)))
    assert clinic.claim() == []


OPT_OUTS = [
    ("opted out by staff", lambda clinic: actions(clinic).stop(JANE, "called us", NOW), "staff"),
    ("opted out by text", lambda clinic: record(clinic, opt_out, "text", "STOP"), "text"),
    (
        "opted out and in by text",
        lambda clinic: (record(clinic, opt_out, "text", "STOP"), record(clinic, opt_in, "text", "START")),
        None,
    ),
    ("not opted out", lambda _clinic: None, None),
]


@pytest.mark.parametrize(("before", "source"), [case[1:] for case in OPT_OUTS], ids=[case[0] for case in OPT_OUTS])
def test_revoking_an_opt_out_reports_its_source(clinic_on_each_database, before, source):
    clinic_on_each_database.import_rows(row(1, at(2, -1)))
    before(clinic_on_each_database)
    assert actions(clinic_on_each_database).start(JANE, "wants them again", NOW) == source
    assert len(clinic_on_each_database.claim()) == 1


# Look up


def test_an_unknown_number_is_reported_as_unknown(clinic_on_each_database):
    assert actions(clinic_on_each_database).person(JANE, NOW)["known"] is False


def test_a_person_is_reported_with_appointments_and_texts(clinic_on_each_database):
    clinic = clinic_on_each_database
    clinic.import_rows(row(1, at(2, -1), first_name="Zoë"), {**row(1, AHEAD), "appointment_id": "B1"}, row(2, AHEAD))
    clinic.send()
    write(
        clinic, update(appointment).where(appointment.c.appointment_id == "A1").values(answer="change", answered_at=NOW)
    )
    actions(clinic).stop(JANE, "called us", NOW)
    known = actions(clinic).person(JANE, NOW + timedelta(hours=1))
    assert known["opted_out"] == {"since": "2026-12-01 10:00-05:00", "source": "staff"}
    first, second = known["appointments"]
    assert (first["appointment_id"], first["starts_at"], first["answer"]) == ("A1", "2026-12-03 09:00-05:00", "change")
    assert [(text["step"], text["state"], text["reason"]) for text in first["texts"]] == [
        ("7d", "skipped", "late"),
        ("2d", "handed_over", None),
        ("1d", "planned", "opted_out"),
    ]
    assert first["texts"][1]["handed_over_at"] == "2026-12-01 10:00-05:00"
    assert {text["state"] for text in second["texts"]} == {"planned"}
    assert "Zoë" not in json.dumps(known, ensure_ascii=False)


def test_appointments_of_the_last_thirty_days_are_reported_and_no_older_ones(clinic):
    clinic.import_rows(row(1, AHEAD))
    past = timedelta(days=50)
    assert len(actions(clinic).person(JANE, NOW + past - timedelta(minutes=1))["appointments"]) == 1
    assert actions(clinic).person(JANE, NOW + past)["appointments"] == []
