"""Every page of the console: WCAG 2.2 AA by axe, in light and dark, wide and on the narrowest phone."""

from __future__ import annotations

from typing import cast

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect

from ivr import create_app
from ivr.settings import load
from ivr.web.console.app import create_console
from tests.browser.accessibility import findings
from tests.browser.pages import ANSWERS, NO_PAGES, PAGES, Scene, open_page
from tests.support.clinic import Clinic

pytestmark = pytest.mark.browser
WIDTHS, SCHEMES = (1280, 320), ("light", "dark")
# Pixels. Links in sentences may be smaller: WCAG 2.2, success criterion 2.5.8.
TARGET = 44
SMALL_TARGETS = """least => [...document.querySelectorAll(
  "button, .btn, select, input:not([type=hidden]):not([type=checkbox]), nav a, summary")]
  .filter(each => each.offsetParent !== null && each.getBoundingClientRect().height < least)
  .map(each => `${each.tagName} ${each.innerText || each.name} ${each.getBoundingClientRect().height}`)"""
FAULTY = """<!doctype html><html lang=en data-bs-theme=light><title>Faulty</title><body style="margin: 0">
<main><h1>Faulty</h1>
<img src="data:,"><p style="color: #bbb; background: #fff">Too pale</p><input name="nameless">
<button style="height: 20px">Tiny</button><div style="width: 400px">Too wide</div></main></body></html>"""
TOO_WIDE = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


def test_every_address_is_looked_at_or_no_page(clinic_for_commands: Clinic) -> None:
    services = create_app(load(), doors="twilio").extensions["infoline"]
    console: Flask = create_console(services)
    answering = {rule.endpoint for rule in console.url_map.iter_rules() if "GET" in (rule.methods or ())}
    assert answering == PAGES.keys() | NO_PAGES.keys()
    assert not PAGES.keys() & NO_PAGES.keys()


@pytest.mark.parametrize("endpoint", PAGES)
def test_a_page_has_no_findings_of_axe_no_small_targets_and_fits_its_window(scene: Scene, endpoint: str) -> None:
    scene.office.wrong.clear()
    page = open_page(scene, endpoint)
    expect(page.locator("h1")).to_have_count(1)
    assert problems_in_all_looks(page) == []
    assert scene.office.wrong == []


@pytest.mark.parametrize("answer", ANSWERS)
def test_the_answer_to_a_form_or_to_a_wrong_address_has_none_either(scene: Scene, answer: str) -> None:
    scene.office.wrong.clear()
    lead, words = ANSWERS[answer]
    lead(scene)
    expect(scene.page.get_by_text(words).first).to_be_visible()
    assert problems_in_all_looks(scene.page) == []
    assert scene.office.wrong == []


def test_a_page_with_faults_is_found_out(browser: Browser) -> None:
    page = browser.new_page()
    page.set_content(FAULTY)
    found = "\n".join(problems(page, 320, "light"))
    page.close()
    for fault in ("image-alt", "color-contrast", "label", "smaller than 44 px: BUTTON Tiny 20", "80 px too wide"):
        assert fault in found


def problems_in_all_looks(page: Page) -> list[str]:
    return [
        f"{width} px, {scheme}: {problem}"
        for width in WIDTHS
        for scheme in SCHEMES
        for problem in problems(page, width, scheme)
    ]


def problems(page: Page, width: int, scheme: str) -> list[str]:
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=cast("str", scheme), reduced_motion="reduce")  # type: ignore[arg-type]
    expect(page.locator(f"html[data-bs-theme={scheme}]")).to_have_count(1)
    found = findings(page)
    found += [f"smaller than {TARGET} px: {each}" for each in page.evaluate(SMALL_TARGETS, TARGET)]
    excess = page.evaluate(TOO_WIDE)
    return [*found, f"{excess} px too wide"] if excess > 0 else found
