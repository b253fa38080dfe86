"""The forms of the sign-in say what is wrong beside the field too, and their summary links to that field."""

from __future__ import annotations

import re

import pytest
from flask_security import hash_password
from sqlalchemy import update

from ivr.ledger.tables import console_user
from ivr.staff.users import invite
from tests.support.clinic import NOW
from tests.web.console.conftest import Console
from tests.web.console.security.test_sign_in_attacks import PASSWORD, WRONG, add_rosa, send, sign_in

# Flask-Security does not follow WTForms yet: https://wtforms.readthedocs.io/en/stable/changes/
pytestmark = pytest.mark.filterwarnings("ignore:Passing SelectField choices as tuples:DeprecationWarning")


def assert_error_beside(page: str, name: str, sentence: str) -> None:
    """The sentence is in the summary, as a link to the field, and beside the field, which names it."""
    assert f'<a href="#{name}">{sentence}' in page
    assert re.search(rf'<div class="field-error" id="{name}-error">{re.escape(sentence)}', page)
    field = re.search(rf'<input[^>]* id="{name}"[^>]*>', page)
    assert field
    assert 'aria-invalid="true"' in field[0]
    assert re.search(rf'aria-describedby="[^"]*{name}-error"', field[0])
    assert page.count("field-error") == 1


@pytest.mark.parametrize("is_known", [True, False])
def test_a_wrong_password_is_explained_beside_the_field(console: Console, is_known: bool) -> None:
    if is_known:
        add_rosa(console)
    page = sign_in(console.stranger(), password=WRONG).get_data(as_text=True)
    assert_error_beside(page, "email", "Email address or password is wrong.")


@pytest.mark.parametrize(
    ("path", "sentence"),
    [("/tf-validate", "This code is wrong or too old."), ("/mf-recovery", "This is not one of your unused recovery")],
)
def test_a_wrong_code_is_explained_beside_the_field(console: Console, path: str, sentence: str) -> None:
    add_rosa(console)
    client = console.stranger()
    sign_in(client)
    assert_error_beside(send(client, path, code="123456").get_data(as_text=True), "code", sentence)


@pytest.mark.parametrize(
    ("password", "again", "name", "sentence"),
    [
        ("short", "short", "password", "Use at least 12 characters."),
        ("aaaaaaaaaaaaaa", "aaaaaaaaaaaaaa", "password", "This password is easy to guess."),
        (PASSWORD, WRONG, "again", "The two passwords are not the same."),
    ],
)
def test_a_password_that_cannot_be_set_is_explained_beside_its_field(
    console: Console, password: str, again: str, name: str, sentence: str
) -> None:
    user_id = add_rosa(console, "invited")
    with console.services.ledger.write() as connection:
        token = invite(connection, user_id, NOW).token
    answer = send(console.stranger(), f"/welcome/{token}", password=password, again=again)
    assert_error_beside(answer.get_data(as_text=True), name, sentence)


def test_a_wrong_first_code_of_a_new_phone_is_explained_beside_the_field(console: Console) -> None:
    user_id = add_rosa(console, "invited")
    with console.services.ledger.write() as connection:
        token = invite(connection, user_id, NOW).token
    client = console.stranger()
    send(client, f"/welcome/{token}", password=PASSWORD, again=PASSWORD)
    with console.services.ledger.write() as connection:
        connection.execute(update(console_user).values(second_factor=None, totp_secret=None))
    sign_in(client)
    send(client, "/tf-setup", setup="authenticator")
    page = send(client, "/tf-validate", code="123456").get_data(as_text=True)
    assert_error_beside(page, "code", "This code is wrong or too old.")


def test_a_wrong_password_in_an_open_session_is_explained_beside_the_field(console: Console) -> None:
    browser = console.browser("operator")
    with console.app.test_request_context(), console.services.ledger.write() as connection:
        connection.execute(update(console_user).values(password=hash_password(PASSWORD)))
    page = browser.post("/verify", {"password": WRONG}).get_data(as_text=True)
    assert_error_beside(page, "password", "This is not your current password.")


def test_a_missing_file_is_marked_as_wrong(console: Console) -> None:
    page = console.browser("scheduler").post("/reminders/upload", {"upload": "1"}).get_data(as_text=True)
    assert_error_beside(page, "file", "Choose the file with your appointments.")
