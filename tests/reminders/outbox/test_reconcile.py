"""Uncertain texts are looked for in the carrier's own log, the simulator's, before anything goes out again."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from sqlalchemy import update

from ivr.carrier.twilio.client import Accepted, Carrier, LoggedMessage, Refused
from ivr.carrier.twilio.errors import ErrorClass
from ivr.carrier.twilio.transport import Broken
from ivr.ledger.tables import text
from ivr.reminders.outbox import reconcile as room
from ivr.reminders.outbox.reconcile import reconcile, uncertain_due
from ivr.reminders.outbox.results import expire_claims
from tests.support.clinic import NOW, at, row, sid
from tests.support.network import LINE, SERVICE, SID, TOKEN, network_at

WAIT = 60
DUE = at(2, -1)


@pytest.fixture(scope="module")
def network():
    with network_at(NOW) as network:
        yield network


@pytest.fixture
def carrier(network):
    return Carrier(SID, TOKEN, network.url, LINE)


def numbers():
    """Each test texts somebody else, since they share a phone network."""
    yield from range(10, 80)


_numbers = numbers()


def claimed(clinic):
    """One text under way, to somebody that no other test texts."""
    clinic.take(row(next(_numbers), DUE))
    (one,) = clinic.claim()
    return one


def send(carrier, one):
    return carrier.send(one.phone, one.body, f"http://127.0.0.1:1/receipts/text/{one.attempt}", 3600)


def lose(clinic, one):
    clinic.record([(one.attempt, Refused(ErrorClass.UNCERTAIN, None, "Broken"))])


def look(clinic, carrier, seconds):
    now = NOW + timedelta(seconds=seconds)
    return reconcile(clinic.ledger, clinic.vault, carrier, uncertain_due(clinic.ledger, now, WAIT), now, WAIT)


def counts(found=0, planned=0, waiting=0):
    return {"found": found, "planned": planned, "waiting": waiting}


def the_text(clinic, one):
    return clinic.all(text, text.c.attempt == one.attempt)[0]


@pytest.mark.parametrize("sender", [LINE, SERVICE], ids=["a number sends", "a messaging service sends"])
def test_a_text_that_did_go_out_is_found_and_not_sent_again(clinic, network, sender):
    carrier, one = Carrier(SID, TOKEN, network.url, sender), claimed(clinic)
    accepted = send(carrier, one)
    lose(clinic, one)
    assert look(clinic, carrier, WAIT) == counts(found=1)
    assert (the_text(clinic, one).sid, the_text(clinic, one).reason) == (accepted.sid, "reconciled")
    assert clinic.claim(NOW + timedelta(hours=1)) == []
    assert uncertain_due(clinic.ledger, NOW + timedelta(hours=1), WAIT) == []


@pytest.mark.parametrize("fault", ["500_stored", "drop_stored", "slow_stored", "html", "500"])
def test_whatever_goes_wrong_with_an_answer_each_text_is_in_the_log_once(clinic, network, carrier, monkeypatch, fault):
    one = claimed(clinic)
    monkeypatch.setattr(carrier._client.http_client, "_seconds", 0.2)
    network.ask("/simulator/faults", {fault: {"share": 1.0, "seconds": 0.4} if fault == "slow_stored" else 1.0})
    try:
        clinic.record([(one.attempt, send(carrier, one))])
    finally:
        network.ask("/simulator/faults", {})
    assert the_text(clinic, one).state == "uncertain"
    told = [look(clinic, carrier, WAIT * times) for times in (1, 2)]
    for again in clinic.claim(NOW + timedelta(minutes=10)):
        clinic.record([(again.attempt, send(carrier, again))], NOW + timedelta(minutes=10))
    assert len(list(carrier.find(one.phone, NOW - timedelta(hours=1)))) == 1
    assert told == ([counts(found=1), counts()] if "stored" in fault else [counts(waiting=1), counts(planned=1)])


def test_two_empty_looks_and_the_text_is_planned_anew(clinic, carrier):
    one = claimed(clinic)
    lose(clinic, one)
    assert [look(clinic, carrier, seconds) for seconds in (30, 59)] == [counts(), counts()]
    assert look(clinic, carrier, 60) == counts(waiting=1)
    assert look(clinic, carrier, 119) == counts()
    assert clinic.claim(NOW + timedelta(seconds=119)) == []
    assert look(clinic, carrier, 120) == counts(planned=1)
    (again,) = clinic.claim(NOW + timedelta(seconds=121))
    assert (again.phone, again.body, again.attempt != one.attempt) == (one.phone, one.body, True)


def test_the_same_text_in_two_jobs_is_looked_for_once(clinic, carrier):
    lose(clinic, claimed(clinic))
    now = NOW + timedelta(seconds=WAIT)
    ids = uncertain_due(clinic.ledger, now, WAIT)
    for _ in range(3):
        assert reconcile(clinic.ledger, clinic.vault, carrier, ids, now, WAIT) == counts(waiting=1)
    assert clinic.all(text, text.c.id == ids[0])[0].looks == 1


def test_a_look_that_took_long_does_not_take_back_a_text_that_was_claimed_anew_meanwhile(
    clinic_on_each_database, monkeypatch
):
    clinic = clinic_on_each_database
    one = claimed(clinic)
    lose(clinic, one)
    with clinic.ledger.write() as connection:
        connection.execute(update(text).where(text.c.state == "uncertain").values(looks=1))

    class Slow:
        """A carrier that answers one job only after another job has looked, and the text was claimed again."""

        def __init__(self):
            self.asked = 0

        def is_ours(self, *_):
            return True

        def find(self, *_):
            self.asked += 1
            if self.asked == 1:
                assert look(clinic, self, WAIT) == counts(planned=1)
                assert len(clinic.claim(NOW + timedelta(seconds=WAIT))) == 1
            return iter(())

    assert look(clinic, Slow(), WAIT) == counts(waiting=1)
    assert [found.state for found in clinic.texts() if found.step == "2d"] == ["claimed"]


def test_while_the_carrier_does_not_answer_nothing_is_concluded(clinic, network):
    one = claimed(clinic)
    lose(clinic, one)
    away = Carrier(SID, TOKEN, "http://127.0.0.1:1", LINE)
    assert [look(clinic, away, WAIT * times) for times in (1, 2, 3)] == [counts(waiting=1)] * 3
    wrong = Carrier(SID, "another token", network.url, LINE)
    assert look(clinic, wrong, WAIT * 4) == counts(waiting=1)
    assert (the_text(clinic, one).state, the_text(clinic, one).looks) == ("uncertain", 0)


class Log:
    """A carrier with these texts in its log."""

    def __init__(self, *texts):
        self.texts = texts

    def is_ours(self, found):
        return found.sender == LINE

    def find(self, *_):
        return iter(self.texts)


def found(one, **change):
    fields = {"sid": sid(), "status": "delivered", "body": one.body, "to": one.phone, "sender": LINE}
    fields |= {"messaging_service": "", "direction": "outbound-api"}
    return LoggedMessage(**{**fields, "created_at": NOW, "error_code": None, **change})


NOT_IT = [
    ("another body", {"body": "Hello"}),
    ("another sender", {"sender": "+16035550177"}),
    ("long before the claim", {"created_at": NOW - timedelta(seconds=61)}),
]


@pytest.mark.parametrize("change", [case[1] for case in NOT_IT], ids=[case[0] for case in NOT_IT])
def test_a_text_in_the_log_that_is_another_one_does_not_count(clinic, change):
    one = claimed(clinic)
    lose(clinic, one)
    assert look(clinic, Log(found(one, **change)), WAIT) == counts(waiting=1)


def test_the_same_words_under_an_id_that_another_of_our_texts_has_do_not_count(clinic):
    one, other = claimed(clinic), claimed(clinic)
    its_sid = sid()
    clinic.record([(other.attempt, Accepted(its_sid, "queued"))])
    lose(clinic, one)
    assert look(clinic, Log(found(one, sid=its_sid)), WAIT) == counts(waiting=1)
    assert look(clinic, Log(found(one), found(one, sid=its_sid)), 2 * WAIT) == counts(found=1)


@pytest.mark.parametrize(
    ("told", "state"),
    [
        ("sent", "handed_over"),
        ("delivered", "delivered"),
        ("undelivered", "undelivered"),
        ("failed", "failed"),
        ("new word", "handed_over"),
    ],
)
def test_what_the_log_says_of_it_is_kept(clinic, told, state):
    one = claimed(clinic)
    lose(clinic, one)
    code = 30006 if state == "undelivered" else None
    assert look(clinic, Log(found(one, status=told, error_code=code)), WAIT) == counts(found=1)
    assert (the_text(clinic, one).state, the_text(clinic, one).error_code) == (state, code)
    assert clinic.claim(NOW + timedelta(hours=1)) == []


def test_what_is_of_no_use_any_more_is_skipped_when_it_comes_back(clinic, carrier):
    lose(clinic, claimed(clinic))
    late = 24 * 3600
    assert look(clinic, carrier, late) == counts(waiting=1)
    assert look(clinic, carrier, late + WAIT) == counts(planned=1)
    clinic.claim(NOW + timedelta(seconds=late + WAIT))
    (kept,) = [one for one in clinic.texts() if one.step == "2d"]
    assert (kept.state, kept.reason) == ("skipped", "late")


def test_a_claim_whose_worker_died_is_found_when_it_went_out_and_sent_when_it_did_not(clinic, carrier):
    went, did_not = claimed(clinic), claimed(clinic)
    send(carrier, went)
    assert expire_claims(clinic.ledger, NOW + timedelta(seconds=121), 120) == 2
    assert look(clinic, carrier, 121) == counts(found=1, waiting=1)
    assert look(clinic, carrier, 181) == counts(planned=1)
    (again,) = clinic.claim(NOW + timedelta(seconds=182))
    assert again.phone == did_not.phone


def test_two_workers_that_look_for_one_text_at_once_conclude_once(clinic_on_each_database):
    clinic = clinic_on_each_database
    one = claimed(clinic)
    lose(clinic, one)
    both = threading.Barrier(2)

    class Together(Log):
        def find(self, *_):
            both.wait()
            return iter(())

    told = []
    threads = [threading.Thread(target=lambda: told.append(look(clinic, Together(), WAIT))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told == [counts(waiting=1)] * 2
    assert the_text(clinic, one).looks == 1


def test_a_carrier_that_breaks_half_way_leaves_the_others_for_the_next_time(clinic):
    first, second = claimed(clinic), claimed(clinic)
    lose(clinic, first)
    lose(clinic, second)

    class Breaks(Log):
        def find(self, to, *_):
            if to == first.phone:
                raise Broken("TimeoutError")
            return iter([found(second)])

    assert look(clinic, Breaks(), WAIT) == counts(found=1, waiting=1)
    assert room.LOOKS == 2
