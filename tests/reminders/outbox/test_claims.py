"""What is claimed, by whom and how much of it: once, within the limits, and only what still stands."""

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
from ivr.people.persons import opt_in, opt_out
from ivr.reminders.alarms import Alarm
from ivr.reminders.outbox.claims import due_count
from ivr.reminders.reports.status import NoSuchBatch, control, status
from tests.support.clinic import NOW, at, row, sid

# Of the plan, only the text of two days before is due.
DUE = at(2, -1)
BUSY = Refused(ErrorClass.TRANSIENT, 20429, "HTTP 429")


def write(clinic, statement):
    with clinic.ledger.write() as connection:
        connection.execute(statement)


def test_a_claim_is_a_row_with_an_attempt_of_its_own_before_anything_is_sent(clinic):
    clinic.take(row(1, DUE), row(2, DUE))
    claimed = clinic.claim()
    assert {one.phone for one in claimed} == {"+16035550101", "+16035550102"}
    kept = {found.attempt: found for found in clinic.texts() if found.state == "claimed"}
    assert kept.keys() == {one.attempt for one in claimed}
    for one in claimed:
        assert len(one.attempt) == 32
        assert one.segments == 1
        found = kept[one.attempt]
        assert (found.release, found.body_hash) == (clinic.content.digest, clinic.vault.hash(one.body))
        assert (found.claimed_at, found.tries, found.sid) == (NOW, 1, None)
        assert clinic.moves(found.id) == [(None, "claimed", None)]


def test_what_was_claimed_is_not_claimed_again(clinic):
    clinic.take(row(1, DUE))
    assert len(clinic.claim()) == 1
    for hours in (0, 1, 5):
        assert clinic.claim(NOW + timedelta(hours=hours)) == []
    assert due_count(clinic.ledger, NOW, 10) == 0


STANDING = [
    ("opted out", lambda clinic: _out(clinic), "opted_out"),
    ("a landline", lambda clinic: write(clinic, update(person).values(landline=True)), "landline"),
]


def _out(clinic):
    with clinic.ledger.write() as connection:
        opt_out(connection, clinic.vault, "+16035550101", NOW, "text", "STOP")


@pytest.mark.parametrize(("happens", "reason"), [case[1:] for case in STANDING], ids=[case[0] for case in STANDING])
def test_who_cannot_be_texted_is_skipped_with_the_reason_at_the_last_moment(clinic, happens, reason):
    clinic.take(row(1, DUE))
    happens(clinic)
    assert clinic.claim() == []
    skipped = {found.step: found.reason for found in clinic.texts() if found.state == "skipped"}
    assert reason in skipped.values()
    assert status(clinic.ledger)["reasons"][reason] == 1


def test_who_opts_in_again_gets_the_texts_that_are_still_to_come(clinic):
    clinic.take(row(1, at(2, 1)))
    _out(clinic)
    assert clinic.claim(NOW + timedelta(hours=2)) == []
    with clinic.ledger.write() as connection:
        opt_in(connection, clinic.vault, "+16035550101", NOW, "text", "START")
    assert len(clinic.claim(NOW + timedelta(days=1, hours=2))) == 1


BATCHES = [
    ("paused", {"paused": True}),
    ("not live yet", {"live_at": None}),
    ("cancelled", {"cancelled_at": NOW}),
]


@pytest.mark.parametrize("values", [case[1] for case in BATCHES], ids=[case[0] for case in BATCHES])
def test_nothing_of_a_batch_goes_out_while_it_may_not(clinic, values):
    clinic.take(row(1, DUE))
    write(clinic, update(batch).values(**values))
    assert clinic.claim() == []
    assert [found for found in clinic.texts() if found.state == "claimed"] == []


def test_a_paused_batch_goes_on_where_it_was(clinic):
    report = clinic.take(row(1, DUE))
    control(clinic.ledger, report.batch, paused=True)
    assert (clinic.claim(), status(clinic.ledger, report.batch)["paused"]) == ([], True)
    control(clinic.ledger, report.batch, paused=False)
    assert len(clinic.claim()) == 1


def test_a_cancelled_batch_has_nothing_to_come_and_drops_what_waits_for_another_try(clinic_on_each_database):
    first = clinic_on_each_database.take(row(1, DUE), row(2, DUE), row(3, at(20)))
    clinic_on_each_database.take(row(4, DUE), name="other.csv")
    claimed = clinic_on_each_database.claim()
    clinic_on_each_database.record([(one.attempt, BUSY) for one in claimed])
    control(clinic_on_each_database.ledger, first.batch, cancelled_at=NOW)
    counted = status(clinic_on_each_database.ledger, first.batch)["texts"]
    assert (counted["planned"], counted["cancelled"]) == (0, 2)
    assert [one.phone for one in clinic_on_each_database.claim(NOW + timedelta(hours=1))] == ["+16035550104"]


def test_a_text_of_a_cancelled_batch_that_comes_back_to_the_plan_is_cancelled(clinic):
    report = clinic.take(row(1, DUE))
    (one,) = clinic.claim()
    control(clinic.ledger, report.batch, cancelled_at=NOW)
    clinic.record([(one.attempt, BUSY)])
    assert clinic.claim(NOW + timedelta(hours=1)) == []
    assert clinic.states("A1")["2d"] == "cancelled"
    assert status(clinic.ledger, report.batch)["texts"]["planned"] == 0


def test_a_text_for_the_old_time_that_comes_back_to_the_plan_is_cancelled(clinic):
    clinic.take(row(1, DUE))
    (one,) = clinic.claim()
    clinic.take(row(1, at(10)))
    clinic.record([(one.attempt, BUSY)])
    assert clinic.claim(NOW + timedelta(minutes=5)) == []
    (old,) = [found for found in clinic.texts() if found.attempt == one.attempt]
    assert (old.state, old.reason) == ("cancelled", "moved")
    assert status(clinic.ledger)["texts"]["planned"] == 1


def test_there_is_no_batch_of_a_number_that_was_never_given(clinic):
    with pytest.raises(NoSuchBatch, match="no batch 7"):
        control(clinic.ledger, 7, paused=True)
    with pytest.raises(NoSuchBatch):
        status(clinic.ledger, 7)


def test_a_planned_text_is_tried_again_with_a_new_attempt_on_the_same_row(clinic_on_each_database):
    clinic_on_each_database.take(row(1, DUE))
    (first,) = clinic_on_each_database.claim()
    clinic_on_each_database.record([(first.attempt, BUSY)])
    assert clinic_on_each_database.claim(NOW + timedelta(seconds=29)) == []
    (second,) = clinic_on_each_database.claim(NOW + timedelta(seconds=31))
    assert second.attempt != first.attempt
    (kept,) = [found for found in clinic_on_each_database.texts("A1") if found.step == "2d"]
    assert (kept.attempt, kept.tries, kept.state) == (second.attempt, 2, "claimed")
    assert [move[1] for move in clinic_on_each_database.moves(kept.id)] == ["claimed", "planned", "claimed"]


def test_the_limits_for_a_number_count_over_all_batches(clinic_on_each_database):
    clinic_on_each_database.take(row(1, DUE), name="first.csv")
    clinic_on_each_database.take({**row(1, DUE), "appointment_id": "B1"}, name="second.csv")
    assert len(clinic_on_each_database.claim()) == 1
    tomorrow = NOW + timedelta(hours=22)
    assert len(clinic_on_each_database.claim(tomorrow)) == 1
    assert {one.state for one in clinic_on_each_database.texts() if one.step == "2d"} == {"claimed"}


@pytest.mark.parametrize("state", ["claimed", "uncertain", "handed_over", "delivered", "undelivered", "no_receipt"])
def test_a_text_that_may_have_gone_out_counts_and_one_that_failed_does_not(clinic, state):
    clinic.take(row(1, DUE))
    clinic.claim()
    write(clinic, update(text).where(text.c.state == "claimed").values(state=state))
    clinic.take({**row(1, DUE), "appointment_id": "B1"}, name="second.csv")
    assert clinic.claim(NOW + timedelta(minutes=1)) == []
    write(clinic, update(text).where(text.c.state == state).values(state="failed"))
    write(clinic, update(batch).values(paused=False))
    assert len(clinic.claim(NOW + timedelta(hours=22))) == 1


def test_a_claim_is_for_so_many_segments_and_leaves_the_rest_for_the_next(clinic):
    clinic.take(*(row(number, DUE) for number in range(7)))
    assert [len(clinic.claim(limit=3)) for _ in range(4)] == [3, 3, 1, 0]


def test_a_text_says_until_when_it_is_of_use(clinic):
    clinic.take(row(1, at(0, 22)), row(2, at(7)))
    until = {one.phone[-1]: one.until for one in clinic.claim(NOW)}
    assert until["1"] == until["2"] == NOW + timedelta(hours=11)


@pytest.mark.parametrize("how_many", [2, 5])
def test_claims_side_by_side_never_take_the_same_text_and_never_break_a_limit(clinic_on_each_database, how_many):
    """Two visits for each of thirty numbers: whoever claims, each number may get one text today."""
    visits = [row(number, DUE) for number in range(30)]
    clinic_on_each_database.take(
        *visits, *({**one, "appointment_id": f"B{number}"} for number, one in enumerate(visits))
    )
    claimed, start = [], threading.Barrier(how_many)

    def work():
        start.wait()
        while mine := clinic_on_each_database.claim(limit=4):
            claimed.extend(mine)

    threads = [threading.Thread(target=work) for _ in range(how_many)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    while mine := clinic_on_each_database.claim(limit=4):
        claimed.extend(mine)
    assert Counter(one.phone for one in claimed) == dict.fromkeys((one.phone for one in claimed), 1)
    assert len({one.attempt for one in claimed}) == len(claimed) == 30


def test_the_ledger_itself_refuses_a_second_row_for_one_text_and_a_second_use_of_an_attempt(clinic_on_each_database):
    clinic_on_each_database.take(row(1, DUE), row(2, DUE))
    clinic_on_each_database.claim()
    (first, second) = [found for found in clinic_on_each_database.texts() if found.state == "claimed"]
    columns = {name: value for name, value in first._mapping.items() if name != "id"}
    for change in ({"attempt": "f" * 32}, {"step": "other"}):
        with pytest.raises(IntegrityError), clinic_on_each_database.ledger.write() as connection:
            connection.execute(insert(text).values({**columns, **change}))
    assert first.attempt != second.attempt


def test_while_the_carrier_refuses_us_one_text_at_a_time_finds_out_whether_it_still_does(clinic_on_each_database):
    clinic_on_each_database.take(*(row(number, DUE) for number in range(5)))
    stop = Refused(ErrorClass.STOP, 20003, "HTTP 401")
    wait, probe = timedelta(minutes=5), {"probe_after": timedelta(minutes=5)}
    clinic_on_each_database.record([(one.attempt, stop) for one in clinic_on_each_database.claim(limit=2, **probe)])
    assert clinic_on_each_database.claim(NOW + wait / 2, **probe) == []
    (still,) = clinic_on_each_database.claim(NOW + wait, **probe)
    assert clinic_on_each_database.claim(NOW + wait, **probe) == []
    clinic_on_each_database.record([(still.attempt, stop)], NOW + wait)
    (now_fine,) = clinic_on_each_database.claim(NOW + 2 * wait, **probe)
    clinic_on_each_database.record([(now_fine.attempt, Accepted(sid(), "queued"))], NOW + 2 * wait)
    assert status(clinic_on_each_database.ledger)["alarms"] == []
    assert len(clinic_on_each_database.claim(NOW + 2 * wait, **probe)) == 4
    assert {found.state for found in clinic_on_each_database.texts() if found.step == "2d"} == {
        "claimed",
        "handed_over",
    }


def test_a_text_that_was_taken_before_the_refusal_does_not_end_the_alarm(clinic):
    clinic.take(row(1, DUE), row(2, DUE))
    first, second = clinic.claim()
    later = NOW + timedelta(seconds=5)
    clinic.record([(first.attempt, Refused(ErrorClass.STOP, 20003, "HTTP 401"))], later)
    clinic.record([(second.attempt, Accepted(sid(), "queued"))], later)
    assert [alarm["name"] for alarm in status(clinic.ledger)["alarms"]] == [Alarm.SENDING_STOPPED]
