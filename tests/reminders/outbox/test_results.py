"""The states of a text: allowed transitions, the results of hand-overs, receipts, and expired leases."""

from __future__ import annotations

import itertools
from contextlib import contextmanager
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from ivr.carrier.twilio.client import Accepted, Refused
from ivr.carrier.twilio.errors import ErrorClass
from ivr.carrier.twilio.statuses import STATE_BY_STATUS
from ivr.ledger import LedgerUnavailable
from ivr.ledger.tables import alarm, opt_out_event, person, text, text_move
from ivr.reminders.alarms import MAX_RETRY_DELAY, Alarm
from ivr.reminders.outbox.receipts import NO_RECEIPT_AFTER, Receipt, apply_receipt, close_without_receipt
from ivr.reminders.outbox.results import expire_claims
from ivr.reminders.outbox.text_states import TRANSITIONS, TextState, create_texts, reminder_row, transition
from ivr.reminders.reports.status import batch_status
from tests.support.clinic import NOW, at, open_clinic, row, sid

# Only step 2d of the plan is due.
DUE = at(2, -1)
LATER = NOW + timedelta(minutes=1)


@pytest.fixture(scope="module")
def shared_clinic(content, tmp_path_factory):
    """A clinic on SQLite with one appointment, shared by many small tests."""
    with open_clinic(content, tmp_path_factory.mktemp("handover")) as clinic:
        clinic.import_rows(row(1, at(20)))
        yield clinic


_steps = itertools.count()


def create_text(clinic, state: str) -> int:
    """Create a text in a state. Returns its id."""
    step = f"s{next(_steps)}"
    row = reminder_row(clinic.appointment("A1"), step, state, attempt=f"{step:0>32}", claimed_at=NOW)
    with clinic.ledger.write() as connection:
        create_texts(connection, [row], NOW)
        return connection.execute(select(text.c.id).where(text.c.step == step)).scalar_one()


def state_of(clinic, text_id: int) -> str:
    return clinic.all(text, text.c.id == text_id)[0].state


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
def test_a_text_makes_only_allowed_transitions_and_records_them_in_its_history(shared_clinic, before, to):
    text_id = create_text(shared_clinic, before)
    with shared_clinic.ledger.write() as connection:
        changed = transition(connection, [text_id], to, LATER, "why")
    allowed = to in ALLOWED[before].split()
    assert changed == ([text_id] if allowed else [])
    assert state_of(shared_clinic, text_id) == (to if allowed else before)
    history = [(None, before, None), *([(before, to, "why")] if allowed else [])]
    assert shared_clinic.moves(text_id) == history


def test_only_delivered_undelivered_and_failed_are_final():
    final = {state for state, targets in TRANSITIONS.items() if not targets}
    assert final == {"delivered", "undelivered", "failed"}


def claim_one(clinic):
    """Claim a text. Returns its attempt id."""
    clinic.import_rows(row(1, DUE))
    (claimed,) = clinic.claim()
    return claimed.attempt


def the_text(clinic):
    return next(text_row for text_row in clinic.texts() if text_row.step == "2d")


RESULTS = [
    ("accepted", Accepted("SM" + "a" * 32, "queued"), "handed_over", None),
    ("not connected", Refused(ErrorClass.TRANSIENT, None, "ConnectionRefusedError"), "planned", "not_sent"),
    ("too fast", Refused(ErrorClass.TRANSIENT, 20429, "HTTP 429"), "planned", "error_20429"),
    ("wrong credentials", Refused(ErrorClass.STOP, 20003, "HTTP 401"), "planned", "error_20003"),
    ("no answer", Refused(ErrorClass.UNCERTAIN, None, "Broken"), "uncertain", "no_answer"),
    ("a server error", Refused(ErrorClass.UNCERTAIN, 20500, "HTTP 500"), "uncertain", "no_answer"),
    ("no such number", Refused(ErrorClass.PERMANENT, 21211, "HTTP 400"), "failed", "error_21211"),
    ("opted out at the carrier", Refused(ErrorClass.OPTED_OUT, 21610, "HTTP 400"), "failed", "error_21610"),
    ("a landline", Refused(ErrorClass.PERMANENT, 30006, "HTTP 400"), "failed", "error_30006"),
]


@pytest.mark.parametrize(
    ("result", "state", "reason"), [case[1:] for case in RESULTS], ids=[case[0] for case in RESULTS]
)
def test_each_result_of_a_hand_over_leads_to_its_state(clinic, result, state, reason):
    attempt = claim_one(clinic)
    clinic.record([(attempt, result)], LATER)
    text_row = the_text(clinic)
    assert (text_row.state, text_row.reason) == (state, reason)
    assert clinic.moves(text_row.id) == [(None, "claimed", None), ("claimed", state, reason)]
    assert text_row.sid == (result.sid if isinstance(result, Accepted) else None)
    assert text_row.error_code == (result.code if state == "failed" else None)
    patient = clinic.all(person)[0]
    assert (patient.opted_out_at is not None) == (reason == "error_21610")
    assert patient.landline == (reason == "error_30006")
    assert [event.source for event in clinic.all(opt_out_event)] == ["carrier"] * (reason == "error_21610")
    assert len(clinic.all(alarm)) == (reason == "error_20003")


def test_a_repeated_result_is_recorded_once(clinic_on_each_database):
    attempt = claim_one(clinic_on_each_database)
    accepted = Accepted(sid(), "queued")
    for result in (accepted, accepted, Accepted(sid(), "queued")):
        clinic_on_each_database.record([(attempt, result)])
    text_row = the_text(clinic_on_each_database)
    assert (text_row.state, text_row.sid) == ("handed_over", accepted.sid)
    assert len(clinic_on_each_database.moves(text_row.id)) == 2
    clinic_on_each_database.record([("f" * 32, accepted)])
    clinic_on_each_database.record([])


def lose_answers_of_commits(monkeypatch, ledger, count=1):
    """Let the next commits succeed, but look like failures: the database answered too late."""
    real_write, left = ledger.write, [None] * count

    @contextmanager
    def write():
        with real_write() as connection:
            yield connection
        if left:
            left.pop()
            raise LedgerUnavailable("the database did not answer")

    monkeypatch.setattr(ledger, "write", write)


@pytest.mark.parametrize(
    ("result", "state", "reason"), [case[1:] for case in RESULTS], ids=[case[0] for case in RESULTS]
)
def test_a_result_is_the_same_if_the_answer_to_its_commit_is_lost(
    clinic_on_each_database, monkeypatch, result, state, reason
):
    clinic = clinic_on_each_database
    attempt = claim_one(clinic)
    lose_answers_of_commits(monkeypatch, clinic.ledger)
    with pytest.raises(LedgerUnavailable):
        clinic.record([(attempt, result)], LATER)
    clinic.record([(attempt, result)], LATER + timedelta(seconds=10))
    text_row = the_text(clinic)
    assert (text_row.state, text_row.reason) == (state, reason)
    assert clinic.moves(text_row.id) == [(None, "claimed", None), ("claimed", state, reason)]
    assert text_row.retry_at in (None, LATER + timedelta(seconds=30))


def test_a_result_that_is_repeated_after_the_next_claim_does_not_touch_that_claim(clinic, monkeypatch):
    attempt = claim_one(clinic)
    lose_answers_of_commits(monkeypatch, clinic.ledger)
    busy = Refused(ErrorClass.TRANSIENT, 20429, "HTTP 429")
    with pytest.raises(LedgerUnavailable):
        clinic.record([(attempt, busy)])
    (again,) = clinic.claim(NOW + timedelta(minutes=1))
    clinic.record([(again.attempt, Accepted(sid(), "queued"))])
    clinic.record([(attempt, busy)])
    assert the_text(clinic).state == "handed_over"


def test_the_back_off_doubles_up_to_an_hour(clinic):
    clinic.import_rows(row(1, at(7)))
    now, delays = NOW, []
    for _ in range(12):
        (claimed,) = clinic.claim(now)
        clinic.record([(claimed.attempt, Refused(ErrorClass.TRANSIENT, 20429, "HTTP 429"))], now)
        due = clinic.appointment("A1").next_due_at
        delays.append(int((due - now).total_seconds()))
        now = due
        if now > NOW + timedelta(hours=9):
            break
    assert delays[:8] == [30, 60, 120, 240, 480, 960, 1920, 3600]
    assert set(delays[8:]) == {3600}


def test_the_back_off_after_a_hundred_attempts_is_an_hour(clinic):
    attempt = claim_one(clinic)
    with clinic.ledger.write() as connection:
        connection.execute(update(text).values(tries=100))
    clinic.record([(attempt, Refused(ErrorClass.TRANSIENT, 20429, "HTTP 429"))])
    assert the_text(clinic).retry_at == NOW + MAX_RETRY_DELAY


def test_a_refusal_of_our_account_raises_one_alarm_fails_no_text_and_stops_sending(clinic_on_each_database):
    clinic_on_each_database.import_rows(*(row(number, DUE) for number in range(6)))
    claimed = clinic_on_each_database.claim(limit=4)
    stop = Refused(ErrorClass.STOP, 20003, "HTTP 401")
    clinic_on_each_database.record([(text.attempt, stop) for text in claimed[:2]])
    clinic_on_each_database.record([(text.attempt, stop) for text in claimed[2:]], LATER)
    (raised,) = clinic_on_each_database.all(alarm)
    assert (raised.name, raised.raised_at) == (Alarm.SENDING_STOPPED, NOW)
    assert "20003" in raised.detail
    assert clinic_on_each_database.claim(LATER) == []
    counted = batch_status(clinic_on_each_database.ledger)
    assert (counted["texts"]["failed"], counted["texts"]["planned"]) == (0, 6)
    assert counted["alarms"] == [{"name": Alarm.SENDING_STOPPED, "detail": raised.detail}]


def test_an_alarm_without_an_error_code_names_the_http_status(clinic):
    clinic.record([(claim_one(clinic), Refused(ErrorClass.STOP, None, "HTTP 302"))])
    assert "HTTP 302" in clinic.all(alarm)[0].detail


# Receipts


def receipt(clinic, attempt, status, code=None, its_sid="", now=LATER):
    return apply_receipt(clinic.ledger, clinic.vault, Receipt(attempt, status, its_sid, code), now)


RECEIPTS = [
    ("in order", ("queued", "sending", "sent", "delivered"), "delivered"),
    ("in reverse order", ("delivered", "sent", "sending", "queued"), "delivered"),
    ("each twice", ("sent", "sent", "delivered", "delivered"), "delivered"),
    ("sent only", ("sending", "sent"), "handed_over"),
    ("read", ("sent", "delivered", "read"), "delivered"),
    ("failed, then sent", ("failed", "sent"), "failed"),
    ("undelivered, then delivered", ("undelivered", "delivered"), "undelivered"),
    ("an unknown status", ("teleported",), "handed_over"),
    ("an empty status", ("",), "handed_over"),
]


@pytest.mark.parametrize(("statuses", "state"), [case[1:] for case in RECEIPTS], ids=[case[0] for case in RECEIPTS])
def test_receipts_move_a_text_forward_only(clinic, statuses, state):
    attempt = claim_one(clinic)
    clinic.record([(attempt, Accepted(sid(), "queued"))])
    assert all(receipt(clinic, attempt, word) for word in statuses)
    assert the_text(clinic).state == state


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from([*STATE_BY_STATUS, "unknown"]), max_size=6), st.sampled_from(sorted(ALLOWED)))
def test_any_sequence_of_receipts_makes_only_allowed_transitions(shared_clinic, statuses, first):
    text_id = create_text(shared_clinic, first)
    attempt = shared_clinic.all(text, text.c.id == text_id)[0].attempt
    for word in statuses:
        assert receipt(shared_clinic, attempt, word)
    states = [first, *(to for _, to, _ in shared_clinic.moves(text_id)[1:])]
    assert all(to in ALLOWED[before].split() for before, to in itertools.pairwise(states))
    assert state_of(shared_clinic, text_id) == states[-1]


def test_a_receipt_may_arrive_before_the_result_is_recorded(clinic):
    attempt, its_sid = claim_one(clinic), sid()
    assert receipt(clinic, attempt, "delivered", its_sid=its_sid)
    clinic.record([(attempt, Accepted(its_sid, "queued"))])
    text_row = the_text(clinic)
    assert (text_row.state, text_row.sid) == ("delivered", its_sid)


@pytest.mark.parametrize(("word", "state"), [("sent", "handed_over"), ("delivered", "delivered"), ("failed", "failed")])
def test_a_receipt_settles_an_uncertain_text(clinic, word, state):
    attempt, its_sid = claim_one(clinic), sid()
    clinic.record([(attempt, Refused(ErrorClass.UNCERTAIN, None, "Broken"))])
    assert receipt(clinic, attempt, word, its_sid=its_sid)
    assert (the_text(clinic).state, the_text(clinic).sid) == (state, its_sid)


def test_a_late_receipt_stops_the_retry_of_a_text_that_went_out_after_all(clinic):
    attempt = claim_one(clinic)
    clinic.record([(attempt, Refused(ErrorClass.TRANSIENT, None, "NotSent"))])
    assert the_text(clinic).state == "planned"
    assert receipt(clinic, attempt, "sent")
    assert clinic.claim(NOW + timedelta(hours=1)) == []
    assert the_text(clinic).state == "handed_over"


def test_a_receipt_for_an_unknown_attempt_returns_false(clinic):
    claim_one(clinic)
    assert not receipt(clinic, "f" * 32, "delivered")


def test_an_error_code_in_a_receipt_marks_a_landline_or_an_opt_out(clinic):
    clinic.import_rows(row(1, DUE), row(2, DUE))
    first, second = clinic.send()
    receipt(clinic, first.attempt, "undelivered", 30006)
    receipt(clinic, second.attempt, "failed", 21610)
    assert [(row.landline, row.opted_out_at is not None) for row in clinic.all(person)] == [
        (True, False),
        (False, True),
    ]
    assert batch_status(clinic.ledger)["reasons"]["error_30006"] == 1


def test_a_sid_that_belongs_to_another_text_is_ignored(clinic_on_each_database):
    clinic_on_each_database.import_rows(row(1, DUE), row(2, DUE))
    first, second = clinic_on_each_database.claim()
    its_sid = sid()
    clinic_on_each_database.record([(first.attempt, Accepted(its_sid, "queued"))])
    assert receipt(clinic_on_each_database, second.attempt, "delivered", its_sid=its_sid)
    clinic_on_each_database.record([(second.attempt, Accepted(its_sid, "queued"))])
    assert clinic_on_each_database.all(text, text.c.attempt == second.attempt)[0].state == "delivered"


def test_a_text_without_a_receipt_is_closed_after_three_days_and_a_late_receipt_still_counts(clinic_on_each_database):
    attempt = claim_one(clinic_on_each_database)
    clinic_on_each_database.record([(attempt, Accepted(sid(), "queued"))])
    assert close_without_receipt(clinic_on_each_database.ledger, NOW + NO_RECEIPT_AFTER) == 0
    assert close_without_receipt(clinic_on_each_database.ledger, NOW + NO_RECEIPT_AFTER + timedelta(seconds=1)) == 1
    assert the_text(clinic_on_each_database).state == "no_receipt"
    assert receipt(clinic_on_each_database, attempt, "delivered")
    assert the_text(clinic_on_each_database).state == "delivered"


# Leases


def test_a_claim_becomes_uncertain_when_its_lease_expires(clinic):
    clinic.import_rows(row(1, DUE), row(2, DUE))
    (old,) = clinic.claim(limit=1)
    clinic.claim(NOW + timedelta(seconds=60))
    assert expire_claims(clinic.ledger, NOW + timedelta(seconds=120), 120) == 0
    assert expire_claims(clinic.ledger, NOW + timedelta(seconds=121), 120) == 1
    states = {text_row.attempt: text_row.state for text_row in clinic.texts() if text_row.step == "2d"}
    assert states.pop(old.attempt) == "uncertain"
    assert set(states.values()) == {"claimed"}
    assert ("claimed", "uncertain", "lease_expired") in clinic.moves(the_text(clinic).id)


def test_a_result_that_is_recorded_after_the_lease_still_counts(clinic):
    attempt = claim_one(clinic)
    expire_claims(clinic.ledger, NOW + timedelta(hours=1), 120)
    clinic.record([(attempt, Accepted(sid(), "queued"))])
    assert the_text(clinic).state == "handed_over"
    assert [to for _, to, _ in clinic.moves(the_text(clinic).id)] == ["claimed", "uncertain", "handed_over"]


def test_the_states_of_all_texts_add_up(clinic_on_each_database):
    clinic_on_each_database.import_rows(*(row(number, DUE) for number in range(8)))
    first, second, third, *_ = clinic_on_each_database.claim(limit=5)
    clinic_on_each_database.record(
        [(first.attempt, Accepted(sid(), "queued")), (second.attempt, Refused(ErrorClass.UNCERTAIN, None, ""))]
    )
    receipt(clinic_on_each_database, first.attempt, "delivered")
    clinic_on_each_database.record([(third.attempt, Refused(ErrorClass.PERMANENT, 21211, ""))])
    counted = batch_status(clinic_on_each_database.ledger)
    texts = {state: number for state, number in counted["texts"].items() if number}
    assert texts == {"planned": 8, "claimed": 2, "uncertain": 1, "delivered": 1, "failed": 1, "skipped": 5}
    assert counted["batches"][0]["texts"] == counted["texts"]
    with clinic_on_each_database.ledger.read() as connection:
        assert len(connection.execute(select(text_move)).all()) == 14


def test_a_text_claimed_again_while_its_old_lease_expires_stays_claimed(clinic, monkeypatch):
    attempt, later = claim_one(clinic), NOW + timedelta(seconds=121)
    real_write, claimed = clinic.ledger.write, []

    def write():
        if not claimed:
            claimed.append(None)
            clinic.record([(attempt, Refused(ErrorClass.TRANSIENT, None, "not tried"))], NOW)
            claimed.extend(clinic.claim(later))
        return real_write()

    monkeypatch.setattr(clinic.ledger, "write", write)
    assert expire_claims(clinic.ledger, later, 120) == 0
    assert len(claimed) == 2
    assert the_text(clinic).state == "claimed"
