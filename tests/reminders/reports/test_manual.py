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
from ivr.people.replies import not_hers
from ivr.reminders.outbox.claims import due_count
from ivr.reminders.reports.manual import BY_HAND, ByHand, NotKnown
from ivr.reminders.reports.status import control, status
from tests.support.clinic import NOW, at, row

HER = "+16035550101"
AHEAD = at(20)
BUSY = Refused(ErrorClass.TRANSIENT, 20429, "HTTP 429")
STOPPED = Refused(ErrorClass.STOP, 20003, "HTTP 401")


def hand(house):
    return ByHand(house.ledger, house.vault, house.content.config)


def send(house, step="7d", now=NOW, name="A1"):
    return hand(house).send(name, step, now)


def skip(house, step=None, now=NOW, name="A1"):
    return {one.step: one.code for one in hand(house).skip(name, step, now)}


def write(house, statement):
    with house.ledger.write() as connection:
        connection.execute(statement)


def tell(house, what, *told):
    with house.ledger.write() as connection:
        what(connection, house.vault, HER, NOW, *told)


# Send now


def test_a_text_that_is_sent_by_hand_goes_out_ahead_of_its_time_and_once(either_house):
    either_house.take(row(1, AHEAD))
    assert due_count(either_house.ledger, NOW, 10) == 0
    assert send(either_house, "2d").code == "due_now"
    assert due_count(either_house.ledger, NOW, 10) == 1
    (one,) = either_house.send()
    assert "confirm" in one.body
    (kept,) = either_house.texts()
    assert (kept.step, kept.state, kept.tries) == ("2d", "handed_over", 1)
    assert either_house.moves(kept.id) == [
        (None, "planned", BY_HAND),
        ("planned", "claimed", None),
        ("claimed", "handed_over", None),
    ]
    later = [either_house.send(NOW + timedelta(days=days, minutes=1)) for days in (0, 13, 18, 19)]
    assert [len(claimed) for claimed in later] == [0, 1, 0, 1]
    assert [text.step for text in either_house.texts()] == ["2d", "7d", "1d"]


def test_a_text_that_was_left_out_by_hand_can_be_sent_after_all_and_goes_out_once(either_house):
    either_house.take(row(1, AHEAD))
    assert set(skip(either_house).values()) == {"left_out"}
    assert due_count(either_house.ledger, NOW + timedelta(days=19), 10) == 0
    assert [send(either_house, "2d").code for _ in range(2)] == ["due_now", "already"]
    assert len(either_house.send()) == 1
    (kept,) = [one for one in either_house.texts() if one.step == "2d"]
    assert kept.state == "handed_over"
    assert either_house.moves(kept.id)[:3] == [
        (None, "skipped", BY_HAND),
        ("skipped", "planned", BY_HAND),
        ("planned", "claimed", None),
    ]
    assert [len(either_house.send(NOW + timedelta(days=days, minutes=1))) for days in (13, 18, 19)] == [0, 0, 0]
    assert send(either_house, "2d").code == "written"


def test_a_text_that_may_not_go_out_now_stays_left_out(house):
    house.take(row(1, AHEAD))
    skip(house)
    assert send(house, "2d", NOW + timedelta(hours=12)).code == "quiet_hours"
    assert house.states() == dict.fromkeys(("7d", "2d", "1d"), "skipped")


def test_whoever_asks_twice_is_told_that_it_is_on_its_way_and_then_that_it_went(house):
    house.take(row(1, AHEAD))
    assert [send(house).code for _ in range(3)] == ["due_now", "already", "already"]
    assert len(house.send()) == 1
    later = send(house, now=NOW + timedelta(days=2))
    assert (later.code, later.done) == ("written", False)
    assert "handed over already" in later.sentence
    assert len(house.texts()) == 1


@pytest.mark.parametrize("how_many", [2, 6])
def test_several_who_ask_at_the_same_moment_send_it_once(either_house, how_many):
    either_house.take(row(1, AHEAD))
    codes, start = [], threading.Barrier(how_many)

    def ask():
        start.wait()
        codes.append(send(either_house).code)

    threads = [threading.Thread(target=ask) for _ in range(how_many)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == ["already"] * (how_many - 1) + ["due_now"]
    assert len(either_house.send()) == 1


def test_a_text_by_hand_that_the_carrier_does_not_take_is_tried_again_before_its_own_time(house):
    house.take(row(1, AHEAD))
    send(house)
    (one,) = house.claim()
    house.record([(one.attempt, BUSY)])
    assert house.claim(NOW + timedelta(seconds=29)) == []
    assert len(house.claim(NOW + timedelta(seconds=31))) == 1


def test_while_the_carrier_refuses_us_it_says_that_it_waits(house):
    house.take(row(1, AHEAD), row(2, at(2, -1)))
    house.record([(one.attempt, STOPPED) for one in house.claim()])
    assert send(house).code == "waits_for_carrier"


REFUSED = [
    ("she opted out", lambda house: tell(house, opt_out, "text", "STOP"), "opted_out"),
    ("a landline", lambda house: write(house, update(person).values(landline=True)), "landline"),
    ("not her number", lambda house: tell(house, not_hers), "not_hers"),
    ("paused", lambda house: control(house.ledger, 1, paused=True), "paused"),
    ("half taken in", lambda house: write(house, update(batch).values(live_at=None)), "not_live"),
    ("the batch is cancelled", lambda house: control(house.ledger, 1, cancelled_at=NOW), "batch_cancelled"),
    (
        "the visit is cancelled",
        lambda house: write(house, update(appointment).values(status="cancelled")),
        "cancelled",
    ),
    ("by call", lambda house: write(house, update(appointment).values(channel="call")), "not_by_text"),
    ("she came", lambda house: write(house, update(appointment).values(status="attended")), "visit_over"),
    ("the visit has begun", lambda house: write(house, update(appointment).values(starts_at=NOW)), "visit_over"),
    ("she has confirmed", lambda house: write(house, update(appointment).values(answer="confirmed")), "confirmed"),
    (
        "skipped by the plan",
        lambda house: (skip(house, "2d"), write(house, update(text).values(reason="late"))),
        "written",
    ),
    (
        "a text today already",
        lambda house: (house.take({**row(1, at(2, -1)), "appointment_id": "B1"}), house.claim()),
        "limit",
    ),
    (
        "another that waits for a worker",
        lambda house: (house.take({**row(1, AHEAD), "appointment_id": "B1"}), send(house, name="B1")),
        "limit",
    ),
]


@pytest.mark.parametrize(("happens", "code"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_what_must_not_go_out_does_not_and_the_sentence_says_why(either_house, happens, code):
    either_house.take(row(1, AHEAD))
    happens(either_house)
    before = [text.id for text in either_house.texts("A1")]
    outcome = send(either_house, "2d")
    assert (outcome.code, outcome.done) == (code, False)
    assert "{" not in outcome.sentence
    assert [text.id for text in either_house.texts("A1")] == before


MOMENTS = [
    ("at night", 12, at(20), "2d", "quiet_hours"),
    ("a minute before the quiet hours", 10.99, at(20), "2d", "due_now"),
    ("too late for it", 0, at(1.5), "7d", "late"),
    ("while one that counts for more is due", 0, at(1.5), "1d", "other_first"),
]


@pytest.mark.parametrize(
    ("hours", "starts_at", "step", "code"), [case[1:] for case in MOMENTS], ids=[case[0] for case in MOMENTS]
)
def test_the_rules_of_the_plan_hold_at_that_moment(house, hours, starts_at, step, code):
    house.take(row(1, starts_at))
    assert send(house, step, NOW + timedelta(hours=hours)).code == code


THEN = [
    ("she opts out", lambda house: tell(house, opt_out, "text", "STOP"), "skipped"),
    ("the visit is moved", lambda house: house.take(row(1, at(30))), "cancelled"),
    ("the visit is cancelled", lambda house: house.take(row(1, AHEAD, status="cancelled")), "cancelled"),
    ("the batch is cancelled", lambda house: control(house.ledger, 1, cancelled_at=NOW), "cancelled"),
    ("she says that it is not her number", lambda house: tell(house, not_hers), "planned"),
    ("it is left out after all", lambda house: skip(house, "7d"), "skipped"),
]


@pytest.mark.parametrize(("happens", "state"), [case[1:] for case in THEN], ids=[case[0] for case in THEN])
def test_what_happens_before_the_worker_comes_still_counts(either_house, happens, state):
    either_house.take(row(1, AHEAD))
    assert send(either_house).done
    happens(either_house)
    assert either_house.claim() == []
    assert either_house.texts("A1")[0].state == state


def test_when_the_worker_comes_at_night_it_waits_for_the_morning(house):
    house.take(row(1, AHEAD))
    send(house, now=NOW + timedelta(hours=10))
    assert house.claim(NOW + timedelta(hours=11)) == []
    assert house.claim(NOW + timedelta(hours=21, minutes=59)) == []
    assert len(house.claim(NOW + timedelta(hours=22))) == 1


# Leave out


def test_a_text_that_is_left_out_does_not_go_out_and_the_others_do(either_house):
    either_house.take(row(1, AHEAD))
    assert skip(either_house, "7d") == {"7d": "left_out"}
    assert either_house.appointment("A1").next_due_at == NOW + timedelta(days=18)
    for days in (13, 18, 19):
        either_house.send(NOW + timedelta(days=days))
    assert either_house.states() == {"7d": "skipped", "2d": "handed_over", "1d": "handed_over"}
    (left_out, *_) = either_house.texts()
    assert either_house.moves(left_out.id) == [(None, "skipped", BY_HAND)]


def test_a_visit_whose_texts_are_all_left_out_has_none_to_come(either_house):
    either_house.take(row(1, at(2, -1)), row(2, AHEAD))
    either_house.send()
    assert skip(either_house) == {"7d": "written", "2d": "written", "1d": "left_out"}
    assert skip(either_house, name="A2") == dict.fromkeys(("7d", "2d", "1d"), "left_out")
    assert status(either_house.ledger)["texts"]["planned"] == 0
    assert status(either_house.ledger)["reasons"] == {"late": 1, BY_HAND: 4}


def test_leaving_out_wakes_nothing_that_was_ended(house):
    house.take(row(1, AHEAD))
    control(house.ledger, 1, cancelled_at=NOW)
    skip(house, "2d")
    assert house.appointment("A1").next_due_at is None


def test_the_texts_of_a_past_visit_are_left_as_they_are(house):
    house.take(row(1, AHEAD))
    assert set(skip(house, now=NOW + timedelta(days=20)).values()) == {"visit_over"}
    assert house.texts() == []


def test_a_visit_that_is_moved_gets_the_texts_for_its_new_time(house):
    house.take(row(1, AHEAD))
    skip(house)
    house.take(row(1, at(30)))
    assert len(house.claim(NOW + timedelta(days=23))) == 1


@pytest.mark.parametrize(
    ("name", "step", "sentence"), [("X", "7d", "no appointment X"), ("A1", "9d", "no step 9d.*7d, 2d, 1d")]
)
def test_what_is_not_there_is_told(house, name, step, sentence):
    house.take(row(1, AHEAD))
    with pytest.raises(NotKnown, match=sentence):
        send(house, step, name=name)
    with pytest.raises(NotKnown, match=sentence):
        skip(house, step, name=name)


# Stop and start


def test_who_asked_staff_for_no_texts_gets_none_and_the_words_are_kept_sealed(either_house):
    either_house.take(row(1, at(2, -1)))
    assert hand(either_house).stop(HER, "called us", NOW)
    assert not hand(either_house).stop(HER, "called again", NOW)
    assert either_house.claim() == []
    (event,) = either_house.all(opt_out_event)
    assert (event.kind, event.source, event.at) == ("stop", "staff", NOW)
    assert either_house.vault.open(event.evidence_sealed) == "called us"


def test_a_number_that_we_never_met_can_be_stopped_before_its_first_file(house):
    assert hand(house).stop(HER, "called us", NOW)
    house.take(row(1, at(2, -1)))
    assert house.claim() == []


STARTS = [
    ("she had told staff", lambda house: hand(house).stop(HER, "called us", NOW), "staff"),
    ("she had texted", lambda house: tell(house, opt_out, "text", "STOP"), "text"),
    (
        "she had texted, and took it back",
        lambda house: (tell(house, opt_out, "text", "STOP"), tell(house, opt_in, "text", "START")),
        None,
    ),
    ("she had not", lambda _house: None, None),
]


@pytest.mark.parametrize(("before", "source"), [case[1:] for case in STARTS], ids=[case[0] for case in STARTS])
def test_an_end_is_taken_back_and_the_door_it_came_through_is_told(either_house, before, source):
    either_house.take(row(1, at(2, -1)))
    before(either_house)
    assert hand(either_house).start(HER, "wants them again", NOW) == source
    assert len(either_house.claim()) == 1


# What is known


def test_nothing_is_known_about_a_stranger(either_house):
    assert hand(either_house).person(HER, NOW)["known"] is False


def test_what_is_known_about_a_person_is_told_with_each_text(either_house):
    house = either_house
    house.take(row(1, at(2, -1), first_name="Zoë"), {**row(1, AHEAD), "appointment_id": "B1"}, row(2, AHEAD))
    house.send()
    write(
        house, update(appointment).where(appointment.c.appointment_id == "A1").values(answer="change", answered_at=NOW)
    )
    hand(house).stop(HER, "called us", NOW)
    known = hand(house).person(HER, NOW + timedelta(hours=1))
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


def test_visits_of_the_last_thirty_days_are_told_and_no_older(house):
    house.take(row(1, AHEAD))
    past = timedelta(days=50)
    assert len(hand(house).person(HER, NOW + past - timedelta(minutes=1))["appointments"]) == 1
    assert hand(house).person(HER, NOW + past)["appointments"] == []
