"""Every page of the console: WCAG 2.2 AA by axe, in light and dark, wide, on the narrowest phone, and at 400 %."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import make_url
from werkzeug.serving import make_server

from bench.console.browser import session_cookie
from bench.console.data import add_users
from ivr import clock, create_app
from ivr.line.content.loader import Content
from ivr.releases.store import publish_release
from ivr.settings import load
from ivr.web.console import kept_counts
from ivr.web.console.app import create_console
from ivr.web.console.today import waiting
from tests.browser.accessibility import findings
from tests.browser.answers import ANSWERS
from tests.browser.pages import NO_PAGES, PAGES, SIGNED_OUT, Scene, open_page
from tests.browser.refusals import REFUSALS
from tests.support.clinic import NOW, Clinic, write_empty_ledger
from tests.web.console.conftest import FINISHED
from tests.web.console.empty_lists import LISTS

pytestmark = pytest.mark.browser
WIDTHS, SCHEMES = (1280, 320), ("light", "dark")
# Words are longer in Spanish. All other pages have the same parts.
IN_SPANISH = ("/", "/reminders", "/reminders/upload", "/people", "/work", "/prompts", "/prompts/hours", "/settings")
# Pixels. Links in sentences may be smaller: WCAG 2.2, success criterion 2.5.8.
TARGET = 44
SMALL_TARGETS = """least => [...document.querySelectorAll(
  "button:not([tabindex='-1']), .btn, select, input:not([type=hidden]):not([type=checkbox]), nav a, summary")]
  .filter(each => each.offsetParent !== null && each.getBoundingClientRect().height < least)
  .map(each => `${each.tagName} ${each.innerText || each.name} ${each.getBoundingClientRect().height}`)"""
FAULTY = """<!doctype html><html lang=en data-bs-theme=light><title>Faulty</title><body style="margin: 0">
<main><h1>Faulty</h1>
<img src="data:,"><p style="color: #bbb; background: #fff">Too pale</p><input name="nameless">
<button style="height: 20px">Tiny</button><div style="width: 400px">Too wide</div></main></body></html>"""
# A window of 1280 × 1024 pixels at 400 %: WCAG 2.2, success criteria 1.4.10 and 2.4.11.
ZOOMED = {"width": 320, "height": 256}
COVERED = """() => [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']")]
  .filter(each => each.checkVisibility({visibilityProperty: true}) && !each.disabled && each.tabIndex >= 0)
  .flatMap(each => {
    each.focus();
    const box = each.getClientRects()[0];
    const left = Math.max(box.left, 0), right = Math.min(box.right, innerWidth);
    const top = Math.max(box.top, 0), bottom = Math.min(box.bottom, innerHeight);
    if (right - left < 1 || bottom - top < 1) return [`out of sight: ${each.tagName} ${each.innerText || each.name}`];
    const above = document.elementFromPoint((left + right) / 2, (top + bottom) / 2);
    if (each.contains(above) || above?.contains(each)) return [];
    return [`covered: ${each.tagName} ${each.innerText || each.name}`];
  })"""
COVERING = """<!doctype html><html lang=en><title>Covering</title><main><h1>Covering</h1>
<p style="height: 90px">Words</p><button>Below</button></main>
<div style="position: fixed; inset: 60px 0 0">Cookies!</div>"""
TOO_WIDE = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


def test_every_address_is_looked_at_or_no_page(clinic_for_commands: Clinic) -> None:
    services = create_app(load(), doors="twilio").extensions["infoline"]
    console: Flask = create_console(services)
    answering = {rule.endpoint for rule in console.url_map.iter_rules() if "GET" in (rule.methods or ())}
    assert answering == PAGES.keys() | SIGNED_OUT.keys() | NO_PAGES.keys()
    assert len(answering) == len(PAGES) + len(SIGNED_OUT) + len(NO_PAGES)


@pytest.mark.parametrize("endpoint", [*PAGES, *SIGNED_OUT])
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
    page = lead(scene)
    expect(page.get_by_text(words).first).to_be_visible()
    assert problems_in_all_looks(page) == []
    expect(page.get_by_text(words).first).to_be_attached()
    assert scene.office.wrong == []


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_refusal_or_a_question_before_an_act_has_none_either(scene: Scene, refusal: str) -> None:
    scene.office.wrong.clear()
    lead, words = REFUSALS[refusal]
    page = lead(scene)
    expect(page.get_by_text(words).first).to_be_visible()
    assert problems_in_two_looks(page) == []
    assert scene.office.wrong == []


@pytest.fixture(scope="module")
def nothing_yet(browser: Browser, content: Content, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """An administrator's page of a line that has released its words, and that nobody has used."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VAR_DIR", str(tmp_path_factory.mktemp("nothing-yet")))
        patch.setattr(clock, "now", lambda: NOW)
        patch.setattr(clock, "unshifted_now", lambda: NOW)
        patch.setattr(kept_counts, "PATIENCE", 30.0)
        patch.setattr(waiting, "_unfinished", lambda *_: FINISHED)
        settings = load()
        write_empty_ledger(Path(str(make_url(settings.database_url).database)))
        app = create_app(settings, doors="console")
        services = app.extensions["infoline"]
        publish_release(services.ledger, content, NOW, "release", "", "folder")
        key = add_users(services.ledger)[0]
        with served(app) as url:
            context = browser.new_context(base_url=url)
            name, _, value = session_cookie(settings.secret_key, key).partition("=")
            context.add_cookies([{"name": name, "value": value, "url": url}])
            yield context.new_page()
            context.close()
        services.close()


@pytest.mark.parametrize(("path", "title", "_first"), LISTS)
def test_an_empty_list_has_none_either(nothing_yet: Page, path: str, title: str, _first: str) -> None:
    nothing_yet.goto(f"/console{path}")
    expect(nothing_yet.locator(".empty").get_by_text(title)).to_be_visible()
    assert problems_in_two_looks(nothing_yet) == []


@pytest.fixture(scope="module")
def spanish(scene: Scene) -> Page:
    """A page of an administrator who reads Spanish."""
    page = scene.office.page("admin", "/console/account", name="Lucia Ortega", reduced_motion="reduce")
    page.get_by_label("Language").select_option("es")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("html")).to_have_attribute("lang", "es")
    return page


@pytest.mark.parametrize("path", IN_SPANISH)
def test_a_page_in_spanish_has_none_either(scene: Scene, spanish: Page, path: str) -> None:
    scene.office.wrong.clear()
    spanish.goto(f"/console{path}")
    expect(spanish.locator("html")).to_have_attribute("lang", "es")
    assert problems_in_all_looks(spanish) == []
    assert scene.office.wrong == []


@pytest.fixture
def without_database(clinic_for_commands: Clinic) -> Iterator[str]:
    """The address of a web process whose database has gone away."""
    app = create_app(load(), doors="console")
    services = app.extensions["infoline"]
    services.ledger.close()
    file = Path(str(make_url(services.settings.database_url).database))
    file.rename(file.with_suffix(".away"))
    file.mkdir()
    with served(app) as url:
        yield url


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """The address of an app that answers on threads of this process."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def test_the_page_without_a_database_has_none_either(browser: Browser, without_database: str) -> None:
    page = browser.new_page()
    answer = page.goto(f"{without_database}/console/welcome/made-up")
    assert answer is not None
    assert answer.status == 503
    expect(page.get_by_role("heading", name="What still works")).to_be_visible()
    assert problems_in_all_looks(page) == []
    page.close()


def test_a_page_with_faults_is_found_out(browser: Browser) -> None:
    page = browser.new_page()
    page.set_content(FAULTY)
    found = "\n".join(problems(page, 320, "light"))
    page.close()
    for fault in ("image-alt", "color-contrast", "label", "smaller than 44 px: BUTTON Tiny 20", "80 px too wide"):
        assert fault in found


def test_a_control_under_something_else_is_found_out(browser: Browser) -> None:
    page = browser.new_page()
    page.set_content(COVERING)
    found = problems_at_400_percent(page)
    page.close()
    assert found == ["400 %: covered: BUTTON Below"]


def problems_in_all_looks(page: Page) -> list[str]:
    # Words are there before the styles are.
    page.wait_for_load_state("load")
    found = [
        f"{width} px, {scheme}: {problem}"
        for width in WIDTHS
        for scheme in SCHEMES
        for problem in problems(page, width, scheme)
    ]
    return [*found, *problems_at_400_percent(page)]


def problems_in_two_looks(page: Page) -> list[str]:
    """Of a page whose template other tests see in all looks."""
    page.wait_for_load_state("load")
    looks = zip(WIDTHS, SCHEMES, strict=True)
    return [f"{width} px, {scheme}: {each}" for width, scheme in looks for each in problems(page, width, scheme)]


def problems_at_400_percent(page: Page) -> list[str]:
    page.set_viewport_size(ZOOMED)  # type: ignore[arg-type]
    found = [f"400 %: {each}" for each in page.evaluate(COVERED)]
    excess = page.evaluate(TOO_WIDE)
    return [*found, f"400 %: {excess} px too wide"] if excess > 0 else found


def problems(page: Page, width: int, scheme: str) -> list[str]:
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=cast("str", scheme), reduced_motion="reduce")  # type: ignore[arg-type]
    expect(page.locator(f"html[data-bs-theme={scheme}]")).to_have_count(1)
    found = findings(page)
    found += [f"smaller than {TARGET} px: {each}" for each in page.evaluate(SMALL_TARGETS, TARGET)]
    excess = page.evaluate(TOO_WIDE)
    return [*found, f"{excess} px too wide"] if excess > 0 else found
