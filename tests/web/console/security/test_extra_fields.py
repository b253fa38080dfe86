"""Mass assignment: fields that a form does not have change nothing, whatever columns they are named after."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from io import BytesIO
from typing import Any

import pytest
from flask_security import hash_password
from sqlalchemy import update
from werkzeug.datastructures import MultiDict

from ivr.ledger.tables import console_user, metadata
from ivr.web.console.reminders import upload_views
from tests.support.clinic import at, csv_text, row
from tests.web.console.conftest import Browser, Console
from tests.web.console.prompts.support import NEW, OLD, form_of, replaced, send, words_form
from tests.web.console.security.support import addresses, rows_of

# The id of the user who is changed; the administrator is the first.
OPERATOR = 2
PASSWORD = "four plain old words"
# Different in each run: keys, hashes with a salt, and one-time links.
RANDOM = ("console_user.session_key", "console_user.password", "console_user.invitation", "text.attempt")
RANDOM += ("api_key.secret_hash",)
HOSTILE = {"role": "admin", "active": "yes", "is_admin": "1", "roles": "admin", "user": "1", "by": "1", "owner": "1"}
HOSTILE |= {
    column.name: "1" for table in metadata.sorted_tables for column in table.columns if column.name not in HOSTILE
}


@dataclass(frozen=True)
class Form:
    """A form that is taken, so that the database changes unless `reads`."""

    path: str
    fields: Mapping[str, Any] | Callable[[Browser], Mapping[str, Any]]
    reads: bool = False


def _file(_browser: Browser) -> dict[str, Any]:
    return {"file": [(BytesIO(csv_text([row(3, at(12))]).encode()), "appointments.csv")]}


def _new_words(browser: Browser) -> Mapping[str, Any]:
    form = replaced(words_form(browser), OLD, NEW)
    # A field of the page that asks what to do about somebody else's change.
    form["replaces"] = ""
    return form


def _hours(browser: Browser) -> Mapping[str, Any]:
    return form_of(browser.page("/prompts/hours"), "hours-form")


def _holiday(browser: Browser) -> dict[str, Any]:
    return {"version": _hours(browser)["version"], "year": "2026", "day": "2026-12-24", "action": "close"}


def _office(browser: Browser) -> dict[str, Any]:
    names = {f"{field}-{code}": "the front desk" for field in ("name", "purpose") for code in ("en", "es")}
    names |= {"said-en": "front desk", "said-es": "mostrador"}
    hours = {"number": "603-555-0140", "opens": "09:00", "closes": "16:00"}
    return {**names, **hours, "version": _hours(browser)["version"]}


FORMS = {
    "account.set_language": Form("/account/language", {"language": "es"}),
    "account.sign_out_everywhere": Form("/account/sign-out-everywhere", {}),
    "people.act_on_text": Form("/people/texts/leave-out", {"appointment_id": "A1", "step": "7d"}),
    "people.change_consent": Form("/people/1/opt-out", {"reason": "asked on the phone"}),
    "people.change_language": Form("/people/1/language", {"language": "es"}),
    "people.look_up": Form("/people", {"wanted": "A1"}, reads=True),
    "people.show_number": Form("/people/1/number", {}),
    "prompts.proof": Form("/prompts/en/goodbye/proof", words_form, reads=True),
    "prompts.preview": Form("/prompts/en/goodbye/preview", words_form, reads=True),
    "prompts.try_words": Form("/prompts/en/goodbye/try", words_form, reads=True),
    "prompts.save": Form("/prompts/en/goodbye", _new_words),
    "prompts.try_question": Form("/prompts", {"question": "is it cancer"}, reads=True),
    "prompts.save_hours": Form("/prompts/hours", _hours, reads=True),
    "prompts.save_office": Form("/prompts/hours/offices/add", _office),
    "prompts.save_holiday": Form("/prompts/hours/days", _holiday),
    "work.claim_landline": Form("/work/landlines/1", {}),
    "reminders.act": Form("", {"action": "read"}, reads=True),
    "reminders.change_batch": Form("/reminders/batches/1", {"action": "pause"}),
    "reminders.download_numbers": Form("/reminders/batches/1/texts-with-numbers.csv", {}),
    "reminders.receive": Form("/reminders/upload", _file, reads=True),
    "security.change_password": Form(
        "/change",
        {"password": PASSWORD, "new_password": f"{PASSWORD} too", "new_password_confirm": f"{PASSWORD} too"},
    ),
    "settings.add_key": Form("/settings/keys/add", {"name": "scheduling", "role": "scheduler", "days": "30"}),
    "settings.revoke_key": Form("/settings/keys/1/revoke", {}),
    "settings.add_user": Form(
        "/settings/users/add",
        {"email": "rosa@example.org", "name": "Rosa Example", "role": "scheduler", "language": "es"},
    ),
    "settings.invite": Form(f"/settings/users/{OPERATOR}/invite", {}),
    "settings.set_active": Form(f"/settings/users/{OPERATOR}/active", {"active": "no"}),
    "settings.set_role": Form(f"/settings/users/{OPERATOR}/role", {"role": "scheduler"}),
    "work.change_callback": Form("/work/callbacks/1/claim", {"note": "called", "based_on": ""}),
    "work.note_outcome": Form("/work/callbacks/1/no-answer", {"note": "called", "based_on": ""}),
    "work.change_item": Form("/work/items/1/done", {"note": "called", "based_on": ""}),
    "work.show_callback_number": Form("/work/callbacks/1/number", {}),
    "work.note_callback": Form("/work/callbacks/1", {"note": "called", "based_on": ""}),
    "work.note_item": Form("/work/items/1", {"note": "called", "based_on": ""}),
    "work.change_message": Form("/work/messages/1/claim", {"note": "called", "based_on": ""}),
    "work.note_message": Form("/work/messages/1", {"note": "called", "based_on": ""}),
    "work.show_message_text": Form("/work/messages/1/text", {}),
    "today.see_alarm": Form("/today/alarms/hl7_unread/seen", {}),
}
# They name one draft, release, recording or step of a sign-in by a stamp that their page gives out, and read no other
# field; test_prompts*.py, test_reminders_plan.py and test_sign_in_attacks.py send them.
NAMED_BY_A_STAMP = {
    *("prompts.check", "prompts.discard", "prompts.keep", "prompts.publish", "prompts.roll_back", "prompts.teach"),
    *("prompts.ignore", "prompts.remove_office"),
    *("prompts.sign_off", "prompts.up_to_date", "prompts.move_choice", "prompts.record", "prompts.remove_recording"),
    "reminders.save_plan",
    *("security.login", "security.logout", "security.verify", "security.mf_recovery", "security.mf_recovery_codes"),
    *("security.tf_select", "security.two_factor_setup", "security.two_factor_setup_validate"),
    *("security.two_factor_token_validation", "sign_in.invitation", "sign_in.oidc_start"),
}

# They start something, and read no field.
WITHOUT_FIELDS = {"settings.run_doctor"}


@pytest.fixture
def console(full_console: Console) -> Console:
    return full_console


def test_every_form_is_in_one_of_the_tables(console: Console) -> None:
    assert {address.endpoint for address in addresses(console.app, "POST")} == (
        FORMS.keys() | NAMED_BY_A_STAMP | WITHOUT_FIELDS
    )


@pytest.mark.parametrize("endpoint", FORMS)
def test_fields_that_a_form_does_not_have_change_nothing(
    console: Console, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[dict[str, Any]] = []

    def start(_desk: object, upload: Any, lock: int) -> None:
        started.append({**asdict(upload), "id": ""})
        os.close(lock)

    monkeypatch.setattr(upload_views, "start", start)
    browser = console.browser("admin")
    console.browser("operator")
    with console.app.test_request_context(), console.services.ledger.write() as connection:
        connection.execute(update(console_user).values(password=hash_password(PASSWORD)))
    saved = _copy(console)
    cookie = browser.client.get_cookie("infoline")
    assert cookie
    outcomes = []
    for hostile in ({}, HOSTILE):
        _restore(console, saved)
        browser.client.set_cookie("infoline", cookie.value)
        started.clear()
        before = rows_of(console, *RANDOM)
        status = _send(browser, FORMS[endpoint], hostile)
        assert status in (200, 302, 303), status
        after = rows_of(console, *RANDOM)
        if not FORMS[endpoint].reads:
            assert after != before
        outcomes.append((status, after, list(started)))
    assert outcomes[0] == outcomes[1]


def _send(browser: Browser, form: Form, hostile: Mapping[str, str]) -> int:
    fields: MultiDict[str, Any] = MultiDict(form.fields(browser) if callable(form.fields) else form.fields)
    path = form.path or browser.post("/reminders/upload", _file(browser)).location
    fields.update({name: value for name, value in hostile.items() if name not in fields})
    return int(send(browser, path, fields).status_code)


def _copy(console: Console) -> sqlite3.Connection:
    saved = sqlite3.connect(":memory:", check_same_thread=False)
    with console.services.ledger.engine.connect() as connection:
        connection.connection.dbapi_connection.backup(saved)  # type: ignore[union-attr]
    return saved


def _restore(console: Console, saved: sqlite3.Connection) -> None:
    with sqlite3.connect(str(console.services.ledger.engine.url.database)) as connection:
        saved.backup(connection)
    connection.close()
