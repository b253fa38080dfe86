"""Claims: each text is claimed once, within the limits, and only if it should still be sent."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import insert, update
from sqlalchemy.exc import IntegrityError

from ivr.carrier.twilio.client import Accepted, Refused
from ivr.carrier.twilio.errors import ErrorClass
from ivr.ledger.tables import batch, person, text
from ivr.people.persons import opt_in, opt_out, remember_language
from ivr.reminders.alarms import Alarm
from ivr.reminders.outbox.claims import due_count
from ivr.reminders.reports.status import NoSuchBatch, batch_status, control
from ivr.reminders.schedule.message import appointment_values
from ivr.web.console.reminders.state_words import reason_words
from tests.support.clinic import NOW, at, row, sid

# Only step 2d of the plan is due.
DUE = at(2, -1)
BUSY = Refused(ErrorClass.TRANSIENT, 20429, "HTTP 429")


def write(clinic, statement):
    with clinic.ledger.write() as connection:
        connection.execute(statement)


def test_a_claim_writes_a_row_with_an_attempt_id_before_anything_is_sent(clinic):
    clinic.import_rows(row(1, DUE), row(2, DUE))
    claimed = clinic.claim()
    assert {text.phone for text in claimed} == {"+16035550101", "+16035550102"}
    rows = {text_row.attempt: text_row for text_row in clinic.texts() if text_row.state == "claimed"}
    assert rows.keys() == {text.attempt for text in claimed}
    for claim in claimed:
        assert (len(claim.attempt), claim.segments) == (32, 1)
        text_row = rows[claim.attempt]
        assert (text_row.release, text_row.body_hash) == (clinic.content.digest, clinic.vault.hash(claim.body))
        assert (text_row.claimed_at, text_row.tries, text_row.sid) == (NOW, 1, None)
        assert clinic.moves(text_row.id) == [(None, "claimed", None)]


def test_a_claimed_text_is_not_claimed_again(clinic):
    clinic.import_rows(row(1, DUE))
    assert len(clinic.claim()) == 1
    for hours in (0, 1, 5):
        assert clinic.claim(NOW + timedelta(hours=hours)) == []
    assert due_count(clinic.ledger, NOW, 10) == 0


UNREACHABLE = [
    ("an opt-out", lambda clinic: opt_out_first(clinic), "opted_out"),
    ("a landline", lambda clinic: write(clinic, update(person).values(landline=True)), "landline"),
]


def opt_out_first(clinic):
    with clinic.ledger.write() as connection:
        opt_out(connection, clinic.vault, "+16035550101", NOW, "text", "STOP")


@pytest.mark.parametrize(("block", "reason"), [case[1:] for case in UNREACHABLE], ids=[case[0] for case in UNREACHABLE])
def test_a_text_to_an_unreachable_person_is_skipped_with_the_reason_at_the_claim(clinic, block, reason):
    clinic.import_rows(row(1, DUE))
    block(clinic)
    assert clinic.claim() == []
    assert reason in {text_row.reason for text_row in clinic.texts() if text_row.state == "skipped"}
    assert batch_status(clinic.ledger)["reasons"][reason] == 1


def test_a_number_whose_country_was_removed_since_the_import_is_skipped_with_the_reason(clinic_on_each_database):
    clinic = clinic_on_each_database
    clinic.texts_to("US", "CA")
    clinic.import_rows(row(1, DUE, phone="416-967-1111"), row(2, DUE))
    clinic.texts_to("US")
    assert [text.phone for text in clinic.claim()] == ["+16035550102"]
    (skipped,) = [each for each in clinic.texts("A1") if each.step == "2d"]
    assert (skipped.state, skipped.reason, skipped.attempt) == ("skipped", "not_allowed", None)
    assert reason_words(skipped.reason).why == "The line does not text numbers of this country, or of this kind."
    assert batch_status(clinic.ledger)["reasons"]["not_allowed"] == 1
    # It was skipped for good, and others still go out.
    clinic.texts_to("US", "CA")
    assert clinic.claim() == []


def test_a_text_that_waits_for_a_retry_is_not_sent_once_its_country_is_removed(clinic_on_each_database):
    clinic = clinic_on_each_database
    clinic.texts_to("US", "CA")
    clinic.import_rows(row(1, DUE, phone="416-967-1111"))
    (claimed,) = clinic.claim()
    clinic.record([(claimed.attempt, BUSY)])
    clinic.texts_to("US")
    assert clinic.claim(NOW + timedelta(minutes=5)) == []
    (skipped,) = [each for each in clinic.texts("A1") if each.step == "2d"]
    assert (skipped.state, skipped.reason) == ("skipped", "not_allowed")


def test_a_patient_who_opts_in_again_gets_upcoming_texts(clinic):
    clinic.import_rows(row(1, at(2, 1)))
    opt_out_first(clinic)
    assert clinic.claim(NOW + timedelta(hours=2)) == []
    with clinic.ledger.write() as connection:
        opt_in(connection, clinic.vault, "+16035550101", NOW, "text", "START")
    assert len(clinic.claim(NOW + timedelta(days=1, hours=2))) == 1


BATCHES = [("paused", {"paused": True}), ("still importing", {"live_at": None}), ("cancelled", {"cancelled_at": NOW})]


@pytest.mark.parametrize("values", [case[1] for case in BATCHES], ids=[case[0] for case in BATCHES])
def test_nothing_is_claimed_from_a_blocked_batch(clinic, values):
    clinic.import_rows(row(1, DUE))
    write(clinic, update(batch).values(**values))
    assert clinic.claim() == []
    assert [text_row for text_row in clinic.texts() if text_row.state == "claimed"] == []


def test_a_resumed_batch_continues_where_it_stopped(clinic):
    report = clinic.import_rows(row(1, DUE))
    control(clinic.ledger, report.batch, paused=True)
    assert (clinic.claim(), batch_status(clinic.ledger, report.batch)["paused"]) == ([], True)
    control(clinic.ledger, report.batch, paused=False)
    assert len(clinic.claim()) == 1


def test_cancelling_a_batch_cancels_the_texts_that_wait_for_a_retry(clinic_on_each_database):
    first = clinic_on_each_database.import_rows(row(1, DUE), row(2, DUE), row(3, at(20)))
    clinic_on_each_database.import_rows(row(4, DUE), name="other.csv")
    claimed = clinic_on_each_database.claim()
    clinic_on_each_database.record([(text.attempt, BUSY) for text in claimed])
    control(clinic_on_each_database.ledger, first.batch, cancelled_at=NOW)
    counted = batch_status(clinic_on_each_database.ledger, first.batch)["texts"]
    assert (counted["planned"], counted["cancelled"]) == (0, 2)
    assert [text.phone for text in clinic_on_each_database.claim(NOW + timedelta(hours=1))] == ["+16035550104"]


def test_a_text_of_a_cancelled_batch_that_is_planned_again_is_cancelled(clinic):
    report = clinic.import_rows(row(1, DUE))
    (claimed,) = clinic.claim()
    control(clinic.ledger, report.batch, cancelled_at=NOW)
    clinic.record([(claimed.attempt, BUSY)])
    assert clinic.claim(NOW + timedelta(hours=1)) == []
    assert clinic.states("A1")["2d"] == "cancelled"
    assert batch_status(clinic.ledger, report.batch)["texts"]["planned"] == 0


def test_a_text_for_the_old_time_of_a_moved_appointment_is_cancelled_when_planned_again(clinic):
    clinic.import_rows(row(1, DUE))
    (claimed,) = clinic.claim()
    clinic.import_rows(row(1, at(10)))
    clinic.record([(claimed.attempt, BUSY)])
    assert clinic.claim(NOW + timedelta(minutes=5)) == []
    (old,) = [text_row for text_row in clinic.texts() if text_row.attempt == claimed.attempt]
    assert (old.state, old.reason) == ("cancelled", "moved")
    assert batch_status(clinic.ledger)["texts"]["planned"] == 1


def test_an_unknown_batch_raises_no_such_batch(clinic):
    with pytest.raises(NoSuchBatch, match="no batch 7"):
        control(clinic.ledger, 7, paused=True)
    with pytest.raises(NoSuchBatch):
        batch_status(clinic.ledger, 7)


def test_a_retry_uses_a_new_attempt_on_the_same_row(clinic_on_each_database):
    clinic_on_each_database.import_rows(row(1, DUE))
    (first,) = clinic_on_each_database.claim()
    clinic_on_each_database.record([(first.attempt, BUSY)])
    assert clinic_on_each_database.claim(NOW + timedelta(seconds=29)) == []
    (second,) = clinic_on_each_database.claim(NOW + timedelta(seconds=31))
    assert second.attempt != first.attempt
    (text_row,) = [text_row for text_row in clinic_on_each_database.texts("A1") if text_row.step == "2d"]
    assert (text_row.attempt, text_row.tries, text_row.state) == (second.attempt, 2, "claimed")
    assert [to for _, to, _ in clinic_on_each_database.moves(text_row.id)] == ["claimed", "planned", "claimed"]


def test_the_limits_of_a_number_apply_across_batches(clinic_on_each_database):
    clinic_on_each_database.import_rows(row(1, DUE), name="first.csv")
    clinic_on_each_database.import_rows({**row(1, DUE), "appointment_id": "B1"}, name="second.csv")
    assert len(clinic_on_each_database.claim()) == 1
    tomorrow = NOW + timedelta(hours=22)
    assert len(clinic_on_each_database.claim(tomorrow)) == 1
    assert {text_row.state for text_row in clinic_on_each_database.texts() if text_row.step == "2d"} == {"claimed"}


@pytest.mark.parametrize("state", ["claimed", "uncertain", "handed_over", "delivered", "undelivered", "no_receipt"])
def test_a_text_that_may_have_gone_out_counts_toward_the_limits_and_a_failed_one_does_not(clinic, state):
    clinic.import_rows(row(1, DUE))
    clinic.claim()
    write(clinic, update(text).where(text.c.state == "claimed").values(state=state))
    clinic.import_rows({**row(1, DUE), "appointment_id": "B1"}, name="second.csv")
    assert clinic.claim(NOW + timedelta(minutes=1)) == []
    write(clinic, update(text).where(text.c.state == state).values(state="failed"))
    write(clinic, update(batch).values(paused=False))
    assert len(clinic.claim(NOW + timedelta(hours=22))) == 1


def test_a_claim_is_limited_by_segments_and_leaves_the_rest_for_the_next(clinic):
    clinic.import_rows(*(row(number, DUE) for number in range(7)))
    assert [len(clinic.claim(limit=3)) for _ in range(4)] == [3, 3, 1, 0]


def test_a_claimed_text_carries_its_deadline(clinic):
    clinic.import_rows(row(1, at(0, 22)), row(2, at(7)))
    until = {text.phone[-1]: text.until for text in clinic.claim(NOW)}
    assert until["1"] == until["2"] == NOW + timedelta(hours=11)


@pytest.mark.parametrize("workers", [2, 5])
def test_concurrent_claims_never_take_the_same_text_or_exceed_a_limit(clinic_on_each_database, workers):
    """Thirty numbers with two appointments each: each number may get one text today."""
    rows = [row(number, DUE) for number in range(30)]
    clinic_on_each_database.import_rows(
        *rows, *({**cells, "appointment_id": f"B{number}"} for number, cells in enumerate(rows))
    )
    claimed, start = [], threading.Barrier(workers)

    def work():
        start.wait()
        while texts := clinic_on_each_database.claim(limit=4):
            claimed.extend(texts)

    threads = [threading.Thread(target=work) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    while texts := clinic_on_each_database.claim(limit=4):
        claimed.extend(texts)
    assert Counter(text.phone for text in claimed) == dict.fromkeys((text.phone for text in claimed), 1)
    assert len({text.attempt for text in claimed}) == len(claimed) == 30


def test_the_database_refuses_a_second_row_for_a_text_and_a_repeated_attempt(clinic_on_each_database):
    clinic_on_each_database.import_rows(row(1, DUE), row(2, DUE))
    clinic_on_each_database.claim()
    (first, second) = [text_row for text_row in clinic_on_each_database.texts() if text_row.state == "claimed"]
    columns = {name: value for name, value in first._mapping.items() if name != "id"}
    for change in ({"attempt": "f" * 32}, {"step": "other"}):
        with pytest.raises(IntegrityError), clinic_on_each_database.ledger.write() as connection:
            connection.execute(insert(text).values({**columns, **change}))
    assert first.attempt != second.attempt


def test_while_the_carrier_refuses_our_texts_one_at_a_time_is_claimed_as_a_probe(clinic_on_each_database):
    clinic_on_each_database.import_rows(*(row(number, DUE) for number in range(5)))
    stop = Refused(ErrorClass.STOP, 20003, "HTTP 401")
    wait, probe = timedelta(minutes=5), {"probe_after": timedelta(minutes=5)}
    clinic_on_each_database.record([(text.attempt, stop) for text in clinic_on_each_database.claim(limit=2, **probe)])
    assert clinic_on_each_database.claim(NOW + wait / 2, **probe) == []
    (first_probe,) = clinic_on_each_database.claim(NOW + wait, **probe)
    assert clinic_on_each_database.claim(NOW + wait, **probe) == []
    clinic_on_each_database.record([(first_probe.attempt, stop)], NOW + wait)
    (second_probe,) = clinic_on_each_database.claim(NOW + 2 * wait, **probe)
    clinic_on_each_database.record([(second_probe.attempt, Accepted(sid(), "queued"))], NOW + 2 * wait)
    assert batch_status(clinic_on_each_database.ledger)["alarms"] == []
    assert len(clinic_on_each_database.claim(NOW + 2 * wait, **probe)) == 4
    assert {text_row.state for text_row in clinic_on_each_database.texts() if text_row.step == "2d"} == {
        "claimed",
        "handed_over",
    }


def test_a_text_accepted_before_the_refusal_does_not_clear_the_alarm(clinic):
    clinic.import_rows(row(1, DUE), row(2, DUE))
    first, second = clinic.claim()
    later = NOW + timedelta(seconds=5)
    clinic.record([(first.attempt, Refused(ErrorClass.STOP, 20003, "HTTP 401"))], later)
    clinic.record([(second.attempt, Accepted(sid(), "queued"))], later)
    assert [alarm["name"] for alarm in batch_status(clinic.ledger)["alarms"]] == [Alarm.SENDING_STOPPED]


@pytest.mark.parametrize(
    ("in_file", "chosen", "is_spanish"),
    [
        (None, None, False),
        ("es", None, True),
        (None, "es", True),
        ("en", "es", True),
        ("es", "en", False),
        ("en", "fr", False),
        ("es", "fr", True),
    ],
    ids=[
        "neither",
        "the file",
        "chosen",
        "chosen Spanish, English file",
        "chosen English, Spanish file",
        "chosen a language that is gone, English file",
        "chosen a language that is gone, Spanish file",
    ],
)
def test_the_language_that_a_patient_chose_is_used_whatever_the_file_says(clinic, in_file, chosen, is_spanish):
    clinic.import_rows(row(10, DUE, language=in_file or ""))
    if chosen:
        with clinic.ledger.write() as connection:
            remember_language(connection, clinic.vault, "+16035550110", chosen, NOW)
    # A newer file does not change the choice.
    clinic.import_rows(row(10, at(2, -2), language=in_file or ""))
    (claimed,) = clinic.claim()
    spanish = clinic.content.texted("es", "reminder-2d", **claimed_values(clinic, "es"))
    assert (claimed.body == spanish) == is_spanish


def claimed_values(clinic, language):
    appointment = clinic.appointment("A10")
    return appointment_values(clinic.content, language, appointment.starts_at, appointment.timezone, appointment.site)
