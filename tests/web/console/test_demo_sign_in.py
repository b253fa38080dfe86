"""The made-up users of a local line, who have no phone for a second factor."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from ivr import clock, create_app
from ivr.demo.sign_ins import add_users, let_users_in
from ivr.ledger.tables import console_user
from ivr.settings import load
from ivr.web.console.app import create_console
from tests.support.clinic import NOW, Clinic
from tests.web.console.conftest import TOKEN, Console

PASSWORD = "cedar-birch-amber-1234"
EMAIL = "scheduler@example.org"


def console_with(monkeypatch: pytest.MonkeyPatch, demo: str) -> Console:
    monkeypatch.setenv("DEMO_SIGN_IN", demo)
    monkeypatch.setattr(clock, "unshifted_now", lambda: NOW)
    services = create_app(load(), doors="twilio").extensions["infoline"]
    with services.ledger.write() as connection:
        add_users(connection, NOW)
        let_users_in(connection, PASSWORD, NOW)
    return Console(create_console(services), services)


def destination(console: Console, email: str, password: str = PASSWORD) -> str:
    """Where a sign-in with a password leads; "" if it is refused."""
    client = console.stranger()
    found = TOKEN.search(client.get("/login").get_data(as_text=True))
    assert found
    form = {"csrf_token": found[1], "email": email, "password": password}
    return client.post("/login", data=form).headers.get("Location", "")


@pytest.mark.parametrize("email", [EMAIL, "operator@example.org", "admin@example.org"])
def test_a_made_up_user_signs_in_with_a_password_alone(
    clinic_for_commands: Clinic, monkeypatch: pytest.MonkeyPatch, email: str
) -> None:
    console = console_with(monkeypatch, "1")
    assert "tf" not in destination(console, email)
    assert destination(console, email) != ""
    assert destination(console, email, "another-password-1") == ""


def test_without_the_setting_a_made_up_user_needs_the_second_factor(
    clinic_for_commands: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "tf" in destination(console_with(monkeypatch, "0"), EMAIL)


@pytest.mark.parametrize(
    "values",
    [{"email": "rosa@hospital.example"}, {"email": "rosa@notexample.org"}, {"second_factor": "authenticator"}],
    ids=str,
)
def test_every_other_user_of_a_local_line_needs_it(
    clinic_for_commands: Clinic, monkeypatch: pytest.MonkeyPatch, values: dict[str, str]
) -> None:
    console = console_with(monkeypatch, "1")
    with console.services.ledger.write() as connection:
        if "second_factor" in values:
            values = {**values, "totp_secret": "x"}
        connection.execute(update(console_user).where(console_user.c.email == EMAIL).values(**values))
    assert "tf" in destination(console, values.get("email", EMAIL))
