"""Counting in the background, and the picture of the line."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from ivr import clock
from ivr.ledger import Ledger
from ivr.line.content.loader import Content
from ivr.people.calls.branches import count_branches
from ivr.web.console import kept_counts
from ivr.web.console.app import create_console
from ivr.web.console.kept_counts import Kept, KeptOfEach
from ivr.web.console.today import numbers, picture, views
from tests.support.clinic import NOW, Clinic
from tests.web.console.conftest import Console
from tests.web.console.today.support import (
    NOTHING,
    WELCOME,
    add_calls,
    ago,
    tables,
)

pytestmark = pytest.mark.usefixtures("counted_at_now")

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
    monkeypatch.setattr(kept_counts, "PATIENCE", 0.0)
    with blocked_count(monkeypatch) as may_count:
        slow = create_console(console.services)
        browser = Console(slow, console.services).browser()
        page = browser.page("/")
        assert NOTHING in page
        assert 'hx-get="/today/numbers" hx-trigger="every 1s"' in page
        assert "Reload this page" in page
        assert '<noscript><meta http-equiv="refresh"' in page
        may_count.set()
        monkeypatch.setattr(kept_counts, "PATIENCE", 30.0)
        fragment = browser.page("/today/numbers")
    assert fragment.lstrip().startswith('<div id="numbers"')
    assert 'hx-get="/today/numbers" hx-trigger="every 60s"' in fragment
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

    waits = (0, kept_counts.MAX_AGE - 1, 2 * kept_counts.MAX_AGE, 1)
    assert [value_after(wait) for wait in waits] == [0, 0, 1, 1]


def test_each_key_has_a_count_and_the_one_asked_for_longest_ago_is_dropped() -> None:
    counted: list[str] = []

    def count(key: str) -> str:
        counted.append(key)
        return key.upper()

    kept = KeptOfEach(count, max_age=100.0, at_most=2)
    for key in ("a", "b", "a", "c", "a", "b"):
        found = kept.get(key)
        assert found is not None
        assert found.value == key.upper()
    assert counted == ["a", "b", "c", "b"]


def test_a_page_does_not_wait_for_a_new_count_while_the_last_one_is_recent(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = threading.Event()
    counts = iter((lambda: True, lambda: shown.wait(5)))
    counted = Kept(lambda: next(counts)())
    seconds = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: seconds[0])
    monkeypatch.setattr(kept_counts, "PATIENCE", 30.0)
    first = counted.get()
    seconds[0] += kept_counts.MAX_AGE + 1
    # A page that waits gets False, after five seconds.
    assert counted.get() == first
    shown.set()


def test_a_result_of_hours_ago_is_not_shown_while_a_new_one_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    may_count = threading.Event()
    may_count.set()
    counted = Kept(lambda: may_count.wait(30))
    seconds = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: seconds[0])
    assert counted.get()
    may_count.clear()
    monkeypatch.setattr(kept_counts, "PATIENCE", 0.0)
    seconds[0] += kept_counts.MAX_AGE + 1
    assert counted.get()
    seconds[0] += kept_counts.SHOWN_FOR
    assert counted.get() is None
    may_count.set()


def test_the_numbers_are_drawn_once_for_each_count_and_language(
    console: Console, finished: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw, drawn = views._draw, []

    def count_draws(*values: Any) -> str:
        drawn.append(values)
        return draw(*values)

    monkeypatch.setattr(views, "_draw", count_draws)
    app = create_console(console.services)
    browser = Console(app, console.services).browser()
    for _ in range(2):
        assert "Today so far" in browser.page("/today/numbers")
    browser.post("/account/language", {"language": "es"})
    for _ in range(2):
        assert "Hoy hasta ahora" in browser.page("/today/numbers")
    assert len(drawn) == 2
    counted = app.extensions["today_counts"].numbers
    counted._next_at = counted._old_at = float("-inf")
    monkeypatch.setattr(clock, "now", lambda: NOW + timedelta(minutes=7))
    assert "10:07" in browser.page("/today/numbers")
    assert len(drawn) == 3


def test_after_a_failure_the_last_result_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    results: Iterator[Any] = iter([1])
    counted = Kept(lambda: next(results))
    first = counted.get()
    monkeypatch.setattr(kept_counts, "MAX_AGE", 0.0)
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
        assert "No calls came in" in page


def test_the_picture_of_the_line_replaces_itself(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = console.browser()
    with monkeypatch.context() as patch:
        patch.setattr(Kept, "get", lambda _: None)
        page = browser.page("/line?days=30")
    assert 'id="line" hx-get="/line?days=30" hx-trigger="every 1s"' in page
    assert '<noscript><meta http-equiv="refresh"' in page
    part = browser.get("/line?days=30", headers={"HX-Request": "true"}).get_data(as_text=True)
    assert part.lstrip().startswith('<div id="line" hx-get="/line?days=30" hx-trigger="every 60s"')
    assert "</svg>" in part
    assert "<noscript>" not in part


def test_today_has_the_picture_of_the_line_even_while_the_numbers_are_counted(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_branches(console.services.ledger)
    browser = console.browser("operator")
    assert re.search(r'<text [^>]*font-weight="bold">7 callers</text>', browser.page("/"))
    monkeypatch.setattr(Kept, "get", lambda _: None)
    page = browser.page("/")
    assert "Counting calls and texts." in page
    assert "Seconds to hear" in page
    assert 'href="/line"' in page


def test_a_picture_is_drawn_once_for_each_count(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    draw, drawn = picture.draw, []

    def count_draws(*values: Any) -> Any:
        drawn.append(values)
        return draw(*values)

    monkeypatch.setattr(picture, "draw", count_draws)
    browser = console.browser()
    for _ in range(2):
        browser.page("/")
        browser.page("/line")
    assert len(drawn) == 1
    counted = console.app.extensions["today_counts"].line[7]
    counted._next_at = counted._old_at = float("-inf")
    monkeypatch.setattr(clock, "now", lambda: NOW + timedelta(minutes=7))
    browser.page("/line")
    assert len(drawn) == 2


def test_while_callers_are_counted_the_picture_has_no_numbers(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Kept, "get", lambda _: None)
    page = console.browser().page("/line")
    assert "The callers are being counted." in page
    assert "Seconds to hear" in page
    assert " callers</text>" not in page
