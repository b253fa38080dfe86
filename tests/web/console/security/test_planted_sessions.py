"""Session fixation: a session that was planted in a browser is worth nothing after its owner has signed in."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import pytest
from flask.testing import FlaskClient
from passlib.totp import TOTP

from ivr.ledger.tables import console_user
from ivr.staff.users import invite
from tests.support.clinic import NOW
from tests.support.oidc_provider import Provider
from tests.web.console.conftest import TOKEN, Console
from tests.web.console.security.test_sign_in_attacks import EMAIL, PASSWORD, add_rosa, code, send, sign_in
from tests.web.console.test_sign_in import sign_in_at_provider

# Flask-Security does not follow WTForms yet: https://wtforms.readthedocs.io/en/stable/changes/
pytestmark = pytest.mark.filterwarnings("ignore:Passing SelectField choices as tuples:DeprecationWarning")
RECOVERY_CODE = "kept-in-a-drawer"


def by_app(console: Console, client: FlaskClient, _provider: Provider) -> None:
    sign_in(client)
    send(client, "/tf-validate", code=code(console))


def by_recovery_code(console: Console, client: FlaskClient, _provider: Provider) -> None:
    datastore = console.app.extensions["security"].datastore
    user = datastore.find_user(email=EMAIL)
    user.mf_recovery_codes = [RECOVERY_CODE]
    datastore.put(user)
    sign_in(client)
    send(client, "/mf-recovery", code=RECOVERY_CODE)


def by_invitation(console: Console, client: FlaskClient, _provider: Provider) -> None:
    """The first sign-in, with a one-time link and a new authenticator app."""
    with console.services.ledger.write() as connection:
        user_id = connection.execute(console_user.select()).one().id
        token = invite(connection, user_id, NOW).token
    send(client, f"/welcome/{token}", password=PASSWORD, again=PASSWORD)
    sign_in(client)
    page = send(client, "/tf-setup", setup="authenticator").get_data(as_text=True)
    key = re.search(r'class="totp-key">([^<]+)<', page)
    assert key
    send(client, "/tf-validate", code=str(TOTP(key[1], format="base32").generate().token))


def by_provider(_console: Console, client: FlaskClient, provider: Provider) -> None:
    sign_in_at_provider(client, provider)


WAYS: Mapping[str, Callable[[Console, FlaskClient, Provider], None]] = {
    "an authenticator app": by_app,
    "a recovery code": by_recovery_code,
    "an invitation": by_invitation,
    "the account of the hospital": by_provider,
}


@pytest.mark.parametrize("way", WAYS)
def test_a_session_planted_before_a_sign_in_is_worth_nothing_after_it(
    console_with_provider: Console, provider: Provider, way: str
) -> None:
    console = console_with_provider
    add_rosa(console)
    victim, attacker = console.stranger(), console.stranger()
    known_token = TOKEN.search(attacker.get("/login").get_data(as_text=True))
    planted = attacker.get_cookie("infoline")
    assert known_token
    assert planted
    victim.set_cookie("infoline", planted.value)
    WAYS[way](console, victim, provider)

    assert victim.get("/account").status_code == 200
    signed_in = victim.get_cookie("infoline")
    assert signed_in
    assert signed_in.value != planted.value
    assert attacker.get("/account").status_code == 302
    # Nor can the attacker send forms in the name of the victim.
    form = {"language": "es", "csrf_token": known_token[1]}
    assert victim.post("/account/language", data=form).status_code == 400
