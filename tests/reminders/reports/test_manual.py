"""One person's texts by hand: stop, start, send now, leave out; each once, and by the rules of all others."""

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
from ivr.reminders.reports.status import control, status
from tests.support.clinic import NOW, at, row

HER = "+16035550101"
AHEAD = at(20)
BUSY = Refused(ErrorClass.TRANSIENT, 20429, "HTTP 429")
STOPPED = Refused(ErrorClass.STOP, 20003, "HTTP 401")


def hand(clinic):
    return ManualActions(clinic.ledger, clinic.vault, clinic.content.config)


def send(clinic, step="7d", now=NOW, name="A1"):
    return hand(clinic).send(name, step, now)


def skip(clinic, step=None, now=NOW, name="A1"):
    return {one.step: one.code for one in hand(clinic).skip(name, step, now)}


def write(clinic, statement):
    with clinic.ledger.write() as connection:
        connection.execute(statement)


def tell(clinic, what, *told):
    with clinic.ledger.write() as connection:
        what(connection, clinic.vault, HER, NOW, *told)


# Send now


def test_a_text_that_is_sent_by_hand_goes_out_ahead_of_its_time_and_once(clinic_on_each_database):
    clinic_on_each_database.take(row(1, AHEAD))
    assert due_count(clinic_on_each_database.ledger, NOW, 10) == 0
    assert send(clinic_on_each_database, "2d").code == "due_now"
    assert due_count(clinic_on_each_database.ledger, NOW, 10) == 1
    (one,) = clinic_on_each_database.send()
    assert "confirm" in one.body
    (kept,) = clinic_on_each_database.texts()
    assert (kept.step, kept.state, kept.tries) == ("2d", "handed_over", 1)
    assert clinic_on_each_database.moves(kept.id) == [
        (None, "planned", MANUAL),
        ("planned", "claimed", None),
        ("claimed", "handed_over", None),
    ]
    later = [clinic_on_each_database.send(NOW + timedelta(days=days, minutes=1)) for days in (0, 13, 18, 19)]
    assert [len(claimed) for claimed in later] == [0, 1, 0, 1]
    assert [text.step for text in clinic_on_each_database.texts()] == ["2d", "7d", "1d"]


def test_a_text_that_was_left_out_by_hand_can_be_sent_after_all_and_goes_out_once(clinic_on_each_database):
    clinic_on_each_database.take(row(1, AHEAD))
    assert set(skip(clinic_on_each_database).values()) == {"left_out"}
    assert due_count(clinic_on_each_database.ledger, NOW + timedelta(days=19), 10) == 0
    assert [send(clinic_on_each_database, "2d").code for _ in range(2)] == ["due_now", "already"]
    assert len(clinic_on_each_database.send()) == 1
    (kept,) = [one for one in clinic_on_each_database.texts() if one.step == "2d"]
    assert kept.state == "handed_over"
    assert clinic_on_each_database.moves(kept.id)[:3] == [
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


def test_a_text_that_may_not_go_out_now_stays_left_out(clinic):
    clinic.take(row(1, AHEAD))
    skip(clinic)
    assert send(clinic, "2d", NOW + timedelta(hours=12)).code == "quiet_hours"
    assert clinic.states() == dict.fromkeys(("7d", "2d", "1d"), "skipped")


def test_whoever_asks_twice_is_told_that_it_is_on_its_way_and_then_that_it_went(clinic):
    clinic.take(row(1, AHEAD))
    assert [send(clinic).code for _ in range(3)] == ["due_now", "already", "already"]
    assert len(clinic.send()) == 1
    later = send(clinic, now=NOW + timedelta(days=2))
    assert (later.code, later.done) == ("written", False)
    assert "handed over already" in later.sentence
    assert len(clinic.texts()) == 1


@pytest.mark.parametrize("how_many", [2, 6])
def test_several_who_ask_at_the_same_moment_send_it_once(clinic_on_each_database, how_many):
    clinic_on_each_database.take(row(1, AHEAD))
    codes, start = [], threading.Barrier(how_many)

    def ask():
        start.wait()
        codes.append(send(clinic_on_each_database).code)

    threads = [threading.Thread(target=ask) for _ in range(how_many)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == ["already"] * (how_many - 1) + ["due_now"]
    assert len(clinic_on_each_database.send()) == 1


def test_a_text_by_hand_that_the_carrier_does_not_take_is_tried_again_before_its_own_time(clinic):
    clinic.take(row(1, AHEAD))
    send(clinic)
    (one,) = clinic.claim()
    clinic.record([(one.attempt, BUSY)])
    assert clinic.claim(NOW + timedelta(seconds=29)) == []
    assert len(clinic.claim(NOW + timedelta(seconds=31))) == 1


def test_while_the_carrier_refuses_us_it_says_that_it_waits(clinic):
    clinic.take(row(1, AHEAD), row(2, at(2, -1)))
    clinic.record([(one.attempt, STOPPED) for one in clinic.claim()])
    assert send(clinic).code == "waits_for_carrier"


REFUSED = [
    ("she opted out", lambda clinic: tell(clinic, opt_out, "text", "STOP"), "opted_out"),
    ("a landline", lambda clinic: write(clinic, update(person).values(landline=True)), "landline"),
    ("not her number", lambda clinic: tell(clinic, mark_wrong_number), "not_hers"),
    ("paused", lambda clinic: control(clinic.ledger, 1, paused=True), "paused"),
    ("half taken in", lambda clinic: write(clinic, update(batch).values(live_at=None)), "not_live"),
    ("the batch is cancelled", lambda clinic: control(clinic.ledger, 1, cancelled_at=NOW), "batch_cancelled"),
    (
        "the visit is cancelled",
        lambda clinic: write(clinic, update(appointment).values(status="cancelled")),
        "cancelled",
    ),
    ("by call", lambda clinic: write(clinic, update(appointment).values(channel="call")), "not_by_text"),
    ("she came", lambda clinic: write(clinic, update(appointment).values(status="attended")), "visit_over"),
    ("the visit has begun", lambda clinic: write(clinic, update(appointment).values(starts_at=NOW)), "visit_over"),
    ("she has confirmed", lambda clinic: write(clinic, update(appointment).values(answer="confirmed")), "confirmed"),
    (
        "skipped by the plan",
        lambda clinic: (skip(clinic, "2d"), write(clinic, update(text).values(reason="late"))),
        "written",
    ),
    (
        "a text today already",
        lambda clinic: (clinic.take({**row(1, at(2, -1)), "appointment_id": "B1"}), clinic.claim()),
        "limit",
    ),
    (
        "another that waits for a worker",
        lambda clinic: (clinic.take({**row(1, AHEAD), "appointment_id": "B1"}), send(clinic, name="B1")),
        "limit",
    ),
]


@pytest.mark.parametrize(("happens", "code"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_what_must_not_go_out_does_not_and_the_sentence_says_why(clinic_on_each_database, happens, code):
    clinic_on_each_database.take(row(1, AHEAD))
    happens(clinic_on_each_database)
    before = [text.id for text in clinic_on_each_database.texts("A1")]
    outcome = send(clinic_on_each_database, "2d")
    assert (outcome.code, outcome.done) == (code, False)
    assert "{" not in outcome.sentence
    assert [text.id for text in clinic_on_each_database.texts("A1")] == before


MOMENTS = [
    ("at night", 12, at(20), "2d", "quiet_hours"),
    ("a minute before the quiet hours", 10.99, at(20), "2d", "due_now"),
    ("too late for it", 0, at(1.5), "7d", "late"),
    ("while one that counts for more is due", 0, at(1.5), "1d", "other_first"),
]


@pytest.mark.parametrize(
    ("hours", "starts_at", "step", "code"), [case[1:] for case in MOMENTS], ids=[case[0] for case in MOMENTS]
)
def test_the_rules_of_the_plan_hold_at_that_moment(clinic, hours, starts_at, step, code):
    clinic.take(row(1, starts_at))
    assert send(clinic, step, NOW + timedelta(hours=hours)).code == code


THEN = [
    ("she opts out", lambda clinic: tell(clinic, opt_out, "text", "STOP"), "skipped"),
    ("the visit is moved", lambda clinic: clinic.take(row(1, at(30))), "cancelled"),
    ("the visit is cancelled", lambda clinic: clinic.take(row(1, AHEAD, status="cancelled")), "cancelled"),
    ("the batch is cancelled", lambda clinic: control(clinic.ledger, 1, cancelled_at=NOW), "cancelled"),
    ("she says that it is not her number", lambda clinic: tell(clinic, mark_wrong_number), "planned"),
    ("it is left out after all", lambda clinic: skip(clinic, "7d"), "skipped"),
]


@pytest.mark.parametrize(("happens", "state"), [case[1:] for case in THEN], ids=[case[0] for case in THEN])
def test_what_happens_before_the_worker_comes_still_counts(clinic_on_each_database, happens, state):
    clinic_on_each_database.take(row(1, AHEAD))
    assert send(clinic_on_each_database).done
    happens(clinic_on_each_database)
    assert clinic_on_each_database.claim() == []
    assert clinic_on_each_database.texts("A1")[0].state == state


def test_when_the_worker_comes_at_night_it_waits_for_the_morning(clinic):
    clinic.take(row(1, AHEAD))
    send(clinic, now=NOW + timedelta(hours=10))
    assert clinic.claim(NOW + timedelta(hours=11)) == []
    assert clinic.claim(NOW + timedelta(hours=21, minutes=59)) == []
    assert len(clinic.claim(NOW + timedelta(hours=22))) == 1


# Leave out


def test_a_text_that_is_left_out_does_not_go_out_and_the_others_do(clinic_on_each_database):
    clinic_on_each_database.take(row(1, AHEAD))
    assert skip(clinic_on_each_database, "7d") == {"7d": "left_out"}
    assert clinic_on_each_database.appointment("A1").next_due_at == NOW + timedelta(days=18)
    for days in (13, 18, 19):
        clinic_on_each_database.send(NOW + timedelta(days=days))
    assert clinic_on_each_database.states() == {"7d": "skipped", "2d": "handed_over", "1d": "handed_over"}
    (left_out, *_) = clinic_on_each_database.texts()
    assert clinic_on_each_database.moves(left_out.id) == [(None, "skipped", MANUAL)]


def test_a_visit_whose_texts_are_all_left_out_has_none_to_come(clinic_on_each_database):
    clinic_on_each_database.take(row(1, at(2, -1)), row(2, AHEAD))
    clinic_on_each_database.send()
    assert skip(clinic_on_each_database) == {"7d": "written", "2d": "written", "1d": "left_out"}
    assert skip(clinic_on_each_database, name="A2") == dict.fromkeys(("7d", "2d", "1d"), "left_out")
    assert status(clinic_on_each_database.ledger)["texts"]["planned"] == 0
    assert status(clinic_on_each_database.ledger)["reasons"] == {"late": 1, MANUAL: 4}


def test_leaving_out_wakes_nothing_that_was_ended(clinic):
    clinic.take(row(1, AHEAD))
    control(clinic.ledger, 1, cancelled_at=NOW)
    skip(clinic, "2d")
    assert clinic.appointment("A1").next_due_at is None


def test_the_texts_of_a_past_visit_are_left_as_they_are(clinic):
    clinic.take(row(1, AHEAD))
    assert set(skip(clinic, now=NOW + timedelta(days=20)).values()) == {"visit_over"}
    assert clinic.texts() == []


def test_a_visit_that_is_moved_gets_the_texts_for_its_new_time(clinic):
    clinic.take(row(1, AHEAD))
    skip(clinic)
    clinic.take(row(1, at(30)))
    assert len(clinic.claim(NOW + timedelta(days=23))) == 1


@pytest.mark.parametrize(
    ("name", "step", "sentence"), [("X", "7d", "no appointment X"), ("A1", "9d", "no step 9d.*7d, 2d, 1d")]
)
def test_what_is_not_there_is_told(clinic, name, step, sentence):
    clinic.take(row(1, AHEAD))
    with pytest.raises(UnknownAppointment, match=sentence):
        send(clinic, step, name=name)
    with pytest.raises(UnknownAppointment, match=sentence):
        skip(clinic, step, name=name)


# Stop and start


def test_who_asked_staff_for_no_texts_gets_none_and_the_words_are_kept_sealed(clinic_on_each_database):
    clinic_on_each_database.take(row(1, at(2, -1)))
    assert hand(clinic_on_each_database).stop(HER, "called us", NOW)
    assert not hand(clinic_on_each_database).stop(HER, "called again", NOW)
    assert clinic_on_each_database.claim() == []
    (event,) = clinic_on_each_database.all(opt_out_event)
    assert (event.kind, event.source, event.at) == ("stop", "staff", NOW)
    assert clinic_on_each_database.vault.open(event.evidence_sealed) == "called us"


def test_a_number_that_we_never_met_can_be_stopped_before_its_first_file(clinic):
    assert hand(clinic).stop(HER, "called us", NOW)
    clinic.take(row(1, at(2, -1)))
    assert clinic.claim() == []


STARTS = [
    ("she had told staff", lambda clinic: hand(clinic).stop(HER, "called us", NOW), "staff"),
    ("she had texted", lambda clinic: tell(clinic, opt_out, "text", "STOP"), "text"),
    (
        "she had texted, and took it back",
        lambda clinic: (tell(clinic, opt_out, "text", "STOP"), tell(clinic, opt_in, "text", "START")),
        None,
    ),
    ("she had not", lambda _house: None, None),
]


@pytest.mark.parametrize(("before", "source"), [case[1:] for case in STARTS], ids=[case[0] for case in STARTS])
def test_an_end_is_taken_back_and_the_door_it_came_through_is_told(clinic_on_each_database, before, source):
    clinic_on_each_database.take(row(1, at(2, -1)))
    before(clinic_on_each_database)
    assert hand(clinic_on_each_database).start(HER, "wants them again", NOW) == source
    assert len(clinic_on_each_database.claim()) == 1


# What is known


def test_nothing_is_known_about_a_stranger(clinic_on_each_database):
    assert hand(clinic_on_each_database).person(HER, NOW)["known"] is False


def test_what_is_known_about_a_person_is_told_with_each_text(clinic_on_each_database):
    clinic = clinic_on_each_database
    clinic.take(row(1, at(2, -1), first_name="Zoë"), {**row(1, AHEAD), "appointment_id": "B1"}, row(2, AHEAD))
    clinic.send()
    write(
        clinic, update(appointment).where(appointment.c.appointment_id == "A1").values(answer="change", answered_at=NOW)
    )
    hand(clinic).stop(HER, "called us", NOW)
    known = hand(clinic).person(HER, NOW + timedelta(hours=1))
    assert known["opted_out"] == {"since": "2026-12-01 10:00-05:00", "source": "staff"}
    first, second = known["appointments"]
    assert (first["appointment_id"], first["starts_at"], first["answer"]) == ("A1", "2026-12-03 09:00-05:00", "change")
    assert [(one["step"], one["state"], one["reason"]) for one in first["texts"]] == [
        ("7d", "skipped", "late"),
        ("2d", "handed_over", None),
        ("1d", "planned", "opted_out"),
    ]
    assert first["texts"][1]["handed_over_at"] == "2026-12-01 10:00-05:00"
    assert {one["state"] for one in second["texts"]} == {"planned"}
    assert "Zoë" not in json.dumps(known, ensure_ascii=False)


def test_visits_of_the_last_thirty_days_are_told_and_no_older(clinic):
    clinic.take(row(1, AHEAD))
    past = timedelta(days=50)
    assert len(hand(clinic).person(HER, NOW + past - timedelta(minutes=1))["appointments"]) == 1
    assert hand(clinic).person(HER, NOW + past)["appointments"] == []
