"""People who use the console of a running line in a real browser."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from passlib.totp import TOTP
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.e2e.running import RunningLine

PASSWORD = "three calm river stones"
# A session ends after 15 idle minutes; a kept one is used for this many seconds.
KEPT_SECONDS = 600
_WIDE = {"width": 1280, "height": 800}


@dataclass
class Person:
    """A user whose password and second factor are set up. key: of the authenticator app, in base32."""

    name: str
    email: str
    role: str
    key: str = ""
    cookies: Any = None
    kept_at: float = 0.0

    def code(self) -> str:
        """What the authenticator app shows now."""
        return str(TOTP(self.key, format="base32").generate().token)


class Office:
    """The console at an address, and the people who work with it. wrong: errors that pages reported."""

    def __init__(self, line: RunningLine, browser: Browser, url: str = "") -> None:
        self.line, self.browser, self.url = line, browser, url or line.url
        self.wrong = list[str]()
        self._people = dict[str, Person]()
        self._contexts = list[BrowserContext]()

    def person(self, role: str, name: str = "") -> Person:
        """The first user with a role, or the one with a name."""
        name = name or {"scheduler": "Dana Whitcomb", "operator": "Ruth Okafor", "admin": "Sam Reyes"}[role]
        if name not in self._people:
            person, link = self.invite(role, name)
            page = self.stranger()
            self.accept(page, link, person)
            self._keep(page, person)
            page.context.close()
            self._people[name] = person
        return self._people[name]

    def invite(self, role: str, name: str) -> tuple[Person, str]:
        """Add a user. Returns the one-time link, too."""
        email = f"{name.lower().replace(' ', '.')}@example.org"
        link: str = self.line.json("users", "add", email, "--name", name, "--role", role)["link"]
        return Person(name, email, role), link

    def stranger(self, **options: Any) -> Page:
        """A page of a browser in which nobody has signed in."""
        context = self.browser.new_context(**{"viewport": _WIDE, "base_url": self.url, **options})
        context.set_default_timeout(30_000)
        self._contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on("console", lambda message: self._note(message.type, message.text))
        return page

    def page(self, role: str, path: str = "/console/", *, name: str = "", **options: Any) -> Page:
        """A page that a user has opened. options: of the browser's context."""
        person = self.person(role, name)
        if time.monotonic() - person.kept_at > KEPT_SECONDS:
            signing_in = self.stranger()
            sign_in(signing_in, person)
            self._keep(signing_in, person)
        page = self.stranger(storage_state=person.cookies, **options)
        page.goto(path)
        return page

    def accept(self, page: Page, link: str, person: Person) -> None:
        """Use a one-time link: choose a password, sign in with it, and set up the authenticator app."""
        choose_password(page, link)
        type_password(page, person)
        page.get_by_role("button", name="Continue").click()
        page.get_by_text("Type the key instead").click()
        person.key = page.locator(".totp-key").inner_text()
        page.get_by_label("Code", exact=True).fill(person.code())
        page.get_by_role("button", name="Finish").click()
        expect(page.get_by_role("link", name=person.name)).to_be_visible()

    def close_pages(self) -> None:
        for context in self._contexts:
            context.close()
        self._contexts.clear()

    def _keep(self, page: Page, person: Person) -> None:
        person.cookies, person.kept_at = page.context.storage_state(), time.monotonic()

    def _note(self, kind: str, text: str) -> None:
        # An answer with a status of 400 or more is the tests' business.
        if kind == "error" and not text.startswith("Failed to load resource"):
            self.wrong.append(text)


def sign_in(page: Page, person: Person) -> None:
    """With both factors, from the sign-in page or to it."""
    if "/login" not in page.url:
        page.goto("/console/login")
    type_password(page, person)
    page.get_by_label("Six digits").fill(person.code())
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("link", name=person.name)).to_be_visible()


def choose_password(page: Page, link: str) -> None:
    """Use a one-time link."""
    page.goto(link)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password again").fill(PASSWORD)
    page.get_by_role("button", name="Set password").click()


def type_password(page: Page, person: Person) -> None:
    page.get_by_label("Email address").fill(person.email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
