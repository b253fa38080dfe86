"""Texts that callers request: each is stored once per call and topic, and claimed like a reminder."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from ivr.carrier.twilio.client import Accepted, Refused
from ivr.carrier.twilio.errors import ErrorClass
from ivr.ledger.tables import alarm, text
from ivr.line.content.loader import read_content
from ivr.line.text.gsm7 import count_segments, non_gsm7_characters
from ivr.reminders.alarms import Alarm, raise_alarm
from ivr.reminders.outbox.monitor import watch
from ivr.reminders.outbox.on_demand import (
    USEFUL_FOR,
    OnDemandResult,
    RequestLimits,
    confirm_opt_out,
    on_demand_count,
    request_text,
)
from ivr.reminders.outbox.receipts import Receipt, apply_receipt
from tests.support.clinic import NOW, at, row, sid
from tests.support.on_demand import (
    CALL,
    JANE,
    LATER,
    LIMITS,
    OTHER_CALL,
    REQUEST,
    ask,
    claim,
    opt_jane_out,
    requested_texts,
    store_jane,
    the_text,
)

# Only step 2d of the plan is due.
DUE = at(2, -1)
STOP = Refused(ErrorClass.STOP, 20003, "HTTP 401")


# Requests


SECOND_REQUESTS = [
    ("the same request again", {}, OnDemandResult.SENT, 1),
    ("the same topic in the same call", {"token": "token 2"}, OnDemandResult.ALREADY, 1),
    ("the same topic in another language", {"token": "token 2", "language": "es"}, OnDemandResult.ALREADY, 1),
    ("without a token", {"token": None}, OnDemandResult.ALREADY, 1),
    ("another topic", {"token": "token 2", "topic": "next-steps"}, OnDemandResult.SENT, 2),
    ("the same topic in another call", {"token": "token 2", "call": OTHER_CALL}, OnDemandResult.SENT, 2),
]


@pytest.mark.parametrize(
    ("change", "result", "texts"), [case[1:] for case in SECOND_REQUESTS], ids=[case[0] for case in SECOND_REQUESTS]
)
def test_a_text_is_stored_once_for_each_call_and_topic(clinic_on_each_database, change, result, texts):
    assert ask(clinic_on_each_database) is OnDemandResult.SENT
    second = replace(REQUEST, **change)
    assert [ask(clinic_on_each_database, second, LATER), ask(clinic_on_each_database, second, LATER)][0] is result
    assert (
        len(requested_texts(clinic_on_each_database)) == on_demand_count(clinic_on_each_database.ledger, LATER) == texts
    )
    assert len(claim(clinic_on_each_database, LATER)) == texts


def test_a_repeated_request_gets_the_same_result_even_after_the_text_went_out(clinic):
    ask(clinic)
    (claimed,) = claim(clinic)
    clinic.record([(claimed.attempt, Accepted(sid(), "queued"))])
    opt_jane_out(clinic)
    assert ask(clinic) is OnDemandResult.SENT
    assert claim(clinic, LATER) == []


def test_a_stored_request_contains_no_plaintext_secret_and_is_due_at_once(clinic_on_each_database):
    ask(clinic_on_each_database)
    text_row = the_text(clinic_on_each_database)
    assert (text_row.state, text_row.step, text_row.asked_language) == ("planned", "cancer", "en")
    assert (text_row.retry_at, text_row.asked_at, text_row.tries) == (NOW, NOW, 0)
    assert (text_row.appointment_id, text_row.starts_at) == (None, None)
    assert (len(text_row.asked_in), len(text_row.request)) == (64, 64)
    assert clinic_on_each_database.moves(text_row.id) == [(None, "planned", None)]
    assert not any(secret in repr(text_row) for secret in (JANE[2:], CALL, "token"))


@pytest.mark.parametrize(
    ("columns", "result"),
    [({"landline": True}, OnDemandResult.LANDLINE), ({"opted_out_at": NOW}, OnDemandResult.OPTED_OUT)],
    ids=["a landline", "an opt-out"],
)
def test_a_caller_who_cannot_be_texted_gets_the_reason_and_nothing_is_stored(clinic, columns, result):
    store_jane(clinic, **columns)
    assert [ask(clinic), ask(clinic)] == [result, result]
    assert requested_texts(clinic) == []
    store_jane(clinic, landline=False)
    assert ask(clinic) is OnDemandResult.SENT


def test_after_the_carrier_reports_a_landline_the_next_request_is_refused(clinic):
    ask(clinic)
    (claimed,) = claim(clinic)
    clinic.record([(claimed.attempt, Accepted(sid(), "queued"))])
    apply_receipt(clinic.ledger, clinic.vault, Receipt(claimed.attempt, "undelivered", "", 30006), LATER)
    assert the_text(clinic).state == "undelivered"
    assert ask(clinic, replace(REQUEST, token="token 2"), LATER) is OnDemandResult.LANDLINE


def test_requests_over_the_limits_are_refused_over_all_calls_until_the_time_is_over(clinic_on_each_database):
    clinic, limits = clinic_on_each_database, RequestLimits(per_number=3, per_hour=5)

    def request(number, phone=JANE, now=NOW):
        return ask(clinic, replace(REQUEST, phone=phone, call=f"CA{number:032d}", token=f"token {number}"), now, limits)

    assert [request(number) for number in range(4)] == [OnDemandResult.SENT] * 3 + [OnDemandResult.NUMBER_CAPPED]
    assert request(2) is OnDemandResult.SENT, "a retry of a stored request"
    others = [request(number, f"+160355501{number}") for number in (10, 11, 12)]
    assert others == [OnDemandResult.SENT] * 2 + [OnDemandResult.HOUR_CAPPED]
    assert len(requested_texts(clinic)) == 5
    assert request(13, "+16035550113", NOW + timedelta(hours=1)) is OnDemandResult.SENT
    assert request(14, now=NOW + timedelta(hours=23)) is OnDemandResult.NUMBER_CAPPED
    assert request(15, now=NOW + timedelta(hours=24)) is OnDemandResult.SENT


def test_an_opt_out_is_confirmed_by_one_text_although_nothing_else_is_sent(clinic_on_each_database):
    clinic = clinic_on_each_database
    ask(clinic)
    opt_jane_out(clinic)
    for _ in range(2):
        with clinic.ledger.write() as connection:
            confirm_opt_out(connection, clinic.vault, JANE, "es", CALL, NOW)
    (confirmation,) = claim(clinic)
    assert confirmation.body == clinic.content.texted("es", "stop")
    assert {row.step: row.state for row in requested_texts(clinic)} == {"cancer": "skipped", "stop": "claimed"}


def test_concurrent_requests_from_one_call_create_one_text(clinic_on_each_database):
    store_jane(clinic_on_each_database, landline=False)
    results = []
    second = threading.Thread(
        target=lambda: results.append(ask(clinic_on_each_database, replace(REQUEST, token="token 2")))
    )
    with clinic_on_each_database.ledger.write() as connection:
        results.append(request_text(connection, clinic_on_each_database.vault, REQUEST, NOW, LIMITS))
        second.start()
        second.join(0.3)
    second.join()
    assert results == [OnDemandResult.SENT, OnDemandResult.ALREADY]
    assert len(requested_texts(clinic_on_each_database)) == 1


IMPOSSIBLE = [
    ("the same call and topic", {}),
    ("neither requested nor of an appointment", {"step": "a", "asked_in": None}),
    ("without an appointment but with its time", {"step": "a", "asked_in": None, "starts_at": NOW}),
    ("requested and with the time of an appointment", {"step": "a", "starts_at": NOW}),
]


@pytest.mark.parametrize("change", [case[1] for case in IMPOSSIBLE], ids=[case[0] for case in IMPOSSIBLE])
def test_the_database_refuses_an_inconsistent_text(clinic_on_each_database, change):
    ask(clinic_on_each_database)
    columns = {name: value for name, value in the_text(clinic_on_each_database)._mapping.items() if name != "id"}
    with pytest.raises(IntegrityError), clinic_on_each_database.ledger.write() as connection:
        connection.execute(insert(text).values({**columns, **change}))


# Claiming


@pytest.mark.parametrize(("requested", "language"), [("en", "en"), ("es", "es"), ("xx", "en")])
def test_a_claim_renders_the_live_topic_in_the_requested_language(clinic_on_each_database, line, requested, language):
    clinic = clinic_on_each_database
    ask(clinic, replace(REQUEST, language=requested))
    (claimed,) = claim(clinic, LATER)
    body = claimed.body
    assert (claimed.phone, body, claimed.until) == (JANE, line.text(language, "cancer"), NOW + USEFUL_FOR)
    assert (claimed.segments, non_gsm7_characters(body)) == (count_segments(body).segments, ())
    text_row = the_text(clinic)
    assert (text_row.state, text_row.attempt, text_row.tries) == ("claimed", claimed.attempt, 1)
    assert (text_row.claimed_at, text_row.release) == (LATER, clinic.content.digest)
    assert text_row.body_hash == clinic.vault.hash(body)
    assert clinic.moves(text_row.id) == [(None, "planned", None), ("planned", "claimed", None)]
    assert (claim(clinic, LATER), on_demand_count(clinic.ledger, LATER)) == ([], 0)


def withdraw_topic(clinic):
    clinic.content = replace(clinic.content, prompts={})
    return NOW


def become_landline(clinic):
    store_jane(clinic, landline=True)
    return NOW


def opt_out_since(clinic):
    opt_jane_out(clinic)
    return NOW


def wait_too_long(clinic):
    return NOW + USEFUL_FOR


def remove_the_country(clinic):
    clinic.texts_to("CA")
    return NOW


SKIPPED = [
    ("a landline", become_landline, "landline"),
    ("a country that is no longer allowed", remove_the_country, "not_allowed"),
    ("an opt-out since", opt_out_since, "opted_out"),
    ("a request too long ago", wait_too_long, "late"),
    ("a withdrawn topic", withdraw_topic, "withdrawn"),
]


@pytest.mark.parametrize(("change", "reason"), [case[1:] for case in SKIPPED], ids=[case[0] for case in SKIPPED])
def test_a_text_that_must_no_longer_go_out_is_skipped_with_the_reason(clinic_on_each_database, change, reason):
    ask(clinic_on_each_database)
    now = change(clinic_on_each_database)
    assert claim(clinic_on_each_database, now) == []
    text_row = the_text(clinic_on_each_database)
    assert (text_row.state, text_row.reason, text_row.attempt) == ("skipped", reason, None)
    assert on_demand_count(clinic_on_each_database.ledger, now) == 0


def test_a_text_can_be_claimed_until_the_last_second_before_its_deadline(clinic):
    ask(clinic)
    assert len(claim(clinic, NOW + USEFUL_FOR - timedelta(seconds=1))) == 1


def test_quiet_hours_and_limits_do_not_apply_to_requested_texts(clinic):
    clinic.import_rows(row(1, DUE))
    clinic.send()
    night = NOW + timedelta(hours=14)
    for topic in ("cancer", "next-steps", "the-visit", "people", "more-pictures"):
        assert ask(clinic, replace(REQUEST, topic=topic), night) is OnDemandResult.SENT
    assert len(claim(clinic, night)) == 5


def test_requested_texts_do_not_count_toward_the_limits_of_reminders(clinic_on_each_database):
    for number, topic in enumerate(("cancer", "next-steps", "the-visit", "people")):
        ask(clinic_on_each_database, replace(REQUEST, topic=topic, token=f"token {number}"))
    claimed = claim(clinic_on_each_database)
    clinic_on_each_database.record([(text.attempt, Accepted(sid(), "queued")) for text in claimed])
    clinic_on_each_database.import_rows(row(1, DUE))
    assert [text.phone for text in clinic_on_each_database.claim(LATER)] == [JANE]


def test_a_claim_of_reminders_leaves_requested_texts_alone(clinic):
    ask(clinic)
    clinic.import_rows(row(1, DUE))
    assert len(clinic.claim()) == 1
    assert the_text(clinic).state == "planned"


def test_the_oldest_request_goes_first_and_a_claim_is_limited_by_segments(clinic):
    for number in range(5):
        ask(clinic, replace(REQUEST, phone=f"+1603555011{number}", call=f"CA{number}"), NOW - timedelta(minutes=number))
    size = count_segments(clinic.content.texted("en", "cancer")).segments
    claimed = [[text.phone[-1] for text in claim(clinic, limit=2 * size)] for _ in range(4)]
    assert claimed == [["4", "3"], ["2", "1"], ["0"], []]


@pytest.mark.parametrize("workers", [2, 5])
def test_concurrent_claims_never_take_the_same_text(clinic_on_each_database, workers):
    for number in range(20):
        ask(clinic_on_each_database, replace(REQUEST, phone=f"+160355501{number:02}", call=f"CA{number}"))
    claimed, start = [], threading.Barrier(workers)

    def work():
        start.wait()
        while texts := claim(clinic_on_each_database, limit=4):
            claimed.extend(texts)

    threads = [threading.Thread(target=work) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({text.attempt for text in claimed}) == len({text.phone for text in claimed}) == len(claimed) == 20


def test_while_the_carrier_refuses_our_texts_one_text_of_any_kind_is_claimed_as_a_probe(clinic_on_each_database):
    clinic_on_each_database.import_rows(row(2, DUE), row(3, DUE))
    for topic in ("cancer", "next-steps"):
        ask(clinic_on_each_database, replace(REQUEST, topic=topic))
    wait = timedelta(minutes=5)
    clinic_on_each_database.record([(text.attempt, STOP) for text in claim(clinic_on_each_database, limit=1)])
    assert (claim(clinic_on_each_database, NOW + wait / 2), clinic_on_each_database.claim(NOW + wait / 2)) == ([], [])
    assert len(claim(clinic_on_each_database, NOW + wait)) == 1
    assert (claim(clinic_on_each_database, NOW + wait), clinic_on_each_database.claim(NOW + wait)) == ([], [])
    assert [row.name for row in clinic_on_each_database.all(alarm)] == [Alarm.SENDING_STOPPED]
    assert {text_row.state for text_row in requested_texts(clinic_on_each_database)} == {"planned", "claimed"}


def test_content_published_after_the_request_goes_out(clinic):
    ask(clinic)
    files = dict(clinic.content.files)
    files["en/cancer.md"] = files["en/cancer.md"].replace(b"A cluster is 4", b"A group is 4")
    clinic.content = read_content(files)
    (claimed,) = claim(clinic)
    assert "A group is 4" in claimed.body
    assert the_text(clinic).release == clinic.content.digest


@pytest.mark.parametrize("name", [Alarm.REQUESTED_TEXTS_CAPPED, Alarm.ANSWERED_TEXTS_CAPPED])
def test_the_alarm_about_too_many_texts_clears_after_an_hour(clinic, name):
    with clinic.ledger.write() as connection:
        raise_alarm(connection, name, NOW, "too many")
    watch(clinic.ledger, NOW + timedelta(minutes=59))
    assert [row.name for row in clinic.all(alarm)] == [str(name)]
    watch(clinic.ledger, NOW + timedelta(hours=1))
    assert clinic.all(alarm) == []
