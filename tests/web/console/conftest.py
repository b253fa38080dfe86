"""A console with a clinic behind it, and browsers that are signed in."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from passlib.hash import argon2
from sqlalchemy import make_url, select, update
from werkzeug.datastructures import MultiDict
from werkzeug.test import TestResponse

from ivr import clock, create_app
from ivr.ledger.tables import console_user
from ivr.settings import load
from ivr.staff.users import Role, add_user
from ivr.web.console import kept_counts
from ivr.web.console.app import create_console
from ivr.web.console.today import waiting
from ivr.web.services import Services
from tests.conftest import LINE_ENV
from tests.support.clinic import NOW, Clinic, write_empty_ledger
from tests.support.oidc_provider import CLIENT, SECRET, Provider

TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')


class Browser:
    """The signed-in browser of a user. Paths start below /console, such as /reminders."""

    def __init__(self, client: FlaskClient, user_id: int) -> None:
        self.client, self.user_id = client, user_id

    def get(self, path: str, **options: Any) -> TestResponse:
        return self.client.get(path, **options)

    def page(self, path: str) -> str:
        """The HTML of a page that answers."""
        response = self.client.get(path, follow_redirects=True)
        assert response.status_code == 200, (path, response.status_code)
        return response.get_data(as_text=True)

    def post(self, path: str, data: dict[str, Any] | None = None, **options: Any) -> TestResponse:
        """Send a form with a valid token."""
        return self.client.post(path, data={"csrf_token": self.token(), **(data or {})}, **options)

    def token(self) -> str:
        found = TOKEN.search(self.page("/account"))
        assert found
        return found[1]

    def post_too_late(self, path: str, data: Any, page: str = "") -> tuple[str, str]:
        """Send a form after the session has ended, and sign in again.

        page: the one that the form is on; empty if the browser does not say so. Returns the address that the sign-in
        leads to, and the page of the sign-in.
        """
        sent = MultiDict(data)
        sent["csrf_token"] = self.token()
        with self.client.session_transaction() as session:
            identity = session.pop("_user_id")
        answer = self.client.post(path, data=sent, headers={"Referer": f"http://localhost{page}"} if page else {})
        assert answer.status_code == 302, (path, answer.status_code)
        sign_in = self.page(answer.location)
        with self.client.session_transaction() as session:
            session["_user_id"] = identity
        return parse_qs(urlsplit(answer.location).query)["next"][0], sign_in


class Console:
    """A console. services: those of its web process."""

    def __init__(self, app: Flask, services: Services) -> None:
        self.app, self.services = app, services

    def browser(self, role: str = "admin", name: str = "Ann Example") -> Browser:
        """A browser in which a new user with a role has signed in with both factors."""
        with self.services.ledger.write() as connection:
            email = f"{role}-{len(connection.execute(select(console_user.c.id)).all())}@example.org"
            user = add_user(connection, email, name, Role(role), clock.now()).user
            connection.execute(
                update(console_user)
                .where(console_user.c.id == user.id)
                .values(password="x", second_factor="authenticator", invitation=None, invited_until=None)
            )
            key = connection.execute(
                select(console_user.c.session_key).where(console_user.c.id == user.id)
            ).scalar_one()
        client = self.app.test_client()
        with client.session_transaction() as session:
            # Flask-Security compares it with the time of the machine.
            session.update({"_user_id": key, "_fresh": True, "fs_cc": "set", "fs_paa": time.time()})
        return Browser(client, user.id)

    def stranger(self) -> FlaskClient:
        """A browser in which nobody has signed in."""
        return self.app.test_client()


@pytest.fixture(autouse=True, scope="session")
def _hash_passwords_soon() -> Iterator[None]:
    """Hash passwords with less memory and fewer rounds: no test is about how long one takes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(argon2, "memory_cost", 512)
        patch.setattr(argon2, "default_rounds", 1)
        yield


@pytest.fixture
def console(clinic_for_commands: Clinic, monkeypatch: pytest.MonkeyPatch) -> Console:
    """The console of the clinic of `clinic_for_commands`, whose time is NOW."""
    monkeypatch.setattr(clock, "unshifted_now", lambda: NOW)
    services: Services = create_app(load(), doors="twilio").extensions["infoline"]
    return Console(create_console(services), services)


@pytest.fixture
def provider() -> Iterator[Provider]:
    """The sign-in provider of the hospital."""
    provider = Provider()
    yield provider
    provider.close()


@pytest.fixture
def console_with_provider(clinic_for_commands: Clinic, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> Console:
    """A console in which users can sign in with the account of their hospital."""
    monkeypatch.setenv("OIDC_ISSUER", provider.url)
    monkeypatch.setenv("OIDC_CLIENT_ID", CLIENT)
    monkeypatch.setenv("OIDC_CLIENT_SECRET", SECRET)
    services = create_app(load(), doors="twilio").extensions["infoline"]
    return Console(create_console(services), services)


@contextmanager
def open_console(folder: Path) -> Iterator[Console]:
    """An empty console for several tests."""
    with pytest.MonkeyPatch.context() as patch:
        for name in LINE_ENV:
            patch.delenv(name, raising=False)
        patch.setenv("VAR_DIR", str(folder))
        settings = load()
        write_empty_ledger(Path(str(make_url(settings.database_url).database)))
        services: Services = create_app(settings, doors="twilio").extensions["infoline"]
    yield Console(create_console(services), services)
    services.close()


def stop_clock(patch: pytest.MonkeyPatch) -> None:
    """Let the time be NOW."""
    patch.setattr(clock, "now", lambda: NOW)
    patch.setattr(clock, "unshifted_now", lambda: NOW)


@pytest.fixture(scope="module")
def console_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """The app of an empty console for all tests of a module, for what no request changes."""
    with open_console(tmp_path_factory.mktemp("console")) as console:
        yield console.app


@pytest.fixture
def browser_of(console: Console) -> Callable[[str], Browser]:
    """A function that signs in a new user with a role: browser_of("scheduler")."""
    return console.browser


FINISHED = waiting._Unfinished(outdated=0, unsigned=0, hours=0, closed_days=False)


@pytest.fixture
def counted_at_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time is NOW, and pages wait until everything is counted."""
    monkeypatch.setattr(kept_counts, "PATIENCE", 30.0)
    monkeypatch.setattr(clock, "now", lambda: NOW)


@pytest.fixture
def finished(monkeypatch: pytest.MonkeyPatch) -> None:
    """A release in which nothing is unfinished."""
    monkeypatch.setattr(waiting, "_unfinished", lambda *_: FINISHED)


@pytest.fixture
def console_on_each_database(ledger_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Console:
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", ledger_url)
    monkeypatch.setattr(clock, "unshifted_now", lambda: NOW)
    settings = load()
    services = create_app(settings, doors="twilio").extensions["infoline"]
    return Console(create_console(services), services)
