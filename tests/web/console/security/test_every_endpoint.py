"""What holds for every endpoint, driven by the app's own list of them."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from flask.testing import FlaskClient

from ivr.staff.users import Role
from ivr.web.console.access import ANYONE, STATIC
from ivr.web.console.app import MAX_FIELDS_BYTES, MAX_UPLOAD
from tests.web.console.conftest import Browser, Console
from tests.web.console.security.support import UNUSED, addresses, rows_of

EVIL = ("https://evil.example/", "//evil.example", "/\\evil.example", "\\\\evil.example", "javascript:alert(1)")
# Returns from the provider, which is another site, and needs one that is set up: tests/web/console/test_sign_in.py.
TO_PROVIDER = {"sign_in.oidc_start"}
ENDS_SESSION = {"security.logout", "account.sign_out_everywhere"}
CHANGES_SESSION = ("security.", "sign_in.", "account.")
INLINE = re.compile(r"<style|<script(?![^>]* src=)|\sstyle=|\son[a-z]+=\s*[\"']", re.IGNORECASE)
SIGN_IN = "/login?next="
# What shows nothing in the console of `full_console`: it leads to another page, or needs a provider or a recording that
# collided with another.
WITHOUT_PAGE = {
    *("reminders.progress", "sign_in.oidc_return"),
    *("prompts.both_recordings", "prompts.kept_sound"),
}
# Flask-Security does not follow WTForms yet: https://wtforms.readthedocs.io/en/stable/changes/
pytestmark = pytest.mark.filterwarnings("ignore:Passing SelectField choices as tuples:DeprecationWarning")


def may(console: Console, endpoint: str) -> frozenset[str]:
    return console.app.extensions["console_gate"].access[endpoint]


def test_every_endpoint_is_in_the_table_of_access(console: Console) -> None:
    endpoints = {rule.endpoint for rule in console.app.url_map.iter_rules()}
    assert endpoints - console.app.extensions["console_gate"].access.keys() == UNUSED


@pytest.mark.parametrize("role", list(Role))
def test_a_role_opens_exactly_the_endpoints_of_the_table(full_console: Console, role: Role) -> None:
    client = full_console.browser(role).client
    for address in addresses(full_console.app, "GET", "POST"):
        allowed = may(full_console, address.endpoint)
        if allowed == ANYONE:
            continue
        answer = client.open(address.path, method=address.method)
        is_refused = answer.status_code == 403
        assert is_refused == (role not in allowed), (str(address), answer.status_code)
        # What the role includes does not ask to sign in again.
        assert not (answer.location or "").startswith(SIGN_IN), str(address)


def test_a_stranger_is_asked_to_sign_in_by_every_endpoint_that_needs_it(full_console: Console) -> None:
    before = rows_of(full_console)
    for address in addresses(full_console.app, "GET", "POST"):
        if may(full_console, address.endpoint) != ANYONE:
            answer = full_console.stranger().open(address.path, method=address.method)
            assert answer.status_code == 302, (str(address), answer.status_code)
            assert answer.location.startswith(SIGN_IN), str(address)
    assert rows_of(full_console) == before


@pytest.mark.parametrize("change", ["role", "active"])
@pytest.mark.parametrize("role", list(Role))
def test_a_changed_role_or_a_disabled_user_opens_nothing_with_the_old_session(
    full_console: Console, role: Role, change: str
) -> None:
    admin, browser = full_console.browser("admin"), full_console.browser(role)
    assert browser.get("/account").status_code == 200
    fields = {"role": "scheduler", "active": "no"}
    assert admin.post(f"/settings/users/{browser.user_id}/{change}", fields).status_code == 303
    for address in addresses(full_console.app, "GET"):
        if may(full_console, address.endpoint) != ANYONE:
            assert (browser.get(address.path).location or "").startswith(SIGN_IN), str(address)


def test_no_form_is_taken_without_its_token_or_with_that_of_another_session(full_console: Console) -> None:
    admin, other = full_console.browser("admin"), full_console.browser("admin")
    foreign = other.token()
    before = rows_of(full_console)
    forms = addresses(full_console.app, "POST")
    assert len(forms) > 30
    for address in forms:
        for fields in ({}, {"csrf_token": ""}, {"csrf_token": "made-up"}, {"csrf_token": foreign}):
            answer = admin.client.post(address.path, data=fields)
            assert answer.status_code == 400, (str(address), fields, answer.status_code)
        answer = full_console.stranger().post(address.path, headers={"X-CSRFToken": foreign})
        assert answer.status_code in (302, 400), (str(address), answer.status_code)
    assert rows_of(full_console) == before


def test_no_form_is_taken_that_another_site_sent(full_console: Console) -> None:
    """Of a public line, whose pages are reached through TLS: the browser says where a form comes from."""
    admin = full_console.browser("admin")
    token = admin.token()
    for address in addresses(full_console.app, "POST"):
        answer = admin.client.post(
            address.path,
            data={"csrf_token": token},
            base_url="https://localhost",
            headers={"Referer": "https://evil.example/"},
        )
        assert answer.status_code == 400, (str(address), answer.status_code)


@pytest.mark.parametrize("evil", EVIL)
def test_no_endpoint_redirects_to_another_site(full_console: Console, evil: str) -> None:
    """Of forms without their fields; test_extra_fields.py sends the same to forms that are taken."""
    fields = {name: evil for name in ("next", "back", "url", "return_to", "continue")}
    signed_in: Browser | None = None
    token = ""
    for address in addresses(full_console.app, "GET", "POST"):
        # All that read such a field get every address, the others the plainest one.
        reads_it = address.endpoint.startswith(("security.", "people.show_number"))
        if address.endpoint in TO_PROVIDER | STATIC or not (reads_it or evil == EVIL[0]):
            continue
        if signed_in is None or address.endpoint.startswith(CHANGES_SESSION):
            signed_in = full_console.browser("admin")
            token = signed_in.token()
        data = {"csrf_token": token, **fields} if address.method == "POST" else None
        for client in (signed_in.client, full_console.stranger()):
            answer = client.open(address.path, method=address.method, query_string=fields, data=data)
            is_asked_to_sign_in = (answer.location or "").startswith(SIGN_IN)
            assert client is not signed_in.client or not is_asked_to_sign_in, str(address)
            for name in ("Location", "HX-Redirect", "Refresh"):
                where = answer.headers.get(name, "")
                assert urlsplit(where).netloc in ("", "localhost"), (str(address), where)
                assert not where.startswith(("//", "/\\", "\\", "javascript:")), (str(address), where)
        if address.endpoint.startswith(CHANGES_SESSION):
            signed_in = None


def between_steps(console: Console) -> FlaskClient:
    """A browser in which somebody has entered a password, and not yet the code."""
    client = console.browser("admin").client
    with client.session_transaction() as session:
        key = session["_user_id"]
        session.clear()
        session.update({"tf_user_id": key, "tf_state": "ready"})
    return client


VISITORS: dict[str, Callable[[Console], FlaskClient]] = {
    "signed in": lambda console: console.browser("admin").client,
    "between the steps of a sign-in": between_steps,
    "stranger": Console.stranger,
}


def test_every_response_has_the_headers_that_protect_it_and_no_page_has_anything_inline(full_console: Console) -> None:
    endpoints, shown = set(), set()
    for visitor in VISITORS.values():
        for address in addresses(full_console.app, "GET"):
            answer = visitor(full_console).get(address.path)
            policy = answer.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy, str(address)
            assert "frame-ancestors 'none'" in policy, str(address)
            assert "unsafe" not in policy, str(address)
            assert "*" not in policy, str(address)
            assert answer.headers["X-Content-Type-Options"] == "nosniff", str(address)
            assert answer.headers["Referrer-Policy"] == "same-origin", str(address)
            if address.endpoint not in STATIC:
                assert answer.headers["Cache-Control"] == "no-store", str(address)
            if answer.mimetype == "text/html":
                found = INLINE.search(html.unescape(answer.get_data(as_text=True)))
                assert found is None, (str(address), found and found[0])
                # The marks of a command in a terminal; on pages, it is code.
                assert "`" not in answer.text, str(address)
            assert answer.status_code < 400 or address.endpoint in WITHOUT_PAGE, (str(address), answer.status_code)
            endpoints.add(address.endpoint)
            if answer.status_code == 200:
                shown.add(address.endpoint)
    assert endpoints - shown == WITHOUT_PAGE


def test_a_body_that_is_too_large_is_refused_by_every_form(full_console: Console) -> None:
    """Before the rest of it is read: the length is announced."""
    client = full_console.browser("admin").client
    for address in addresses(full_console.app, "POST"):
        announced = {"CONTENT_LENGTH": str(MAX_UPLOAD + MAX_FIELDS_BYTES + 1)}
        answer = client.post(
            address.path, content_type="application/x-www-form-urlencoded", environ_overrides=announced
        )
        assert answer.status_code == 413, (str(address), answer.status_code)


def test_fields_that_are_too_large_are_refused_by_every_form(full_console: Console) -> None:
    client = full_console.browser("admin").client
    fields = {"note": "x" * (MAX_FIELDS_BYTES + 1)}
    for address in addresses(full_console.app, "POST"):
        answer = client.post(address.path, data=fields)
        assert answer.status_code in (400, 413), (str(address), answer.status_code)
