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
from ivr.line.text.gsm7 import dear_characters, segments
from ivr.reminders.alarms import Alarm
from ivr.reminders.outbox.on_demand import USEFUL_FOR, Asked, ask_for_text, asked_count
from ivr.reminders.outbox.receipts import Receipt, take_receipt
from tests.support.clinic import NOW, at, row, sid
from tests.support.on_demand import CALL, JANE, LATER, OTHER_CALL, WISH, ask, asked, claim, know, stop_her, the_text

# Of the plan, only the text of two days before is due.
DUE = at(2, -1)
STOP = Refused(ErrorClass.STOP, 20003, "HTTP 401")


# Asking


TWICE = [
    ("the same request once more", {}, Asked.SENT, 1),
    ("the same topic in the same call", {"request": "token 2"}, Asked.ALREADY, 1),
    ("the same topic in another language", {"request": "token 2", "language": "es"}, Asked.ALREADY, 1),
    ("without a token", {"request": None}, Asked.ALREADY, 1),
    ("another topic", {"request": "token 2", "topic": "next-steps"}, Asked.SENT, 2),
    ("the same topic in another call", {"request": "token 2", "call": OTHER_CALL}, Asked.SENT, 2),
]


@pytest.mark.parametrize(("change", "answer", "texts"), [case[1:] for case in TWICE], ids=[case[0] for case in TWICE])
def test_a_text_is_kept_once_for_each_call_and_topic(either_house, change, answer, texts):
    assert ask(either_house) is Asked.SENT
    again = replace(WISH, **change)
    assert [ask(either_house, again, LATER), ask(either_house, again, LATER)][0] is answer
    assert len(asked(either_house)) == asked_count(either_house.ledger, LATER) == texts
    assert len(claim(either_house, LATER)) == texts


def test_a_replay_has_the_same_answer_even_after_the_text_went_out(house):
    ask(house)
    (one,) = claim(house)
    house.record([(one.attempt, Accepted(sid(), "queued"))])
    stop_her(house)
    assert ask(house) is Asked.SENT
    assert claim(house, LATER) == []


def test_what_is_kept_tells_nothing_in_the_open_and_waits_from_its_birth(either_house):
    ask(either_house)
    one = the_text(either_house)
    assert (one.state, one.step, one.asked_language) == ("planned", "cancer", "en")
    assert (one.retry_at, one.asked_at, one.tries) == (NOW, NOW, 0)
    assert (one.appointment_id, one.starts_at, len(one.asked_in), len(one.request)) == (None, None, 64, 64)
    assert either_house.moves(one.id) == [(None, "planned", None)]
    assert not any(secret in repr(one) for secret in (JANE[2:], CALL, "token"))


@pytest.mark.parametrize(
    ("known", "answer"),
    [({"landline": True}, Asked.LANDLINE), ({"opted_out_at": NOW}, Asked.OPTED_OUT)],
    ids=["a landline", "opted out"],
)
def test_who_cannot_be_texted_is_told_so_and_nothing_is_kept(house, known, answer):
    know(house, **known)
    assert [ask(house), ask(house)] == [answer, answer]
    assert asked(house) == []
    know(house, landline=False)
    assert ask(house) is Asked.SENT


def test_a_landline_that_the_carrier_found_out_meanwhile_is_told_at_the_next_asking(house):
    ask(house)
    (one,) = claim(house)
    house.record([(one.attempt, Accepted(sid(), "queued"))])
    take_receipt(house.ledger, house.vault, Receipt(one.attempt, "undelivered", "", 30006), LATER)
    assert the_text(house).state == "undelivered"
    assert ask(house, replace(WISH, request="token 2"), LATER) is Asked.LANDLINE


def test_requests_of_one_call_side_by_side_make_one_text(either_house):
    know(either_house, landline=False)
    told = []
    second = threading.Thread(target=lambda: told.append(ask(either_house, replace(WISH, request="token 2"))))
    with either_house.ledger.write() as connection:
        told.append(ask_for_text(connection, either_house.vault, WISH, NOW))
        second.start()
        second.join(0.3)
    second.join()
    assert told == [Asked.SENT, Asked.ALREADY]
    assert len(asked(either_house)) == 1


IMPOSSIBLE = [
    ("the same call and topic", {}),
    ("neither asked for nor of a visit", {"step": "a", "asked_in": None}),
    ("half of a visit", {"step": "a", "asked_in": None, "starts_at": NOW}),
    ("asked for and half of a visit", {"step": "a", "starts_at": NOW}),
]


@pytest.mark.parametrize("change", [case[1] for case in IMPOSSIBLE], ids=[case[0] for case in IMPOSSIBLE])
def test_the_ledger_itself_refuses_a_text_that_cannot_be(either_house, change):
    ask(either_house)
    columns = {name: value for name, value in the_text(either_house)._mapping.items() if name != "id"}
    with pytest.raises(IntegrityError), either_house.ledger.write() as connection:
        connection.execute(insert(text).values({**columns, **change}))


# Claiming


@pytest.mark.parametrize(("language", "spoken"), [("en", "en"), ("es", "es"), ("xx", "en")])
def test_a_claim_is_worded_from_the_live_topic_in_her_language(either_house, line, language, spoken):
    ask(either_house, replace(WISH, language=language))
    (one,) = claim(either_house, LATER)
    assert (one.phone, one.body, one.until) == (JANE, line.text(spoken, "cancer"), NOW + USEFUL_FOR)
    assert (one.segments, dear_characters(one.body)) == (segments(one.body).segments, ())
    kept = the_text(either_house)
    assert (kept.state, kept.attempt, kept.tries, kept.claimed_at) == ("claimed", one.attempt, 1, LATER)
    assert (kept.release, kept.body_hash) == (either_house.content.digest, either_house.vault.hash(one.body))
    assert either_house.moves(kept.id) == [(None, "planned", None), ("planned", "claimed", None)]
    assert (claim(either_house, LATER), asked_count(either_house.ledger, LATER)) == ([], 0)


def no_topic(house):
    house.content = replace(house.content, prompts={})
    return NOW


def is_landline(house):
    know(house, landline=True)
    return NOW


def opts_out(house):
    stop_her(house)
    return NOW


def too_late(house):
    return NOW + USEFUL_FOR


SKIPPED = [
    ("a landline", is_landline, "landline"),
    ("opted out since", opts_out, "opted_out"),
    ("asked for too long ago", too_late, "late"),
    ("a topic that is gone", no_topic, "withdrawn"),
]


@pytest.mark.parametrize(("happens", "reason"), [case[1:] for case in SKIPPED], ids=[case[0] for case in SKIPPED])
def test_what_must_not_go_out_any_more_is_skipped_with_the_reason(either_house, happens, reason):
    ask(either_house)
    now = happens(either_house)
    assert claim(either_house, now) == []
    kept = the_text(either_house)
    assert (kept.state, kept.reason, kept.attempt) == ("skipped", reason, None)
    assert asked_count(either_house.ledger, now) == 0


def test_the_last_moment_is_still_in_time(house):
    ask(house)
    assert len(claim(house, NOW + USEFUL_FOR - timedelta(seconds=1))) == 1


def test_neither_quiet_hours_nor_limits_hold_an_answer_back(house):
    house.take(row(1, DUE))
    house.send()
    night = NOW + timedelta(hours=14)
    for topic in ("cancer", "next-steps", "the-visit", "people", "more-pictures"):
        assert ask(house, replace(WISH, topic=topic), night) is Asked.SENT
    assert len(claim(house, night)) == 5


def test_what_was_asked_for_takes_no_reminder_its_place(either_house):
    for number, topic in enumerate(("cancer", "next-steps", "the-visit", "people")):
        ask(either_house, replace(WISH, topic=topic, request=f"token {number}"))
    sent = claim(either_house)
    either_house.record([(one.attempt, Accepted(sid(), "queued")) for one in sent])
    either_house.take(row(1, DUE))
    assert [one.phone for one in either_house.claim(LATER)] == [JANE]


def test_a_reminder_claim_leaves_what_was_asked_for_alone(house):
    ask(house)
    house.take(row(1, DUE))
    assert len(house.claim()) == 1
    assert the_text(house).state == "planned"


def test_the_oldest_goes_first_and_a_claim_is_for_so_many_segments(house):
    for number in range(5):
        ask(house, replace(WISH, phone=f"+1603555011{number}", call=f"CA{number}"), NOW - timedelta(minutes=number))
    size = segments(house.content.texted("en", "cancer")).segments
    claimed = [[one.phone[-1] for one in claim(house, limit=2 * size)] for _ in range(4)]
    assert claimed == [["4", "3"], ["2", "1"], ["0"], []]


@pytest.mark.parametrize("how_many", [2, 5])
def test_claims_side_by_side_never_take_the_same_text(either_house, how_many):
    for number in range(20):
        ask(either_house, replace(WISH, phone=f"+160355501{number:02}", call=f"CA{number}"))
    claimed, start = [], threading.Barrier(how_many)

    def work():
        start.wait()
        while mine := claim(either_house, limit=4):
            claimed.extend(mine)

    threads = [threading.Thread(target=work) for _ in range(how_many)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({one.attempt for one in claimed}) == len({one.phone for one in claimed}) == len(claimed) == 20


def test_while_the_carrier_refuses_us_one_text_asked_for_or_not_finds_out_whether_it_still_does(either_house):
    either_house.take(row(2, DUE), row(3, DUE))
    for topic in ("cancer", "next-steps"):
        ask(either_house, replace(WISH, topic=topic))
    wait = timedelta(minutes=5)
    either_house.record([(one.attempt, STOP) for one in claim(either_house, limit=1)])
    assert (claim(either_house, NOW + wait / 2), either_house.claim(NOW + wait / 2)) == ([], [])
    assert len(claim(either_house, NOW + wait)) == 1
    assert (claim(either_house, NOW + wait), either_house.claim(NOW + wait)) == ([], [])
    assert [one.name for one in either_house.all(alarm)] == [Alarm.SENDING_STOPPED]
    assert set(Counter(one.state for one in asked(either_house))) == {"planned", "claimed"}


def test_words_that_changed_since_she_asked_go_out_as_they_are_now(house):
    ask(house)
    files = dict(house.content.files)
    files["en/cancer.md"] = files["en/cancer.md"].replace(b"A duct shape:", b"Shaped like a duct:")
    house.content = read_content(files)
    (one,) = claim(house)
    assert "Shaped like a duct:" in one.body
    assert the_text(house).release == house.content.digest
