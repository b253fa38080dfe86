"""A backup of the ledger is put back: nothing is sent until what went out since is known again, and nothing twice."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import select

from ivr.carrier.twilio.client import Refused
from ivr.carrier.twilio.errors import ErrorClass
from ivr.ledger import open_ledger
from ivr.ledger.tables import alarm, person
from ivr.reminders.alarms import Alarm
from ivr.reminders.outbox.restore import Restorer
from ivr.reminders.outbox.restore_guard import RestoreGuard, SendCount
from tests.support.clinic import NOW, at, open_clinic, row
from tests.support.processes import ROOT, environment

DUE = at(2, -1)
BACKUP = NOW - timedelta(minutes=5)
LATER = NOW + timedelta(hours=1)
NOWHERE = "http://127.0.0.1:1/"


@pytest.fixture
def water(tmp_path):
    return RestoreGuard(tmp_path / "var", Redis(port=1, retry=Retry(NoBackoff(), 0)))


def send(clinic, carrier, water, now=NOW):
    claimed = clinic.claim(now, water=water)
    clinic.record([(one.attempt, carrier.send(one.phone, one.body, NOWHERE, 3600)) for one in claimed], now)
    return claimed


def backup(clinic):
    clinic.ledger.close()
    shutil.copy(clinic.folder / "small.db", clinic.folder / "backup.db")
    clinic.ledger = open_ledger(f"sqlite:///{clinic.folder}/small.db")


def put_back(clinic):
    clinic.ledger.close()
    for beside in clinic.folder.glob("small.db*"):
        beside.unlink()
    shutil.copy(clinic.folder / "backup.db", clinic.folder / "small.db")
    clinic.ledger = open_ledger(f"sqlite:///{clinic.folder}/small.db")


def restore(clinic, carrier, **more):
    restorer = Restorer(clinic.ledger, clinic.vault, carrier, [clinic.content], lambda words: "no more" in words)
    return restorer.run(BACKUP, LATER, **more)


def standing(clinic):
    return {one.name for one in clinic.all(alarm)}


def test_what_went_out_since_the_backup_is_never_sent_again(clinic, carrier, water, network):
    clinic.take(*(row(number, DUE) for number in range(10, 16)))
    assert len(clinic.claim(NOW, limit=2, water=water)) == 2
    backup(clinic)
    under_way = [one for one in clinic.texts() if one.state == "claimed"]
    assert len(under_way) == 2
    sent = send(clinic, carrier, water)
    assert len(sent) == 4
    put_back(clinic)
    assert clinic.claim(LATER, water=water) == []
    assert standing(clinic) == {Alarm.LEDGER_RESTORED}
    told = restore(clinic, carrier)
    assert (told.texts, told.restored, told.unmatched, told.strangers, told.sending) == (4, 4, 0, 0, True)
    assert standing(clinic) == set()
    assert clinic.claim(LATER, water=water) == []
    again = restore(clinic, carrier)
    assert (again.known, again.restored) == (4, 0)
    day_before = NOW + timedelta(days=1)
    assert len(clinic.claim(day_before, water=water)) == 6


def test_a_backup_from_before_the_first_text_is_noticed_too(clinic, carrier, water):
    clinic.take(row(10, DUE))
    backup(clinic)
    assert len(send(clinic, carrier, water)) == 1
    put_back(clinic)
    assert (clinic.claim(LATER, water=water), standing(clinic)) == ([], {Alarm.LEDGER_RESTORED})
    assert restore(clinic, carrier).restored == 1
    assert (clinic.claim(LATER, water=water), standing(clinic)) == ([], set())


def test_a_text_that_was_under_way_at_the_backup_is_found_by_its_words(clinic, carrier, water):
    clinic.take(row(10, DUE))
    (one,) = clinic.claim(NOW, water=water)
    backup(clinic)
    carrier.send(one.phone, one.body, NOWHERE, 3600)
    put_back(clinic)
    assert restore(clinic, carrier).restored == 1
    (kept,) = [found for found in clinic.texts() if found.step == "2d"]
    assert (kept.state, kept.reason, bool(kept.sid)) in (
        ("handed_over", "restored", True),
        ("delivered", "restored", True),
    )


def test_texts_of_visits_that_came_in_after_the_backup_wait_for_their_file(clinic, carrier, water):
    clinic.take(row(10, DUE))
    send(clinic, carrier, water)
    backup(clinic)
    newer = [row(11, DUE), row(10, at(3))]
    clinic.take(*newer)
    send(clinic, carrier, water, NOW + timedelta(seconds=1))
    put_back(clinic)
    told = restore(clinic, carrier)
    assert (told.known, told.strangers, told.sending) == (1, 1, False)
    clinic.take(*newer)
    assert clinic.claim(LATER, water=water) == []
    told = restore(clinic, carrier)
    assert (told.restored, told.strangers, told.sending) == (1, 0, True)
    assert clinic.claim(LATER, water=water) == []


def test_sending_goes_on_without_all_of_them_only_when_somebody_says_so(clinic, carrier, water):
    clinic.take(row(10, DUE))
    backup(clinic)
    carrier.send("+16035550110", "Words of nobody", NOWHERE, 3600)
    put_back(clinic)
    told = restore(clinic, carrier)
    assert (told.unmatched, told.sending) == (1, False)
    assert restore(clinic, carrier, go_on=True).sending
    assert len(clinic.claim(LATER, water=water)) == 1


def test_a_topic_that_a_caller_had_sent_to_her_holds_nothing_back(clinic, carrier, content):
    clinic.take(row(10, DUE))
    carrier.send("+16035550110", content.texted("en", "cancer"), NOWHERE, 3600)
    told = restore(clinic, carrier)
    assert (told.answers, told.sending) == (1, True)


@pytest.mark.parametrize(
    ("bodies", "opted_out"),
    [
        (["STOP"], True),
        (["no more texts please"], True),
        (["STOP", "START"], False),
        (["START", "STOP"], True),
        (["Hello"], False),
    ],
    ids=["STOP", "in her own words", "and back", "at last STOP", "something else"],
)
def test_who_asked_for_no_more_texts_since_the_backup_gets_none(clinic, carrier, water, network, bodies, opted_out):
    clinic.take(row(10, DUE))
    for body in bodies:
        network.text(body, "+16035550110")
    restore(clinic, carrier)
    with clinic.ledger.read() as connection:
        (since,) = connection.execute(select(person.c.opted_out_at)).scalars()
    assert (since is not None) == opted_out
    assert len(clinic.claim(LATER, water=water)) == (0 if opted_out else 1)


def test_a_ledger_that_is_new_or_ahead_is_no_backup(clinic, water, content, tmp_path):
    clinic.take(row(10, DUE))
    clinic.claim(NOW, water=water)
    (tmp_path / "other").mkdir()
    with open_clinic(content, tmp_path / "other") as other:
        other.take(row(10, DUE))
        assert len(other.claim(NOW, water=water)) == 1
        assert standing(other) == set()
    assert standing(clinic) == set()


@pytest.mark.parametrize("damage", ["", "[]", "{", '{"a": "b"}', "null"])
def test_a_damaged_memory_holds_nobody_up(clinic, water, tmp_path, damage):
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "claims.json").write_text(damage)
    clinic.take(row(10, DUE))
    assert len(clinic.claim(NOW, water=water)) == 1
    assert len(water.read()) == 1


def test_the_highest_count_is_kept_whoever_comes_later(water):
    for count in (5, 9, 7):
        water.note(SendCount("epoch", count))
    assert water.read() == {"epoch": 9}


def command(folder: Path, url: str, *words: str):
    told = environment(folder, TWILIO_API_URL=url)
    called = [sys.executable, "-m", "ivr.cli", "reminders", "reconcile", *words]
    return subprocess.run(called, cwd=ROOT, env=told, capture_output=True, text=True, timeout=60, check=False)


def test_the_command_restores_says_so_and_refuses_what_it_cannot_do(clinic, carrier, water, network):
    clinic.take(row(10, DUE))
    backup(clinic)
    send(clinic, carrier, water)
    put_back(clinic)
    since = (NOW - timedelta(minutes=5)).isoformat()
    done = command(clinic.folder, network.url, "--since", since, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["restored"] == 1
    assert json.loads(done.stdout)["sending"] is True
    told = command(clinic.folder, network.url, "--since", since)
    assert "texts go out again" in told.stdout
    assert command(clinic.folder, network.url).returncode == 0
    for wrong in ("yesterday", "2020-01-01", (NOW + timedelta(days=1)).isoformat()):
        refused = command(clinic.folder, network.url, "--since", wrong)
        assert refused.returncode == 2
        assert "Traceback" not in refused.stderr
    away = command(clinic.folder, "http://127.0.0.1:1", "--since", since)
    assert away.returncode == 2
    assert "cannot be read" in away.stderr


@pytest.mark.parametrize("wrong", [("--go-on",), ("--since", "")], ids=["going on without a time", "an empty time"])
def test_what_would_restore_nothing_is_told_and_not_taken_for_done(clinic, network, wrong):
    refused = command(clinic.folder, network.url, *wrong)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "Traceback" not in refused.stderr
    assert max(len(line) for line in refused.stderr.splitlines()) <= 80


def test_texts_that_wait_for_another_look_are_explained(clinic, carrier):
    clinic.take(row(10, DUE))
    (one,) = clinic.claim()
    clinic.record([(one.attempt, Refused(ErrorClass.UNCERTAIN, None, "Broken"))])
    told = environment(clinic.folder, TWILIO_API_URL="http://127.0.0.1:1", RECONCILE_SECONDS=0.001)
    called = [sys.executable, "-m", "ivr.cli", "reminders", "reconcile"]
    done = subprocess.run(called, cwd=ROOT, env=told, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "1  waiting" in done.stdout
    assert "run this again" in done.stdout
    assert max(len(line) for line in done.stdout.splitlines()) <= 80
