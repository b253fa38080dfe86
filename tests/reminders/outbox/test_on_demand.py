"""Texts that a caller asks for on a call: kept once for each call and topic, and claimed like reminders."""

from __future__ import annotations

import threading
from collections import Counter
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
from ivr.reminders.alarms import Alarm
from ivr.reminders.outbox.on_demand import USEFUL_FOR, OnDemandResult, on_demand_count, request_text
from ivr.reminders.outbox.receipts import Receipt, apply_receipt
from tests.support.clinic import NOW, at, row, sid
from tests.support.on_demand import CALL, JANE, LATER, OTHER_CALL, WISH, ask, asked, claim, know, stop_her, the_text

# Of the plan, only the text of two days before is due.
DUE = at(2, -1)
STOP = Refused(ErrorClass.STOP, 20003, "HTTP 401")


# Asking


TWICE = [
    ("the same request once more", {}, OnDemandResult.SENT, 1),
    ("the same topic in the same call", {"request": "token 2"}, OnDemandResult.ALREADY, 1),
    ("the same topic in another language", {"request": "token 2", "language": "es"}, OnDemandResult.ALREADY, 1),
    ("without a token", {"request": None}, OnDemandResult.ALREADY, 1),
    ("another topic", {"request": "token 2", "topic": "next-steps"}, OnDemandResult.SENT, 2),
    ("the same topic in another call", {"request": "token 2", "call": OTHER_CALL}, OnDemandResult.SENT, 2),
]


@pytest.mark.parametrize(("change", "answer", "texts"), [case[1:] for case in TWICE], ids=[case[0] for case in TWICE])
def test_a_text_is_kept_once_for_each_call_and_topic(clinic_on_each_database, change, answer, texts):
    assert ask(clinic_on_each_database) is OnDemandResult.SENT
    again = replace(WISH, **change)
    assert [ask(clinic_on_each_database, again, LATER), ask(clinic_on_each_database, again, LATER)][0] is answer
    assert len(asked(clinic_on_each_database)) == on_demand_count(clinic_on_each_database.ledger, LATER) == texts
    assert len(claim(clinic_on_each_database, LATER)) == texts


def test_a_replay_has_the_same_answer_even_after_the_text_went_out(clinic):
    ask(clinic)
    (one,) = claim(clinic)
    clinic.record([(one.attempt, Accepted(sid(), "queued"))])
    stop_her(clinic)
    assert ask(clinic) is OnDemandResult.SENT
    assert claim(clinic, LATER) == []


def test_what_is_kept_tells_nothing_in_the_open_and_waits_from_its_birth(clinic_on_each_database):
    ask(clinic_on_each_database)
    one = the_text(clinic_on_each_database)
    assert (one.state, one.step, one.asked_language) == ("planned", "cancer", "en")
    assert (one.retry_at, one.asked_at, one.tries) == (NOW, NOW, 0)
    assert (one.appointment_id, one.starts_at, len(one.asked_in), len(one.request)) == (None, None, 64, 64)
    assert clinic_on_each_database.moves(one.id) == [(None, "planned", None)]
    assert not any(secret in repr(one) for secret in (JANE[2:], CALL, "token"))


@pytest.mark.parametrize(
    ("known", "answer"),
    [({"landline": True}, OnDemandResult.LANDLINE), ({"opted_out_at": NOW}, OnDemandResult.OPTED_OUT)],
    ids=["a landline", "opted out"],
)
def test_who_cannot_be_texted_is_told_so_and_nothing_is_kept(clinic, known, answer):
    know(clinic, **known)
    assert [ask(clinic), ask(clinic)] == [answer, answer]
    assert asked(clinic) == []
    know(clinic, landline=False)
    assert ask(clinic) is OnDemandResult.SENT


def test_a_landline_that_the_carrier_found_out_meanwhile_is_told_at_the_next_asking(clinic):
    ask(clinic)
    (one,) = claim(clinic)
    clinic.record([(one.attempt, Accepted(sid(), "queued"))])
    apply_receipt(clinic.ledger, clinic.vault, Receipt(one.attempt, "undelivered", "", 30006), LATER)
    assert the_text(clinic).state == "undelivered"
    assert ask(clinic, replace(WISH, request="token 2"), LATER) is OnDemandResult.LANDLINE


def test_requests_of_one_call_side_by_side_make_one_text(clinic_on_each_database):
    know(clinic_on_each_database, landline=False)
    told = []
    second = threading.Thread(
        target=lambda: told.append(ask(clinic_on_each_database, replace(WISH, request="token 2")))
    )
    with clinic_on_each_database.ledger.write() as connection:
        told.append(request_text(connection, clinic_on_each_database.vault, WISH, NOW))
        second.start()
        second.join(0.3)
    second.join()
    assert told == [OnDemandResult.SENT, OnDemandResult.ALREADY]
    assert len(asked(clinic_on_each_database)) == 1


IMPOSSIBLE = [
    ("the same call and topic", {}),
    ("neither asked for nor of a visit", {"step": "a", "asked_in": None}),
    ("half of a visit", {"step": "a", "asked_in": None, "starts_at": NOW}),
    ("asked for and half of a visit", {"step": "a", "starts_at": NOW}),
]


@pytest.mark.parametrize("change", [case[1] for case in IMPOSSIBLE], ids=[case[0] for case in IMPOSSIBLE])
def test_the_ledger_itself_refuses_a_text_that_cannot_be(clinic_on_each_database, change):
    ask(clinic_on_each_database)
    columns = {name: value for name, value in the_text(clinic_on_each_database)._mapping.items() if name != "id"}
    with pytest.raises(IntegrityError), clinic_on_each_database.ledger.write() as connection:
        connection.execute(insert(text).values({**columns, **change}))


# Claiming


@pytest.mark.parametrize(("language", "spoken"), [("en", "en"), ("es", "es"), ("xx", "en")])
def test_a_claim_is_worded_from_the_live_topic_in_her_language(clinic_on_each_database, line, language, spoken):
    ask(clinic_on_each_database, replace(WISH, language=language))
    (one,) = claim(clinic_on_each_database, LATER)
    assert (one.phone, one.body, one.until) == (JANE, line.text(spoken, "cancer"), NOW + USEFUL_FOR)
    assert (one.segments, non_gsm7_characters(one.body)) == (count_segments(one.body).segments, ())
    kept = the_text(clinic_on_each_database)
    assert (kept.state, kept.attempt, kept.tries, kept.claimed_at) == ("claimed", one.attempt, 1, LATER)
    assert (kept.release, kept.body_hash) == (
        clinic_on_each_database.content.digest,
        clinic_on_each_database.vault.hash(one.body),
    )
    assert clinic_on_each_database.moves(kept.id) == [(None, "planned", None), ("planned", "claimed", None)]
    assert (claim(clinic_on_each_database, LATER), on_demand_count(clinic_on_each_database.ledger, LATER)) == ([], 0)


def no_topic(clinic):
    clinic.content = replace(clinic.content, prompts={})
    return NOW


def is_landline(clinic):
    know(clinic, landline=True)
    return NOW


def opts_out(clinic):
    stop_her(clinic)
    return NOW


def too_late(clinic):
    return NOW + USEFUL_FOR


SKIPPED = [
    ("a landline", is_landline, "landline"),
    ("opted out since", opts_out, "opted_out"),
    ("asked for too long ago", too_late, "late"),
    ("a topic that is gone", no_topic, "withdrawn"),
]


@pytest.mark.parametrize(("happens", "reason"), [case[1:] for case in SKIPPED], ids=[case[0] for case in SKIPPED])
def test_what_must_not_go_out_any_more_is_skipped_with_the_reason(clinic_on_each_database, happens, reason):
    ask(clinic_on_each_database)
    now = happens(clinic_on_each_database)
    assert claim(clinic_on_each_database, now) == []
    kept = the_text(clinic_on_each_database)
    assert (kept.state, kept.reason, kept.attempt) == ("skipped", reason, None)
    assert on_demand_count(clinic_on_each_database.ledger, now) == 0


def test_the_last_moment_is_still_in_time(clinic):
    ask(clinic)
    assert len(claim(clinic, NOW + USEFUL_FOR - timedelta(seconds=1))) == 1


def test_neither_quiet_hours_nor_limits_hold_an_answer_back(clinic):
    clinic.take(row(1, DUE))
    clinic.send()
    night = NOW + timedelta(hours=14)
    for topic in ("cancer", "next-steps", "the-visit", "people", "more-pictures"):
        assert ask(clinic, replace(WISH, topic=topic), night) is OnDemandResult.SENT
    assert len(claim(clinic, night)) == 5


def test_what_was_asked_for_takes_no_reminder_its_place(clinic_on_each_database):
    for number, topic in enumerate(("cancer", "next-steps", "the-visit", "people")):
        ask(clinic_on_each_database, replace(WISH, topic=topic, request=f"token {number}"))
    sent = claim(clinic_on_each_database)
    clinic_on_each_database.record([(one.attempt, Accepted(sid(), "queued")) for one in sent])
    clinic_on_each_database.take(row(1, DUE))
    assert [one.phone for one in clinic_on_each_database.claim(LATER)] == [JANE]


def test_a_reminder_claim_leaves_what_was_asked_for_alone(clinic):
    ask(clinic)
    clinic.take(row(1, DUE))
    assert len(clinic.claim()) == 1
    assert the_text(clinic).state == "planned"


def test_the_oldest_goes_first_and_a_claim_is_for_so_many_segments(clinic):
    for number in range(5):
        ask(clinic, replace(WISH, phone=f"+1603555011{number}", call=f"CA{number}"), NOW - timedelta(minutes=number))
    size = count_segments(clinic.content.texted("en", "cancer")).segments
    claimed = [[one.phone[-1] for one in claim(clinic, limit=2 * size)] for _ in range(4)]
    assert claimed == [["4", "3"], ["2", "1"], ["0"], []]


@pytest.mark.parametrize("how_many", [2, 5])
def test_claims_side_by_side_never_take_the_same_text(clinic_on_each_database, how_many):
    for number in range(20):
        ask(clinic_on_each_database, replace(WISH, phone=f"+160355501{number:02}", call=f"CA{number}"))
    claimed, start = [], threading.Barrier(how_many)

    def work():
        start.wait()
        while mine := claim(clinic_on_each_database, limit=4):
            claimed.extend(mine)

    threads = [threading.Thread(target=work) for _ in range(how_many)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({one.attempt for one in claimed}) == len({one.phone for one in claimed}) == len(claimed) == 20


def test_while_the_carrier_refuses_us_one_text_asked_for_or_not_finds_out_whether_it_still_does(
    clinic_on_each_database,
):
    clinic_on_each_database.take(row(2, DUE), row(3, DUE))
    for topic in ("cancer", "next-steps"):
        ask(clinic_on_each_database, replace(WISH, topic=topic))
    wait = timedelta(minutes=5)
    clinic_on_each_database.record([(one.attempt, STOP) for one in claim(clinic_on_each_database, limit=1)])
    assert (claim(clinic_on_each_database, NOW + wait / 2), clinic_on_each_database.claim(NOW + wait / 2)) == ([], [])
    assert len(claim(clinic_on_each_database, NOW + wait)) == 1
    assert (claim(clinic_on_each_database, NOW + wait), clinic_on_each_database.claim(NOW + wait)) == ([], [])
    assert [one.name for one in clinic_on_each_database.all(alarm)] == [Alarm.SENDING_STOPPED]
    assert set(Counter(one.state for one in asked(clinic_on_each_database))) == {"planned", "claimed"}


def test_words_that_changed_since_she_asked_go_out_as_they_are_now(clinic):
    ask(clinic)
    files = dict(clinic.content.files)
    files["en/cancer.md"] = files["en/cancer.md"].replace(b"A duct shape:", b"Shaped like a duct:")
    clinic.content = read_content(files)
    (one,) = claim(clinic)
    assert "Shaped like a duct:" in one.body
    assert the_text(clinic).release == clinic.content.digest
