"""Users, the audit log, and who may open what."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from ivr.ledger.tables import console_user
from ivr.staff.api_keys import api_keys, find_api_key
from ivr.version import version_text
from tests.support.clinic import NOW

NEW_USER = {"email": "Rosa@Example.org", "name": "Rosa Example", "role": "scheduler", "language": "es"}


def test_the_settings_say_which_version_runs(console):
    assert version_text() in console.browser("admin").page("/settings")


def test_a_form_without_its_token_changes_nothing(console):
    browser = console.browser("admin")
    assert browser.client.post("/settings/users/add", data=NEW_USER).status_code == 400
    assert "Rosa" not in browser.page("/settings/users")


def test_a_new_user_chooses_a_password_once(console):
    page = console.browser("admin").post("/settings/users/add", NEW_USER).get_data(as_text=True)
    link = re.search(r"/console(/welcome/[\w-]+)", page)[1]
    stranger = console.stranger()
    token = re.search(r'name="csrf_token" value="([^"]+)', stranger.get(link).get_data(as_text=True))[1]
    words = {"csrf_token": token, "password": "four plain old words", "again": "four plain old words"}
    assert "12" in stranger.post(link, data={**words, "password": "short"}).get_data(as_text=True)
    assert stranger.post(link, data=words).status_code == 302
    assert stranger.post(link, data=words).status_code == 410
    response = stranger.post("/login", data={**words, "email": "rosa@example.org"})
    assert response.location == "/tf-setup"
    assert stranger.get("/").status_code == 302


@pytest.mark.parametrize("email", ["rosa@example.org", "nobody@example.org"])
def test_five_wrong_passwords_lock_a_name_known_or_not_with_the_same_answer(console, email):
    console.browser("admin").post("/settings/users/add", NEW_USER)
    stranger = console.stranger()
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)', stranger.get("/login").get_data(as_text=True))[1]
    answers = [
        stranger.post("/login", data={"csrf_token": token, "email": email, "password": "wrong words here"})
        for _ in range(6)
    ]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert "wrong" in answers[0].get_data(as_text=True)


def test_a_disabled_user_is_signed_out_at_once(console):
    admin, scheduler = console.browser("admin"), console.browser("scheduler")
    with console.services.ledger.read() as connection:
        number = connection.execute(select(console_user.c.id).where(console_user.c.role == "scheduler")).scalar_one()
    assert scheduler.get("/").status_code == 200
    assert admin.post(f"/settings/users/{number}/active", {"active": "no"}).status_code == 303
    assert scheduler.get("/").status_code == 302
    assert "disabled" in admin.page(f"/settings/users/{number}")


def test_nobody_changes_their_own_role_or_access(console):
    admin = console.browser("admin")
    for action, form in (("role", {"role": "scheduler"}), ("active", {"active": "no"}), ("invite", {})):
        assert admin.post(f"/settings/users/1/{action}", form).status_code == 409


def test_what_was_typed_wrong_stays_in_the_form_with_a_sentence(console):
    page = console.browser("admin").post("/settings/users/add", {**NEW_USER, "email": "rosa"}).get_data(as_text=True)
    assert 'value="Rosa Example"' in page
    assert "name@hospital.org" in page


def test_the_audit_log_lists_names_by_id_and_can_be_downloaded(console):
    admin = console.browser("admin")
    admin.post("/settings/users/add", NEW_USER)
    assert "user added" in admin.page("/settings/audit")
    text = admin.get("/settings/audit.csv?kind=user_added").get_data(as_text=True)
    assert "console user 1,user_added" in text
    assert "Rosa" not in text
    assert admin.get("/settings/audit?kind=nonsense").status_code == 404


@pytest.mark.parametrize("path", ["/settings/users/999", "/settings/users/99999999999", "/no/such/page"])
def test_an_unknown_address_is_a_page_that_says_so(console, path):
    response = console.browser("admin").get(path)
    assert response.status_code == 404
    assert "no page at this address" in response.get_data(as_text=True)


def test_all_pages_have_the_headers_that_protect_them(console):
    headers = console.stranger().get("/login").headers
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"


def test_a_sign_in_never_leads_to_another_site(console):
    page = console.stranger().get("/login?next=https://evil.example/").get_data(as_text=True)
    stranger = console.stranger()
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)', page)[1]
    answer = stranger.post("/login?next=https://evil.example/", data={"csrf_token": token, "email": "a@b.org"})
    assert "evil" not in (answer.location or "")


def test_an_api_key_is_shown_once_and_can_be_revoked(console):
    admin = console.browser("admin")
    page = admin.post("/settings/keys/add", {"name": "Epic", "role": "scheduler", "days": "30"}).get_data(as_text=True)
    text = re.search(r"infoline_\d+_[\w-]{43}", page)[0]
    with console.services.ledger.read() as connection:
        key = find_api_key(connection, text, NOW)
    assert (key.name, key.role) == ("Epic", "scheduler")
    page = admin.page("/settings/keys")
    assert "Epic" in page
    assert text not in page
    assert admin.post(f"/settings/keys/{key.id}/revoke").status_code == 303
    with console.services.ledger.read() as connection:
        assert find_api_key(connection, text, NOW) is None
    assert admin.post(f"/settings/keys/{key.id}/revoke").status_code == 404
    assert "API key added" in admin.page("/settings/audit")


@pytest.mark.parametrize("wrong", [{"name": ""}, {"role": "admin"}, {"days": "0"}, {"days": "x"}])
def test_a_wrong_api_key_is_explained_beside_its_field(console, wrong):
    form = {"name": "Epic", "role": "scheduler", "days": "", **wrong}
    page = console.browser("admin").post("/settings/keys/add", form).get_data(as_text=True)
    name = next(iter(wrong))
    assert f'href="#{name}"' in page
    assert f'<div class="field-error" id="{name}-error">' in page
    assert re.search(rf'<(input|select)[^>]* id="{name}"[^>]* aria-describedby="[^"]*{name}-error"', page)
    with console.services.ledger.read() as connection:
        assert api_keys(connection) == []
