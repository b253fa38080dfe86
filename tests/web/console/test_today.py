"""The first page after the sign-in."""

from __future__ import annotations


def test_the_first_page_greets_a_signed_in_user(console):
    assert "Today" in console.browser("scheduler").page("/")


def test_a_stranger_is_sent_to_the_sign_in_page(console):
    response = console.stranger().get("/")
    assert response.status_code == 302
    assert response.location.startswith("/login?next=")
