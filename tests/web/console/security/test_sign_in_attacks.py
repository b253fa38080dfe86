"""Guessing names, passwords and codes, stolen cookies, and what of it is recorded."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask.testing import FlaskClient
from flask_security import hash_password
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from ivr.ledger.tables import audit_entry, console_user
from ivr.staff.sign_in_limit import MAX_BY_ADDRESS, MAX_BY_NAME
from ivr.staff.users import Role, accept_invitation, add_user
from tests.support.clinic import NOW
from tests.web.console.conftest import TOKEN, Console

EMAIL, PASSWORD = "rosa@example.org", "four plain old words"
WRONG = "other plain old words"
# Flask-Security does not follow WTForms yet: https://wtforms.readthedocs.io/en/stable/changes/
pytestmark = pytest.mark.filterwarnings("ignore:Passing SelectField choices as tuples:DeprecationWarning")
KINDS_OF_USERS = ("unknown", "active", "disabled", "invited", "of the provider")


@dataclass
class Work:
    """How often a password was hashed or compared, and with which parameters."""

    done: list[str] = field(default_factory=list)


@pytest.fixture
def work(console: Console) -> Iterator[Work]:
    """Counts what takes the time of a sign-in."""
    import argon2.low_level

    work = Work()
    hash_secret, verify_secret = argon2.low_level.hash_secret, argon2.low_level.verify_secret
    with pytest.MonkeyPatch.context() as patch:

        def hashed(*arguments: Any, **options: Any) -> bytes:
            result = hash_secret(*arguments, **options)
            work.done.append(result.rpartition(b"$")[0].rpartition(b"$")[0].decode())
            return result

        def verified(hash: bytes, *arguments: Any, **options: Any) -> bool:
            work.done.append(hash.rpartition(b"$")[0].rpartition(b"$")[0].decode())
            return verify_secret(hash, *arguments, **options)

        for module in ("argon2.low_level", "argon2._password_hasher", "argon2"):
            patch.setattr(f"{module}.hash_secret", hashed, raising=False)
            patch.setattr(f"{module}.verify_secret", verified, raising=False)
        yield work


@pytest.fixture
def rosa(console: Console) -> int:
    """The id of a user with a password and an authenticator app."""
    return add_rosa(console)


def add_rosa(console: Console, kind: str = "active") -> int:
    with console.app.test_request_context(), console.services.ledger.write() as connection:
        invitation = add_user(connection, EMAIL, "Rosa Example", Role.OPERATOR, NOW)
        if kind != "invited":
            accept_invitation(connection, invitation.token, hash_password(PASSWORD), NOW)
        secret = console.app.extensions["security"]._totp_factory.generate_totp_secret()
        values: dict[str, Any] = {"second_factor": "authenticator", "totp_secret": secret}
        more = {"disabled": {"active": False}, "of the provider": {"password": None}}.get(kind, {})
        connection.execute(update(console_user).values(**values, **more))
    return invitation.user.id


def code(console: Console) -> str:
    """What Rosa's authenticator app shows."""
    with console.services.ledger.read() as connection:
        secret = connection.execute(
            select(console_user.c.totp_secret).where(console_user.c.email == EMAIL)
        ).scalar_one()
    return str(console.app.extensions["security"]._totp_factory.generate_totp_password(secret))


def send(client: FlaskClient, path: str, address: str = "192.0.2.1", **fields: str) -> TestResponse:
    """Send the form of a page."""
    token = TOKEN.search(client.get(path).get_data(as_text=True))
    assert token, path
    return client.post(path, data={"csrf_token": token[1], **fields}, environ_overrides={"REMOTE_ADDR": address})


def sign_in(
    client: FlaskClient,
    email: str = EMAIL,
    password: str = PASSWORD,
    address: str = "192.0.2.1",
    page: str = "/login",
) -> Any:
    return send(client, page, address, email=email, password=password)


def failures(console: Console) -> list[int | None]:
    with console.services.ledger.read() as connection:
        kind = audit_entry.c.kind == "sign_in_failed"
        rows = connection.execute(select(audit_entry.c.details).where(kind).order_by(audit_entry.c.id)).scalars()
        return [json.loads(details)["user"] for details in rows]


@pytest.mark.parametrize("kind", KINDS_OF_USERS)
def test_a_wrong_password_gets_the_same_words_and_work_whoever_it_is(console: Console, work: Work, kind: str) -> None:
    reference = answer_of(console.stranger(), "nobody@example.org")
    (of_unknown,) = work.done
    if kind != "unknown":
        add_rosa(console, kind)
    work.done.clear()
    assert answer_of(console.stranger(), EMAIL) == reference
    # One computation, with the same parameters: memory, time and lanes.
    assert work.done == [of_unknown]


def answer_of(client: FlaskClient, email: str) -> tuple[int, list[str], str]:
    """A response without what differs in each: its token, and the address that was typed."""
    answer = sign_in(client, email, WRONG)
    page = re.sub(r"(csrf_token\"[^>]*value=\")[^\"]+", r"\1", answer.get_data(as_text=True))
    page = re.sub(r"X-CSRFToken\": \"[^\"]+", "", page)
    assert "wrong" in page
    return answer.status_code, sorted(answer.headers.keys()), page.replace(email, "")


def test_a_right_password_opens_nothing_without_the_second_factor(console: Console, rosa: int) -> None:
    client = console.stranger()
    assert sign_in(client).status_code == 302
    for path in ("/", "/account", "/settings"):
        assert client.get(path).location.startswith("/login"), path
    assert send(client, "/tf-validate", code="000000").status_code == 200
    assert client.get("/").status_code == 302
    assert send(client, "/tf-validate", code=code(console)).status_code == 302
    assert client.get("/").status_code == 200


def test_a_cookie_from_between_the_two_steps_opens_nothing_after_the_sign_in(console: Console, rosa: int) -> None:
    victim, attacker = console.stranger(), console.stranger()
    sign_in(victim)
    half_way = victim.get_cookie("infoline")
    assert half_way
    send(victim, "/tf-validate", code=code(console))
    attacker.set_cookie("infoline", half_way.value)
    assert victim.get("/").status_code == 200
    assert attacker.get("/").status_code == 302


ENDINGS = ("sign out everywhere", "disabled", "invited again", "role changed")


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_stolen_cookie_ends_with_the_sessions_of_its_user(console: Console, ending: str) -> None:
    admin, browser, thief = console.browser("admin"), console.browser("operator"), console.stranger()
    stolen = browser.client.get_cookie("infoline")
    assert stolen
    thief.set_cookie("infoline", stolen.value)
    assert thief.get("/").status_code == 200
    assert {
        "sign out everywhere": lambda: browser.post("/account/sign-out-everywhere"),
        "disabled": lambda: admin.post("/settings/users/2/active", {"active": "no"}),
        "invited again": lambda: admin.post("/settings/users/2/invite"),
        "role changed": lambda: admin.post("/settings/users/2/role", {"role": "scheduler"}),
    }[ending]().status_code in (200, 302, 303)
    assert thief.get("/").status_code == 302


def test_a_name_is_locked_after_five_failures_whatever_address_they_come_from(console: Console, rosa: int) -> None:
    for number in range(MAX_BY_NAME):
        assert sign_in(console.stranger(), password=WRONG, address=f"192.0.2.{number}").status_code == 200
    assert sign_in(console.stranger(), address="192.0.2.99").status_code == 429
    assert sign_in(console.stranger(), email=f" {EMAIL.upper()} ", address="192.0.2.99").status_code == 429
    assert sign_in(console.stranger(), email="nobody@example.org", password=WRONG).status_code == 200


def test_an_address_is_locked_after_fifty_failures_whatever_names_they_are_of(
    console: Console, rosa: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Fifty hashes take seconds, and do not matter here.
    monkeypatch.setattr("flask_security.forms.hash_password", lambda _password: "")
    for number in range(MAX_BY_ADDRESS):
        answer = sign_in(console.stranger(), f"user{number}@example.org", WRONG)
        assert answer.status_code == 200, number
    assert sign_in(console.stranger()).status_code == 429
    assert sign_in(console.stranger(), address="192.0.2.2").status_code == 302
    # A header that anybody can send does not make it another address.
    client = console.stranger()
    token = TOKEN.search(client.get("/login").get_data(as_text=True))
    assert token
    forged = client.post(
        "/login",
        data={"csrf_token": token[1], "email": EMAIL, "password": PASSWORD},
        headers={"X-Forwarded-For": "198.51.100.7"},
        environ_overrides={"REMOTE_ADDR": "192.0.2.1"},
    )
    assert forged.status_code == 429


CODE_FORMS = ("/tf-validate", "/mf-recovery")


@pytest.mark.parametrize("path", CODE_FORMS)
def test_guesses_of_a_code_are_locked_and_recorded_with_the_user(console: Console, rosa: int, path: str) -> None:
    client = console.stranger()
    sign_in(client)
    for _ in range(MAX_BY_NAME):
        assert send(client, path, code="123456").status_code == 200
    assert failures(console) == [rosa] * MAX_BY_NAME
    assert send(client, path, code=code(console)).status_code == 429
    # Nor does the password start anew.
    assert sign_in(console.stranger()).status_code == 429


PASSWORD_FORMS = (
    ("/verify", {"password": WRONG}),
    (
        "/change",
        {"password": WRONG, "new_password": "five other plain words", "new_password_confirm": "five other plain words"},
    ),
)


@pytest.mark.parametrize(("path", "form"), PASSWORD_FORMS, ids=[path for path, _ in PASSWORD_FORMS])
def test_guesses_of_the_password_in_an_open_session_are_locked_and_recorded(
    console: Console, path: str, form: dict[str, str]
) -> None:
    browser = console.browser("operator")
    with console.app.test_request_context(), console.services.ledger.write() as connection:
        connection.execute(update(console_user).values(password=hash_password(PASSWORD)))
    for number in range(MAX_BY_NAME):
        assert browser.post(path, form).status_code == 200, number
    assert failures(console) == [1] * MAX_BY_NAME
    assert browser.post(path, {**form, "password": PASSWORD}).status_code == 429


def test_failures_are_recorded_with_the_user_if_there_is_one(console: Console, rosa: int) -> None:
    sign_in(console.stranger(), "nobody@example.org", WRONG)
    sign_in(console.stranger(), EMAIL, WRONG)
    assert failures(console) == [None, rosa]
    with console.services.ledger.read() as connection:
        entries = str(connection.execute(audit_entry.select()).all())
    assert "nobody" not in entries
    assert "rosa" not in entries
