"""The work list and the page of a person in a real browser, with scripts and without."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.files import appointments, number, write
from tests.browser.ledger import ask_to_be_called
from tests.browser.people import Office

pytestmark = pytest.mark.browser
WITH_AND_WITHOUT = pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])


def show_the_number(page: Page, whole: str, *, scripts: bool) -> None:
    """Press the button beside a masked number. Without scripts, it leads to a page of its own."""
    address = page.url
    expect(page.get_by_text(whole)).to_have_count(0)
    page.get_by_role("button", name="Show the number").click()
    expect(page.locator(f"a[href='tel:+1{whole.replace('-', '')}']")).to_contain_text(whole)
    if not scripts:
        page.get_by_role("link", name="Back to the page before").click()
    expect(page).to_have_url(address)


@WITH_AND_WITHOUT
def test_a_change_request_is_taken_noted_done_and_taken_back(office: Office, tmp_path: Path, scripts: bool) -> None:
    patient = int(scripts)
    appointment, whole = f"MW-{1001 + patient}", number("MW", patient)
    office.line.json("reminders", "import", write(tmp_path / "later.csv", appointments("MW", 2, "2026-12-29")))
    office.line.text("R", f"+1{whole.replace('-', '')}")
    page = office.page("scheduler", "/console/work/change", java_script_enabled=scripts)
    row = page.get_by_role("row").filter(has_text=appointment)
    row.get_by_role("button", name="Take").click()
    expect(page.get_by_role("status")).to_contain_text("You have taken this.")
    show_the_number(page, whole, scripts=scripts)
    page.get_by_role("textbox", name="Note").fill("Wants Friday. مساءً")
    page.get_by_role("button", name="Save the note").click()
    expect(page.get_by_text("The note is saved.")).to_be_visible()
    page.get_by_role("button", name="Done: it is settled").click()
    expect(page.get_by_role("status")).to_contain_text("undo it within seven days")
    expect(row).to_have_count(0)

    page.get_by_role("link", name="Done lately").click()
    page.get_by_role("button", name="Undo").first.click()
    expect(page.get_by_text("It is back on the list, and you have taken it.")).to_be_visible()
    expect(page.get_by_role("textbox", name="Note")).to_have_value("Wants Friday. مساءً")
    expect(page.get_by_role("link", name=appointment)).to_be_visible()
    page.goto("/console/work/change")
    expect(row.get_by_text("You", exact=True)).to_be_visible()


@WITH_AND_WITHOUT
def test_an_operator_takes_a_call_back_and_calls_its_number(office: Office, scripts: bool) -> None:
    whole = f"603-555-013{8 + int(scripts)}"
    ask_to_be_called(office.line, f"+1{whole.replace('-', '')}", "cost", 5 + int(scripts))
    page = office.page("operator", "/console/work", java_script_enabled=scripts)
    page.get_by_role("link", name=whole[-4:]).click()
    expect(page.get_by_role("button", name="Show the number")).to_have_count(0)
    page.get_by_role("button", name="Take this").click()
    show_the_number(page, whole, scripts=scripts)
    page.get_by_role("textbox", name="Note").fill("Asks for Ana.")
    page.get_by_role("button", name="No answer").click()
    expect(page.get_by_role("status")).to_contain_text("The call-back stays on the list.")
    page.get_by_role("link", name=whole[-4:]).click()
    expect(page.get_by_role("textbox", name="Note")).to_have_value(re.compile(r"Asks for Ana.\n.*: No answer.$"))
    page.get_by_role("button", name="Reached").click()
    expect(page.get_by_role("link", name=whole[-4:])).to_have_count(0)


def test_a_list_shows_what_a_colleague_takes_and_the_focus_stays(office: Office) -> None:
    ask_to_be_called(office.line, "+16035550144", "cost", 12)
    page = office.page("operator")
    page.clock.install()
    page.goto("/console/work")
    row = page.get_by_role("row").filter(has_text="0144")
    row.get_by_role("button", name="Take").focus()
    colleague = office.page("admin", "/console/work")
    colleague.get_by_role("row").filter(has_text="0144").get_by_role("button", name="Take").click()
    expect(colleague.get_by_text("You have taken this, just now.")).to_be_visible()
    page.clock.fast_forward(21_000)
    expect(row).to_contain_text("Sam Reyes")
    assert "Sam Reyes" in page.evaluate("document.activeElement.innerText")


@WITH_AND_WITHOUT
def test_a_scheduler_finds_a_person_and_stores_why_they_get_no_more_texts(
    office: Office, tmp_path: Path, scripts: bool
) -> None:
    patient = 2 + int(scripts)
    office.line.json("reminders", "import", write(tmp_path / "later.csv", appointments("MW", 4, "2026-12-29")))
    page = office.page("scheduler", "/console/people", java_script_enabled=scripts)
    page.get_by_label("Appointment number or phone number").fill(number("MW", patient))
    page.get_by_role("button", name="Find").click()
    show_the_number(page, number("MW", patient), scripts=scripts)
    page.get_by_role("link", name="Stop all texts").click()
    page.get_by_role("button", name="Stop all texts").click()
    expect(page.get_by_role("alert")).to_contain_text("Write what the patient said")
    page.get_by_label("What the patient said").fill("Called on Monday: “no more texts, please”.")
    page.get_by_role("button", name="Stop all texts").click()
    expect(page.get_by_role("status")).to_contain_text("This number gets no more texts.")
    expect(page.locator(".evidence")).to_have_text("Called on Monday: “no more texts, please”.")
    page.get_by_role("link", name=f"MW-{1001 + patient}").click()
    expect(page.get_by_text("This patient gets no texts since")).to_be_visible()


@WITH_AND_WITHOUT
def test_on_a_narrow_phone_the_areas_are_in_a_menu(office: Office, scripts: bool) -> None:
    narrow = {"width": 320, "height": 568}
    page = office.page("scheduler", "/console/work", java_script_enabled=scripts, viewport=narrow)
    header = page.locator(".site-header").bounding_box()
    assert header
    assert header["height"] < narrow["height"] / 4
    areas = page.get_by_role("navigation", name="Main")
    expect(areas.get_by_role("link", name="People")).to_be_hidden()
    areas.get_by_text("Menu").click()
    expect(areas.get_by_role("link", name="Work list")).to_have_attribute("aria-current", "page")
    areas.get_by_role("link", name="People").click()
    expect(page.get_by_role("heading", level=1, name="People")).to_be_visible()
