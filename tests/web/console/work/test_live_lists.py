"""Lists that replace themselves: what they show, and that the audit log says once what was seen."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import pytest
from sqlalchemy import insert

from ivr import clock
from ivr.ledger.tables import todo
from ivr.people.audit import entries_since
from tests.support.clinic import NOW, Clinic, at, row
from tests.web.console.conftest import Browser, Console
from tests.web.console.work.support import JOAN, ask

LIVE = {"HX-Request": "true", "X-Live": "1"}
AGAIN = re.compile(r'id="work-list" hx-get="([^"]+)" hx-trigger="every 20s" hx-swap="outerHTML"')


@pytest.fixture
def clinic(clinic_for_commands: Clinic, console: Console) -> Clinic:
    clinic_for_commands.import_rows(row(1, at(10)), row(2, at(11)))
    ask(clinic_for_commands.ledger, clinic_for_commands.vault)
    return clinic_for_commands


def again(page: str) -> str:
    found = AGAIN.search(page)
    assert found is not None
    return html.unescape(found[1])


def part(browser: Browser, address: str) -> str:
    """The part; nothing if it looks the same."""
    answer = browser.get(address, headers=LIVE)
    text = answer.get_data(as_text=True)
    assert answer.status_code == (200 if text else 204)
    return text


def times_seen(clinic: Clinic) -> int:
    with clinic.ledger.read() as connection:
        return sum(entry.kind == "callbacks_read" for entry in entries_since(connection, NOW))


def test_a_list_replaces_itself_with_what_a_colleague_has_taken_and_what_is_new(
    console: Console, clinic: Clinic
) -> None:
    ann, bob = console.browser("operator", "Ann"), console.browser("operator", "Bob")
    address = again(ann.page("/work"))
    bob.post("/work/callbacks/1/claim")
    ask(clinic.ledger, clinic.vault, JOAN, "urgent", call="CA2")
    shown = part(ann, address)
    assert "<html" not in shown
    assert "<bdi>Bob</bdi>" in shown
    assert 'Call-backs&nbsp;<span class="tab-count">2' in shown
    first, second = re.findall(r'id="row-(\d)"', shown)
    assert (first, second) == ("2", "1")
    # The focused element keeps its id, even if a colleague has taken the item.
    taken = 'id="take-/work/callbacks/1/claim"'
    assert f'{taken} tabindex="-1"' in shown
    assert taken in console.browser("operator").page("/work")


@pytest.mark.parametrize("path", ["/work", "/work/items", "/work/cancel", "/work/messages", "/work/done"])
def test_each_list_but_that_of_landlines_replaces_itself_by_the_same_list(
    console: Console, clinic: Clinic, path: str
) -> None:
    browser = console.browser()
    address = again(browser.page(path))
    assert address.startswith(f"{path}?page=1&shown=")
    assert again(part(browser, address.partition("&look=")[0])) == address
    assert AGAIN.search(browser.page("/work/landlines")) is None


def test_a_list_that_looks_the_same_is_not_sent_again(
    console: Console, clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, bob = console.browser("operator", "Ann"), console.browser("operator", "Bob")
    address = again(ann.page("/work"))
    assert part(ann, address) == part(ann, address) == ""
    # Ages are words of the list.
    later = clock.now() + timedelta(minutes=5)
    monkeypatch.setattr(clock, "now", lambda: later)
    address = again(part(ann, address))
    assert part(ann, address) == ""
    for change in ("claim", "release", "done"):
        bob.post(f"/work/callbacks/1/{change}")
        address = again(part(ann, address))
        assert part(ann, address) == ""
    # How many there are on another list.
    with clinic.ledger.write() as connection:
        connection.execute(insert(todo).values(kind="change", person_id=1, at=NOW))
    assert 'Change requests&nbsp;<span class="tab-count">1' in part(ann, address)


def test_what_a_list_has_shown_is_recorded_again_only_if_it_is_something_else(console: Console, clinic: Clinic) -> None:
    browser = console.browser("operator")
    address = again(browser.page("/work"))
    assert times_seen(clinic) == 1
    for _ in range(3):
        part(browser, address)
    assert times_seen(clinic) == 1
    ask(clinic.ledger, clinic.vault, JOAN, call="CA2")
    address = again(part(browser, address))
    assert times_seen(clinic) == 2
    part(browser, address)
    assert times_seen(clinic) == 2
    # A page is always recorded.
    browser.page(address)
    assert times_seen(clinic) == 3


def test_nobody_can_say_that_they_have_seen_what_they_have_not(console: Console, clinic: Clinic) -> None:
    of_a_colleague = again(console.browser("operator").page("/work"))
    browser = console.browser("operator")
    before = times_seen(clinic)
    for address in (of_a_colleague, "/work?shown=", "/work?shown=x", "/work?shown=%C3%A9", "/work"):
        part(browser, address)
    assert times_seen(clinic) == before + 5
