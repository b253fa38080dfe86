"""Mass assignment: fields that a form does not have change nothing, whatever columns they are named after."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from typing import Any

import pytest
from flask_security import hash_password
from sqlalchemy import update
from werkzeug.datastructures import MultiDict
from werkzeug.test import TestResponse

from ivr.ledger.tables import console_user, metadata
from ivr.web.console.prompts.publishing.jobs import Jobs
from ivr.web.console.reminders import upload_views
from ivr.web.console.settings.doctor_report import DoctorReports
from tests.web.console.conftest import Browser, Console
from tests.web.console.prompts.support import send
from tests.web.console.security.conftest import INVITED, copy_rows, restore_rows
from tests.web.console.security.forms import FORMS, PASSWORD, STEPS_OF_A_SIGN_IN, Fields, path_of
from tests.web.console.security.support import addresses, rows_of

# Different in each run: keys, hashes with a salt, and one-time links.
RANDOM = ("console_user.session_key", "console_user.password", "console_user.invitation", "text.attempt")
RANDOM += ("api_key.secret_hash",)
HOSTILE = {"role": "admin", "active": "yes", "is_admin": "1", "roles": "admin", "user": "1", "by": "1", "owner": "1"}
HOSTILE |= {
    column.name: "1" for table in metadata.sorted_tables for column in table.columns if column.name not in HOSTILE
}
HOSTILE |= dict.fromkeys(("next", "back", "url", "return_to", "continue"), "https://evil.example/")


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What forms start beside the request, instead of starting it."""
    started: list[Any] = []

    def start(_desk: object, upload: Any, lock: int) -> None:
        started.append({**asdict(upload), "id": ""})
        os.close(lock)

    monkeypatch.setattr(upload_views, "start", start)
    monkeypatch.setattr(Jobs, "start", lambda _jobs, name, job: started.append((name, asdict(job))) or True)
    monkeypatch.setattr(DoctorReports, "start", lambda _reports: started.append("doctor") or True)
    return started


def test_every_form_is_in_one_of_the_tables(full_console: Console) -> None:
    assert {address.endpoint for address in addresses(full_console.app, "POST")} == FORMS.keys() | STEPS_OF_A_SIGN_IN


@pytest.mark.parametrize("endpoint", FORMS)
def test_fields_that_a_form_does_not_have_change_nothing(
    full_console: Console, endpoint: str, started: list[Any]
) -> None:
    console, form = full_console, FORMS[endpoint]
    browser = console.browser("admin")
    with console.app.test_request_context(), console.services.ledger.write() as connection:
        others = console_user.c.id != INVITED
        connection.execute(update(console_user).where(others).values(password=_password_hash()))
    saved = copy_rows(console)
    cookie = browser.client.get_cookie("infoline")
    assert cookie
    outcomes = []
    for hostile in ({}, HOSTILE):
        restore_rows(console, saved)
        browser.client.set_cookie("infoline", cookie.value)
        fields = form.filled_in(browser)
        started.clear()
        before = rows_of(console, *RANDOM)
        answer = _send(browser, path_of(form), fields, hostile)
        assert answer.status_code in (200, 302, 303), answer.status_code
        after = rows_of(console, *RANDOM)
        assert (after != before or bool(started)) != form.reads
        outcomes.append((answer.status_code, _without_ids(answer.location), after, list(started)))
    assert outcomes[0] == outcomes[1]


@cache
def _password_hash() -> str:
    return str(hash_password(PASSWORD))


def _send(browser: Browser, path: str, fields: Fields, hostile: Mapping[str, str]) -> TestResponse:
    sent: MultiDict[str, Any] = MultiDict(fields)
    sent.update({name: value for name, value in hostile.items() if name not in sent})
    answer = send(browser, path, sent)
    assert isinstance(answer, TestResponse)
    return answer


def _without_ids(location: str | None) -> str | None:
    """An address without the id of a new upload, which is different each time."""
    return location and location.partition("/uploads/")[0]
