"""Buttons and live parts of a page in a real browser, while the line cannot serve them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.files import appointments, write
from tests.browser.ledger import ask_to_be_called
from tests.browser.people import Office

pytestmark = pytest.mark.browser
How = Callable[[Route], None]
OLD = re.compile(r"Not up to date since \d+:\d\d [AP]M\. This page keeps trying\.")
# htmx logs each request that it has no answer to show for.
LOGGED = re.compile(r"Response Status Error Code|htmx:(sendError|afterRequest)")
DOWN = """<!doctype html><title>Down</title><main><h1>The stored data cannot be reached</h1>
<p class=lead>Nothing you sent was stored.</p></main>"""


def unavailable(route: Route) -> None:
    route.fulfill(status=503, content_type="text/html", body=DOWN)


def no_answer(route: Route) -> None:
    route.abort()


def forget_logged(office: Office) -> None:
    office.wrong[:] = [each for each in office.wrong if not LOGGED.match(each)]


@pytest.mark.parametrize("how", [unavailable, no_answer])
def test_today_says_since_when_what_waits_is_old(office: Office, how: How) -> None:
    page = office.page("admin")
    page.clock.install()
    page.goto("/console/")
    is_old_until_it_answers(page, "**/today/waiting", how)
    forget_logged(office)


def test_a_batch_says_since_when_its_numbers_are_old(office: Office, tmp_path: Path) -> None:
    batch = office.line.json("reminders", "import", write(tmp_path / "x.csv", appointments("MF", 2, "2026-12-29")))
    page = office.page("scheduler")
    page.clock.install()
    page.goto(f"/console/reminders/batches/{batch['batch']}")
    is_old_until_it_answers(page, "**/batches/*/live", unavailable)
    forget_logged(office)


def is_old_until_it_answers(page: Page, part: str, how: How) -> None:
    page.route(part, how)
    page.clock.fast_forward(31_000)
    expect(page.locator(".age")).to_have_text(OLD)
    page.unroute(part)
    page.clock.fast_forward(31_000)
    expect(page.locator(".age")).to_be_empty()


def test_what_the_proof_of_typed_words_cannot_show_is_old_too(office: Office) -> None:
    page = office.page("operator", "/console/prompts/en/birads")
    page.route("**/proof", unavailable)
    page.locator("#words-0").press_sequentially("x")
    expect(page.locator(".age")).to_have_text(OLD)
    page.unroute("**/proof")
    page.locator("#words-0").press_sequentially("y")
    expect(page.locator(".age")).to_be_empty()
    forget_logged(office)


def test_a_button_that_gets_an_error_says_so_beside_it_and_typed_words_stay(office: Office) -> None:
    page = office.page("operator", "/console/prompts/en/birads")
    words = page.locator("#words-0")
    # A proof that is under way when the page is closed is an error, too.
    with page.expect_response("**/proof"):
        words.fill("These words are new.")
    button = page.get_by_role("button", name="Preview").last
    alert = page.get_by_role("alert")
    page.route("**/preview*", unavailable)
    button.click()
    expect(alert).to_have_text("The stored data cannot be reachedNothing you sent was stored.")
    page.unroute("**/preview*")
    page.route("**/preview*", no_answer)
    button.click()
    expect(alert).to_have_text(re.compile("^The line does not answer. Try again in a minute"))
    expect(words).to_have_value("These words are new.")
    page.unroute("**/preview*")
    with page.expect_response("**/preview*") as answer:
        button.click()
    assert answer.value.ok
    expect(alert).to_have_count(0)
    forget_logged(office)


def test_the_number_of_a_call_back_that_a_colleague_has_done_says_who(office: Office) -> None:
    ask_to_be_called(office.line, "+16035550143", "cost", 11)
    page = office.page("operator", "/console/work")
    page.get_by_role("link", name="0143").click()
    page.get_by_role("button", name="Take this").click()
    expect(page.get_by_role("button", name="Show the number")).to_be_visible()
    done_by_colleague(office.page("admin", page.url))
    page.get_by_role("button", name="Show the number").click()
    expect(page.get_by_role("alert")).to_have_text(re.compile("^Sam Reyes has done this, just now.$"))
    expect(page.get_by_text("603-555-0143")).to_have_count(0)
    forget_logged(office)


def done_by_colleague(page: Page) -> None:
    page.get_by_role("button", name="Done: I have called").click()
    expect(page.get_by_role("status").first).to_contain_text("Done.")


def test_a_table_that_is_open_stays_open_when_its_part_is_replaced(office: Office) -> None:
    page = office.page("operator")
    page.clock.install()
    page.goto("/console/")
    # Until it has been counted.
    table = page.locator("#table-calls-by-day")
    while not table.count():
        page.clock.run_for(1_000)
    table.locator("summary").click()
    with page.expect_response("**/today/numbers"):
        page.clock.fast_forward(61_000)
    expect(page.locator("#numbers.htmx-settling")).to_have_count(0)
    expect(table.get_by_role("table")).to_be_visible()
    expect(table.locator("summary")).to_be_focused()
