"""A running line, a browser, and people with phones."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from ivr.line.twiml.release import CompiledLine
from tests.browser.phone.phones import People, sync_api
from tests.e2e.running import RunningLine, running_line


@pytest.fixture(scope="session")
def phone_browser(request: pytest.FixtureRequest) -> Iterator[Any]:
    """The browser that the other browser tests use, if they have one; Playwright runs only once in a process."""
    try:
        yield request.getfixturevalue("browser")
    except pytest.FixtureLookupError:
        path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
        if path is None:
            pytest.skip("no chromium on this machine: apt-get install chromium, or set CHROMIUM to its path")
        with sync_api.sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=path)
            yield browser
            browser.close()


@pytest.fixture(scope="session")
def phone_line(line: CompiledLine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningLine]:
    """All processes of a line, on a Wednesday at 10:00 in New Hampshire."""
    # Trains the model if no test has done so; a line that trains takes long to come up.
    line.matcher.match("hello", "en")
    with running_line(tmp_path_factory.mktemp("phones"), "--at", "2026-12-02T10:00", "--empty") as running:
        yield running


@pytest.fixture
def people(phone_browser: Any, phone_line: RunningLine) -> Iterator[People]:
    """People with browsers. A test fails if a page reports an error of a script or of the policy."""
    people = People(phone_browser, phone_line)
    yield people
    people.leave()
    assert people.errors == []
