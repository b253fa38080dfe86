"""Alarms: each is raised once, stands until it is put right, and stops the sending only where it must."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from ivr.carrier.twilio.client import Accepted, Refused
from ivr.carrier.twilio.errors import CLASSES, ErrorClass
from ivr.ledger import Vault
from ivr.ledger.tables import alarm, person
from ivr.reminders.alarms import Alarm, raise_alarm
from ivr.reminders.outbox.monitor import FEWEST_TEXTS, beat, clock_age, oldest_due, watch
from ivr.reminders.outbox.receipts import Receipt, apply_receipt
from ivr.reminders.reports.status import control
from tests.support.clinic import NOW, at, row, sid

# Of the plan, only the text of two days before is due.
DUE = at(2, -1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def standing(clinic):
    return {one.name for one in clinic.all(alarm)}


def receipt(clinic, attempt, status, code=None, now=NOW):
    return apply_receipt(clinic.ledger, clinic.vault, Receipt(attempt, status, "", code), now)


def test_texts_that_wait_for_over_ten_minutes_raise_the_backlog_once_and_going_out_clears_it(clinic_on_each_database):
    clinic = clinic_on_each_database
    clinic.take(row(10, DUE))
    watch(clinic.ledger, NOW + 9 * MINUTE)
    assert standing(clinic) == set()
    with capture_logs() as told:
        for minutes in (12, 13, 14):
            watch(clinic.ledger, NOW + minutes * MINUTE)
    assert standing(clinic) == {Alarm.BACKLOG}
    assert [line["name"] for line in told if line["event"] == "alarm_raised"] == [Alarm.BACKLOG]
    assert 11 * 60 < oldest_due(clinic.ledger, NOW + 12 * MINUTE) <= 12 * 60 + 1
    clinic.send(NOW + 15 * MINUTE)
    watch(clinic.ledger, NOW + 16 * MINUTE)
    assert (standing(clinic), oldest_due(clinic.ledger, NOW + 16 * MINUTE)) == (set(), 0.0)


def test_what_is_held_back_on_purpose_is_no_backlog(clinic):
    batch = clinic.take(row(10, DUE)).batch
    control(clinic.ledger, batch, paused=True)
    watch(clinic.ledger, NOW + HOUR)
    assert (standing(clinic), oldest_due(clinic.ledger, NOW + HOUR)) == (set(), 0.0)


@pytest.mark.parametrize(
    ("texts", "with_receipt", "minutes", "raised"),
    [
        (FEWEST_TEXTS, 0, 20, True),
        (FEWEST_TEXTS, 0, 10, False),
        (FEWEST_TEXTS - 1, 0, 20, False),
        (FEWEST_TEXTS, FEWEST_TEXTS // 2, 20, False),
        (FEWEST_TEXTS, FEWEST_TEXTS // 2 - 1, 20, True),
        (FEWEST_TEXTS, 0, 7 * 60, False),
    ],
    ids=["none came", "it is early yet", "too few to tell", "half came", "less than half", "long ago"],
)
def test_receipts_that_stay_away_raise_an_alarm(clinic, texts, with_receipt, minutes, raised):
    clinic.take(*(row(number, DUE) for number in range(10, 10 + texts)))
    claimed = clinic.send()
    for one in claimed[:with_receipt]:
        receipt(clinic, one.attempt, "delivered")
    watch(clinic.ledger, NOW + minutes * MINUTE)
    assert (Alarm.RECEIPTS_MISSING in standing(clinic)) == raised


def test_a_clock_process_that_fell_silent_is_noticed_by_others_and_its_next_beat_clears_it(clinic_on_each_database):
    clinic = clinic_on_each_database
    watch(clinic.ledger, NOW, 60)
    assert (standing(clinic), clock_age(clinic.ledger, NOW)) == (set(), None)
    beat(clinic.ledger, NOW - 2 * MINUTE)
    beat(clinic.ledger, NOW)
    watch(clinic.ledger, NOW + MINUTE, 60)
    assert standing(clinic) == set()
    watch(clinic.ledger, NOW + 2 * MINUTE, 60)
    assert standing(clinic) == {Alarm.CLOCK_SILENT}
    beat(clinic.ledger, NOW + 3 * MINUTE)
    watch(clinic.ledger, NOW + 3 * MINUTE, 60)
    assert standing(clinic) == set()


LATER_STOPS = sorted(code for code, kind in CLASSES.items() if kind is ErrorClass.STOP and 30000 <= code < 31000)


@pytest.mark.parametrize("code", LATER_STOPS)
def test_a_receipt_that_refuses_our_sender_stops_the_sending_until_a_text_arrives(clinic_on_each_database, code):
    clinic = clinic_on_each_database
    clinic.take(*(row(number, DUE) for number in range(10, 20)))
    first, *rest = clinic.claim(limit=3)
    clinic.record([(one.attempt, Accepted(sid(), "queued")) for one in (first, *rest)])
    soon = NOW + timedelta(seconds=10)
    for _ in range(2):
        receipt(clinic, first.attempt, "undelivered", code, soon)
    assert standing(clinic) == {Alarm.DELIVERY_STOPPED}
    assert next(one.state for one in clinic.texts() if one.attempt == first.attempt) == "undelivered"
    assert clinic.claim(NOW + timedelta(seconds=20)) == []
    # What was under way before says nothing about now.
    receipt(clinic, rest[0].attempt, "delivered")
    assert standing(clinic) == {Alarm.DELIVERY_STOPPED}
    (probe,) = clinic.claim(NOW + MINUTE)
    clinic.record([(probe.attempt, Accepted(sid(), "queued"))], NOW + MINUTE)
    assert standing(clinic) == {Alarm.DELIVERY_STOPPED}
    assert clinic.claim(NOW + MINUTE) == []
    receipt(clinic, probe.attempt, "delivered", now=NOW + MINUTE)
    assert standing(clinic) == set()
    assert len(clinic.claim(NOW + MINUTE)) == 6


def test_an_error_of_one_person_stops_nobody_else(clinic):
    clinic.take(row(10, DUE), row(11, DUE))
    first, _ = clinic.send()
    receipt(clinic, first.attempt, "undelivered", 30005)
    assert standing(clinic) == set()


def test_a_release_that_lost_its_words_loses_no_text_and_other_words_let_it_go_out(clinic_on_each_database):
    clinic, whole = clinic_on_each_database, clinic_on_each_database.content
    clinic.take(row(10, DUE), row(11, DUE))
    lost = {key: prompt for key, prompt in whole.prompts.items() if key[1] != "reminder-2d"}
    clinic.content = replace(whole, prompts=lost, digest="0" * 12)
    assert clinic.claim() == []
    (raised,) = clinic.all(alarm)
    assert raised.name == Alarm.WORDS_MISSING
    assert "en/reminder-2d.md" in raised.detail
    assert [one.state for one in clinic.texts() if one.step == "2d"] == []
    clinic.content = whole
    assert clinic.claim(NOW + MINUTE) == []
    assert standing(clinic) == set()
    assert len(clinic.claim(NOW + 6 * MINUTE)) == 2


def test_a_text_that_became_empty_is_not_sent_and_not_failed(clinic):
    whole = clinic.content
    prompt = whole.prompts["en", "reminder-2d"]
    empty = replace(prompt, texted=replace(prompt.texted, words=" "))
    clinic.content = replace(whole, prompts={**whole.prompts, ("en", "reminder-2d"): empty}, digest="0" * 12)
    clinic.take(row(10, DUE))
    assert clinic.claim() == []
    assert standing(clinic) == {Alarm.WORDS_MISSING}
    assert clinic.appointment("A10").next_due_at is not None


def test_a_restored_ledger_sends_nothing(clinic):
    clinic.take(row(10, DUE))
    with clinic.ledger.write() as connection:
        raise_alarm(connection, Alarm.LEDGER_RESTORED, NOW - HOUR, "…")
    assert clinic.claim() == []
    assert clinic.claim(NOW + HOUR) == []


def test_both_kinds_of_refusal_have_to_be_over(clinic):
    clinic.take(*(row(number, DUE) for number in range(10, 14)))
    first, second = clinic.claim(limit=2)
    clinic.record([(first.attempt, Accepted(sid(), "queued"))])
    clinic.record([(second.attempt, Refused(ErrorClass.STOP, 20003, "HTTP 401"))])
    receipt(clinic, first.attempt, "undelivered", 30034, NOW + timedelta(seconds=10))
    assert standing(clinic) == {Alarm.SENDING_STOPPED, Alarm.DELIVERY_STOPPED}
    (probe,) = clinic.claim(NOW + 6 * MINUTE)
    clinic.record([(probe.attempt, Accepted(sid(), "queued"))], NOW + 6 * MINUTE)
    assert standing(clinic) == {Alarm.DELIVERY_STOPPED}
    assert clinic.claim(NOW + 6 * MINUTE) == []
    receipt(clinic, probe.attempt, "delivered", now=NOW + 7 * MINUTE)
    assert len(clinic.claim(NOW + 7 * MINUTE)) == 2


def test_a_receipt_that_takes_longer_than_the_next_try_still_ends_the_alarm(clinic_on_each_database):
    clinic = clinic_on_each_database
    clinic.take(*(row(number, DUE) for number in range(10, 20)))
    (first,) = clinic.claim(limit=1)
    clinic.record([(first.attempt, Accepted(sid(), "queued"))])
    receipt(clinic, first.attempt, "undelivered", 30007)
    tried = []
    for minutes in (1, 2, 3):
        (probe,) = clinic.claim(NOW + minutes * MINUTE)
        clinic.record([(probe.attempt, Accepted(sid(), "queued"))], NOW + minutes * MINUTE)
        tried.append(probe)
    receipt(clinic, tried[0].attempt, "delivered", now=NOW + 3 * MINUTE)
    assert standing(clinic) == set()
    assert len(clinic.claim(NOW + 3 * MINUTE)) == 6


@pytest.mark.parametrize("ahead", [HOUR, 24 * HOUR])
def test_an_alarm_of_a_clock_that_was_ahead_does_not_stop_the_sending_until_then(clinic, ahead):
    clinic.take(*(row(number, DUE) for number in range(10, 14)))
    (one,) = clinic.claim(limit=1)
    clinic.record([(one.attempt, Refused(ErrorClass.STOP, 20003, "HTTP 401"))], NOW + ahead)
    soon = NOW + 6 * MINUTE
    (probe,) = clinic.claim(soon)
    assert clinic.claim(soon + MINUTE) == []
    clinic.record([(probe.attempt, Accepted(sid(), "queued"))], soon + MINUTE)
    assert standing(clinic) == set()
    assert len(clinic.claim(soon + MINUTE)) == 2


def test_a_number_without_its_key_holds_nobody_else_up_and_goes_out_when_the_key_is_named(clinic_on_each_database):
    clinic, old, new = clinic_on_each_database, Vault([b"o" * 32]), Vault([b"n" * 32], b"k" * 32)
    clinic.vault = Vault([b"o" * 32], b"k" * 32)
    clinic.take(row(10, DUE))
    clinic.vault = new
    clinic.take(row(11, DUE))
    assert len(clinic.claim()) == 1
    assert standing(clinic) == {Alarm.KEY_MISSING}
    assert [one.state for one in clinic.texts("A10") if one.step == "2d"] == []
    clinic.vault = Vault([b"n" * 32, b"o" * 32], b"k" * 32)
    assert len(clinic.claim(NOW + 6 * MINUTE)) == 1
    assert standing(clinic) == set()
    assert old.key_ids in clinic.vault.key_ids


def test_an_opt_out_that_the_carrier_knows_of_needs_no_key(clinic):
    clinic.vault = Vault([b"o" * 32], b"k" * 32)
    clinic.take(row(10, DUE))
    (one,) = clinic.claim()
    clinic.vault = Vault([b"n" * 32], b"k" * 32)
    clinic.record([(one.attempt, Refused(ErrorClass.OPTED_OUT, 21610, "HTTP 400"))])
    assert clinic.all(person)[0].opted_out_at == NOW


@pytest.mark.parametrize("there_and_back", [("cancelled", "booked"), (at(20), DUE)], ids=["cancelled", "moved"])
def test_a_visit_that_is_booked_again_at_its_time_gets_the_text_that_was_still_to_come(
    clinic_on_each_database, there_and_back
):
    clinic = clinic_on_each_database
    clinic.take(row(10, DUE))
    (one,) = clinic.claim()
    clinic.record([(one.attempt, Refused(ErrorClass.TRANSIENT, 20429, "HTTP 429"))])
    for number, what in enumerate(there_and_back, start=1):
        change = row(10, DUE, status=what) if what in ("cancelled", "booked") else row(10, what)
        clinic.take(change, now=NOW + number * MINUTE)
        clinic.claim(NOW + number * MINUTE)
    clinic.claim(NOW + 10 * MINUTE)
    taken = [found for found in clinic.texts("A10") if found.step == "2d" and found.state == "claimed"]
    assert len(taken) == 1
    assert taken[0].claimed_at > NOW
