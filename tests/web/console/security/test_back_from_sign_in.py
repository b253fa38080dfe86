"""Where a sign-in leads, and what it keeps: the page that was asked for, the form that was sent, the language."""

from __future__ import annotations

import html
import re
from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient

from tests.support.oidc_provider import Provider
from tests.web.console.conftest import TOKEN, Console
from tests.web.console.security.test_sign_in_attacks import add_rosa, send, sign_in
from tests.web.console.test_sign_in import sign_in_at_provider

# Flask-Security does not follow WTForms yet: https://wtforms.readthedocs.io/en/stable/changes/
pytestmark = pytest.mark.filterwarnings("ignore:Passing SelectField choices as tuples:DeprecationWarning")
PAGE, WORDS = "/people?from=work", 'A7 & "Ann"'
RECOVERY_CODE = "kept-in-a-drawer"


@pytest.fixture
def console_with_provider(console_with_provider: Console) -> Console:
    """A console with a user, Rosa, who has no password."""
    add_rosa(console_with_provider, "of the provider")
    return console_with_provider


def send_too_late(console: Console) -> tuple[FlaskClient, str]:
    """Send a form of PAGE after the session has ended. Returns the browser, and the path of the sign-in page."""
    browser = console.browser("operator")
    token = browser.token()
    browser.client.delete_cookie("infoline")
    sent = {"wanted": WORDS, "csrf_token": token}
    answer = browser.client.post("/people", data=sent, headers={"Referer": f"http://localhost{PAGE}"})
    assert answer.status_code == 302
    return browser.client, answer.location


def shown_words(browser: FlaskClient, path: str) -> list[str]:
    answer = browser.get(path)
    assert answer.status_code == 200, path
    found = re.search(r'id="wanted" name="wanted"[^>]* value="([^"]*)"', answer.get_data(as_text=True))
    assert found
    return [html.unescape(word) for word in found.groups()]


def test_a_form_that_was_sent_too_late_is_there_again_after_a_sign_in_at_the_hospital(
    console_with_provider: Console, provider: Provider
) -> None:
    browser, login = send_too_late(console_with_provider)
    assert "What you typed is kept" in browser.get(login).get_data(as_text=True)
    back = sign_in_at_provider(browser, provider, login)
    assert back.location == "/people"
    assert shown_words(browser, back.location) == [WORDS]
    # Once.
    assert shown_words(browser, back.location) == [""]


def test_a_sign_in_at_the_hospital_leads_to_the_page_that_was_asked_for(
    console_with_provider: Console, provider: Provider
) -> None:
    browser = console_with_provider.stranger()
    login = browser.get(PAGE).location
    assert sign_in_at_provider(browser, provider, login).location == PAGE


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/",
        "//evil.example/",
        "///evil.example/",
        "/\\evil.example/",
        "\\\\evil.example/",
        "/\t/evil.example/",
        "\x19//evil.example/",
        "javascript:alert(1)",
        "//[",
        "evil",
    ],
)
def test_a_sign_in_at_the_hospital_leads_to_no_other_site(
    console_with_provider: Console, provider: Provider, elsewhere: str
) -> None:
    browser = console_with_provider.stranger()
    token = TOKEN.search(browser.get("/login").get_data(as_text=True))
    assert token
    away = browser.post("/sign-in/provider", query_string={"next": elsewhere}, data={"csrf_token": token[1]})
    query = parse_qs(urlsplit(away.location).query)
    provider.nonce = query["nonce"][0]
    assert browser.get(f"/sign-in/provider/return?code=c&state={query['state'][0]}").location == "/"


def test_the_page_of_an_earlier_attempt_is_forgotten(console_with_provider: Console, provider: Provider) -> None:
    browser = console_with_provider.stranger()
    login = browser.get(PAGE).location
    token = TOKEN.search(browser.get(login).get_data(as_text=True))
    assert token
    browser.post("/sign-in/provider", query_string={"next": PAGE}, data={"csrf_token": token[1]})
    assert sign_in_at_provider(browser, provider).location == "/"


def test_a_refused_sign_in_at_the_hospital_can_be_repeated_without_losing_the_page(
    console_with_provider: Console, provider: Provider
) -> None:
    browser, login = send_too_late(console_with_provider)
    provider.claims = {"email_verified": False}
    refused = sign_in_at_provider(browser, provider, login).get_data(as_text=True)
    assert f'href="{login}"' in refused
    provider.claims = {}
    back = sign_in_at_provider(browser, provider, login)
    assert shown_words(browser, back.location) == [WORDS]


def test_a_language_chosen_before_a_sign_in_at_the_hospital_stays(
    console_with_provider: Console, provider: Provider
) -> None:
    browser = console_with_provider.stranger()
    back = sign_in_at_provider(browser, provider, "/login?language=es")
    assert '<html lang="es">' in browser.get(back.location).get_data(as_text=True)


def test_a_recovery_code_leads_to_the_page_that_was_asked_for(console: Console) -> None:
    add_rosa(console)
    datastore = console.app.extensions["security"].datastore
    user = datastore.find_user(email="rosa@example.org")
    user.mf_recovery_codes = [RECOVERY_CODE]
    datastore.put(user)
    browser, login = send_too_late(console)
    second_step = sign_in(browser, page=login).location
    link = re.search(r'href="([^"]*mf-recovery[^"]*)"', browser.get(second_step).get_data(as_text=True))
    assert link
    wrong = send(browser, link[1], code="not it").get_data(as_text=True)
    action = re.search(r'action="([^"]*mf-recovery[^"]*)"', wrong)
    assert action
    answer = send(browser, action[1], code=RECOVERY_CODE)
    assert answer.location == "/people"
    assert shown_words(browser, answer.location) == [WORDS]
