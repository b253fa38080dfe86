"""Notes and reasons that are too long: nothing of them is cut without a word, neither by the browser nor by us."""

from __future__ import annotations

import html
import re

import pytest

from ivr.line.content.loader import read_content, read_folder
from ivr.releases.store import live_release, publish_release
from tests.support.clinic import NOW, Clinic, at, row
from tests.support.paths import ROOT
from tests.web.console.conftest import Browser, Console
from tests.web.console.prompts.support import edit, form_of

DRAFT, OLDER = "/prompts/draft", "/prompts/history/1/roll-back"
# With a word at its end that would be cut.
LONG = "kinder words " * 50 + "end"


@pytest.fixture
def nurse(console: Console) -> Browser:
    """A nurse with an earlier release, and a draft."""
    files = read_folder(ROOT / "prompts")
    earlier = {**files, "en/goodbye.md": files["en/goodbye.md"].replace(b"Take good care", b"Take care")}
    for release in (earlier, files):
        publish_release(console.services.ledger, read_content(release), NOW, "release", "", "folder")
    browser = console.browser("operator")
    assert edit(browser).status_code == 303
    return browser


def tag(page: str, name: str) -> str:
    """A field with its words."""
    found = re.search(rf'<(?:input|textarea)[^>]*name="{name}"[^>]*>(?:[^<]*</textarea>)?', page)
    assert found
    return html.unescape(found[0])


@pytest.mark.parametrize(
    ("page", "path", "more"),
    [(DRAFT, "/prompts/draft/publish", {"confirmed": "yes"}), (OLDER, OLDER, {})],
    ids=["publish", "go back"],
)
def test_a_note_that_is_too_long_is_counted_and_kept(
    console: Console, nurse: Browser, page: str, path: str, more: dict[str, str]
) -> None:
    shown = nurse.page(page)
    assert "maxlength" not in tag(shown, "note")
    form = form_of(shown, path) if page == DRAFT else {"live": "2"}
    answer = nurse.post(path, {**form, **more, "note": LONG})
    again = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert again.count("The note has 653 characters. Shorten it to 500.") == 2
    assert 'href="#note"' in again
    assert f'value="{LONG}"' in tag(again, "note")
    assert 'aria-invalid="true" ' in tag(again, "note")
    assert (" checked" in again) == bool(more)
    live = live_release(console.services.ledger)
    assert live is not None
    assert live.number == 2


def test_a_reason_that_is_too_long_is_counted_and_kept(console: Console, clinic_for_commands: Clinic) -> None:
    clinic_for_commands.import_rows(row(1, at(10)))
    browser = console.browser("scheduler")
    path = "/people/1/opt-out"
    assert "maxlength" not in tag(browser.page(path), "reason")
    reason = LONG * 2
    answer = browser.post(path, {"reason": reason})
    again = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert f"The reason has {len(reason)} characters. Shorten it to 1000." in again
    assert reason in tag(again, "reason")
