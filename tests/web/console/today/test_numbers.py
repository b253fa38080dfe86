"""The numbers of the page Today, and their plots."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import insert, update

from ivr import clock
from ivr.ledger import Ledger
from ivr.ledger.tables import appointment, incoming_text, text
from ivr.line.callflow.states import Node
from ivr.line.content.loader import Content
from ivr.people.replies import record_reply
from ivr.reminders.reports.response_rates import response_rates, weekly_rates
from ivr.web.console.today import numbers
from ivr.web.console.today.places import place_words, places
from ivr.web.console.today.plots import HEIGHT, WIDTH, bars
from tests.support.clinic import NOW, Clinic, at, phone, row
from tests.web.console.conftest import Console
from tests.web.console.today.support import (
    WELCOME,
    add_calls,
    ago,
    clinic_of,
    tables,
)

pytestmark = pytest.mark.usefixtures("counted_at_now")

# The numbers


def add_texts(ledger: Ledger, *moments: datetime) -> None:
    with ledger.write() as connection:
        for number, moment in enumerate(moments):
            values = {"id": str(number), "phone_hash": "x", "at": moment, "asked": "x", "outcome": "menu"}
            connection.execute(insert(incoming_text).values(values))


# Midnight at the start of December 1 in New Hampshire.
MIDNIGHT = datetime(2026, 12, 1, 5, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def test_the_plots_of_the_last_30_days_have_tables_with_the_same_numbers(
    console_on_each_database: Console, content: Content, tmp_path: Path
) -> None:
    console = console_on_each_database
    clinic = clinic_of(console, content, tmp_path)
    add_calls(clinic.ledger, *((moment, WELCOME) for moment in (MIDNIGHT, MIDNIGHT + SECOND, MIDNIGHT - SECOND)))
    add_texts(clinic.ledger, MIDNIGHT - SECOND, ago(days=29), ago(days=30))
    clinic.import_rows(*(row(number, at(2, -1)) for number in range(3)))
    clinic.send()
    page = console.browser("scheduler").page("/")
    found = tables(page)
    calls, texts, reminders = (found[name] for name in ("Calls", "Texts from patients", "Reminders sent"))
    assert list(calls)[:2] == ["Tue, Dec 1, 2026", "Mon, Nov 30, 2026"]
    assert list(calls)[-1] == "Mon, Nov 2, 2026"
    assert [len(table) for table in (calls, texts, reminders)] == [30, 30, 30]
    assert (calls["Tue, Dec 1, 2026"], calls["Mon, Nov 30, 2026"]) == (["2"], ["1"])
    assert (texts["Tue, Dec 1, 2026"], texts["Mon, Nov 30, 2026"]) == (["0"], ["1"])
    assert texts["Mon, Nov 2, 2026"] == ["1"]
    assert reminders["Tue, Dec 1, 2026"] == ["3"]
    assert re.findall(r'big-number">(.*?)<', page) == ["2", "0", "3", "0"]
    assert page.count("<title>Dec 1: 2</title>") == 1


def test_the_plots_of_today_have_the_hours_that_have_begun(
    console_on_each_database: Console, content: Content, tmp_path: Path
) -> None:
    console = console_on_each_database
    clinic = clinic_of(console, content, tmp_path)
    add_calls(clinic.ledger, *((moment, WELCOME) for moment in (MIDNIGHT - SECOND, MIDNIGHT, ago(hours=1), NOW)))
    add_texts(clinic.ledger, MIDNIGHT + timedelta(hours=1) - SECOND, MIDNIGHT + timedelta(hours=1))
    clinic.import_rows(*(row(number, at(2, -1)) for number in range(3)))
    clinic.send()
    page = console.browser("scheduler").page("/")
    found = tables(page)
    calls, texts, reminders = (found[f"{name} by hour"] for name in ("Calls", "Texts from patients", "Reminders sent"))
    # It is ten in the morning, and no-break spaces are in the times.
    assert [hour.replace("\u202f", " ") for hour in calls] == [f"{hour or 12}:00 AM" for hour in range(10, -1, -1)]
    assert [list(table.values()) for table in (calls, texts, reminders)] == [
        [["1"], ["1"], *[["0"]] * 8, ["1"]],
        [*[["0"]] * 9, ["1"], ["1"]],
        [["3"], *[["0"]] * 10],
    ]


def test_the_hours_of_a_day_on_which_the_clocks_change_are_those_that_have_passed(
    clinic_on_each_database: Clinic, content: Content, monkeypatch: pytest.MonkeyPatch
) -> None:
    # One in the morning comes twice.
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 11, 1, 7, 30, tzinfo=UTC))
    counted = numbers.count_numbers(services_of(clinic_on_each_database, content))
    assert [hour.begin.strftime("%H:%M%z") for hour in counted.hours] == [
        "00:00-0400",
        "01:00-0400",
        "01:00-0500",
        "02:00-0500",
    ]


def test_reminders_that_are_still_due_today_are_counted(clinic_on_each_database: Clinic, content: Content) -> None:
    clinic = clinic_on_each_database
    clinic.import_rows(*(row(number, at(20)) for number in range(5)))
    tomorrow = MIDNIGHT + timedelta(days=1)
    moments = (ago(hours=1), NOW, tomorrow - SECOND, tomorrow)
    with clinic.ledger.write() as connection:
        for number, moment in enumerate(moments):
            is_it = appointment.c.appointment_id == f"A{number}"
            connection.execute(update(appointment).where(is_it).values(next_due_at=moment))
    assert numbers.count_numbers(services_of(clinic, content)).due_today == 3


def test_a_day_on_which_the_clocks_change_has_25_hours(
    clinic_on_each_database: Clinic, content: Content, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 11, 3, 15, tzinfo=UTC))
    first, last = datetime(2026, 11, 1, 4, tzinfo=UTC), datetime(2026, 11, 2, 5, tzinfo=UTC) - SECOND
    add_texts(clinic_on_each_database.ledger, first - SECOND, first, last, last + SECOND)
    counted = numbers.count_numbers(services_of(clinic_on_each_database, content))
    assert {day.day.isoformat(): day.texts for day in counted.days[-4:]} == {
        "2026-10-31": 1,
        "2026-11-01": 2,
        "2026-11-02": 1,
        "2026-11-03": 0,
    }


def services_of(clinic: Clinic, content: Content) -> Any:
    return SimpleNamespace(ledger=clinic.ledger, releases=SimpleNamespace(live=SimpleNamespace(content=content)))


def test_a_requested_text_is_no_reminder(clinic_on_each_database: Clinic, content: Content) -> None:
    clinic = clinic_on_each_database
    clinic.import_rows(row(1, at(2, -1)))
    clinic.send()
    person = clinic.appointment("A1").person_id
    requested = {"person_id": person, "step": "cancer", "state": "delivered", "claimed_at": NOW, "updated_at": NOW}
    with clinic.ledger.write() as connection:
        connection.execute(insert(text).values(**requested, asked_in="x", request="y", asked_at=NOW))
    assert numbers.count_numbers(services_of(clinic, content)).today.reminders == 1


def test_weekly_rates_have_a_table_with_the_same_numbers(
    console_on_each_database: Console, content: Content, tmp_path: Path
) -> None:
    console = console_on_each_database
    clinic = clinic_of(console, content, tmp_path)
    clinic.import_rows(*(row(number, at(2, -1)) for number in range(20)))
    clinic.send()
    with clinic.ledger.write() as connection:
        for number in range(15):
            number_called = f"+1{phone(number).replace('-', '')}"
            record_reply(connection, clinic.vault, number_called, NOW + timedelta(hours=1), "confirmed")
        for first, count, status in ((0, 9, "attended"), (9, 3, "missed")):
            names = [f"A{number}" for number in range(first, first + count)]
            connection.execute(update(appointment).where(appointment.c.appointment_id.in_(names)).values(status=status))
    table = tables(console.browser("operator").page("/"))["Confirmed and came, by week"]
    assert list(table)[:2] == ["Mon, Nov 30, 2026", "Mon, Nov 23, 2026"]
    assert len(table) == numbers.WEEKS
    assert table["Mon, Nov 30, 2026"] == ["20", "75%", "75%"]
    assert table["Mon, Nov 23, 2026"] == ["0", "too few", "too few"]


def test_weekly_rates_agree_with_the_report(clinic_on_each_database: Clinic, content: Content) -> None:
    clinic = clinic_on_each_database
    clinic.import_rows(*(row(number, at(2, -1)) for number in range(12)), now=ago(days=9))
    clinic.send(ago(days=7, hours=-2))
    clinic.send()
    zone = content.config.zone
    report = response_rates(clinic.ledger, zone, NOW)["weeks"]
    with clinic.ledger.read() as connection:
        weeks = weekly_rates(connection, zone, NOW, ago(days=60))
        recent = weekly_rates(connection, zone, NOW, MIDNIGHT)
    keys = ("week_of", "visits", "confirmed")
    assert [[week[key] for key in keys] for week in weeks] == [[week[key] for key in keys] for week in report]
    assert [week["week_of"] for week in recent] == ["2026-11-30"]


HANG_UPS = (
    WELCOME,
    f"{WELCOME}, key:1 en.menu-calcifications",
    f"{WELCOME}, key:1 es.menu-calcifications.s1",
    f"{WELCOME}, key:1 en.menu-calcifications, key:2 en.piece-cancer-0, key:1 en.piece-cancer-1, end:completed",
    f"{WELCOME}, key:2 en.transfer-central-scheduling-0, dial:completed en.goodbye, end:completed",
)


def test_the_places_where_callers_hang_up_are_listed_in_words(console: Console, clinic_for_commands: Clinic) -> None:
    add_calls(clinic_for_commands.ledger, *((ago(hours=number + 1), course) for number, course in enumerate(HANG_UPS)))
    page = unescape(console.browser("operator").page("/"))
    found = re.findall(r'place-words">(.*?)</span> <span class="number">(.*?)<', page)
    assert found == [
        ("In the menu “About calcifications”", "2"),
        ("In the menu “Main menu”", "1"),
        ("While hearing “Is it cancer?”", "1"),
    ]
    assert "4 of the last 5 calls ended with the caller hanging up." in page


def test_only_the_latest_calls_are_read_one_by_one(
    clinic_on_each_database: Clinic, content: Content, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numbers, "MOST_CALLS", 2)
    add_calls(clinic_on_each_database.ledger, *((ago(hours=number + 1), WELCOME) for number in range(5)))
    counted = numbers.count_numbers(services_of(clinic_on_each_database, content))
    assert (counted.calls, counted.today.calls) == (2, 5)


def kinds(node: type[Node]) -> set[str]:
    return {getattr(node, "kind", ""), *(kind for child in node.__subclasses__() for kind in kinds(child))}


def test_every_kind_of_node_has_words(console: Console, content: Content) -> None:
    with console.app.test_request_context("/"):
        elsewhere = place_words("nowhere", content, "en")
        for kind in kinds(Node) - {"", "goodbye"}:
            words = place_words(f"{kind}-central-scheduling", content, "en")
            assert words != elsewhere
            assert "{name}" not in words


WORDS = {
    "offer-breast-health-center-no-one-free": "When a call back from the Elliot Breast Health Center was offered",
    "piece-gone-0": "While hearing “gone”",
    "ending-cancer-2": "After hearing “Is it cancer?”",
    "": "Somewhere else in the call",
}


def test_a_node_of_any_release_has_words(console: Console, content: Content) -> None:
    with console.app.test_request_context("/"):
        assert {node: place_words(node, content, "en") for node in WORDS} == WORDS


def test_nodes_with_the_same_words_are_one_place(console: Console, content: Content) -> None:
    with console.app.test_request_context("/"):
        found = places({"keyin-a": 2, "piece-cancer-0": 2, "piece-cancer-1": 1, "wish-a-own": 2}, content, "en")
    assert [(place.words, place.count) for place in found] == [
        ("While asking for a call back", 4),
        ("While hearing “Is it cancer?”", 3),
    ]


def test_bars_stay_in_the_picture_and_show_each_value_that_is_not_zero() -> None:
    drawn = bars([[0, 1, 1000, None]], [["a", "b", "c", "d"]], 1000)
    assert [bar.title for bar in drawn] == ["b", "c"]
    assert drawn[0].height > 0
    assert drawn[1].height == HEIGHT
    assert all(0 <= bar.x <= bar.x + bar.width <= WIDTH for bar in drawn)
