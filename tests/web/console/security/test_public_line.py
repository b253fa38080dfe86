"""The console of a line that is reached from outside: cookies, HSTS, and its policy."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from ivr import clock, create_app
from ivr.settings import load
from ivr.web.console.access import ANYONE
from ivr.web.console.app import create_console
from tests.support.clinic import NOW, write_empty_ledger
from tests.support.network import LINE, SID
from tests.web.console.conftest import Console
from tests.web.console.security.support import addresses

BASE = "https://line.example.org"


@pytest.fixture
def public(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Console:
    """The console of a public line. Its database is in a file, which only the test chooses."""
    values = {
        "VAR_DIR": str(tmp_path),
        "PUBLIC_URL": BASE,
        "DATABASE_URL": f"sqlite:///{tmp_path}/infoline.db",
        "SECRET_KEY": secrets.token_urlsafe(32),
        "PHONE_KEY": secrets.token_urlsafe(32),
        "TWILIO_ACCOUNT_SID": SID,
        "TWILIO_AUTH_TOKEN": secrets.token_hex(16),
        "TWILIO_FROM": LINE,
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(clock, "unshifted_now", lambda: NOW)
    write_empty_ledger(tmp_path / "infoline.db")
    services = create_app(load(), doors="twilio").extensions["infoline"]
    return Console(create_console(services), services)


def test_every_cookie_is_secure_and_bound_to_the_host(public: Console) -> None:
    client = public.stranger()
    seen = set()
    for address in addresses(public.app, "GET"):
        for cookie in client.get(address.path, base_url=BASE).headers.getlist("Set-Cookie"):
            name, _, rest = cookie.partition("=")
            attributes = {part.strip().lower() for part in rest.split(";")[1:]}
            seen.add(name)
            # A cookie that is deleted carries nothing.
            if rest.startswith(";"):
                continue
            assert name.startswith("__Host-"), str(address)
            assert {"secure", "httponly", "path=/", "samesite=lax"} <= attributes, (str(address), cookie)
            assert not any(attribute.startswith("domain") for attribute in attributes), (str(address), cookie)
    assert seen == {"__Host-infoline"}


def test_every_response_says_to_use_tls_only(public: Console) -> None:
    for address in addresses(public.app, "GET", "POST"):
        answer = public.stranger().open(address.path, method=address.method, base_url=BASE)
        assert answer.headers["Strict-Transport-Security"].startswith("max-age=31536000"), str(address)


def test_a_line_on_this_machine_says_nothing_of_tls(console: Console) -> None:
    answer = console.stranger().get("/login")
    assert "Strict-Transport-Security" not in answer.headers
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("infoline=")
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


def test_no_page_that_needs_a_sign_in_opens_without_tls_cookies(public: Console) -> None:
    """A cookie of the name that a local line uses is no session."""
    key = public.browser("admin").client.get_cookie("infoline", domain="localhost")
    for address in addresses(public.app, "GET"):
        if public.app.extensions["console_gate"].access[address.endpoint] != ANYONE:
            client = public.stranger()
            client.set_cookie("infoline", key.value if key else "made-up", domain="line.example.org")
            assert client.get(address.path, base_url=BASE).status_code == 302, str(address)
