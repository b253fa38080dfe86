"""A running line, Debian's chromium, and the people who use the console and the phones."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest

from ivr.line.twiml.release import CompiledLine
from tests.e2e.running import RunningLine, running_line
from tests.support.oidc_provider import CLIENT, SECRET, Provider

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: make test-browser")
from tests.browser.pages import Scene  # noqa: E402 - needs Playwright
from tests.browser.people import Office  # noqa: E402

# A Tuesday in New Hampshire.
NOW = "2026-12-01T10:00"
# Sounds play without a click, and the microphone hears a beep each second.
_ARGUMENTS = [
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]


@pytest.fixture(scope="session")
def browser() -> Iterator[sync_api.Browser]:
    """A chromium without a window. Its path can be in CHROMIUM."""
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no chromium on this machine: apt-get install chromium, or set CHROMIUM to its path")
    sync_api.expect.set_options(timeout=30_000)
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def provider() -> Iterator[Provider]:
    """The sign-in provider of the hospital."""
    provider = Provider()
    yield provider
    provider.close()


@pytest.fixture(scope="session")
def running(
    browser: sync_api.Browser, line: CompiledLine, provider: Provider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningLine]:
    """All processes of a line, for all tests with a browser."""
    # Trains the model if no test has done so; a line that trains takes long to come up.
    line.matcher.match("hello", "en")
    oidc = {"OIDC_ISSUER": provider.url, "OIDC_CLIENT_ID": CLIENT, "OIDC_CLIENT_SECRET": SECRET}
    with running_line(tmp_path_factory.mktemp("line"), "--at", NOW, **oidc) as running:
        yield running


@pytest.fixture(scope="session")
def staff(running: RunningLine, browser: sync_api.Browser) -> Office:
    return Office(running, browser)


@pytest.fixture
def office(staff: Office) -> Iterator[Office]:
    """The console and its users. A test fails if a page of it reports an error of a script or of the policy."""
    staff.wrong.clear()
    yield staff
    staff.close_pages()
    assert staff.wrong == []


@pytest.fixture(scope="module")
def scene(staff: Office, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """A busy morning, and an administrator's page."""
    return Scene(staff, tmp_path_factory.mktemp("scene"))
