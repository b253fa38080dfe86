"""Uncertain texts are looked for in the carrier's own log, the simulator's, before anything goes out again."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from sqlalchemy import update

from ivr.carrier.twilio.client import Accepted, Carrier, Found, Refused
from ivr.carrier.twilio.errors import ErrorClass
from ivr.carrier.twilio.transport import Broken
from ivr.ledger.tables import text
from ivr.reminders.outbox import reconcile as room
from ivr.reminders.outbox.reconcile import reconcile, uncertain_due
from ivr.reminders.outbox.results import release_silent_claims
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


def claimed(house):
    """One text under way, to somebody that no other test texts."""
    house.take(row(next(_numbers), DUE))
    (one,) = house.claim()
    return one


def send(carrier, one):
    return carrier.send(one.phone, one.body, f"http://127.0.0.1:1/receipts/text/{one.attempt}", 3600)


def lose(house, one):
    house.record([(one.attempt, Refused(ErrorClass.UNCERTAIN, None, "Broken"))])


def look(house, carrier, seconds):
    now = NOW + timedelta(seconds=seconds)
    return reconcile(house.ledger, house.vault, carrier, uncertain_due(house.ledger, now, WAIT), now, WAIT)


def counts(found=0, planned=0, waiting=0):
    return {"found": found, "planned": planned, "waiting": waiting}


def the_text(house, one):
    return house.all(text, text.c.attempt == one.attempt)[0]


@pytest.mark.parametrize("sender", [LINE, SERVICE], ids=["a number sends", "a messaging service sends"])
def test_a_text_that_did_go_out_is_found_and_not_sent_again(house, network, sender):
    carrier, one = Carrier(SID, TOKEN, network.url, sender), claimed(house)
    accepted = send(carrier, one)
    lose(house, one)
    assert look(house, carrier, WAIT) == counts(found=1)
    assert (the_text(house, one).sid, the_text(house, one).reason) == (accepted.sid, "reconciled")
    assert house.claim(NOW + timedelta(hours=1)) == []
    assert uncertain_due(house.ledger, NOW + timedelta(hours=1), WAIT) == []


@pytest.mark.parametrize("fault", ["500_stored", "drop_stored", "slow_stored", "html", "500"])
def test_whatever_goes_wrong_with_an_answer_each_text_is_in_the_log_once(house, network, carrier, monkeypatch, fault):
    one = claimed(house)
    monkeypatch.setattr(carrier._client.http_client, "_seconds", 0.2)
    network.ask("/simulator/faults", {fault: {"share": 1.0, "seconds": 0.4} if fault == "slow_stored" else 1.0})
    try:
        house.record([(one.attempt, send(carrier, one))])
    finally:
        network.ask("/simulator/faults", {})
    assert the_text(house, one).state == "uncertain"
    told = [look(house, carrier, WAIT * times) for times in (1, 2)]
    for again in house.claim(NOW + timedelta(minutes=10)):
        house.record([(again.attempt, send(carrier, again))], NOW + timedelta(minutes=10))
    assert len(list(carrier.find(one.phone, NOW - timedelta(hours=1)))) == 1
    assert told == ([counts(found=1), counts()] if "stored" in fault else [counts(waiting=1), counts(planned=1)])


def test_two_empty_looks_and_the_text_is_planned_anew(house, carrier):
    one = claimed(house)
    lose(house, one)
    assert [look(house, carrier, seconds) for seconds in (30, 59)] == [counts(), counts()]
    assert look(house, carrier, 60) == counts(waiting=1)
    assert look(house, carrier, 119) == counts()
    assert house.claim(NOW + timedelta(seconds=119)) == []
    assert look(house, carrier, 120) == counts(planned=1)
    (again,) = house.claim(NOW + timedelta(seconds=121))
    assert (again.phone, again.body, again.attempt != one.attempt) == (one.phone, one.body, True)


def test_the_same_text_in_two_jobs_is_looked_for_once(house, carrier):
    lose(house, claimed(house))
    now = NOW + timedelta(seconds=WAIT)
    ids = uncertain_due(house.ledger, now, WAIT)
    for _ in range(3):
        assert reconcile(house.ledger, house.vault, carrier, ids, now, WAIT) == counts(waiting=1)
    assert house.all(text, text.c.id == ids[0])[0].looks == 1


def test_a_look_that_took_long_does_not_take_back_a_text_that_was_claimed_anew_meanwhile(either_house, monkeypatch):
    house = either_house
    one = claimed(house)
    lose(house, one)
    with house.ledger.write() as connection:
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
                assert look(house, self, WAIT) == counts(planned=1)
                assert len(house.claim(NOW + timedelta(seconds=WAIT))) == 1
            return iter(())

    assert look(house, Slow(), WAIT) == counts(waiting=1)
    assert [found.state for found in house.texts() if found.step == "2d"] == ["claimed"]


def test_while_the_carrier_does_not_answer_nothing_is_concluded(house, network):
    one = claimed(house)
    lose(house, one)
    away = Carrier(SID, TOKEN, "http://127.0.0.1:1", LINE)
    assert [look(house, away, WAIT * times) for times in (1, 2, 3)] == [counts(waiting=1)] * 3
    wrong = Carrier(SID, "another token", network.url, LINE)
    assert look(house, wrong, WAIT * 4) == counts(waiting=1)
    assert (the_text(house, one).state, the_text(house, one).looks) == ("uncertain", 0)


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
    return Found(**{**fields, "created_at": NOW, "error_code": None, **change})


NOT_IT = [
    ("another body", {"body": "Hello"}),
    ("another sender", {"sender": "+16035550177"}),
    ("long before the claim", {"created_at": NOW - timedelta(seconds=61)}),
]


@pytest.mark.parametrize("change", [case[1] for case in NOT_IT], ids=[case[0] for case in NOT_IT])
def test_a_text_in_the_log_that_is_another_one_does_not_count(house, change):
    one = claimed(house)
    lose(house, one)
    assert look(house, Log(found(one, **change)), WAIT) == counts(waiting=1)


def test_the_same_words_under_an_id_that_another_of_our_texts_has_do_not_count(house):
    one, other = claimed(house), claimed(house)
    its_sid = sid()
    house.record([(other.attempt, Accepted(its_sid, "queued"))])
    lose(house, one)
    assert look(house, Log(found(one, sid=its_sid)), WAIT) == counts(waiting=1)
    assert look(house, Log(found(one), found(one, sid=its_sid)), 2 * WAIT) == counts(found=1)


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
def test_what_the_log_says_of_it_is_kept(house, told, state):
    one = claimed(house)
    lose(house, one)
    code = 30006 if state == "undelivered" else None
    assert look(house, Log(found(one, status=told, error_code=code)), WAIT) == counts(found=1)
    assert (the_text(house, one).state, the_text(house, one).error_code) == (state, code)
    assert house.claim(NOW + timedelta(hours=1)) == []


def test_what_is_of_no_use_any_more_is_skipped_when_it_comes_back(house, carrier):
    lose(house, claimed(house))
    late = 24 * 3600
    assert look(house, carrier, late) == counts(waiting=1)
    assert look(house, carrier, late + WAIT) == counts(planned=1)
    house.claim(NOW + timedelta(seconds=late + WAIT))
    (kept,) = [one for one in house.texts() if one.step == "2d"]
    assert (kept.state, kept.reason) == ("skipped", "late")


def test_a_claim_whose_worker_died_is_found_when_it_went_out_and_sent_when_it_did_not(house, carrier):
    went, did_not = claimed(house), claimed(house)
    send(carrier, went)
    assert release_silent_claims(house.ledger, NOW + timedelta(seconds=121), 120) == 2
    assert look(house, carrier, 121) == counts(found=1, waiting=1)
    assert look(house, carrier, 181) == counts(planned=1)
    (again,) = house.claim(NOW + timedelta(seconds=182))
    assert again.phone == did_not.phone


def test_two_workers_that_look_for_one_text_at_once_conclude_once(either_house):
    house = either_house
    one = claimed(house)
    lose(house, one)
    both = threading.Barrier(2)

    class Together(Log):
        def find(self, *_):
            both.wait()
            return iter(())

    told = []
    threads = [threading.Thread(target=lambda: told.append(look(house, Together(), WAIT))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told == [counts(waiting=1)] * 2
    assert the_text(house, one).looks == 1


def test_a_carrier_that_breaks_half_way_leaves_the_others_for_the_next_time(house):
    first, second = claimed(house), claimed(house)
    lose(house, first)
    lose(house, second)

    class Breaks(Log):
        def find(self, to, *_):
            if to == first.phone:
                raise Broken("TimeoutError")
            return iter([found(second)])

    assert look(house, Breaks(), WAIT) == counts(found=1, waiting=1)
    assert room.LOOKS == 2
