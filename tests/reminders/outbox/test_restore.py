"""After a backup is restored, nothing is sent until the texts sent since then are recorded; none is sent twice."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from click.testing import CliRunner, Result
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import select

from ivr.carrier.twilio.client import Refused
from ivr.carrier.twilio.errors import ErrorClass
from ivr.cli import main
from ivr.ledger import open_ledger
from ivr.ledger.tables import alarm, person
from ivr.reminders.alarms import Alarm
from ivr.reminders.outbox.restore import Restorer
from ivr.reminders.outbox.restore_guard import RestoreGuard, SendCount
from tests.support import on_demand
from tests.support.clinic import NOW, at, open_clinic, row
from tests.support.processes import environment

DUE = at(2, -1)
BACKUP = NOW - timedelta(minutes=5)
LATER = NOW + timedelta(hours=1)
NOWHERE = "http://127.0.0.1:1/"


@pytest.fixture
def guard(tmp_path):
    return RestoreGuard(tmp_path / "var", Redis(port=1, retry=Retry(NoBackoff(), 0)))


def send(clinic, carrier, guard, now=NOW):
    claimed = clinic.claim(now, guard=guard)
    clinic.record([(text.attempt, carrier.send(text.phone, text.body, NOWHERE, 3600)) for text in claimed], now)
    return claimed


def back_up(clinic):
    clinic.ledger.close()
    shutil.copy(clinic.folder / "small.db", clinic.folder / "backup.db")
    clinic.ledger = open_ledger(f"sqlite:///{clinic.folder}/small.db")


def restore_backup(clinic):
    clinic.ledger.close()
    for file in clinic.folder.glob("small.db*"):
        file.unlink()
    shutil.copy(clinic.folder / "backup.db", clinic.folder / "small.db")
    clinic.ledger = open_ledger(f"sqlite:///{clinic.folder}/small.db")


def reconcile(clinic, carrier, **more):
    restorer = Restorer(clinic.ledger, clinic.vault, carrier, [clinic.content], lambda body: "no more" in body)
    return restorer.run(BACKUP, LATER, **more)


def alarms(clinic):
    return {row.name for row in clinic.all(alarm)}


def test_a_text_that_went_out_since_the_backup_is_never_sent_again(clinic, carrier, guard, network):
    clinic.import_rows(*(row(number, DUE) for number in range(10, 16)))
    assert len(clinic.claim(NOW, limit=2, guard=guard)) == 2
    back_up(clinic)
    assert [text.state for text in clinic.texts()].count("claimed") == 2
    sent = send(clinic, carrier, guard)
    assert len(sent) == 4
    restore_backup(clinic)
    assert clinic.claim(LATER, guard=guard) == []
    assert alarms(clinic) == {Alarm.LEDGER_RESTORED}
    report = reconcile(clinic, carrier)
    assert (report.texts, report.restored, report.unmatched, report.strangers, report.sending) == (4, 4, 0, 0, True)
    assert alarms(clinic) == set()
    assert clinic.claim(LATER, guard=guard) == []
    second = reconcile(clinic, carrier)
    assert (second.known, second.restored) == (4, 0)
    day_before = NOW + timedelta(days=1)
    assert len(clinic.claim(day_before, guard=guard)) == 6


def test_a_backup_from_before_the_first_text_is_detected_too(clinic, carrier, guard):
    clinic.import_rows(row(10, DUE))
    back_up(clinic)
    assert len(send(clinic, carrier, guard)) == 1
    restore_backup(clinic)
    assert (clinic.claim(LATER, guard=guard), alarms(clinic)) == ([], {Alarm.LEDGER_RESTORED})
    assert reconcile(clinic, carrier).restored == 1
    assert (clinic.claim(LATER, guard=guard), alarms(clinic)) == ([], set())


def test_a_text_that_was_claimed_at_the_backup_is_matched_by_its_body(clinic, carrier, guard):
    clinic.import_rows(row(10, DUE))
    (claimed,) = clinic.claim(NOW, guard=guard)
    back_up(clinic)
    carrier.send(claimed.phone, claimed.body, NOWHERE, 3600)
    restore_backup(clinic)
    assert reconcile(clinic, carrier).restored == 1
    (text,) = [text for text in clinic.texts() if text.step == "2d"]
    assert text.state in ("handed_over", "delivered")
    assert (text.reason, bool(text.sid)) == ("restored", True)


def test_texts_of_appointments_imported_after_the_backup_need_their_file_imported_again(clinic, carrier, guard):
    clinic.import_rows(row(10, DUE))
    send(clinic, carrier, guard)
    back_up(clinic)
    newer_file = [row(11, DUE), row(10, at(3))]
    clinic.import_rows(*newer_file)
    send(clinic, carrier, guard, NOW + timedelta(seconds=1))
    restore_backup(clinic)
    report = reconcile(clinic, carrier)
    assert (report.known, report.strangers, report.sending) == (1, 1, False)
    clinic.import_rows(*newer_file)
    assert clinic.claim(LATER, guard=guard) == []
    report = reconcile(clinic, carrier)
    assert (report.restored, report.strangers, report.sending) == (1, 0, True)
    assert clinic.claim(LATER, guard=guard) == []


def test_sending_resumes_with_unmatched_texts_only_with_go_on(clinic, carrier, guard):
    clinic.import_rows(row(10, DUE))
    back_up(clinic)
    carrier.send("+16035550110", "An unknown text", NOWHERE, 3600)
    restore_backup(clinic)
    report = reconcile(clinic, carrier)
    assert (report.unmatched, report.sending) == (1, False)
    assert reconcile(clinic, carrier, go_on=True).sending
    assert len(clinic.claim(LATER, guard=guard)) == 1


def test_a_requested_topic_in_the_log_does_not_stop_sending(clinic, carrier, content):
    clinic.import_rows(row(10, DUE))
    carrier.send("+16035550110", content.texted("en", "cancer"), NOWHERE, 3600)
    report = reconcile(clinic, carrier)
    assert (report.answers, report.sending) == (1, True)


@pytest.mark.parametrize("language", ["en", "es"])
def test_a_requested_topic_that_waited_at_the_backup_and_went_out_since_is_not_sent_again(
    clinic, carrier, content, language
):
    on_demand.ask(clinic, replace(on_demand.REQUEST, language=language), BACKUP)
    back_up(clinic)
    (claimed,) = on_demand.claim(clinic)
    carrier.send(claimed.phone, claimed.body, NOWHERE, 3600)
    restore_backup(clinic)
    report = reconcile(clinic, carrier)
    assert (report.restored, report.answers, report.sending) == (1, 0, True)
    assert on_demand.claim(clinic, LATER) == []
    assert on_demand.the_text(clinic).state in ("handed_over", "delivered")
    assert reconcile(clinic, carrier).known == 1


def test_one_requested_topic_in_the_log_settles_one_request(clinic, carrier, content):
    for call in (on_demand.CALL, on_demand.OTHER_CALL):
        on_demand.ask(clinic, replace(on_demand.REQUEST, call=call), BACKUP)
    carrier.send(on_demand.JANE, content.texted("en", "cancer"), NOWHERE, 3600)
    assert reconcile(clinic, carrier).restored == 1
    assert len(on_demand.claim(clinic, LATER)) == 1


@pytest.mark.parametrize(
    ("bodies", "opted_out"),
    [
        (["STOP"], True),
        (["no more texts please"], True),
        (["STOP", "START"], False),
        (["START", "STOP"], True),
        (["Hello"], False),
    ],
    ids=["STOP", "an opt-out in free words", "STOP and START", "START and STOP", "another text"],
)
def test_an_opt_out_since_the_backup_is_recorded_again(clinic, carrier, guard, network, bodies, opted_out):
    clinic.import_rows(row(10, DUE))
    for body in bodies:
        network.text(body, "+16035550110")
    reconcile(clinic, carrier)
    with clinic.ledger.read() as connection:
        (since,) = connection.execute(select(person.c.opted_out_at)).scalars()
    assert (since is not None) == opted_out
    assert len(clinic.claim(LATER, guard=guard)) == (0 if opted_out else 1)


def test_a_new_database_is_not_mistaken_for_a_backup(clinic, guard, content, tmp_path):
    clinic.import_rows(row(10, DUE))
    clinic.claim(NOW, guard=guard)
    (tmp_path / "other").mkdir()
    with open_clinic(content, tmp_path / "other") as other:
        other.import_rows(row(10, DUE))
        assert len(other.claim(NOW, guard=guard)) == 1
        assert alarms(other) == set()
    assert alarms(clinic) == set()


@pytest.mark.parametrize("damage", ["", "[]", "{", '{"a": "b"}', "null"])
def test_a_damaged_file_of_counts_does_not_stop_sending(clinic, guard, tmp_path, damage):
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "claims.json").write_text(damage)
    clinic.import_rows(row(10, DUE))
    assert len(clinic.claim(NOW, guard=guard)) == 1
    assert len(guard.read()) == 1


def test_the_highest_count_is_remembered(guard):
    for count in (5, 9, 7):
        guard.remember(SendCount("epoch", count))
    assert guard.read() == {"epoch": 9}


class InterruptedQueue:
    """A queue server to which another worker reports a higher count right after our first request."""

    def __init__(self, queue: Redis, other: SendCount) -> None:
        self._queue, self._others = queue, [other]

    def __getattr__(self, name: str):
        def command(*args):
            result = getattr(self._queue, name)(*args)
            while self._others:
                other = self._others.pop()
                self._queue.hset("infoline:claims", other.epoch, other.count)
            return result

        return command


def test_another_worker_that_remembers_a_count_at_the_same_moment_does_not_lower_it(tmp_path, queue_url):
    with Redis.from_url(queue_url) as queue:
        guard = RestoreGuard(tmp_path / "nowhere" / "var", InterruptedQueue(queue, SendCount("epoch", 9)))
        guard.remember(SendCount("epoch", 5))
        assert RestoreGuard(tmp_path / "other", queue).read() == {"epoch": 9}


def test_many_threads_that_remember_counts_leave_the_highest_of_each_epoch(tmp_path, queue_url):
    with Redis.from_url(queue_url) as queue, ThreadPoolExecutor(8) as threads:
        guard = RestoreGuard(tmp_path / "var", queue)
        counts = [SendCount(epoch, count) for count in range(60) for epoch in ("a", "b")]
        list(threads.map(guard.remember, counts))
        queue.flushall()
        assert guard.read() == {"a": 59, "b": 59}


@pytest.fixture
def run_reconcile(clinic, monkeypatch):
    """A function that runs `infoline reminders reconcile` with arguments and settings."""

    def run(*arguments: str, **settings: object) -> Result:
        for name, value in environment(clinic.folder, **settings).items():
            monkeypatch.setenv(name, value)
        return CliRunner().invoke(main, ["reminders", "reconcile", *arguments])

    return run


def test_the_command_reconciles_and_refuses_invalid_times(clinic, carrier, guard, network, run_reconcile):
    clinic.import_rows(row(10, DUE))
    back_up(clinic)
    send(clinic, carrier, guard)
    restore_backup(clinic)
    since = (NOW - timedelta(minutes=5)).isoformat()
    done = run_reconcile("--since", since, "--json", TWILIO_API_URL=network.url)
    assert (done.exit_code, done.stderr) == (0, "")
    assert json.loads(done.stdout)["restored"] == 1
    assert json.loads(done.stdout)["sending"] is True
    repeated = run_reconcile("--since", since, TWILIO_API_URL=network.url)
    assert "sending continues" in repeated.stdout
    assert run_reconcile(TWILIO_API_URL=network.url).exit_code == 0
    for wrong in ("yesterday", "2020-01-01", (NOW + timedelta(days=1)).isoformat()):
        refused = run_reconcile("--since", wrong, TWILIO_API_URL=network.url)
        assert refused.exit_code == 2
        assert "Traceback" not in refused.stderr
    unavailable = run_reconcile("--since", since, TWILIO_API_URL="http://127.0.0.1:1")
    assert unavailable.exit_code == 2
    assert "cannot be read" in unavailable.stderr


@pytest.mark.parametrize("arguments", [("--go-on",), ("--since", "")], ids=["--go-on without a time", "an empty time"])
def test_options_that_would_restore_nothing_are_refused(network, run_reconcile, arguments):
    refused = run_reconcile(*arguments, TWILIO_API_URL=network.url)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "Traceback" not in refused.stderr
    assert max(len(line) for line in refused.stderr.splitlines()) <= 80


def test_the_command_explains_that_texts_wait_for_another_search(clinic, run_reconcile):
    clinic.import_rows(row(10, DUE))
    (claimed,) = clinic.claim()
    clinic.record([(claimed.attempt, Refused(ErrorClass.UNCERTAIN, None, "Broken"))])
    done = run_reconcile(TWILIO_API_URL="http://127.0.0.1:1", RECONCILE_SECONDS=0.001)
    assert done.exit_code == 1
    assert "1  waiting" in done.stdout
    assert "run this again" in done.stdout
    assert max(len(line) for line in done.stdout.splitlines()) <= 80
