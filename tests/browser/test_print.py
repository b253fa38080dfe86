"""The console on paper, and in the dark without scripts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.files import write
from tests.browser.people import Office

pytestmark = pytest.mark.browser
PATHS = ("/prompts/en/cancer", "/prompts/hours", "/prompts/menus")
# Pages that one takes along: words that are printed, and words that are not.
PRINTED = {
    "a batch": (
        "/reminders/batches/{batch}",
        ("printed.csv", "Active"),
        ("Back to all batches", "Find an appointment of this batch", "Download all texts", "Pause this batch"),
    ),
    "a day": ("/reminders/appointments/2026-12-04", ("MO-1001", "8:00 AM"), ("Back to appointments by day",)),
    "Today": ("/", ("What needs a person now",), ("Reminders", "Sign out")),
    "an appointment": (
        "/people/appointments/MO-1001",
        ("Details", "Booked"),
        ("Find another appointment", "Leave out"),
    ),
}
# Relative luminance, roughly: 0 is black and 255 white.
LIGHT, DARK = 200, 90


def brightness(page: Page, selector: str, style: str) -> float:
    color = page.locator(selector).first.evaluate("(each, style) => getComputedStyle(each)[style]", style)
    red, green, blue = map(float, re.findall(r"[0-9.]+", color)[:3])
    return 0.3 * red + 0.6 * green + 0.1 * blue


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_printed_page_keeps_its_words_and_is_dark_on_white(office: Office, path: str, scheme: str) -> None:
    page = office.page("operator", f"/console{path}", color_scheme=scheme)
    fields = page.locator("main form :is(textarea, input.form-control):not([type=file]):visible").count()
    page.emulate_media(media="print")
    left = page.locator("main form :is(textarea, input.form-control):not([type=file]):visible").count()
    assert left == fields
    assert fields or path == "/prompts/menus"
    for selector in ("main button:visible", "main .btn:visible", "header nav:visible"):
        expect(page.locator(selector)).to_have_count(0)
    assert brightness(page, "body", "backgroundColor") > LIGHT
    assert brightness(page, "h1", "color") < DARK
    for field in page.locator("textarea").all()[:2]:
        assert field.evaluate("each => each.scrollHeight <= each.clientHeight + 2")


def test_without_scripts_a_page_is_as_dark_as_the_system(office: Office) -> None:
    page = office.page("operator", "/console/prompts/menus", color_scheme="dark", java_script_enabled=False)
    assert brightness(page, "body", "backgroundColor") < DARK
    assert brightness(page, "h1", "color") > LIGHT


def test_the_picture_of_the_line_is_dark_in_the_dark(office: Office) -> None:
    page = office.page("operator", "/console/prompts/menus", color_scheme="dark")
    for path in ("/console/prompts/menus", "/console/line"):
        page.goto(path)
        for shape in ("rect", "rect[fill='#ececec']"):
            assert brightness(page, f".line-picture svg {shape}", "fill") < DARK
        assert brightness(page, ".line-picture svg text", "fill") > LIGHT
        page.emulate_media(media="print")
        assert brightness(page, ".line-picture svg rect", "fill") > LIGHT
        page.emulate_media(media="screen")


@pytest.mark.parametrize(("path", "words", "left_out"), PRINTED.values(), ids=PRINTED)
def test_paper_has_what_one_reads_and_nothing_that_one_can_only_press(
    office: Office, tmp_path: Path, path: str, words: tuple[str, ...], left_out: tuple[str, ...]
) -> None:
    file = write(tmp_path / "printed.csv", ["MO-1001,603-555-0199,2026-12-04 08:00,Maria,en,"])
    office.line.json("reminders", "import", file)
    batch = max(each["batch"] for each in office.line.json("reminders", "status")["batches"])
    page = office.page("scheduler", f"/console{path.format(batch=batch)}")
    page.emulate_media(media="print")
    for each in words:
        expect(page.get_by_text(each).locator("visible=true").first).to_be_visible()
    for each in left_out:
        expect(page.get_by_text(each, exact=True).locator("visible=true")).to_have_count(0)
