"""NUL, which PostgreSQL cannot store, in every address and form of the console."""

from __future__ import annotations

import re

import pytest

from tests.web.console.conftest import Console
from tests.web.console.security.support import VALUES, addresses
from tests.web.console.security.test_every_endpoint import ENDS_SESSION, TO_PROVIDER

FORMS = [
    ("/people", {"wanted": "A\0"}),
    ("/people", {"wanted": "603-555-0101\0"}),
    ("/settings/users/add", {"email": "ann\0@example.org", "name": "Ann", "role": "scheduler", "language": "en"}),
    ("/settings/users/add", {"email": "ann@example.org", "name": "A\0nn", "role": "scheduler", "language": "en"}),
    ("/settings/keys/add", {"name": "Ep\0ic", "role": "scheduler", "days": ""}),
]


@pytest.mark.parametrize(("path", "fields"), FORMS)
def test_a_form_with_nul_cannot_be_read(console_on_each_database: Console, path: str, fields: dict[str, str]) -> None:
    answer = console_on_each_database.browser().post(path, fields)
    assert (answer.status_code, "The form could not be read." in answer.get_data(as_text=True)) == (400, True)


def test_a_sign_in_with_nul_cannot_be_read(console_on_each_database: Console) -> None:
    stranger = console_on_each_database.stranger()
    page = stranger.get("/login").get_data(as_text=True)
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert found
    fields = {"csrf_token": found[1], "email": "ann\0@example.org", "password": "x" * 12}
    assert stranger.post("/login", data=fields).status_code == 400


def test_no_address_with_nul_is_a_failure_on_our_side(console_on_each_database: Console) -> None:
    browser = console_on_each_database.browser()
    token, checked = browser.token(), 0
    for address in addresses(console_on_each_database.app, "GET", "POST"):
        if address.endpoint in TO_PROVIDER | ENDS_SESSION:
            continue
        data = {"csrf_token": token} if address.method == "POST" else None
        for value in set(VALUES.values()):
            if f"/{value}" not in address.path:
                continue
            path = address.path.replace(f"/{value}", f"/{value}%00")
            answer = browser.client.open(path, method=address.method, data=data)
            assert answer.status_code == 404, (str(address), answer.status_code)
            checked += 1
        answer = browser.client.open(f"{address.path}?page=1%00", method=address.method, data=data)
        assert answer.status_code == 400, (str(address), answer.status_code)
    assert checked > 40
