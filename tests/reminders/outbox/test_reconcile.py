"""Uncertain texts are searched for in the carrier's log (here the simulator's) before anything is sent again."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from sqlalchemy import update

from ivr.carrier.twilio.client import Accepted, Carrier, LoggedMessage, Refused
from ivr.carrier.twilio.errors import ErrorClass
from ivr.carrier.twilio.transport import Broken
from ivr.ledger.tables import text
from ivr.reminders.outbox.reconcile import reconcile_uncertain, uncertain_due
from ivr.reminders.outbox.results import expire_claims
from tests.support.clinic import NOW, at, row, sid
from tests.support.network import LINE, SERVICE, SID, TOKEN, network_at

INTERVAL = 60
DUE = at(2, -1)


@pytest.fixture(scope="module")
def network():
    with network_at(NOW) as network:
        yield network


@pytest.fixture
def carrier(network):
    return Carrier(SID, TOKEN, network.url, LINE)


# The tests share a phone network, so each uses its own numbers.
_numbers = iter(range(10, 80))


def claim_one(clinic):
    """Claim a text to a number that no other test uses."""
    clinic.import_rows(row(next(_numbers), DUE))
    (claimed,) = clinic.claim()
    return claimed


def send(carrier, claimed):
    return carrier.send(claimed.phone, claimed.body, f"http://127.0.0.1:1/receipts/text/{claimed.attempt}", 3600)


def make_uncertain(clinic, claimed):
    clinic.record([(claimed.attempt, Refused(ErrorClass.UNCERTAIN, None, "Broken"))])


def search(clinic, carrier, seconds):
    now = NOW + timedelta(seconds=seconds)
    return reconcile_uncertain(
        clinic.ledger, clinic.vault, carrier, uncertain_due(clinic.ledger, now, INTERVAL), now, INTERVAL
    )


def counts(found=0, planned=0, waiting=0):
    return {"found": found, "planned": planned, "waiting": waiting}


def text_of(clinic, claimed):
    return clinic.all(text, text.c.attempt == claimed.attempt)[0]


@pytest.mark.parametrize("sender", [LINE, SERVICE], ids=["a number sends", "a messaging service sends"])
def test_a_text_that_went_out_is_found_and_not_sent_again(clinic, network, sender):
    carrier, claimed = Carrier(SID, TOKEN, network.url, sender), claim_one(clinic)
    accepted = send(carrier, claimed)
    make_uncertain(clinic, claimed)
    assert search(clinic, carrier, INTERVAL) == counts(found=1)
    assert (text_of(clinic, claimed).sid, text_of(clinic, claimed).reason) == (accepted.sid, "reconciled")
    assert clinic.claim(NOW + timedelta(hours=1)) == []
    assert uncertain_due(clinic.ledger, NOW + timedelta(hours=1), INTERVAL) == []


def test_a_text_is_found_even_if_our_clock_was_hours_ahead_when_it_was_claimed(clinic, carrier):
    clinic.import_rows(row(next(_numbers), DUE))
    ahead = NOW + timedelta(hours=3)
    (claimed,) = clinic.claim(ahead)
    send(carrier, claimed)
    make_uncertain(clinic, claimed)
    assert search(clinic, carrier, 3 * 3600 + INTERVAL) == counts(found=1)


@pytest.mark.parametrize("fault", ["500_stored", "drop_stored", "slow_stored", "html", "500"])
def test_a_text_goes_out_once_even_if_the_response_is_lost_or_broken(clinic, network, carrier, monkeypatch, fault):
    claimed = claim_one(clinic)
    monkeypatch.setattr(carrier._client.http_client, "_seconds", 0.2)
    network.ask("/simulator/faults", {fault: {"share": 1.0, "seconds": 0.4} if fault == "slow_stored" else 1.0})
    try:
        clinic.record([(claimed.attempt, send(carrier, claimed))])
    finally:
        network.ask("/simulator/faults", {})
    assert text_of(clinic, claimed).state == "uncertain"
    searches = [search(clinic, carrier, INTERVAL * times) for times in (1, 2)]
    for retry in clinic.claim(NOW + timedelta(minutes=10)):
        clinic.record([(retry.attempt, send(carrier, retry))], NOW + timedelta(minutes=10))
    assert len(list(carrier.find(claimed.phone, NOW - timedelta(hours=1)))) == 1
    assert searches == ([counts(found=1), counts()] if "stored" in fault else [counts(waiting=1), counts(planned=1)])


def test_a_text_is_planned_again_after_two_searches_without_a_match(clinic, carrier):
    claimed = claim_one(clinic)
    make_uncertain(clinic, claimed)
    assert [search(clinic, carrier, seconds) for seconds in (30, 59)] == [counts(), counts()]
    assert search(clinic, carrier, 60) == counts(waiting=1)
    assert search(clinic, carrier, 119) == counts()
    assert clinic.claim(NOW + timedelta(seconds=119)) == []
    assert search(clinic, carrier, 120) == counts(planned=1)
    (retry,) = clinic.claim(NOW + timedelta(seconds=121))
    assert (retry.phone, retry.body, retry.attempt != claimed.attempt) == (claimed.phone, claimed.body, True)


def test_a_text_in_several_jobs_is_searched_for_once(clinic, carrier):
    make_uncertain(clinic, claim_one(clinic))
    now = NOW + timedelta(seconds=INTERVAL)
    ids = uncertain_due(clinic.ledger, now, INTERVAL)
    for _ in range(3):
        assert reconcile_uncertain(clinic.ledger, clinic.vault, carrier, ids, now, INTERVAL) == counts(waiting=1)
    assert clinic.all(text, text.c.id == ids[0])[0].looks == 1


def test_a_slow_search_does_not_reschedule_a_text_that_was_claimed_again_meanwhile(
    clinic_on_each_database, monkeypatch
):
    clinic = clinic_on_each_database
    claimed = claim_one(clinic)
    make_uncertain(clinic, claimed)
    with clinic.ledger.write() as connection:
        connection.execute(update(text).where(text.c.state == "uncertain").values(looks=1))

    class SlowCarrier:
        """Answers the first search only after a second search has ended and the text is claimed again."""

        def __init__(self):
            self.searches = 0

        def is_ours(self, *_):
            return True

        def find(self, *_):
            self.searches += 1
            if self.searches == 1:
                assert search(clinic, self, INTERVAL) == counts(planned=1)
                assert len(clinic.claim(NOW + timedelta(seconds=INTERVAL))) == 1
            return iter(())

    assert search(clinic, SlowCarrier(), INTERVAL) == counts(waiting=1)
    assert [text_row.state for text_row in clinic.texts() if text_row.step == "2d"] == ["claimed"]


def test_a_text_stays_uncertain_while_the_carrier_does_not_respond(clinic, network):
    claimed = claim_one(clinic)
    make_uncertain(clinic, claimed)
    unavailable = Carrier(SID, TOKEN, "http://127.0.0.1:1", LINE)
    assert [search(clinic, unavailable, INTERVAL * times) for times in (1, 2, 3)] == [counts(waiting=1)] * 3
    unauthorized = Carrier(SID, "another token", network.url, LINE)
    assert search(clinic, unauthorized, INTERVAL * 4) == counts(waiting=1)
    assert (text_of(clinic, claimed).state, text_of(clinic, claimed).looks) == ("uncertain", 0)


class Log:
    """A carrier with these messages in its log."""

    def __init__(self, *messages):
        self.messages = messages

    def is_ours(self, message):
        return message.sender == LINE

    def find(self, *_):
        return iter(self.messages)


def logged(claimed, **change):
    fields = {"sid": sid(), "status": "delivered", "body": claimed.body, "to": claimed.phone, "sender": LINE}
    fields |= {"messaging_service": "", "direction": "outbound-api"}
    return LoggedMessage(**{**fields, "created_at": NOW, "error_code": None, **change})


OTHER_MESSAGES = [
    ("another body", {"body": "Hello"}),
    ("another sender", {"sender": "+16035550177"}),
    ("long before the claim", {"created_at": NOW - timedelta(days=1, seconds=1)}),
]


@pytest.mark.parametrize("change", [case[1] for case in OTHER_MESSAGES], ids=[case[0] for case in OTHER_MESSAGES])
def test_a_different_message_in_the_log_does_not_match(clinic, change):
    claimed = claim_one(clinic)
    make_uncertain(clinic, claimed)
    assert search(clinic, Log(logged(claimed, **change)), INTERVAL) == counts(waiting=1)


def test_a_message_that_belongs_to_another_text_does_not_match(clinic):
    claimed, other = claim_one(clinic), claim_one(clinic)
    its_sid = sid()
    clinic.record([(other.attempt, Accepted(its_sid, "queued"))])
    make_uncertain(clinic, claimed)
    assert search(clinic, Log(logged(claimed, sid=its_sid)), INTERVAL) == counts(waiting=1)
    assert search(clinic, Log(logged(claimed), logged(claimed, sid=its_sid)), 2 * INTERVAL) == counts(found=1)


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("sent", "handed_over"),
        ("delivered", "delivered"),
        ("undelivered", "undelivered"),
        ("failed", "failed"),
        ("unknown", "handed_over"),
    ],
)
def test_the_status_in_the_log_becomes_the_state_of_the_text(clinic, status, state):
    claimed = claim_one(clinic)
    make_uncertain(clinic, claimed)
    code = 30006 if state == "undelivered" else None
    assert search(clinic, Log(logged(claimed, status=status, error_code=code)), INTERVAL) == counts(found=1)
    assert (text_of(clinic, claimed).state, text_of(clinic, claimed).error_code) == (state, code)
    assert clinic.claim(NOW + timedelta(hours=1)) == []


def test_a_text_that_is_too_late_when_planned_again_is_skipped(clinic, carrier):
    make_uncertain(clinic, claim_one(clinic))
    late = 24 * 3600
    assert search(clinic, carrier, late) == counts(waiting=1)
    assert search(clinic, carrier, late + INTERVAL) == counts(planned=1)
    clinic.claim(NOW + timedelta(seconds=late + INTERVAL))
    (text_row,) = [text_row for text_row in clinic.texts() if text_row.step == "2d"]
    assert (text_row.state, text_row.reason) == ("skipped", "late")


def test_an_expired_claim_is_found_if_it_went_out_and_sent_if_it_did_not(clinic, carrier):
    went_out, did_not = claim_one(clinic), claim_one(clinic)
    send(carrier, went_out)
    assert expire_claims(clinic.ledger, NOW + timedelta(seconds=121), 120) == 2
    assert search(clinic, carrier, 121) == counts(found=1, waiting=1)
    assert search(clinic, carrier, 181) == counts(planned=1)
    (retry,) = clinic.claim(NOW + timedelta(seconds=182))
    assert retry.phone == did_not.phone


def test_concurrent_searches_for_a_text_count_once(clinic_on_each_database):
    clinic = clinic_on_each_database
    claimed = claim_one(clinic)
    make_uncertain(clinic, claimed)
    barrier = threading.Barrier(2)

    class SlowLog(Log):
        def find(self, *_):
            barrier.wait()
            return iter(())

    results = []
    threads = [threading.Thread(target=lambda: results.append(search(clinic, SlowLog(), INTERVAL))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [counts(waiting=1)] * 2
    assert text_of(clinic, claimed).looks == 1


def test_a_connection_error_for_one_text_leaves_it_waiting_and_the_others_are_found(clinic):
    first, second = claim_one(clinic), claim_one(clinic)
    make_uncertain(clinic, first)
    make_uncertain(clinic, second)

    class BrokenLog(Log):
        def find(self, to, *_):
            if to == first.phone:
                raise Broken("TimeoutError")
            return iter([logged(second)])

    assert search(clinic, BrokenLog(), INTERVAL) == counts(found=1, waiting=1)
