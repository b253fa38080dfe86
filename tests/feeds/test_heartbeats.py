"""A feed that should run and is silent raises an alarm, also if its process was never started after a reboot."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from ivr import clock
from ivr.cli import main
from ivr.doctor import stores
from ivr.doctor.result import Level, Line
from ivr.feeds.hl7.process import Feed
from ivr.ledger import open_ledger
from ivr.ledger.tables import alarm
from ivr.reminders import feed_heartbeats
from ivr.reminders.feed_heartbeats import FeedName, Heartbeat, check_feeds, last_reports, retire
from ivr.settings import Settings
from tests.feeds.fhir.servers import FakeServer, bundle, running
from tests.feeds.loops import Steps
from tests.support.clinic import NOW
from tests.support.processes import wait_until
from worker.clock import run_clock

MINUTE = timedelta(minutes=1)
LONG_AGO = NOW - timedelta(days=1)
NONE = Settings()
FOLDER = Settings(watch_folder=Path("incoming"))
SERVER = Settings(fhir_url="https://fhir.example.org", fhir_seconds=3600)


@pytest.fixture
def clinic(clinic_on_each_database):
    return clinic_on_each_database


def beat(clinic, feed: FeedName, now) -> None:
    Heartbeat(clinic.ledger, feed).beat(now)


def silent(clinic, settings: Settings, now, started=LONG_AGO) -> list[str]:
    """The feeds that the alarm is about, after a look of the clock process."""
    check_feeds(clinic.ledger, settings, now, started)
    return [name for row in clinic.all(alarm) for name in row.subject.split(",")]


def test_an_hl7_feed_is_expected_once_it_has_run_and_until_it_is_retired(clinic):
    assert silent(clinic, NONE, NOW) == []
    beat(clinic, FeedName.HL7, NOW)
    assert silent(clinic, NONE, NOW + 10 * MINUTE) == []
    assert silent(clinic, NONE, NOW + 11 * MINUTE) == ["hl7"]
    beat(clinic, FeedName.HL7, NOW + 12 * MINUTE)
    assert silent(clinic, NONE, NOW + 12 * MINUTE) == []
    assert silent(clinic, NONE, NOW + 60 * MINUTE) == ["hl7"]
    retire(clinic.ledger, FeedName.HL7)
    assert silent(clinic, NONE, NOW + 60 * MINUTE) == []


@pytest.mark.parametrize(("settings", "feed"), [(FOLDER, FeedName.WATCH), (SERVER, FeedName.PULL)])
def test_a_feed_that_a_setting_names_and_that_never_ran_is_missed(clinic, settings, feed):
    assert silent(clinic, settings, NOW) == [feed]
    beat(clinic, feed, NOW)
    assert silent(clinic, settings, NOW + MINUTE) == []
    # Without its setting, it has been given up.
    assert silent(clinic, settings, NOW + 120 * MINUTE) == [feed]
    assert silent(clinic, NONE, NOW + 120 * MINUTE) == []


def test_a_pull_may_be_silent_for_its_pause_too(clinic):
    beat(clinic, FeedName.PULL, NOW)
    assert silent(clinic, SERVER, NOW + 69 * MINUTE) == []
    assert silent(clinic, SERVER, NOW + 71 * MINUTE) == ["pull"]


def test_after_a_reboot_the_feeds_have_time_to_start_and_an_active_alarm_stays(clinic):
    beat(clinic, FeedName.HL7, NOW)
    reboot = NOW + 60 * MINUTE
    assert silent(clinic, NONE, reboot + MINUTE, started=reboot) == []
    assert silent(clinic, NONE, reboot + 11 * MINUTE, started=reboot) == ["hl7"]
    # The clock process is restarted, and the feed is not.
    assert silent(clinic, NONE, reboot + 20 * MINUTE, started=reboot + 19 * MINUTE) == ["hl7"]


def test_the_alarm_names_each_feed_that_is_silent(clinic):
    beat(clinic, FeedName.HL7, NOW)
    assert silent(clinic, FOLDER, NOW) == ["watch"]
    assert silent(clinic, FOLDER, NOW + 11 * MINUTE) == ["hl7", "watch"]
    (raised,) = clinic.all(alarm)
    assert "start `infoline hl7` and `infoline reminders watch`, or read its log" in raised.detail


def test_the_process_of_an_hl7_feed_reports_while_it_applies_messages(clinic):
    feed, stop = Feed(NONE, clinic.ledger, clinic.vault, clinic.content), threading.Event()
    process = threading.Thread(target=feed.apply_until, args=(stop,))
    process.start()
    try:
        wait_until(lambda: FeedName.HL7 in last_reports(clinic.ledger, NONE))
    finally:
        stop.set()
        process.join()


@pytest.fixture
def line(tmp_path, monkeypatch):
    """The database of a line whose commands run here."""
    monkeypatch.setenv("VAR_DIR", str(tmp_path / "var"))
    assert CliRunner().invoke(main, ["db", "upgrade"]).exit_code == 0
    ledger = open_ledger(f"sqlite:///{tmp_path}/var/infoline.db")
    yield ledger
    ledger.close()


def run_feed(monkeypatch, command: str, *arguments: str) -> None:
    """Run a command until its first wait."""
    monkeypatch.setattr(f"ivr.cli.reminders.{command}.stop_on_signals", Steps)
    result = CliRunner().invoke(main, ["reminders", command, *arguments])
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(("options", "has_reported"), [((), True), (("--once",), False)])
def test_a_watched_folder_reports_unless_it_is_read_once(line, tmp_path, monkeypatch, options, has_reported):
    run_feed(monkeypatch, "watch", str(tmp_path), *options)
    assert (last_reports(line, FOLDER)[FeedName.WATCH] is not None) is has_reported


def test_a_folder_that_cannot_be_read_is_no_sign_of_life(line, tmp_path, monkeypatch):
    def unreadable(*_):
        raise OSError("the server is gone")

    monkeypatch.setattr("ivr.feeds.folder.WatchedFolder.scan", unreadable)
    run_feed(monkeypatch, "watch", str(tmp_path))
    assert last_reports(line, FOLDER) == {FeedName.WATCH: None}


@pytest.mark.parametrize(("options", "has_reported"), [((), True), (("--once",), False)])
def test_a_pull_reports_unless_it_is_done_once(line, monkeypatch, options, has_reported):
    with running(FakeServer(lambda _query: bundle(), needs_token=False)) as fake:
        run_feed(monkeypatch, "pull", "--fhir", fake.url, *options)
    assert (last_reports(line, SERVER)[FeedName.PULL] is not None) is has_reported


def test_a_pull_that_fails_is_alive(line, monkeypatch):
    run_feed(monkeypatch, "pull", "--fhir", "http://127.0.0.1:9/fhir")
    assert last_reports(line, SERVER)[FeedName.PULL] is not None


def test_retiring_a_feed_that_never_ran_does_no_harm(line):
    for _ in range(2):
        assert CliRunner().invoke(main, ["hl7", "retire"]).exit_code == 0
    assert last_reports(line, NONE) == {}


def test_the_clock_process_raises_the_alarm_once_the_feed_had_time_to_start(clinic, queue_url, monkeypatch):
    monkeypatch.setattr(feed_heartbeats, "SILENT_AFTER", timedelta(seconds=0.2))
    stop = threading.Event()
    settings = FOLDER.model_copy(
        update={"redis_url": queue_url, "clock_seconds": 0.05, "var_dir": clinic.folder / "var"}
    )
    process = threading.Thread(target=run_clock, args=(settings, clinic.ledger, stop))
    process.start()
    try:
        wait_until(lambda: [row.name for row in clinic.all(alarm)] == ["feed_silent"])
    finally:
        stop.set()
        process.join()


@pytest.mark.parametrize(
    ("minutes", "level", "words"),
    [(None, Level.OK, "No feed"), (1, Level.OK, "hl7 reported 60 s ago"), (11, Level.PROBLEM, "`infoline hl7`")],
)
def test_the_doctor_has_a_line_for_the_feeds(ledger, ledger_url, tmp_path, monkeypatch, minutes, level, words):
    monkeypatch.setattr(clock, "now", lambda: NOW)
    if minutes is not None:
        Heartbeat(ledger, FeedName.HL7).beat(NOW - minutes * MINUTE)
    settings = Settings(var_dir=tmp_path, public_url="https://line.example.org", database_url=ledger_url)
    result = stores.check_feeds(Line(settings, ""))
    assert (result.level, words in result.sentence) == (level, True), result.sentence
