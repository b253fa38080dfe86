"""People who use the telephones of its page in a real browser."""

from __future__ import annotations

import base64
import json
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.e2e.running import RunningLine

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: make test-browser")
expect = sync_api.expect

WAIT_MS = 30_000
# More than there are controls on the page.
MOST_TABS = 80
# A phone without sound shows each sentence for a moment instead of speaking it: here, for a twentieth of that.
MUTED = "localStorage.setItem('sound', 'off'); const now = Date.now; Date.now = () => now() * 20;"
SILENT = f"{MUTED} localStorage.setItem('patient', 'yes')"
# The same with the time that reading takes: a prompt of a hundred characters lasts two seconds.
SLOW = "localStorage.setItem('sound', 'off'); localStorage.setItem('patient', 'yes')"


# Not those that the network assigns first, nor those of patients in these tests.
_NUMBERS = (f"+1{area}55501{last}" for area in ("603", "802", "207", "617", "212") for last in range(30, 80))


@dataclass
class People:
    """Opens tabs; each is a phone of its own. address: of the page."""

    browser: Any
    address: str
    contexts: list[Any] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def person(self, number: str | None = "", init: str = SILENT, **context: Any) -> Phone:
        """A person with a new browser. number: their phone; without one, a new phone; None: the network assigns one."""
        opened = self.browser.new_context(**context)
        opened.set_default_timeout(WAIT_MS)
        opened.add_init_script(init)
        if number is not None:
            opened.add_init_script(f"sessionStorage.phone ||= '{number or next(_NUMBERS)}'")
        self.contexts.append(opened)
        return self.tab(opened)

    def tab(self, context: Any) -> Phone:
        page = context.new_page()
        self._listen(page)
        page.goto(self.address)
        return self._phone(page)

    def duplicate(self, phone: Phone) -> Phone:
        """Another tab that starts with a copy of what this one keeps, as browsers duplicate tabs."""
        with phone.page.expect_popup() as opened:
            phone.page.evaluate("window.open(location.href)")
        self._listen(opened.value)
        return self._phone(opened.value)

    def _listen(self, page: Any) -> None:
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda said: self._note(said.type, said.text))

    def _phone(self, page: Any) -> Phone:
        expect(page.locator("#own-number")).not_to_be_empty()
        return Phone(page)

    def _note(self, kind: str, text: str) -> None:
        # A browser reports each answer of 400 or more; the page shows those to its reader.
        if kind in ("error", "warning") and "Failed to load resource" not in text:
            self.errors.append(text)

    def leave(self) -> None:
        for context in self.contexts:
            context.close()


@dataclass
class Phone:
    """One tab: `phone.calls().presses("1").hears("…")`."""

    page: Any

    @property
    def number(self) -> str:
        digits = re.sub(r"\D", "", self.page.locator("#own-number").inner_text())
        return f"+1{digits}"

    @property
    def state(self) -> str:
        return str(self.page.evaluate("document.body.dataset.call"))

    def dials(self) -> Phone:
        self.page.get_by_role("button", name="Call", exact=True).click()
        return self

    def calls(self) -> Phone:
        return self.dials().is_listened_to()

    def shows(self, state: str) -> Phone:
        """Wait for a state of the call, such as speaking or ringing."""
        expect(self.page.locator("body")).to_have_attribute("data-call", state, timeout=WAIT_MS)
        return self

    def is_listened_to(self) -> Phone:
        """Wait until the line has said all, and it is the caller's turn."""
        return self.shows("listening")

    def presses(self, key: str) -> Phone:
        before = self.turns
        names = {"*": "star", "#": "pound"}
        self.page.get_by_role("button", name=names.get(key, key), exact=True).click()
        return self.goes_on(before)

    def tabs_to(self, name: str, role: str = "button") -> Phone:
        """Press Tab until the control with this name has the focus."""
        wanted = self.page.get_by_role(role, name=name, exact=True)
        expect(wanted).to_be_enabled(timeout=WAIT_MS)
        for _ in range(MOST_TABS):
            self.page.keyboard.press("Tab")
            if wanted.evaluate("node => node === document.activeElement"):
                return self
        raise AssertionError(f"{MOST_TABS} presses of Tab do not lead to {name}")

    def says(self, words: str) -> Phone:
        before = self.turns
        self.page.get_by_label("Words to say").fill(words)
        self.page.get_by_role("button", name="Say", exact=True).click()
        return self.goes_on(before)

    @property
    def turns(self) -> int:
        return int(self.page.locator("#transcript .caller, #transcript .note").count())

    def goes_on(self, before: int) -> Phone:
        expect(self.page.locator("#transcript .caller, #transcript .note")).not_to_have_count(before, timeout=WAIT_MS)
        return self

    def hears(self, words: str) -> Phone:
        expect(self.page.locator("#transcript")).to_contain_text(words, timeout=WAIT_MS)
        return self

    def does_not_hear(self, words: str) -> Phone:
        expect(self.page.locator("#transcript")).not_to_contain_text(words)
        return self

    def other_end(self, number: str) -> Any:
        """The phone that rings, or was picked up."""
        expect(self.page.locator("#other-end")).to_contain_text(number, timeout=WAIT_MS)
        return self.page.locator("#other-end")

    def transfer_ends(self, number: str, answer: str) -> Phone:
        """Someone answers and hangs up after the talk, or the transfer ends with another button."""
        self.other_end(number).get_by_role("button", name=answer, exact=True).click()
        if answer == "Answer":
            self.shows("talking").page.get_by_role("button", name="Hang up at the other end").click()
        return self

    def texts(self, words: str) -> Phone:
        self.page.get_by_label("Text message").fill(words)
        self.page.get_by_role("button", name="Send", exact=True).click()
        expect(self.page.locator("#thread .mine").last).to_contain_text(words)
        return self

    def receives(self, words: str) -> Phone:
        found = self.page.locator("#thread .theirs").filter(has_text=words).last
        expect(found).to_be_visible(timeout=WAIT_MS)
        expect(found.locator(".tick.delivered")).to_be_visible(timeout=WAIT_MS)
        return self

    def sets(self, change: Callable[[Any], None]) -> Phone:
        """Open the switches, and change one."""
        switches = self.page.locator(".switches")
        if not switches.evaluate("node => node.open"):
            switches.locator("summary").click()
        with self.page.expect_response(lambda response: response.request.method == "POST"):
            change(self.page)
        return self


def line_requests(line: RunningLine, resource: str, **fields: str) -> dict[str, Any]:
    """The line asks Twilio's REST API for a call or a text. Returns the answer, or the error with its `code`."""
    sid = "AC" + "0" * 32
    token = json.loads((line.var_dir / "local-keys.json").read_text())["twilio_auth_token"]
    request = urllib.request.Request(
        f"{line.simulator}/2010-04-01/Accounts/{sid}/{resource}.json",
        urlencode({"From": "+16035550100", **fields}).encode(),
        {"Authorization": "Basic " + base64.b64encode(f"{sid}:{token}".encode()).decode()},
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            created: dict[str, Any] = json.load(answer)
            return created
    except urllib.error.HTTPError as error:
        refused: dict[str, Any] = json.load(error)
        return refused
