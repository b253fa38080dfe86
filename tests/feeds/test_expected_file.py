"""By when a file is expected: the clock process misses it, whether or not the process that watches the folder runs."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from ivr import clock
from ivr.feed_settings import FeedSettings
from ivr.feeds.expected_file import ExpectedFile, check_expected_file
from ivr.feeds.folder import WatchedFolder
from ivr.ledger.tables import alarm
from ivr.settings import Settings
from tests.support.clinic import NOW, at, csv_text, row
from tests.support.processes import wait_until
from worker.clock import run_clock

NEW_YORK = ZoneInfo("America/New_York")
DAY = timedelta(days=1)
FRIDAY = NOW + 3 * DAY


@pytest.fixture
def clinic(clinic_on_each_database):
    return clinic_on_each_database


def file_comes(clinic, now: datetime, text: str, *, is_good: bool = True) -> None:
    """A file with this content comes into the folder and is taken."""
    folder = clinic.folder / "incoming"
    folder.mkdir(exist_ok=True)
    path = folder / "a.csv"
    path.write_text(text)
    assert WatchedFolder(folder, clinic.ledger, clinic.vault, lambda: clinic.content).take(path, now).is_done is is_good


def alarms_after_check(clinic, now: datetime, setting: str = "07:00") -> list[str]:
    check_expected_file(clinic.ledger, ExpectedFile.parse(setting), clinic.content.config, now)
    return [each.name for each in clinic.all(alarm)]


def test_an_alarm_shows_until_the_file_of_the_day_comes(clinic):
    assert alarms_after_check(clinic, NOW.replace(hour=11, minute=59)) == []
    assert alarms_after_check(clinic, NOW.replace(hour=12, minute=0)) == ["file_missing"]
    file_comes(clinic, NOW, csv_text([row(1, at(8))]))
    assert alarms_after_check(clinic, NOW) == []
    assert alarms_after_check(clinic, NOW + DAY) == ["file_missing"]


def test_the_same_file_on_a_later_day_is_the_file_of_that_day(clinic):
    text = csv_text([row(1, at(8))])
    for day in range(3):
        file_comes(clinic, NOW + day * DAY - timedelta(hours=4), text)
        assert alarms_after_check(clinic, NOW + day * DAY) == []
    assert alarms_after_check(clinic, NOW + 3 * DAY) == ["file_missing"]


def test_a_file_that_was_not_imported_is_not_missing_but_has_failed(clinic):
    file_comes(clinic, NOW - timedelta(hours=4), "nonsense", is_good=False)
    assert alarms_after_check(clinic, NOW) == ["file_failed"]
    # On the next day none comes at all.
    assert sorted(alarms_after_check(clinic, NOW + DAY)) == ["file_failed", "file_missing"]
    file_comes(clinic, NOW + DAY, "nonsense again", is_good=False)
    assert alarms_after_check(clinic, NOW + DAY) == ["file_failed"]
    file_comes(clinic, NOW + DAY + timedelta(hours=1), csv_text([row(1, at(8))]))
    assert alarms_after_check(clinic, NOW + DAY + timedelta(hours=1)) == []


def test_an_alarm_of_friday_stays_over_the_weekend_and_none_is_added(clinic):
    weekdays = "mon-fri 07:00"
    assert alarms_after_check(clinic, FRIDAY + DAY, weekdays) == []
    assert alarms_after_check(clinic, FRIDAY, weekdays) == ["file_missing"]
    assert alarms_after_check(clinic, FRIDAY + DAY, weekdays) == ["file_missing"]
    file_comes(clinic, FRIDAY + 2 * DAY, csv_text([row(1, at(8))]))
    assert alarms_after_check(clinic, FRIDAY + 2 * DAY, weekdays) == []


def test_an_alarm_ends_when_no_file_is_expected_any_more(clinic):
    assert alarms_after_check(clinic, NOW) == ["file_missing"]
    assert alarms_after_check(clinic, NOW, "") == []


def test_the_clock_process_raises_the_alarm_though_nothing_watches_the_folder(clinic, queue_url, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOW)
    stop = threading.Event()
    settings = Settings(
        redis_url=queue_url, watch_expected_by="07:00", clock_seconds=0.05, var_dir=clinic.folder / "var"
    )
    process = threading.Thread(target=run_clock, args=(settings, clinic.ledger, stop))
    process.start()
    try:
        wait_until(lambda: [each.name for each in clinic.all(alarm) if each.name == "file_missing"])
        file_comes(clinic, NOW, csv_text([row(1, at(8))]))
        wait_until(lambda: not [each.name for each in clinic.all(alarm) if each.name == "file_missing"])
    finally:
        stop.set()
        process.join()


@pytest.mark.parametrize(
    ("setting", "due", "not_due"),
    [
        # 2026-12-05 is a Saturday; Thanksgiving is 2026-11-26.
        ("07:00", ["12-01 07:00", "12-05 09:00", "11-26 07:00"], ["12-01 06:59"]),
        ("mon-fri 06:00", ["12-04 06:00", "12-07 06:00"], ["12-04 05:59", "12-05 09:00", "12-06 09:00", "11-26 09:00"]),
        ("Mon,Wed,Fri 06:00", ["12-07 06:00", "12-02 06:00"], ["12-01 09:00", "12-03 09:00"]),
        ("sat-mon,wed 06:00", ["12-05 06:00", "12-06 06:00", "12-07 06:00", "12-02 06:00"], ["12-04 09:00"]),
    ],
)
def test_a_file_is_expected_on_the_days_of_the_setting(content, setting, due, not_due):
    expected = ExpectedFile.parse(FeedSettings(watch_expected_by=setting).watch_expected_by)
    for is_due, moments in ((True, due), (False, not_due)):
        for moment in moments:
            local = datetime.strptime(f"2026-{moment}", "%Y-%m-%d %H:%M").replace(tzinfo=NEW_YORK)
            assert expected.is_due(local, content.config.holidays) is is_due, moment


@pytest.mark.parametrize(
    "setting", ["7:00", "24:00", "mon-fri", "mon–fri 06:00", "weekdays 06:00", "mon-fri  06:00", "mon,"]
)
def test_a_setting_that_is_no_time_is_refused(setting):
    with pytest.raises(ValidationError):
        FeedSettings(watch_expected_by=setting)
