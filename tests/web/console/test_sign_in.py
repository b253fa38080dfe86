"""Signing in at the hospital's OpenID Connect provider, and what a sign-in protects."""

from __future__ import annotations

import html
import json
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient
from joserfc.jwk import RSAKey
from sqlalchemy import select
from werkzeug.test import TestResponse

from ivr.ledger.tables import audit_entry, console_user
from ivr.staff.users import Role, add_user, set_active
from tests.support.clinic import NOW
from tests.support.oidc_provider import EMAIL, Provider
from tests.web.console.conftest import TOKEN, Console


@pytest.fixture
def console_with_provider(console_with_provider: Console) -> Console:
    """A console with a user who has no password."""
    with console_with_provider.services.ledger.write() as connection:
        add_user(connection, EMAIL, "Rosa Example", Role.OPERATOR, NOW)
    return console_with_provider


def sign_in(console: Console, provider: Provider) -> tuple[Any, Any]:
    """Go to the provider and come back. Returns the browser and the last response."""
    browser = console.stranger()
    return browser, sign_in_at_provider(browser, provider)


def sign_in_at_provider(browser: FlaskClient, provider: Provider, login: str = "/login") -> TestResponse:
    """Go from the sign-in page to the provider and come back. Returns the last response."""
    page = browser.get(login).get_data(as_text=True)
    form = re.search(r'action="([^"]*/sign-in/provider[^"]*)".*?name="csrf_token"[^>]*value="([^"]+)', page, re.DOTALL)
    assert form
    policy = browser.get("/login").headers["Content-Security-Policy"]
    assert f"form-action 'self' {provider.url}" in policy
    away = browser.post(html.unescape(form[1]), data={"csrf_token": form[2]})
    query = parse_qs(urlsplit(away.location).query)
    assert away.location.startswith(f"{provider.url}/authorize?")
    assert query["code_challenge_method"] == ["S256"]
    provider.nonce = query["nonce"][0]
    return browser.get(f"/sign-in/provider/return?code=c&state={query['state'][0]}")


def test_a_user_whom_the_provider_vouches_for_is_signed_in(console_with_provider: Console, provider: Provider) -> None:
    browser, back = sign_in(console_with_provider, provider)
    assert back.status_code == 302
    page = browser.get("/").get_data(as_text=True)
    assert "Rosa Example" in page
    assert provider.requests[0]["code_verifier"][0]


@pytest.mark.parametrize(
    "claims",
    [
        {"email": "nobody@example.org"},
        {"email_verified": False},
        {"email_verified": "true"},
        {"email": ""},
        {"aud": "another client"},
        {"iss": "https://another.example"},
        {"exp": 1},
        {"nonce": "replayed"},
    ],
    ids=lambda claims: " ".join(claims),
)
def test_a_token_that_proves_nothing_signs_nobody_in(
    console_with_provider: Console, provider: Provider, claims: dict[str, Any]
) -> None:
    provider.claims = claims
    browser, back = sign_in(console_with_provider, provider)
    assert back.status_code == 403
    assert "could not be signed in" in back.get_data(as_text=True)
    assert browser.get("/").status_code == 302


def test_a_token_with_another_signature_signs_nobody_in(console_with_provider: Console, provider: Provider) -> None:
    provider.signing_key = RSAKey.generate_key(2048, {"kid": "k1"})
    assert sign_in(console_with_provider, provider)[1].status_code == 403


def test_a_provider_that_does_not_answer_is_named_as_what_is_down(
    console_with_provider: Console, provider: Provider
) -> None:
    browser = console_with_provider.stranger()
    token = TOKEN.search(browser.get("/login").get_data(as_text=True))
    assert token is not None
    provider.close()
    answer = browser.post("/sign-in/provider", data={"csrf_token": token[1]})
    assert answer.status_code == 502
    assert "The sign-in of your hospital does not answer." in answer.get_data(as_text=True)


def test_a_disabled_user_is_not_signed_in(console_with_provider: Console, provider: Provider) -> None:
    with console_with_provider.services.ledger.write() as connection:
        user_id = connection.execute(console_user.select()).one().id
        set_active(connection, user_id, active=False)
    assert sign_in(console_with_provider, provider)[1].status_code == 403
    with console_with_provider.services.ledger.read() as connection:
        failed = connection.execute(select(audit_entry).where(audit_entry.c.kind == "sign_in_failed")).one()
    assert json.loads(failed.details) == {"user": user_id}


@pytest.mark.parametrize(
    ("is_trusted", "verified", "status"),
    [(False, None, 403), (True, None, 302), (True, False, 403)],
)
def test_an_address_that_the_provider_does_not_call_verified_counts_only_by_a_setting(
    request: pytest.FixtureRequest,
    provider: Provider,
    monkeypatch: pytest.MonkeyPatch,
    is_trusted: bool,
    verified: bool | None,
    status: int,
) -> None:
    monkeypatch.setenv("OIDC_TRUST_ADDRESSES", "1" if is_trusted else "0")
    provider.claims = {"email_verified": verified}
    assert sign_in(request.getfixturevalue("console_with_provider"), provider)[1].status_code == status


def test_an_answer_that_nobody_asked_for_signs_nobody_in(console_with_provider: Console) -> None:
    assert console_with_provider.stranger().get("/sign-in/provider/return?code=c&state=made-up").status_code == 403


def test_without_settings_there_is_no_other_way_to_sign_in(console: Console) -> None:
    browser = console.stranger()
    assert "hospital account" not in browser.get("/login").get_data(as_text=True)
    assert browser.get("/sign-in/provider/return?code=c&state=s").status_code == 404


def test_a_form_that_was_sent_after_the_session_ended_leads_back_to_its_page(console: Console) -> None:
    stranger = console.stranger()
    sent_from = {"Referer": "http://localhost/settings/users"}
    for path, headers, page in (
        ("/settings/users/1/role", sent_from, "/settings/users"),
        ("/settings/users/1/role", {"Referer": "https://evil.example/settings/users"}, "/settings/users/1"),
        ("/settings/users/add", {}, "/settings/users/add"),
    ):
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)', stranger.get("/login").get_data(as_text=True))
        assert token
        answer = stranger.post(path, data={"csrf_token": token[1]}, headers=headers)
        assert parse_qs(urlsplit(answer.location).query)["next"] == [page], path
