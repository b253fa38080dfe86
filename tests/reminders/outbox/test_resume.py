"""Once the carrier accepts our account again, sending resumes without waiting for a probe or a back-off."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ivr.carrier.twilio.client import Carrier, Refused
from ivr.carrier.twilio.errors import ErrorClass
from ivr.carrier.twilio.transport import NotSent
from ivr.ledger.tables import alarm
from ivr.reminders.alarms import Alarm
from ivr.reminders.outbox.resume import resume_if_accepted, try_sending_again
from tests.support import on_demand
from tests.support.clinic import NOW, at, row
from tests.support.network import LINE, SID, TOKEN

DUE = at(2, -1)
SOON = NOW + timedelta(seconds=5)
REFUSED = Refused(ErrorClass.STOP, 20003, "HTTP 401")
NOT_TRIED = Refused(ErrorClass.TRANSIENT, None, "not tried")


def alarms(clinic):
    return {row.name for row in clinic.all(alarm)}


def stop(clinic, count=3, now=NOW):
    """The carrier refuses the first text of a slice; the rest is not tried. Another text is not claimed at all."""
    clinic.import_rows(*(row(number, DUE) for number in range(10, 11 + count)))
    first, *rest = clinic.claim(now, limit=count)
    clinic.record([(first.attempt, REFUSED), *((text.attempt, NOT_TRIED) for text in rest)], now)
    assert (alarms(clinic), clinic.claim(SOON)) == ({Alarm.SENDING_STOPPED}, [])


def test_all_texts_are_due_again_at_once(clinic_on_each_database):
    clinic = clinic_on_each_database
    stop(clinic)
    assert try_sending_again(clinic.ledger, SOON)
    assert alarms(clinic) == set()
    assert len(clinic.claim(SOON)) == 4


def test_a_text_with_a_long_back_off_is_due_again_at_once(clinic):
    stop(clinic, 1)
    now = NOW
    for _ in range(4):
        now += timedelta(minutes=10)
        (probe,) = clinic.claim(now)
        clinic.record([(probe.attempt, REFUSED)], now)
    assert try_sending_again(clinic.ledger, now)
    assert len(clinic.claim(now)) == 2


def test_a_back_off_from_before_the_alarm_is_kept(clinic):
    clinic.import_rows(row(30, DUE))
    (busy,) = clinic.claim()
    clinic.record([(busy.attempt, Refused(ErrorClass.TRANSIENT, 20429, "HTTP 429"))])
    stop(clinic, 1, NOW + timedelta(seconds=1))
    try_sending_again(clinic.ledger, SOON)
    assert busy.phone not in {text.phone for text in clinic.claim(SOON)}


def test_a_requested_text_is_due_again_too(clinic):
    on_demand.ask(clinic)
    (claimed,) = on_demand.claim(clinic)
    clinic.record([(claimed.attempt, REFUSED)])
    try_sending_again(clinic.ledger, SOON)
    assert len(on_demand.claim(clinic, SOON)) == 1


def test_without_the_alarm_nothing_changes(clinic):
    clinic.import_rows(row(10, DUE))
    (busy,) = clinic.claim()
    clinic.record([(busy.attempt, Refused(ErrorClass.TRANSIENT, 20429, "HTTP 429"))])
    assert not try_sending_again(clinic.ledger, SOON)
    assert clinic.claim(SOON) == []


def test_the_alarm_is_raised_again_if_the_carrier_still_refuses(clinic):
    stop(clinic)
    try_sending_again(clinic.ledger, SOON)
    first, *rest = clinic.claim(SOON)
    clinic.record([(first.attempt, REFUSED), *((text.attempt, NOT_TRIED) for text in rest)], SOON)
    assert alarms(clinic) == {Alarm.SENDING_STOPPED}
    assert {text.state for text in clinic.texts() if text.step == "2d"} == {"planned"}


def test_an_alarm_from_a_clock_that_was_ahead_is_cleared_too(clinic):
    stop(clinic)
    assert try_sending_again(clinic.ledger, NOW - timedelta(hours=1))
    assert alarms(clinic) == set()


def test_accepted_credentials_resume_sending(clinic, carrier):
    stop(clinic)
    assert resume_if_accepted(clinic.ledger, carrier, SOON) is None
    assert (alarms(clinic), len(clinic.claim(SOON))) == (set(), 4)


def test_refused_credentials_leave_the_alarm(clinic, network):
    stop(clinic)
    refusal = resume_if_accepted(clinic.ledger, Carrier(SID, "a-wrong-token", network.url, LINE), SOON)
    assert "TWILIO_AUTH_TOKEN" in refusal
    assert alarms(clinic) == {Alarm.SENDING_STOPPED}


def test_a_carrier_that_does_not_answer_leaves_the_alarm(clinic):
    stop(clinic)
    with pytest.raises(NotSent):
        resume_if_accepted(clinic.ledger, Carrier(SID, TOKEN, "http://127.0.0.1:1", LINE), SOON)
    assert alarms(clinic) == {Alarm.SENDING_STOPPED}


def test_a_line_that_sends_makes_no_request(clinic):
    assert resume_if_accepted(clinic.ledger, Carrier(SID, TOKEN, "http://127.0.0.1:1", LINE), SOON) is None
