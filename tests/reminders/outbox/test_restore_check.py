"""A restored backup is detected even on a new machine, which has neither VAR_DIR nor the queue's data."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import delete

from ivr import clock
from ivr.carrier.twilio.client import Carrier, Refused
from ivr.carrier.twilio.errors import ErrorClass
from ivr.ledger import open_ledger
from ivr.ledger.tables import alarm, mark
from ivr.people.persons import opt_in, opt_out
from ivr.reminders.alarms import Alarm
from ivr.reminders.outbox import restore_check
from ivr.reminders.outbox.restore import Restorer
from ivr.reminders.outbox.restore_check import may_send
from ivr.reminders.outbox.restore_guard import RestoreGuard
from ivr.reminders.retention.expire import expire
from ivr.reminders.retention.rules import Cutoffs
from ivr.settings import load
from tests.support.clinic import NOW, at, row
from tests.support.network import LINE, SID

DUE = at(2, -1)
LATER = NOW + timedelta(hours=1)
NOWHERE = "http://127.0.0.1:1/"


@pytest.fixture(autouse=True)
def _clock_at_now():
    """The send count stores when it began, by the clock of the process."""
    clock.set_shift((NOW - datetime.now(UTC)).total_seconds())


class Machine:
    """A worker's machine. Without a queue server, only its VAR_DIR remembers anything."""

    def __init__(self, clinic, carrier, folder):
        self.clinic, self.carrier = clinic, carrier
        self.guard = RestoreGuard(folder, Redis(port=1, retry=Retry(NoBackoff(), 0)))

    def may_send(self, now=NOW, carrier=None):
        return may_send(self.clinic.ledger, self.clinic.vault, carrier or self.carrier, self.guard, now)

    def send(self, now=NOW, limit=500):
        """What a job does: returns the texts that it claimed and sent."""
        claimed = self.clinic.claim(now, limit=limit, guard=self.guard) if self.may_send(now) else []
        results = [(text.attempt, self.carrier.send(text.phone, text.body, NOWHERE, 3600)) for text in claimed]
        self.clinic.record(results, now)
        return claimed


@pytest.fixture
def old_machine(clinic, carrier, tmp_path):
    return Machine(clinic, carrier, tmp_path / "old")


@pytest.fixture
def new_machine(clinic, carrier, tmp_path):
    return Machine(clinic, carrier, tmp_path / "new")


@contextmanager
def rolled_back(clinic):
    """Restore the database afterwards to what it is now."""
    clinic.ledger.close()
    shutil.copy(clinic.folder / "small.db", clinic.folder / "backup.db")
    clinic.ledger = open_ledger(f"sqlite:///{clinic.folder}/small.db")
    yield
    clinic.ledger.close()
    for file in clinic.folder.glob("small.db*"):
        file.unlink()
    shutil.copy(clinic.folder / "backup.db", clinic.folder / "small.db")
    clinic.ledger = open_ledger(f"sqlite:///{clinic.folder}/small.db")


def alarms(clinic):
    return {row.name for row in clinic.all(alarm)}


def sent(network):
    return [message.to for message in network.client().messages.list()]


def test_a_backup_on_a_new_machine_sends_nothing_until_it_is_reconciled(clinic, old_machine, new_machine, network):
    clinic.import_rows(*(row(number, DUE) for number in range(10, 16)))
    assert len(old_machine.send(limit=2)) == 2
    with rolled_back(clinic):
        assert len(old_machine.send(NOW + timedelta(minutes=1))) == 4
    assert (new_machine.send(LATER), alarms(clinic)) == ([], {Alarm.LEDGER_RESTORED})
    restorer = Restorer(clinic.ledger, clinic.vault, new_machine.carrier, [clinic.content], lambda _: False)
    assert restorer.run(NOW - timedelta(minutes=5), LATER).restored == 4
    assert (new_machine.send(LATER), alarms(clinic)) == ([], set())
    assert len(sent(network)) == len(set(sent(network))) == 6


def test_a_backup_from_before_the_first_text_is_detected_on_a_new_machine_too(clinic, old_machine, new_machine):
    clinic.import_rows(row(10, DUE))
    with rolled_back(clinic):
        assert len(old_machine.send()) == 1
    assert (new_machine.send(LATER), alarms(clinic)) == ([], {Alarm.LEDGER_RESTORED})


def test_a_backup_without_a_send_count_is_detected_on_a_new_machine_too(clinic, old_machine, new_machine):
    clinic.import_rows(*(row(number, DUE) for number in range(10, 13)))
    assert len(old_machine.send(limit=1)) == 1
    with rolled_back(clinic):
        assert len(old_machine.send(NOW + timedelta(minutes=1))) == 2
    with clinic.ledger.write() as connection:
        connection.execute(delete(mark))
    clock.set_shift((LATER - datetime.now(UTC)).total_seconds())
    assert (new_machine.send(LATER), alarms(clinic)) == ([], {Alarm.LEDGER_RESTORED})


def test_a_text_that_waited_for_a_retry_at_the_backup_is_not_sent_twice(clinic, old_machine, new_machine):
    clinic.import_rows(row(10, DUE))
    (claimed,) = clinic.claim()
    clinic.record([(claimed.attempt, Refused(ErrorClass.TRANSIENT, 20429, "HTTP 429"))])
    with rolled_back(clinic):
        assert len(old_machine.send(NOW + timedelta(minutes=2))) == 1
    assert (new_machine.send(LATER), alarms(clinic)) == ([], {Alarm.LEDGER_RESTORED})


def test_the_same_database_on_a_new_machine_sends_without_an_alarm(clinic, old_machine, new_machine, network):
    clinic.import_rows(*(row(number, DUE) for number in range(10, 14)))
    assert len(old_machine.send(limit=2)) == 2
    # A text in progress is in the carrier's log, and not yet recorded.
    (claimed,) = clinic.claim(limit=1)
    new_machine.carrier.send(claimed.phone, claimed.body, NOWHERE, 3600)
    assert (len(new_machine.send()), alarms(clinic)) == (1, set())
    assert len(set(sent(network))) == 4


def test_two_equal_texts_need_two_claims(clinic, old_machine, new_machine):
    clinic.import_rows(row(10, DUE))
    (claimed,) = clinic.claim()
    for _ in range(2):
        old_machine.carrier.send(claimed.phone, claimed.body, NOWHERE, 3600)
    assert (new_machine.may_send(), alarms(clinic)) == (False, {Alarm.LEDGER_RESTORED})


def test_a_new_line_sends_its_first_text_at_once(clinic, new_machine):
    clinic.import_rows(row(10, DUE))
    assert (len(new_machine.send()), alarms(clinic)) == (1, set())


def test_texts_from_before_the_line_was_set_up_do_not_stop_a_new_line(clinic, new_machine, network):
    new_machine.carrier.send("+16035550110", "A text of an earlier system", NOWHERE, 3600)
    clock.set_shift((NOW + timedelta(hours=1) - datetime.now(UTC)).total_seconds())
    clinic.import_rows(row(10, DUE))
    assert (len(new_machine.send(LATER)), alarms(clinic)) == (1, set())


def test_replies_and_incoming_texts_are_no_sign_of_a_restore(clinic, new_machine, network):
    network.line.says["/sms"] = "<Message>A reply</Message>"
    clinic.import_rows(row(10, DUE))
    network.text("Hello", "+16035550110")
    assert len(new_machine.send()) == 1


def test_the_log_is_read_once_per_machine(clinic, new_machine, carrier):
    clinic.import_rows(row(10, DUE), row(11, DUE))
    assert new_machine.may_send()
    unreachable = Carrier(SID, "a-token", NOWHERE, LINE)
    assert new_machine.may_send(carrier=unreachable)


def test_while_the_carrier_does_not_answer_nothing_is_sent_and_the_check_is_repeated(clinic, new_machine):
    clinic.import_rows(row(10, DUE))
    assert not new_machine.may_send(carrier=Carrier(SID, "a-token", NOWHERE, LINE))
    assert alarms(clinic) == set()
    assert len(new_machine.send()) == 1


def test_a_refused_account_raises_the_alarm_though_no_text_was_tried(clinic, new_machine, network):
    clinic.import_rows(row(10, DUE))
    network.ask("/simulator/faults", {"auth": True})
    assert (new_machine.may_send(), alarms(clinic)) == (False, {Alarm.SENDING_STOPPED})
    network.ask("/simulator/faults", {})
    assert (len(new_machine.send()), alarms(clinic)) == (1, set())


def test_a_long_log_is_compared_to_its_end(clinic, old_machine, new_machine, monkeypatch):
    monkeypatch.setattr(restore_check, "CHUNK_SIZE", 2)
    clinic.import_rows(*(row(number, DUE) for number in range(10, 16)))
    claimed = clinic.claim()
    # The log is newest first: its last message is the one that the database lacks.
    old_machine.carrier.send("+16035550110", "Not in the database", NOWHERE, 3600)
    clinic.record([(text.attempt, old_machine.carrier.send(text.phone, text.body, NOWHERE)) for text in claimed])
    assert (new_machine.may_send(), alarms(clinic)) == (False, {Alarm.LEDGER_RESTORED})


def test_an_alarm_about_a_restore_is_not_checked_again(clinic, old_machine, new_machine):
    clinic.import_rows(row(10, DUE))
    old_machine.carrier.send("+16035550110", "Not in the database", NOWHERE, 3600)
    assert not new_machine.may_send()
    assert not new_machine.may_send(carrier=Carrier(SID, "a-token", NOWHERE, LINE))
    assert alarms(clinic) == {Alarm.LEDGER_RESTORED}


def opted_out(clinic, phone, record, when=NOW):
    with clinic.ledger.write() as connection:
        record(connection, clinic.vault, phone, when, "text", "words")


@pytest.mark.parametrize(
    ("recorded", "may_be_sent"),
    [((), False), ((opt_out,), True), ((opt_out, opt_in), True)],
    ids=["lost", "recorded", "revoked later"],
)
def test_an_opt_out_that_the_database_lacks_shows_a_restore(clinic, new_machine, network, recorded, may_be_sent):
    clinic.import_rows(row(10, DUE), row(11, DUE))
    network.text("STOP", "+16035550110")
    for record in recorded:
        opted_out(clinic, "+16035550110", record, clock.now())
    assert new_machine.may_send(LATER) is may_be_sent
    assert alarms(clinic) == (set() if may_be_sent else {Alarm.LEDGER_RESTORED})


def test_an_opt_out_that_was_repeated_is_recorded_once_and_shows_no_restore(clinic, new_machine, network):
    clinic.import_rows(row(10, DUE))
    opted_out(clinic, "+16035550110", opt_out, NOW - timedelta(days=9))
    network.text("STOP", "+16035550110")
    assert new_machine.may_send(LATER)


def test_an_opt_out_that_is_only_just_arriving_shows_no_restore(clinic, new_machine, network):
    clinic.import_rows(row(10, DUE))
    network.text("STOP", "+16035550110")
    assert new_machine.may_send(clock.now() + timedelta(seconds=5))


def test_texts_that_retention_deleted_do_not_look_like_a_restored_backup(clinic, new_machine, network):
    """A new machine compares the database with the carrier's log, which keeps texts for longer."""
    clinic.import_rows(row(10, DUE))
    sent = new_machine.send()
    assert len(sent) == 1
    later = NOW + timedelta(days=100)
    expire(clinic.ledger, clinic.vault, Cutoffs.of(load(), later), later)
    assert clinic.texts() == []
    other = Machine(clinic, new_machine.carrier, clinic.folder / "another")
    assert other.may_send(later)
    assert alarms(clinic) == set()
