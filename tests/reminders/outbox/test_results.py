"""What becomes of a text: which moves are allowed, what each answer of the carrier means, what receipts may change."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from ivr.carrier.twilio.client import Accepted, Refused
from ivr.carrier.twilio.errors import ErrorClass
from ivr.carrier.twilio.statuses import STATE_BY_STATUS
from ivr.ledger.tables import alarm, opt_out_event, person, text, text_move
from ivr.reminders.alarms import LONGEST_WAIT, Alarm
from ivr.reminders.outbox.receipts import NO_RECEIPT_AFTER, Receipt, apply_receipt, close_without_receipt
from ivr.reminders.outbox.results import expire_claims
from ivr.reminders.outbox.states import MOVES, TextState, create_texts, transition
from ivr.reminders.reports.status import status
from tests.support.clinic import NOW, at, open_clinic, row, sid

# Of the plan, only the text of two days before is due.
DUE = at(2, -1)
LATER = NOW + timedelta(minutes=1)


@pytest.fixture(scope="module")
def one_house(content, tmp_path_factory):
    """A clinic on SQLite for many small questions, with one appointment in it."""
    with open_clinic(content, tmp_path_factory.mktemp("handover")) as clinic:
        clinic.take(row(1, at(20)))
        yield clinic


_steps = itertools.count()


def place(clinic, state: str) -> int:
    """A new text in a state, whatever way it may have come there."""
    step, visit = f"s{next(_steps)}", clinic.appointment("A1")
    identity = {"appointment_id": visit.id, "person_id": visit.person_id, "starts_at": visit.starts_at, "step": step}
    with clinic.ledger.write() as connection:
        values = {"state": state, "attempt": f"{step:0>32}", "claimed_at": NOW}
        create_texts(connection, [{**identity, **values}], NOW)
        return connection.execute(select(text.c.id).where(text.c.step == step)).scalar_one()


def state_of(clinic, number: int) -> str:
    return clinic.all(text, text.c.id == number)[0].state


# planned claimed uncertain handed_over delivered undelivered failed skipped cancelled no_receipt
ALLOWED = {
    "planned":     "claimed skipped cancelled handed_over delivered undelivered failed",
    "claimed":     "handed_over uncertain planned delivered undelivered failed",
    "uncertain":   "handed_over planned delivered undelivered failed",
    "handed_over": "no_receipt delivered undelivered failed",
    "no_receipt":  "delivered undelivered failed",
    "delivered":   "",
    "undelivered": "",
    "failed":      "",
    "skipped":     "planned",
    "cancelled":   "claimed skipped",
}  # fmt: skip


@pytest.mark.parametrize("before", TextState)
@pytest.mark.parametrize("to", TextState)
def test_a_text_goes_only_where_the_table_says_and_its_history_tells(one_house, before, to):
    number = place(one_house, before)
    with one_house.ledger.write() as connection:
        moved = transition(connection, [number], to, LATER, "why")
    allowed = to in ALLOWED[before].split()
    assert moved == ([number] if allowed else [])
    assert state_of(one_house, number) == (to if allowed else before)
    told = [(None, before, None), *([(before, to, "why")] if allowed else [])]
    assert one_house.moves(number) == told


def test_no_move_leads_back_from_an_end():
    ends = {state for state, onward in MOVES.items() if not onward}
    assert ends == {"delivered", "undelivered", "failed"}


def sent_one(clinic):
    """One text under way: (attempt, its row)."""
    clinic.take(row(1, DUE))
    (one,) = clinic.claim()
    return one.attempt


def the_text(clinic):
    return next(found for found in clinic.texts() if found.step == "2d")


ANSWERS = [
    ("taken", Accepted("SM" + "a" * 32, "queued"), "handed_over", None),
    ("not connected", Refused(ErrorClass.TRANSIENT, None, "ConnectionRefusedError"), "planned", "not_sent"),
    ("too fast", Refused(ErrorClass.TRANSIENT, 20429, "HTTP 429"), "planned", "error_20429"),
    ("our password is wrong", Refused(ErrorClass.STOP, 20003, "HTTP 401"), "planned", "error_20003"),
    ("no answer", Refused(ErrorClass.UNCERTAIN, None, "Broken"), "uncertain", "no_answer"),
    ("a server error", Refused(ErrorClass.UNCERTAIN, 20500, "HTTP 500"), "uncertain", "no_answer"),
    ("no such number", Refused(ErrorClass.PERMANENT, 21211, "HTTP 400"), "failed", "error_21211"),
    ("she said STOP to the carrier", Refused(ErrorClass.OPTED_OUT, 21610, "HTTP 400"), "failed", "error_21610"),
    ("a landline", Refused(ErrorClass.PERMANENT, 30006, "HTTP 400"), "failed", "error_30006"),
]


@pytest.mark.parametrize(
    ("answer", "state", "reason"), [case[1:] for case in ANSWERS], ids=[case[0] for case in ANSWERS]
)
def test_each_answer_of_the_carrier_has_its_state(clinic, answer, state, reason):
    attempt = sent_one(clinic)
    clinic.record([(attempt, answer)], LATER)
    kept = the_text(clinic)
    assert (kept.state, kept.reason) == (state, reason)
    assert clinic.moves(kept.id) == [(None, "claimed", None), ("claimed", state, reason)]
    assert kept.sid == (answer.sid if isinstance(answer, Accepted) else None)
    assert kept.error_code == (answer.code if state == "failed" else None)
    she = clinic.all(person)[0]
    assert (she.opted_out_at is not None) == (reason == "error_21610")
    assert she.landline == (reason == "error_30006")
    assert [event.source for event in clinic.all(opt_out_event)] == ["carrier"] * (reason == "error_21610")
    assert len(clinic.all(alarm)) == (reason == "error_20003")


def test_answers_are_kept_once_however_often_they_are_told(clinic_on_each_database):
    attempt = sent_one(clinic_on_each_database)
    taken = Accepted(sid(), "queued")
    for result in (taken, taken, Accepted(sid(), "queued")):
        clinic_on_each_database.record([(attempt, result)])
    kept = the_text(clinic_on_each_database)
    assert (kept.state, kept.sid) == ("handed_over", taken.sid)
    assert len(clinic_on_each_database.moves(kept.id)) == 2
    clinic_on_each_database.record([("f" * 32, taken)])
    clinic_on_each_database.record([])


def test_the_waits_between_tries_grow_to_an_hour_and_no_further(clinic):
    clinic.take(row(1, at(7)))
    now, waits = NOW, []
    for _ in range(12):
        (one,) = clinic.claim(now)
        clinic.record([(one.attempt, Refused(ErrorClass.TRANSIENT, 20429, "HTTP 429"))], now)
        due = clinic.appointment("A1").next_due_at
        waits.append(int((due - now).total_seconds()))
        now = due
        if now > NOW + timedelta(hours=9):
            break
    assert waits[:8] == [30, 60, 120, 240, 480, 960, 1920, 3600]
    assert set(waits[8:]) == {3600}


def test_a_text_that_was_tried_a_hundred_times_is_still_recorded(clinic):
    attempt = sent_one(clinic)
    with clinic.ledger.write() as connection:
        connection.execute(update(text).values(tries=100))
    clinic.record([(attempt, Refused(ErrorClass.TRANSIENT, 20429, "HTTP 429"))])
    assert the_text(clinic).retry_at == NOW + LONGEST_WAIT


def test_when_the_carrier_refuses_us_one_alarm_is_raised_nothing_fails_and_nothing_more_goes_out(
    clinic_on_each_database,
):
    clinic_on_each_database.take(*(row(number, DUE) for number in range(6)))
    claimed = clinic_on_each_database.claim(limit=4)
    stop = Refused(ErrorClass.STOP, 20003, "HTTP 401")
    clinic_on_each_database.record([(one.attempt, stop) for one in claimed[:2]])
    clinic_on_each_database.record([(one.attempt, stop) for one in claimed[2:]], LATER)
    (raised,) = clinic_on_each_database.all(alarm)
    assert (raised.name, raised.raised_at) == (Alarm.SENDING_STOPPED, NOW)
    assert "20003" in raised.detail
    assert clinic_on_each_database.claim(LATER) == []
    counted = status(clinic_on_each_database.ledger)
    assert (counted["texts"]["failed"], counted["texts"]["planned"]) == (0, 6)
    assert counted["alarms"] == [{"name": Alarm.SENDING_STOPPED, "detail": raised.detail}]


def test_an_alarm_without_a_code_says_what_was_answered(clinic):
    clinic.record([(sent_one(clinic), Refused(ErrorClass.STOP, None, "HTTP 302"))])
    assert "HTTP 302" in clinic.all(alarm)[0].detail


# Receipts


def receipt(clinic, attempt, word, code=None, its_sid="", now=LATER):
    return apply_receipt(clinic.ledger, clinic.vault, Receipt(attempt, word, its_sid, code), now)


WORDS = [
    ("in order", ("queued", "sending", "sent", "delivered"), "delivered"),
    ("backwards", ("delivered", "sent", "sending", "queued"), "delivered"),
    ("twice", ("sent", "sent", "delivered", "delivered"), "delivered"),
    ("sent and nothing more", ("sending", "sent"), "handed_over"),
    ("read", ("sent", "delivered", "read"), "delivered"),
    ("failed, and then sent", ("failed", "sent"), "failed"),
    ("undelivered, and then delivered", ("undelivered", "delivered"), "undelivered"),
    ("a word that we do not know", ("teleported",), "handed_over"),
    ("no word", ("",), "handed_over"),
]


@pytest.mark.parametrize(("words", "end"), [case[1:] for case in WORDS], ids=[case[0] for case in WORDS])
def test_receipts_move_a_text_forward_only(clinic, words, end):
    attempt = sent_one(clinic)
    clinic.record([(attempt, Accepted(sid(), "queued"))])
    assert all(receipt(clinic, attempt, word) for word in words)
    assert the_text(clinic).state == end


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from([*STATE_BY_STATUS, "unknown"]), max_size=6), st.sampled_from(sorted(ALLOWED)))
def test_whatever_receipts_come_the_history_is_a_way_that_the_table_allows(one_house, words, begins):
    number = place(one_house, begins)
    attempt = one_house.all(text, text.c.id == number)[0].attempt
    for word in words:
        assert receipt(one_house, attempt, word)
    way = [begins, *(to for _, to, _ in one_house.moves(number)[1:])]
    assert all(to in ALLOWED[before].split() for before, to in itertools.pairwise(way))
    assert state_of(one_house, number) == way[-1]


def test_a_receipt_may_come_before_our_own_record(clinic):
    attempt, its_sid = sent_one(clinic), sid()
    assert receipt(clinic, attempt, "delivered", its_sid=its_sid)
    clinic.record([(attempt, Accepted(its_sid, "queued"))])
    kept = the_text(clinic)
    assert (kept.state, kept.sid) == ("delivered", its_sid)


@pytest.mark.parametrize(("word", "state"), [("sent", "handed_over"), ("delivered", "delivered"), ("failed", "failed")])
def test_a_receipt_settles_an_uncertain_text_at_once(clinic, word, state):
    attempt, its_sid = sent_one(clinic), sid()
    clinic.record([(attempt, Refused(ErrorClass.UNCERTAIN, None, "Broken"))])
    assert receipt(clinic, attempt, word, its_sid=its_sid)
    assert (the_text(clinic).state, the_text(clinic).sid) == (state, its_sid)


def test_a_late_receipt_keeps_a_text_that_was_given_up_for_lost_from_going_out_again(clinic):
    attempt = sent_one(clinic)
    clinic.record([(attempt, Refused(ErrorClass.TRANSIENT, None, "NotSent"))])
    assert the_text(clinic).state == "planned"
    assert receipt(clinic, attempt, "sent")
    assert clinic.claim(NOW + timedelta(hours=1)) == []
    assert the_text(clinic).state == "handed_over"


def test_a_receipt_for_an_attempt_that_is_not_ours_is_told_apart(clinic):
    sent_one(clinic)
    assert not receipt(clinic, "f" * 32, "delivered")


def test_a_receipt_tells_of_a_landline_and_of_an_opt_out(clinic):
    clinic.take(row(1, DUE), row(2, DUE))
    first, second = clinic.send()
    receipt(clinic, first.attempt, "undelivered", 30006)
    receipt(clinic, second.attempt, "failed", 21610)
    assert [(she.landline, she.opted_out_at is not None) for she in clinic.all(person)] == [
        (True, False),
        (False, True),
    ]
    assert status(clinic.ledger)["reasons"]["error_30006"] == 1


def test_an_id_that_belongs_to_another_text_breaks_nothing(clinic_on_each_database):
    clinic_on_each_database.take(row(1, DUE), row(2, DUE))
    first, second = clinic_on_each_database.claim()
    its_sid = sid()
    clinic_on_each_database.record([(first.attempt, Accepted(its_sid, "queued"))])
    assert receipt(clinic_on_each_database, second.attempt, "delivered", its_sid=its_sid)
    clinic_on_each_database.record([(second.attempt, Accepted(its_sid, "queued"))])
    assert clinic_on_each_database.all(text, text.c.attempt == second.attempt)[0].state == "delivered"


def test_after_three_days_of_silence_a_text_has_no_receipt_and_a_late_one_still_counts(clinic_on_each_database):
    attempt = sent_one(clinic_on_each_database)
    clinic_on_each_database.record([(attempt, Accepted(sid(), "queued"))])
    assert close_without_receipt(clinic_on_each_database.ledger, NOW + NO_RECEIPT_AFTER) == 0
    assert close_without_receipt(clinic_on_each_database.ledger, NOW + NO_RECEIPT_AFTER + timedelta(seconds=1)) == 1
    assert the_text(clinic_on_each_database).state == "no_receipt"
    assert receipt(clinic_on_each_database, attempt, "delivered")
    assert the_text(clinic_on_each_database).state == "delivered"


# Silence


def test_a_claim_that_is_silent_beyond_its_lease_is_uncertain_and_a_younger_one_is_not(clinic):
    clinic.take(row(1, DUE), row(2, DUE))
    (old,) = clinic.claim(limit=1)
    clinic.claim(NOW + timedelta(seconds=60))
    assert expire_claims(clinic.ledger, NOW + timedelta(seconds=120), 120) == 0
    assert expire_claims(clinic.ledger, NOW + timedelta(seconds=121), 120) == 1
    states = {found.attempt: found.state for found in clinic.texts() if found.step == "2d"}
    assert states.pop(old.attempt) == "uncertain"
    assert set(states.values()) == {"claimed"}
    assert ("claimed", "uncertain", "lease_expired") in clinic.moves(the_text(clinic).id)


def test_an_answer_that_comes_after_the_lease_still_counts(clinic):
    attempt = sent_one(clinic)
    expire_claims(clinic.ledger, NOW + timedelta(hours=1), 120)
    clinic.record([(attempt, Accepted(sid(), "queued"))])
    assert the_text(clinic).state == "handed_over"
    assert [to for _, to, _ in clinic.moves(the_text(clinic).id)] == ["claimed", "uncertain", "handed_over"]


def test_the_states_of_all_texts_add_up(clinic_on_each_database):
    clinic_on_each_database.take(*(row(number, DUE) for number in range(8)))
    first, second, third, *_ = clinic_on_each_database.claim(limit=5)
    clinic_on_each_database.record(
        [(first.attempt, Accepted(sid(), "queued")), (second.attempt, Refused(ErrorClass.UNCERTAIN, None, ""))]
    )
    receipt(clinic_on_each_database, first.attempt, "delivered")
    clinic_on_each_database.record([(third.attempt, Refused(ErrorClass.PERMANENT, 21211, ""))])
    counted = status(clinic_on_each_database.ledger)
    texts = {state: number for state, number in counted["texts"].items() if number}
    assert texts == {"planned": 8, "claimed": 2, "uncertain": 1, "delivered": 1, "failed": 1, "skipped": 5}
    assert counted["batches"][0]["texts"] == counted["texts"]
    with clinic_on_each_database.ledger.read() as connection:
        assert len(connection.execute(select(text_move)).all()) == 14


def test_a_text_that_was_claimed_anew_while_it_was_found_silent_stays_with_its_new_worker(clinic, monkeypatch):
    attempt, later = sent_one(clinic), NOW + timedelta(seconds=121)
    real, begun = clinic.ledger.write, []

    def write():
        if not begun:
            begun.append(True)
            clinic.record([(attempt, Refused(ErrorClass.TRANSIENT, None, "not tried"))], NOW)
            begun.append(clinic.claim(later))
        return real()

    monkeypatch.setattr(clinic.ledger, "write", write)
    assert expire_claims(clinic.ledger, later, 120) == 0
    assert len(begun[1]) == 1
    assert the_text(clinic).state == "claimed"
