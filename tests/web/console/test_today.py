"""The page Today: what waits, in order; the numbers and their plots; and the picture of the line."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import insert, update

from ivr import clock, create_app
from ivr.ledger import Ledger, LedgerUnavailable
from ivr.ledger.tables import appointment, call_turn, callback, incoming_text, text, todo, unanswered
from ivr.line.callflow.states import Node
from ivr.line.content.loader import Content
from ivr.line.content.sign_off import unsigned_prompts
from ivr.people.callbacks import CallbackRequest, complete_callback, save_callback
from ivr.people.calls.branches import count_branches
from ivr.people.inbound.unanswered import UnansweredLog, UnansweredQuestion
from ivr.people.replies import record_reply
from ivr.people.work_items import add_work_item
from ivr.reminders.alarms import Alarm, raise_alarm
from ivr.reminders.reports.response_rates import response_rates, weekly_rates
from ivr.settings import load
from ivr.staff.users import Role
from ivr.web.console.app import create_console
from ivr.web.console.today import kept, numbers, waiting
from ivr.web.console.today.alarm_words import words_of_alarm
from ivr.web.console.today.kept import Kept
from ivr.web.console.today.places import place_words, places
from ivr.web.console.today.plots import HEIGHT, WIDTH, bars
from tests.support.clinic import NOW, Clinic, at, phone, row
from tests.web.console.conftest import Browser, Console

PATHS = ("/", "/today/waiting", "/today/numbers", "/line", "/line?days=30")
FINISHED = waiting._Unfinished(outdated=0, unsigned=0, hours=0, closed_days=False)
NOTHING = "Nothing waits for you."


@pytest.fixture(autouse=True)
def _wait_for_counts_of_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "PATIENCE", 30.0)
    monkeypatch.setattr(clock, "now", lambda: NOW)


@pytest.fixture
def finished(monkeypatch: pytest.MonkeyPatch) -> None:
    """A release in which nothing is unfinished."""
    monkeypatch.setattr(waiting, "_unfinished", lambda *_: FINISHED)


@pytest.fixture
def console_on_each_database(ledger_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Console:
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", ledger_url)
    monkeypatch.setattr(clock, "unshifted_now", lambda: NOW)
    settings = load()
    services = create_app(settings, doors="twilio").extensions["infoline"]
    return Console(create_console(services), services)


def clinic_of(console: Console, content: Content, folder: Path) -> Clinic:
    return Clinic(console.services.ledger, console.services.vault, content, folder)


def ago(**span: float) -> datetime:
    return NOW - timedelta(**span)


def ask_for_call(clinic: Clinic, number: int, topic: str | None, when: datetime) -> None:
    request = CallbackRequest(f"+160355501{number:02}", "en", "central-scheduling", topic, "any", f"CA{number}")
    with clinic.ledger.write() as connection:
        save_callback(connection, clinic.vault, request, when)


def add_item(clinic: Clinic, kind: Any, name: str, when: datetime) -> None:
    booked = clinic.appointment(name)
    with clinic.ledger.write() as connection:
        add_work_item(connection, kind, booked.person_id, booked.id, when)


def raise_one(clinic: Clinic, name: Any, when: datetime) -> None:
    with clinic.ledger.write() as connection:
        raise_alarm(connection, name, when, "detail")


def ask(clinic: Clinic, words: str, when: datetime) -> None:
    log = UnansweredLog(clinic.ledger, clinic.vault)
    with clinic.ledger.write() as connection:
        connection.execute(insert(unanswered).values(log.row(UnansweredQuestion(when, "text", "en", words))))
    log.close()


def sentences(page: str) -> list[str]:
    return [unescape(found) for found in re.findall(r'class="waiting-sentence">(.*?)</p>', page)]


def ages(page: str) -> list[str]:
    block = page.partition('id="waiting"')[2].partition("</section>")[0]
    return re.findall(r'<p class="hint">(The oldest.*?|The latest.*?|Began.*?)</p>', block)


def tables(page: str) -> dict[str, dict[str, list[str]]]:
    """The cells of each table by its caption and the heading of the row."""
    return {
        unescape(caption): {
            unescape(heading.strip()): re.findall(r"<td[^>]*>(.*?)</td>", cells, re.DOTALL)
            for heading, cells in re.findall(r'<th scope="row"[^>]*>(.*?)</th>(.*?)</tr>', body, re.DOTALL)
        }
        for caption, body in re.findall(
            r'<caption class="visually-hidden">(.*?)</caption>(.*?)</table>', page, re.DOTALL
        )
    }


# What waits


def test_everything_that_waits_is_listed_in_order_with_its_count_and_age(
    console: Console, clinic_for_commands: Clinic, finished: None
) -> None:
    clinic = clinic_for_commands
    clinic.import_rows(*(row(number, at(3)) for number in range(6)))
    ask(clinic, "do they validate parking", ago(hours=3))
    ask(clinic, "is it loud", ago(days=2))
    ask(clinic, "a question of last month", ago(days=8))
    add_item(clinic, "wrong-number", "A0", ago(hours=30))
    for number, name in enumerate(("A1", "A2", "A3")):
        add_item(clinic, "change", name, ago(hours=number + 1))
    add_item(clinic, "cancel", "A4", ago(minutes=10))
    for number, topic, hours in ((1, None, 60), (2, "cancer", 5), (3, "urgent", 2), (4, "person-soon", 1)):
        ask_for_call(clinic, number, topic, ago(hours=hours))
    raise_one(clinic, Alarm.BACKLOG, ago(minutes=20))
    raise_one(clinic, Alarm.CLOCK_SILENT, ago(minutes=25))
    page = console.browser("operator").page("/")
    assert sentences(page) == [
        "The part of the line that starts reminders has stopped.",
        "Texts have waited for more than ten minutes.",
        "2 callers with urgent questions wait for a call back.",
        "2 callers wait for a call back.",
        "3 patients ask for another time.",
        "1 patient texted CANCEL, gets no more texts, and may not come.",
        "1 phone number is not the patient’s.",
        "The line could not answer 2 questions in the last 7 days.",
    ]
    assert ages(page) == [
        "Began 25 min ago.",
        "Began 20 min ago.",
        "The oldest came 2 h ago.",
        "The oldest came 2 days ago.",
        "The oldest came 3 h ago.",
        "The oldest came 10 min ago.",
        "The oldest came 30 h ago.",
        "The latest came 3 h ago.",
    ]
    assert "Ask your IT department to start the clock" in page
    assert NOTHING not in page


def test_what_is_done_does_not_wait(console: Console, clinic_for_commands: Clinic, finished: None) -> None:
    clinic = clinic_for_commands
    clinic.import_rows(row(1, at(3)))
    ask_for_call(clinic, 1, "urgent", ago(hours=1))
    add_item(clinic, "change", "A1", ago(hours=1))
    with clinic.ledger.write() as connection:
        assert complete_callback(connection, clinic.all(callback)[0].id, "Ann", NOW)
        connection.execute(update(todo).values(done_at=NOW, done_by="Ann"))
    page = console.browser("operator").page("/")
    assert sentences(page) == []
    assert NOTHING in page


def test_if_nothing_waits_the_page_says_so(console: Console, finished: None) -> None:
    assert NOTHING in console.browser("scheduler").page("/")


def test_what_is_unfinished_in_the_live_release_is_counted(
    console: Console, content: Content, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sentences(console.browser().page("/")) == [
        f"{len(unsigned_prompts(content))} medical texts have no sign-off of their current words.",
        "The opening hours of 3 offices are assumed, not confirmed.",
        "The closed days of the year are not confirmed yet.",
    ]
    monkeypatch.setattr(waiting, "_unfinished", lambda *_: waiting._Unfinished(2, 1, 1, closed_days=False))
    assert sentences(console.browser().page("/")) == [
        "2 translations are behind the texts that they were made from.",
        "1 medical text has no sign-off of its current words.",
        "The opening hours of 1 office are assumed, not confirmed.",
    ]


def test_each_alarm_says_what_is_wrong_and_what_to_do(console: Console) -> None:
    with console.app.test_request_context("/"):
        for name in (*Alarm, "an_alarm_of_a_newer_version"):
            words = words_of_alarm(name)
            assert words.endpoint in waiting._LINKS, name
            assert words.problem.endswith("."), name
            assert words.advice.endswith("."), name


def test_without_a_release_that_is_what_needs_a_person_first(console: Console, clinic_for_commands: Clinic) -> None:
    browser = console.browser()
    raise_one(clinic_for_commands, Alarm.BACKLOG, ago(minutes=20))
    console.services.releases.live = None
    first, second = sentences(browser.page("/"))
    assert first == "No release of the prompts can be read, so callers hear an apology."
    assert second == "Texts have waited for more than ten minutes."


def test_a_line_links_only_to_a_page_that_the_role_includes(
    console: Console, clinic_for_commands: Clinic, finished: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask_for_call(clinic_for_commands, 1, None, ago(hours=1))
    browser = console.browser("operator")
    link = 'id="waiting-callbacks"'
    assert link in browser.page("/")
    gate = console.app.extensions["console_gate"]
    allowed = dict(gate.access)
    monkeypatch.setattr(gate, "access", {**allowed, "work.callbacks": frozenset({Role.ADMIN})})
    assert link not in browser.page("/")
    assert link in console.browser("admin").page("/")


def test_the_first_block_replaces_itself_every_30_seconds(console: Console) -> None:
    fragment = console.browser("operator").page("/today/waiting")
    assert fragment.lstrip().startswith('<section id="waiting"')
    assert 'hx-get="/today/waiting"' in fragment
    assert 'hx-trigger="every 30s"' in fragment
    assert "<html" not in fragment


# The numbers


def add_calls(ledger: Ledger, *calls: tuple[datetime, str]) -> None:
    """Calls as when they began, and their turns: HEARD STATE, HEARD STATE... at intervals of ten seconds."""
    rows = []
    for number, (began, course) in enumerate(calls):
        for index, step in enumerate(course.split(", ")):
            heard, _, state = step.partition(" ")
            rows.append(
                {
                    "id": f"{number}-{index}",
                    "call": f"call {number}",
                    "at": began + timedelta(seconds=10 * index),
                    "release": "",
                    "state": state,
                    "heard": heard,
                }
            )
    with ledger.write() as connection:
        connection.execute(insert(call_turn), rows)


def add_texts(ledger: Ledger, *moments: datetime) -> None:
    with ledger.write() as connection:
        for number, moment in enumerate(moments):
            values = {"id": str(number), "phone_hash": "x", "at": moment, "asked": "x", "outcome": "menu"}
            connection.execute(insert(incoming_text).values(values))


WELCOME = "start en.menu-welcome"
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


# Counting in the background


@contextmanager
def blocked_count(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Counting waits until the event is set."""
    may_count = threading.Event()
    count = numbers.count_numbers

    def wait_and_count(*arguments: Any) -> Any:
        may_count.wait(30)
        return count(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(numbers, "count_numbers", wait_and_count)
        yield may_count
    may_count.set()


def test_a_page_does_not_wait_for_numbers_that_take_long(
    console: Console, finished: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "PATIENCE", 0.0)
    with blocked_count(monkeypatch) as may_count:
        slow = create_console(console.services)
        browser = Console(slow, console.services).browser()
        page = browser.page("/")
        assert NOTHING in page
        assert 'hx-get="/today/numbers" hx-trigger="every 1s"' in page
        assert "Reload this page" in page
        may_count.set()
        monkeypatch.setattr(kept, "PATIENCE", 30.0)
        fragment = browser.page("/today/numbers")
    assert fragment.lstrip().startswith('<div id="numbers"')
    assert "hx-trigger" not in fragment
    assert "Counted Dec 1, 2026, 10:00 AM." in fragment


def test_a_result_is_kept_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    results = iter(range(10))
    counted = Kept(lambda: next(results))
    seconds = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: seconds[0])

    def value_after(passed: float) -> int | None:
        seconds[0] += passed
        got = counted.get()
        return got.value if got else None

    assert [value_after(0), value_after(kept.MAX_AGE - 1), value_after(2), value_after(1)] == [0, 0, 1, 1]


def test_a_result_of_hours_ago_is_not_shown_while_a_new_one_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    may_count = threading.Event()
    may_count.set()
    counted = Kept(lambda: may_count.wait(30))
    seconds = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: seconds[0])
    assert counted.get()
    may_count.clear()
    monkeypatch.setattr(kept, "PATIENCE", 0.0)
    seconds[0] += kept.MAX_AGE + 1
    assert counted.get()
    seconds[0] += kept.SHOWN_FOR
    assert counted.get() is None
    may_count.set()


def test_after_a_failure_the_last_result_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    results: Iterator[Any] = iter([1])
    counted = Kept(lambda: next(results))
    first = counted.get()
    monkeypatch.setattr(kept, "MAX_AGE", 0.0)
    counted._next_at = 0.0
    assert first is not None
    assert counted.get() == first


# The picture of the line


BRANCHES = (
    (1, f"{WELCOME}, key:1 en.menu-calcifications, key:2 en.piece-cancer-0"),
    # A caller counts once for a key, in either language, and after silence too.
    (2, f"{WELCOME}, key:1 en.menu-calcifications, key:9 en.menu-welcome, key:1 en.menu-calcifications"),
    (3, f"{WELCOME}, silence en.menu-welcome.s1, key:8 es.menu-welcome, key:1 es.menu-calcifications"),
    (4, f"{WELCOME}, key:2 en.transfer-central-scheduling-0"),
    (5, f"{WELCOME}, key:4 en.menu-people, key:1 en.offer-central-scheduling-closed"),
    (6, f"{WELCOME}, words:cancer en.piece-cancer-0"),
    (7, f"{WELCOME}, key:7 en.menu-welcome.w1"),
    (20 * 24, f"{WELCOME}, key:3 en.menu-getting-ready"),
)


def add_branches(ledger: Ledger) -> None:
    add_calls(ledger, *((ago(hours=hours), course) for hours, course in BRANCHES))


def test_callers_are_counted_on_each_branch(clinic_on_each_database: Clinic, content: Content) -> None:
    add_branches(clinic_on_each_database.ledger)
    topics = [subject.id for subject in content.config.subjects]
    with clinic_on_each_database.ledger.read() as connection:
        counts = count_branches(connection, ago(days=7), content.config.menus, topics)
        month = count_branches(connection, ago(days=30), content.config.menus, topics)
    assert counts.calls == 7
    assert {branch: number for branch, number in counts.by_key.items() if branch[1] in "1234"} == {
        ("welcome", "1"): 3,
        ("welcome", "2"): 1,
        ("welcome", "4"): 1,
        ("calcifications", "2"): 1,
        ("people", "1"): 1,
    }
    assert counts.spoken == {"cancer": 1}
    assert (month.calls, month.by_key["welcome", "3"]) == (8, 1)


def test_the_picture_of_the_line_has_a_table_with_the_same_numbers(
    console_on_each_database: Console,
) -> None:
    console = console_on_each_database
    add_branches(console.services.ledger)
    page = console.browser("operator").page("/line")
    table = tables(page)["Callers on each branch"]
    assert table["About calcifications"] == ["3", "0"]
    assert table["Is it cancer?"] == ["1", "1"]
    assert table["Getting ready"] == ["0", "0"]
    assert "7 calls came in." in page
    assert re.search(r'<text [^>]*font-weight="bold">7 callers</text>', page)
    assert re.search(r'<text [^>]*font-weight="bold">1 caller</text>', page)
    month = console.browser("operator").page("/line?days=30")
    assert tables(month)["Callers on each branch"]["Getting ready"] == ["1", "0"]
    assert "8 calls came in." in month


def test_other_periods_show_the_last_7_days(console: Console) -> None:
    browser = console.browser()
    for days in ("8", "-1", "x", "", "99999999999999999999"):
        page = browser.page(f"/line?days={days}")
        assert re.search(r'aria-current="page">The last 7 days', page), days
        assert "No calls came in." in page


def test_while_callers_are_counted_the_picture_has_no_numbers(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Kept, "get", lambda _: None)
    page = console.browser().page("/line")
    assert "The callers are being counted." in page
    assert "Seconds to hear" in page
    assert " callers</text>" not in page


# Access


def test_all_roles_see_all_pages(console: Console) -> None:
    for role in Role:
        browser = console.browser(role)
        for path in PATHS:
            assert browser.get(path).status_code == 200, (role, path)


def test_a_stranger_is_sent_to_the_sign_in_page(console: Console) -> None:
    for path in PATHS:
        response = console.stranger().get(path)
        assert response.status_code == 302
        assert response.location.startswith("/login?next=")


def test_while_the_database_is_down_the_page_says_what_still_works(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser: Browser = console.browser()

    @contextmanager
    def fail(_: Ledger) -> Iterator[None]:
        raise LedgerUnavailable("down")
        yield

    monkeypatch.setattr(Ledger, "read", fail)
    response = browser.get("/")
    assert response.status_code == 503
    assert "The line answers calls and texts as before." in response.get_data(as_text=True)
