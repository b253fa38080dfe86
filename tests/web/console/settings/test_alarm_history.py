"""The history of problems: when each began, who saw it, and when it was over."""

from __future__ import annotations

import html
from datetime import timedelta

import pytest

from ivr import clock
from ivr.i18n import sentence
from ivr.ledger.tables import alarm, alarm_event
from ivr.people.audit import entries_since
from ivr.reminders.alarms import Alarm, clear_alarm, mark_seen, raise_alarm, record_probe
from tests.support.clinic import NOW

HOUR = timedelta(hours=1)
BACKLOG = "Texts have waited for more than ten minutes."
PATH = "/settings/alarms"


def raise_one(clinic, name=Alarm.BACKLOG, when=NOW, detail="waiting"):
    with clinic.ledger.write() as connection:
        raise_alarm(connection, name, when, detail)


def clear(clinic, name=Alarm.BACKLOG, until=NOW):
    with clinic.ledger.write() as connection:
        clear_alarm(connection, name, until)


def test_each_time_that_an_alarm_is_raised_is_kept_with_its_end(clinic_on_each_database, monkeypatch):
    clinic = clinic_on_each_database
    for hours in (0, 2):
        raise_one(clinic, when=NOW + hours * HOUR)
        raise_one(clinic, when=NOW + hours * HOUR + HOUR / 2)
        monkeypatch.setattr(clock, "now", lambda hours=hours: NOW + (hours + 1) * HOUR)
        clear(clinic, until=NOW + (hours + 1) * HOUR)
    raise_one(clinic, when=NOW + 4 * HOUR)
    kept = [(row.raised_at - NOW, row.ended_at and row.ended_at - NOW) for row in clinic.all(alarm_event)]
    assert kept == [(0 * HOUR, HOUR), (2 * HOUR, 3 * HOUR), (4 * HOUR, None)]
    assert [row.raised_at for row in clinic.all(alarm)] == [NOW + 4 * HOUR]


def test_an_alarm_is_seen_once_by_the_first_who_says_so(clinic_on_each_database):
    clinic = clinic_on_each_database
    raise_one(clinic)
    with clinic.ledger.write() as connection:
        seen = [mark_seen(connection, Alarm.BACKLOG, name, NOW + HOUR) for name in ("Ann", "Bob")]
        assert mark_seen(connection, Alarm.CALLS_CAPPED, "Ann", NOW) is None
    assert seen == [1, None]
    [row] = clinic.all(alarm_event)
    assert (row.seen_by, row.seen_at) == ("Ann", NOW + HOUR)


def test_a_start_in_the_future_is_corrected_in_the_history_too(clinic):
    raise_one(clinic, Alarm.SENDING_STOPPED, NOW + HOUR)
    with clinic.ledger.write() as connection:
        record_probe(connection, [Alarm.SENDING_STOPPED], NOW)
    assert [row.raised_at for row in clinic.all(alarm_event)] == [NOW]


def test_anybody_says_on_today_that_they_have_seen_a_problem_and_it_is_audited(clinic_for_commands, console):
    clinic = clinic_for_commands
    raise_one(clinic)
    ruth, lena = console.browser("scheduler", "Ruth"), console.browser("operator", "Lena")
    assert "I have seen this" in ruth.page("/")
    assert ruth.post("/today/alarms/backlog/seen").location == "/"
    assert "Ruth has seen this, just now." in lena.page("/")
    assert "I have seen this" not in lena.page("/")
    lena.post("/today/alarms/backlog/seen")
    for unknown in ("clock_silent", "nonsense"):
        assert ruth.post(f"/today/alarms/{unknown}/seen", follow_redirects=True).status_code == 200
    with clinic.ledger.read() as connection:
        entries = [entry.details for entry in entries_since(connection, NOW) if entry.kind == "alarm_seen"]
    assert entries == [{"alarm": 1}]


@pytest.fixture
def history(clinic_for_commands):
    """One that goes on, one that somebody saw, and one that was over two months ago."""
    clinic = clinic_for_commands
    raise_one(clinic, Alarm.CLOCK_SILENT, NOW - timedelta(days=60))
    clear(clinic, Alarm.CLOCK_SILENT)
    raise_one(clinic, Alarm.CALLS_CAPPED, NOW - 3 * HOUR)
    with clinic.ledger.write() as connection:
        mark_seen(connection, Alarm.CALLS_CAPPED, "Ann", NOW - 2 * HOUR)
    clear(clinic, Alarm.CALLS_CAPPED)
    detail = sentence("The carrier refuses our texts: error {code}.", code="20003")
    raise_one(clinic, Alarm.SENDING_STOPPED, NOW - HOUR, detail)
    return clinic


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", [Alarm.SENDING_STOPPED, Alarm.CALLS_CAPPED]),
        ("?days=365", [Alarm.SENDING_STOPPED, Alarm.CALLS_CAPPED, Alarm.CLOCK_SILENT]),
        ("?days=365&state=ended", [Alarm.CALLS_CAPPED, Alarm.CLOCK_SILENT]),
        ("?days=365&state=unseen", [Alarm.SENDING_STOPPED, Alarm.CLOCK_SILENT]),
        ("?state=active", [Alarm.SENDING_STOPPED]),
        ("?kind=calls_capped", [Alarm.CALLS_CAPPED]),
        ("?kind=backlog", []),
        ("?page=2", []),
    ],
)
def test_the_history_has_filters(history, console, query, shown):
    from ivr.web.console.today.alarm_words import words_of_alarm

    page = html.unescape(console.browser("admin").page(PATH + query)).partition("<table")[2]
    with console.app.test_request_context():
        problems = [words_of_alarm(name).problem for name in shown]
    assert sorted(filter(page.__contains__, problems), key=page.index) == problems
    assert page.count("<tr>") == (1 + len(shown) if shown else 0)


def test_a_detail_is_in_the_language_of_the_reader(history, console):
    admin = console.browser("admin")
    assert "The carrier refuses our texts: error 20003." in html.unescape(admin.page(PATH))
    admin.post("/account/language", {"language": "es"})
    for path in (PATH, "/settings"):
        page = html.unescape(admin.page(path))
        assert "El operador rechaza nuestros mensajes: error 20003." in page
        assert "refuses" not in page


def test_a_wrong_filter_is_refused_or_ignored(console):
    admin = console.browser("admin")
    for query in ("?kind=x", "?state=x"):
        assert admin.get(PATH + query).status_code == 404
    for query in ("?days=x", "?days=-1", "?page=x", "?page=99999999999999"):
        assert admin.get(PATH + query).status_code == 200


def test_the_history_is_for_administrators(console):
    assert console.browser("scheduler").get(PATH).status_code == 403
