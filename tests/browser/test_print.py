"""The console on paper, and in the dark without scripts."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.people import Office

pytestmark = pytest.mark.browser
PATHS = ("/prompts/en/cancer", "/prompts/hours", "/prompts/menus")
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
