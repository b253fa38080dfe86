"""Alarms: each is raised once, remains until its cause is fixed, and blocks sending only if necessary."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from ivr.carrier.twilio.client import Accepted, Refused
from ivr.carrier.twilio.errors import CLASSES, ErrorClass
from ivr.ledger import Vault
from ivr.ledger.tables import alarm, person
from ivr.reminders.alarms import Alarm, clear_other_subjects, raise_alarm
from ivr.reminders.outbox.monitor import MIN_TEXTS, ClockWatch, beat, clock_age, oldest_due, watch
from ivr.reminders.outbox.receipts import Receipt, apply_receipt
from ivr.reminders.reports.status import control
from tests.support.clinic import NOW, at, row, sid

# Only step 2d of the plan is due.
DUE = at(2, -1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def alarms(clinic):
    return {row.name for row in clinic.all(alarm)}


def receipt(clinic, attempt, status, code=None, now=NOW):
    return apply_receipt(clinic.ledger, clinic.vault, Receipt(attempt, status, "", code), now)


def test_texts_that_wait_over_ten_minutes_raise_the_backlog_alarm_once_until_they_are_sent(clinic_on_each_database):
    clinic = clinic_on_each_database
    clinic.import_rows(row(10, DUE))
    watch(clinic.ledger, NOW + 9 * MINUTE)
    assert alarms(clinic) == set()
    with capture_logs() as logged:
        for minutes in (12, 13, 14):
            watch(clinic.ledger, NOW + minutes * MINUTE)
    assert alarms(clinic) == {Alarm.BACKLOG}
    assert [line["name"] for line in logged if line["event"] == "alarm_raised"] == [Alarm.BACKLOG]
    assert 11 * 60 < oldest_due(clinic.ledger, NOW + 12 * MINUTE) <= 12 * 60 + 1
    clinic.send(NOW + 15 * MINUTE)
    watch(clinic.ledger, NOW + 16 * MINUTE)
    assert (alarms(clinic), oldest_due(clinic.ledger, NOW + 16 * MINUTE)) == (set(), 0.0)


def test_a_paused_batch_is_not_a_backlog(clinic):
    batch = clinic.import_rows(row(10, DUE)).batch
    control(clinic.ledger, batch, paused=True)
    watch(clinic.ledger, NOW + HOUR)
    assert (alarms(clinic), oldest_due(clinic.ledger, NOW + HOUR)) == (set(), 0.0)


@pytest.mark.parametrize(
    ("texts", "with_receipt", "minutes", "raised"),
    [
        (MIN_TEXTS, 0, 20, True),
        (MIN_TEXTS, 0, 10, False),
        (MIN_TEXTS - 1, 0, 20, False),
        (MIN_TEXTS, MIN_TEXTS // 2, 20, False),
        (MIN_TEXTS, MIN_TEXTS // 2 - 1, 20, True),
        (MIN_TEXTS, 0, 7 * 60, False),
    ],
    ids=[
        "no receipts",
        "too early",
        "too few texts",
        "half have receipts",
        "fewer than half have receipts",
        "too long ago",
    ],
)
def test_missing_receipts_raise_an_alarm(clinic, texts, with_receipt, minutes, raised):
    clinic.import_rows(*(row(number, DUE) for number in range(10, 10 + texts)))
    claimed = clinic.send()
    for text in claimed[:with_receipt]:
        receipt(clinic, text.attempt, "delivered")
    watch(clinic.ledger, NOW + minutes * MINUTE)
    assert (Alarm.RECEIPTS_MISSING in alarms(clinic)) == raised


def test_a_silent_clock_process_raises_an_alarm_until_its_next_heartbeat(clinic_on_each_database):
    clinic = clinic_on_each_database
    clock_watch = ClockWatch(60, started=NOW)
    beat(clinic.ledger, NOW - 2 * MINUTE)
    beat(clinic.ledger, NOW)
    watch(clinic.ledger, NOW + MINUTE, clock_watch)
    assert alarms(clinic) == set()
    watch(clinic.ledger, NOW + 2 * MINUTE, clock_watch)
    assert alarms(clinic) == {Alarm.CLOCK_SILENT}
    beat(clinic.ledger, NOW + 3 * MINUTE)
    watch(clinic.ledger, NOW + 3 * MINUTE, clock_watch)
    assert alarms(clinic) == set()


def test_a_clock_process_that_was_never_started_raises_the_alarm_after_five_minutes(clinic_on_each_database):
    clinic = clinic_on_each_database
    clock_watch = ClockWatch(60, started=NOW)
    watch(clinic.ledger, NOW + 5 * MINUTE, clock_watch)
    assert (alarms(clinic), clock_age(clinic.ledger, NOW)) == (set(), None)
    watch(clinic.ledger, NOW + 6 * MINUTE, clock_watch)
    assert alarms(clinic) == {Alarm.CLOCK_SILENT}
    # A web process that has just started does not know yet, so it leaves the alarm of another.
    watch(clinic.ledger, NOW + 6 * MINUTE, ClockWatch(60, started=NOW + 6 * MINUTE))
    assert alarms(clinic) == {Alarm.CLOCK_SILENT}
    beat(clinic.ledger, NOW + 7 * MINUTE)
    watch(clinic.ledger, NOW + 7 * MINUTE, clock_watch)
    assert alarms(clinic) == set()


SENDER_ERRORS = sorted(code for code, kind in CLASSES.items() if kind is ErrorClass.STOP and 30000 <= code < 31000)


@pytest.mark.parametrize("code", SENDER_ERRORS)
def test_a_receipt_that_refuses_our_sender_stops_sending_until_a_text_is_delivered(clinic_on_each_database, code):
    clinic = clinic_on_each_database
    clinic.import_rows(*(row(number, DUE) for number in range(10, 20)))
    first, *rest = clinic.claim(limit=3)
    clinic.record([(text.attempt, Accepted(sid(), "queued")) for text in (first, *rest)])
    soon = NOW + timedelta(seconds=10)
    for _ in range(2):
        receipt(clinic, first.attempt, "undelivered", code, soon)
    assert alarms(clinic) == {Alarm.DELIVERY_STOPPED}
    assert next(text.state for text in clinic.texts() if text.attempt == first.attempt) == "undelivered"
    assert clinic.claim(NOW + timedelta(seconds=20)) == []
    # The delivery of a text that was sent before the refusal does not clear the alarm.
    receipt(clinic, rest[0].attempt, "delivered")
    assert alarms(clinic) == {Alarm.DELIVERY_STOPPED}
    (probe,) = clinic.claim(NOW + MINUTE)
    clinic.record([(probe.attempt, Accepted(sid(), "queued"))], NOW + MINUTE)
    assert alarms(clinic) == {Alarm.DELIVERY_STOPPED}
    assert clinic.claim(NOW + MINUTE) == []
    receipt(clinic, probe.attempt, "delivered", now=NOW + MINUTE)
    assert alarms(clinic) == set()
    assert len(clinic.claim(NOW + MINUTE)) == 6


def test_an_error_of_one_number_does_not_stop_sending(clinic):
    clinic.import_rows(row(10, DUE), row(11, DUE))
    first, _ = clinic.send()
    receipt(clinic, first.attempt, "undelivered", 30005)
    assert alarms(clinic) == set()


def test_texts_wait_while_the_release_lacks_their_prompt_and_go_out_with_the_next_release(clinic_on_each_database):
    clinic, complete = clinic_on_each_database, clinic_on_each_database.content
    clinic.import_rows(row(10, DUE), row(11, DUE))
    prompts = {key: prompt for key, prompt in complete.prompts.items() if key[1] != "reminder-2d"}
    clinic.content = replace(complete, prompts=prompts, digest="0" * 12)
    assert clinic.claim() == []
    (raised,) = clinic.all(alarm)
    assert (raised.name, raised.subject) == (Alarm.WORDS_MISSING, "0" * 12)
    assert "en/reminder-2d.md" in raised.detail
    assert [text.state for text in clinic.texts() if text.step == "2d"] == []
    clinic.content = complete
    assert clinic.claim(NOW + MINUTE) == []
    assert alarms(clinic) == set()
    assert len(clinic.claim(NOW + 6 * MINUTE)) == 2


def test_a_text_whose_prompt_is_empty_is_neither_sent_nor_failed(clinic):
    complete = clinic.content
    prompt = complete.prompts["en", "reminder-2d"]
    empty = replace(prompt, texted=replace(prompt.texted, words=" "))
    clinic.content = replace(complete, prompts={**complete.prompts, ("en", "reminder-2d"): empty}, digest="0" * 12)
    clinic.import_rows(row(10, DUE))
    assert clinic.claim() == []
    assert alarms(clinic) == {Alarm.WORDS_MISSING}
    assert clinic.appointment("A10").next_due_at is not None


def test_nothing_is_sent_from_a_restored_database(clinic):
    clinic.import_rows(row(10, DUE))
    with clinic.ledger.write() as connection:
        raise_alarm(connection, Alarm.LEDGER_RESTORED, NOW - HOUR, "…")
    assert clinic.claim() == []
    assert clinic.claim(NOW + HOUR) == []


def test_sending_resumes_only_when_both_kinds_of_refusal_are_over(clinic):
    clinic.import_rows(*(row(number, DUE) for number in range(10, 14)))
    first, second = clinic.claim(limit=2)
    clinic.record([(first.attempt, Accepted(sid(), "queued"))])
    clinic.record([(second.attempt, Refused(ErrorClass.STOP, 20003, "HTTP 401"))])
    receipt(clinic, first.attempt, "undelivered", 30034, NOW + timedelta(seconds=10))
    assert alarms(clinic) == {Alarm.SENDING_STOPPED, Alarm.DELIVERY_STOPPED}
    (probe,) = clinic.claim(NOW + 6 * MINUTE)
    clinic.record([(probe.attempt, Accepted(sid(), "queued"))], NOW + 6 * MINUTE)
    assert alarms(clinic) == {Alarm.DELIVERY_STOPPED}
    assert clinic.claim(NOW + 6 * MINUTE) == []
    receipt(clinic, probe.attempt, "delivered", now=NOW + 7 * MINUTE)
    assert len(clinic.claim(NOW + 7 * MINUTE)) == 2


def test_a_receipt_that_arrives_after_the_next_probe_still_clears_the_alarm(clinic_on_each_database):
    clinic = clinic_on_each_database
    clinic.import_rows(*(row(number, DUE) for number in range(10, 20)))
    (first,) = clinic.claim(limit=1)
    clinic.record([(first.attempt, Accepted(sid(), "queued"))])
    receipt(clinic, first.attempt, "undelivered", 30007)
    probes = []
    for minutes in (1, 2, 3):
        (probe,) = clinic.claim(NOW + minutes * MINUTE)
        clinic.record([(probe.attempt, Accepted(sid(), "queued"))], NOW + minutes * MINUTE)
        probes.append(probe)
    receipt(clinic, probes[0].attempt, "delivered", now=NOW + 3 * MINUTE)
    assert alarms(clinic) == set()
    assert len(clinic.claim(NOW + 3 * MINUTE)) == 6


@pytest.mark.parametrize("ahead", [HOUR, 24 * HOUR])
def test_an_alarm_from_a_clock_that_was_ahead_does_not_stop_sending_until_that_time(clinic, ahead):
    clinic.import_rows(*(row(number, DUE) for number in range(10, 14)))
    (claimed,) = clinic.claim(limit=1)
    clinic.record([(claimed.attempt, Refused(ErrorClass.STOP, 20003, "HTTP 401"))], NOW + ahead)
    soon = NOW + 6 * MINUTE
    (probe,) = clinic.claim(soon)
    assert clinic.claim(soon + MINUTE) == []
    clinic.record([(probe.attempt, Accepted(sid(), "queued"))], soon + MINUTE)
    assert alarms(clinic) == set()
    assert len(clinic.claim(soon + MINUTE)) == 2


def test_a_number_with_a_missing_key_delays_no_other_text_and_is_sent_once_the_key_is_listed(clinic_on_each_database):
    clinic, old, new = clinic_on_each_database, Vault([b"o" * 32]), Vault([b"n" * 32], b"k" * 32)
    clinic.vault = Vault([b"o" * 32], b"k" * 32)
    clinic.import_rows(row(10, DUE))
    clinic.vault = new
    clinic.import_rows(row(11, DUE))
    assert len(clinic.claim()) == 1
    assert alarms(clinic) == {Alarm.KEY_MISSING}
    assert [text.state for text in clinic.texts("A10") if text.step == "2d"] == []
    clinic.vault = Vault([b"n" * 32, b"o" * 32], b"k" * 32)
    assert len(clinic.claim(NOW + 6 * MINUTE)) == 1
    assert alarms(clinic) == set()
    assert old.key_ids in clinic.vault.key_ids


def test_an_opt_out_reported_by_the_carrier_is_recorded_without_the_key(clinic):
    clinic.vault = Vault([b"o" * 32], b"k" * 32)
    clinic.import_rows(row(10, DUE))
    (claimed,) = clinic.claim()
    clinic.vault = Vault([b"n" * 32], b"k" * 32)
    clinic.record([(claimed.attempt, Refused(ErrorClass.OPTED_OUT, 21610, "HTTP 400"))])
    assert clinic.all(person)[0].opted_out_at == NOW


@pytest.mark.parametrize("changes", [("cancelled", "booked"), (at(20), DUE)], ids=["cancelled", "moved"])
def test_an_appointment_booked_again_at_the_same_time_gets_the_text_that_was_still_planned(
    clinic_on_each_database, changes
):
    clinic = clinic_on_each_database
    clinic.import_rows(row(10, DUE))
    (claimed,) = clinic.claim()
    clinic.record([(claimed.attempt, Refused(ErrorClass.TRANSIENT, 20429, "HTTP 429"))])
    for number, change in enumerate(changes, start=1):
        changed = row(10, DUE, status=change) if change in ("cancelled", "booked") else row(10, change)
        clinic.import_rows(changed, now=NOW + number * MINUTE)
        clinic.claim(NOW + number * MINUTE)
    clinic.claim(NOW + 10 * MINUTE)
    (claimed,) = [text for text in clinic.texts("A10") if text.step == "2d" and text.state == "claimed"]
    assert claimed.claimed_at > NOW


@pytest.mark.parametrize(("subject", "cleared"), [("0a1b", False), ("0a", True), ("", True)])
def test_an_alarm_is_cleared_unless_its_subject_is_still_in_use(clinic_on_each_database, subject, cleared):
    clinic = clinic_on_each_database
    with clinic.ledger.write() as connection:
        raise_alarm(connection, Alarm.KEY_MISSING, NOW, "The detail names 0a1b.", subject)
        clear_other_subjects(connection, Alarm.KEY_MISSING, "0a1b")
    assert (alarms(clinic) == set()) == cleared
