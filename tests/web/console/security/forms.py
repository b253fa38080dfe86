"""Every form of the console, filled in so that it is taken by the console of `full_console`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from tests.support.clinic import at, csv_text, row
from tests.web.console.conftest import Browser
from tests.web.console.prompts.support import NEW, OLD, form_of, replaced, voice, words_form
from tests.web.console.reminders.test_plan import fields as plan_fields
from tests.web.console.security.conftest import INVITED, RECORDING
from tests.web.console.security.support import VALUES

PASSWORD = "four plain old words"
Fields = Mapping[str, Any]


@dataclass(frozen=True)
class Form:
    """A form that is taken. reads: it neither changes the database nor starts anything. path: may name VALUES."""

    path: str
    fields: Fields | Callable[[Browser], Fields]
    reads: bool = False

    def filled_in(self, browser: Browser) -> Fields:
        return self.fields(browser) if callable(self.fields) else self.fields


def _shown(page: str, form: str = "", **typed: Any) -> Callable[[Browser], Fields]:
    """What a form is sent with: the fields of the page, and what is typed. form: its id or address."""

    def fields(browser: Browser) -> Fields:
        return {**form_of(browser.page(page), form), **typed}

    return fields


def _file(_browser: Browser) -> Fields:
    return {"file": [(BytesIO(csv_text([row(3, at(12))]).encode()), "appointments.csv")]}


def _new_words(browser: Browser) -> Fields:
    form = replaced(words_form(browser), OLD, NEW)
    # A field of the page that asks what to do about somebody else's change.
    form["replaces"] = ""
    return form


def _recorded(browser: Browser) -> Fields:
    version = form_of(browser.page("/prompts/en/cancer"), RECORDING)["version"]
    return {"version": version, "recording": [(BytesIO(voice(3.0)), "voice.wav")]}


def _question(browser: Browser) -> str:
    found = re.search(r'name="group" value="([^"]+)"', browser.page("/prompts/unanswered"))
    assert found
    return found[1]


def _plan(browser: Browser) -> Fields:
    return plan_fields(browser.page("/reminders/plan")) | {"before-7d": "10"}


_OFFICE = {f"{field}-{code}": "the front desk" for field in ("name", "purpose") for code in ("en", "es")}
_OFFICE |= {"said-en": "front desk", "said-es": "mostrador"}
_OFFICE |= {"number": "603-555-0140", "opens": "09:00", "closes": "16:00"}


def _unused_office(browser: Browser) -> Fields:
    """One that was added just now, because something leads to each of the others."""
    added = _shown("/prompts/hours", "hours-form")(browser)["version"]
    assert browser.post("/prompts/hours/offices/add", {**_OFFICE, "version": added}).status_code == 303
    return form_of(browser.page("/prompts/hours/offices/front-desk/remove"))


_NOTE = {"note": "called", "based_on": ""}
_DAY = {"year": "2026", "day": "2026-12-24", "action": "close"}
_NEW_PASSWORD = f"{PASSWORD} too"
_HOURS_PAGE = "/prompts/hours"

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
    "prompts.try_question": Form("/prompts", {"question": "is it cancer"}, reads=True),
    "prompts.save": Form("/prompts/en/goodbye", _new_words),
    "prompts.sign_off": Form("/prompts/en/cancer/sign-off", _shown("/prompts/en/cancer/sign-off")),
    "prompts.up_to_date": Form(
        "/prompts/es/cancer/up-to-date", _shown("/prompts/es/cancer", "/prompts/es/cancer/up-to-date")
    ),
    "prompts.record": Form(RECORDING, _recorded),
    "prompts.remove_recording": Form(f"{RECORDING}/remove", _shown("/prompts/en/cancer", f"{RECORDING}/remove")),
    "prompts.save_hours": Form(
        "/prompts/hours", _shown(_HOURS_PAGE, "hours-form", **{"central-scheduling-number": "603-555-0141"})
    ),
    "prompts.save_holiday": Form("/prompts/hours/days", _shown(_HOURS_PAGE, "/prompts/hours/days", **_DAY)),
    "prompts.save_office": Form("/prompts/hours/offices/add", _shown("/prompts/hours/offices/add", **_OFFICE)),
    "prompts.remove_office": Form("/prompts/hours/offices/front-desk/remove", _unused_office),
    "prompts.move_choice": Form("/prompts/menus/move", _shown("/prompts/menus", to="2")),
    "prompts.teach": Form(
        "/prompts/unanswered/teach", lambda browser: {"group": _question(browser), "topic": "the-visit"}
    ),
    "prompts.ignore": Form("/prompts/unanswered/ignore", lambda browser: {"group": _question(browser)}),
    "prompts.check": Form("/prompts/draft/check", {}),
    "prompts.discard": Form("/prompts/draft/discard", _shown("/prompts/draft", "/prompts/draft/discard")),
    "prompts.keep": Form(
        "/prompts/draft/keep", _shown("/prompts/draft", "/prompts/draft/publish", file="en/cancer.md")
    ),
    "prompts.publish": Form(
        "/prompts/draft/publish", _shown("/prompts/draft", "/prompts/draft/publish", note="kinder", confirmed="yes")
    ),
    "prompts.roll_back": Form("/prompts/history/1/roll-back", {"live": "2", "note": "too soon"}),
    "reminders.act": Form("/reminders/uploads/{upload_id}", {"action": "read"}),
    "reminders.change_batch": Form("/reminders/batches/1", {"action": "pause"}),
    "reminders.download_numbers": Form("/reminders/batches/1/texts-with-numbers.csv", {}),
    "reminders.receive": Form("/reminders/upload", _file),
    "reminders.save_plan": Form("/reminders/plan", _plan),
    "security.change_password": Form(
        "/change", {"password": PASSWORD, "new_password": _NEW_PASSWORD, "new_password_confirm": _NEW_PASSWORD}
    ),
    "security.logout": Form("/logout", {}, reads=True),
    "settings.add_key": Form("/settings/keys/add", {"name": "scheduling", "role": "scheduler", "days": "30"}),
    "settings.revoke_key": Form("/settings/keys/1/revoke", {}),
    "settings.add_user": Form(
        "/settings/users/add",
        {"email": "lee@example.org", "name": "Lee Example", "role": "scheduler", "language": "es"},
    ),
    "settings.invite": Form(f"/settings/users/{INVITED}/invite", {}),
    "settings.set_active": Form(f"/settings/users/{INVITED}/active", {"active": "no"}),
    "settings.set_role": Form(f"/settings/users/{INVITED}/role", {"role": "operator"}),
    "settings.run_doctor": Form("/settings/doctor", {}),
    "sign_in.invitation": Form("/welcome/{token}", {"password": _NEW_PASSWORD, "again": _NEW_PASSWORD}),
    "today.see_alarm": Form("/today/alarms/hl7_unread/seen", {}),
    "work.claim_landline": Form("/work/landlines/1", {}),
    "work.change_callback": Form("/work/callbacks/1/claim", _NOTE),
    "work.note_outcome": Form("/work/callbacks/1/no-answer", _NOTE),
    "work.change_item": Form("/work/items/1/done", _NOTE),
    "work.show_callback_number": Form("/work/callbacks/1/number", {}),
    "work.note_callback": Form("/work/callbacks/1", _NOTE),
    "work.note_item": Form("/work/items/1", _NOTE),
    "work.change_message": Form("/work/messages/1/claim", _NOTE),
    "work.note_message": Form("/work/messages/1", _NOTE),
    "work.show_message_text": Form("/work/messages/1/text", {}),
}
# Steps of a sign-in, which Flask-Security and Authlib read: test_sign_in_attacks.py and test_sign_in.py send them.
STEPS_OF_A_SIGN_IN = {
    *("security.login", "security.mf_recovery", "security.mf_recovery_codes"),
    *("security.two_factor_setup", "security.two_factor_setup_validate", "security.two_factor_token_validation"),
    *("security.verify", "sign_in.oidc_start"),
}


def path_of(form: Form) -> str:
    return form.path.format_map(VALUES)
