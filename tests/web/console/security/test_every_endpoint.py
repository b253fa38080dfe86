"""What holds for every endpoint, driven by the app's own list of them."""

from __future__ import annotations

import html
import re
from urllib.parse import urlsplit

import pytest

from ivr.staff.users import Role
from ivr.web.console.access import ANYONE, STATIC
from ivr.web.console.app import MAX_FIELDS_BYTES, MAX_UPLOAD
from tests.support.clinic import at, row
from tests.web.console.conftest import Console
from tests.web.console.security.support import addresses, rows_of

EVIL = ("https://evil.example/", "//evil.example", "/\\evil.example", "\\\\evil.example", "javascript:alert(1)")
# Returns from the provider, which is another site, and needs one that is set up: tests/web/console/test_sign_in.py.
TO_PROVIDER = {"sign_in.oidc_start"}
ENDS_SESSION = {"security.logout", "account.sign_out_everywhere"}
INLINE = re.compile(r"<style|<script(?![^>]* src=)|\sstyle=|\son[a-z]+=\s*[\"']", re.IGNORECASE)
SIGN_IN = "/login?next="


@pytest.fixture
def console(console, clinic_for_commands) -> Console:
    clinic_for_commands.import_rows(row(1, at(10)), row(2, at(11)))
    return console


def may(console: Console, endpoint: str) -> frozenset[str]:
    return console.app.extensions["console_gate"].access[endpoint]


@pytest.mark.parametrize("role", list(Role))
def test_a_role_opens_exactly_the_endpoints_of_the_table(console: Console, role: Role) -> None:
    client = console.browser(role).client
    for address in addresses(console.app, "GET", "POST"):
        allowed = may(console, address.endpoint)
        if allowed == ANYONE:
            continue
        answer = client.open(address.path, method=address.method)
        is_refused = answer.status_code == 403
        assert is_refused == (role not in allowed), (str(address), answer.status_code)
        # What the role includes does not ask to sign in again.
        assert not (answer.location or "").startswith(SIGN_IN), str(address)


def test_a_stranger_is_asked_to_sign_in_by_every_endpoint_that_needs_it(console: Console) -> None:
    before = rows_of(console)
    for address in addresses(console.app, "GET", "POST"):
        if may(console, address.endpoint) != ANYONE:
            answer = console.stranger().open(address.path, method=address.method)
            assert answer.status_code == 302, (str(address), answer.status_code)
            assert answer.location.startswith(SIGN_IN), str(address)
    assert rows_of(console) == before


@pytest.mark.parametrize("role", list(Role))
def test_a_changed_role_or_a_disabled_user_opens_nothing_with_the_old_session(console: Console, role: Role) -> None:
    admin, browser = console.browser("admin"), console.browser(role)
    assert browser.get("/account").status_code == 200
    assert admin.post("/settings/users/2/role", {"role": "scheduler"}).status_code == 303
    for address in addresses(console.app, "GET"):
        if may(console, address.endpoint) != ANYONE:
            assert browser.get(address.path).location.startswith(SIGN_IN), str(address)


def test_no_form_is_taken_without_its_token_or_with_that_of_another_session(console: Console) -> None:
    admin, other = console.browser("admin"), console.browser("admin")
    foreign = other.token()
    before = rows_of(console)
    forms = addresses(console.app, "POST")
    assert len(forms) > 30
    for address in forms:
        for fields in ({}, {"csrf_token": ""}, {"csrf_token": "made-up"}, {"csrf_token": foreign}):
            answer = admin.client.post(address.path, data=fields)
            assert answer.status_code == 400, (str(address), fields, answer.status_code)
        answer = console.stranger().post(address.path, headers={"X-CSRFToken": foreign})
        assert answer.status_code in (302, 400), (str(address), answer.status_code)
    assert rows_of(console) == before


def test_no_form_is_taken_that_another_site_sent(console: Console) -> None:
    """Of a public line, whose pages are reached through TLS: the browser says where a form comes from."""
    admin = console.browser("admin")
    token = admin.token()
    for address in addresses(console.app, "POST"):
        answer = admin.client.post(
            address.path,
            data={"csrf_token": token},
            base_url="https://localhost",
            headers={"Referer": "https://evil.example/"},
        )
        assert answer.status_code == 400, (str(address), answer.status_code)


@pytest.mark.parametrize("evil", EVIL)
def test_no_endpoint_redirects_to_another_site(console: Console, evil: str) -> None:
    signed_in, stranger = console.browser("admin"), console.stranger()
    token = signed_in.token()
    fields = {name: evil for name in ("next", "back", "url", "return_to", "continue")}
    for address in addresses(console.app, "GET", "POST"):
        # All that read such a field get every address, the others the plainest one.
        reads_it = address.endpoint.startswith(("security.", "people.show_number"))
        if address.endpoint in TO_PROVIDER | STATIC or not (reads_it or evil == EVIL[0]):
            continue
        if address.endpoint in ENDS_SESSION:
            signed_in = console.browser("admin")
            token = signed_in.token()
        for client in (signed_in.client, stranger):
            data = {"csrf_token": token, **fields} if address.method == "POST" else None
            answer = client.open(address.path, method=address.method, query_string=fields, data=data)
            for name in ("Location", "HX-Redirect", "Refresh"):
                where = answer.headers.get(name, "")
                assert urlsplit(where).netloc in ("", "localhost"), (str(address), where)
                assert not where.startswith(("//", "/\\", "\\", "javascript:")), (str(address), where)
        if address.endpoint in ENDS_SESSION:
            signed_in = console.browser("admin")
            token = signed_in.token()


def test_every_response_has_the_headers_that_protect_it_and_no_page_has_anything_inline(console: Console) -> None:
    for client in (console.browser("admin").client, console.stranger()):
        for address in addresses(console.app, "GET"):
            answer = client.get(address.path)
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


def test_a_body_that_is_too_large_is_refused_by_every_form(console: Console) -> None:
    """Before the rest of it is read: the length is announced."""
    client = console.browser("admin").client
    for address in addresses(console.app, "POST"):
        announced = {"CONTENT_LENGTH": str(MAX_UPLOAD + MAX_FIELDS_BYTES + 1)}
        answer = client.post(
            address.path, content_type="application/x-www-form-urlencoded", environ_overrides=announced
        )
        assert answer.status_code == 413, (str(address), answer.status_code)


def test_fields_that_are_too_large_are_refused_by_every_form(console: Console) -> None:
    client = console.browser("admin").client
    fields = {"note": "x" * (MAX_FIELDS_BYTES + 1)}
    for address in addresses(console.app, "POST"):
        answer = client.post(address.path, data=fields)
        assert answer.status_code in (400, 413), (str(address), answer.status_code)
