"""The language of the pages: who chooses it, and what follows it."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from babel.dates import get_month_names
from flask import session
from flask_security import login_user

from ivr.people.audit import AuditKind
from ivr.releases.store import publish_release
from ivr.reminders.imports.errors import ERROR_SENTENCES, WARNING_SENTENCES, row_error, row_warning
from ivr.staff.users import users
from ivr.web.console import language as language_module
from ivr.web.console.dates import full_day, full_moment, short_day, short_moment, time_of_day
from ivr.web.console.language import LANGUAGES
from ivr.web.console.settings.audit_words import _WORDS as AUDIT_WORDS
from ivr.web.console.today.alarm_words import words_of_alarm
from ivr.web.console.words import translated
from tests.support.clinic import NOW, at, csv_text, row
from tests.web.console.reminders.upload_support import upload

SIGN_IN = {"en": "Sign in", "es": "Iniciar sesión"}


def heading(page: str) -> str:
    found = re.search(r"<h1>(.*?)</h1>", page)
    assert found
    return found[1]


def page_of(client, path: str = "/login", accepts: str = "") -> str:
    return client.get(path, headers={"Accept-Language": accepts} if accepts else {}).get_data(as_text=True)


@pytest.fixture
def spanish(console):
    browser = console.browser()
    browser.post("/account/language", {"language": "es"})
    return browser


@pytest.mark.parametrize(
    ("accepts", "language"),
    [("", "en"), ("es", "es"), ("es-PR,es;q=0.9,en;q=0.5", "es"), ("en-US,es;q=0.5", "en"), ("fr", "en"), ("*", "en")],
)
def test_before_the_sign_in_the_browser_decides(console, accepts, language):
    page = page_of(console.stranger(), accepts=accepts)
    assert heading(page) == SIGN_IN[language]
    assert f'<html lang="{language}">' in page


def test_the_sign_in_page_names_each_other_language_in_itself(console):
    assert '<a href="?language=es" lang="es" hreflang="es">Español</a>' in page_of(console.stranger())
    assert '<a href="?language=en" lang="en" hreflang="en">English</a>' in page_of(console.stranger(), accepts="es")


def test_a_choice_lasts_until_the_sign_in_and_beats_the_browser(console):
    client = console.stranger()
    page_of(client, "/login?language=es", accepts="en")
    assert heading(page_of(client, accepts="en")) == "Iniciar sesión"
    assert "Este enlace ya no sirve" in page_of(client, "/welcome/used", accepts="en")


def test_the_links_keep_where_the_sign_in_leads(console):
    page = page_of(console.stranger(), "/login?next=/console/work")
    assert 'href="?next=%2Fconsole%2Fwork&amp;language=es"' in page


@pytest.mark.parametrize("wrong", ["", "fr", "es_US", "<b>", "../en"])
def test_a_language_that_there_is_not_changes_nothing(console, wrong):
    client = console.stranger()
    assert heading(page_of(client, f"/login?language={wrong}")) == "Sign in"
    assert heading(page_of(client)) == "Sign in"


def test_a_user_chooses_for_themselves_alone(console, spanish):
    other = console.browser("scheduler")
    assert '<html lang="es">' in spanish.page("/account")
    assert '<html lang="en">' in other.page("/account")
    assert "Su cuenta" in spanish.page("/account")


def test_the_user_beats_the_browser_and_the_address(spanish):
    page = spanish.page("/account?language=en")
    assert "Su cuenta" in page


def test_a_choice_before_the_sign_in_becomes_that_of_the_user(console):
    console.browser("scheduler")
    with console.services.ledger.read() as connection:
        (before,) = users(connection)
    with console.app.test_request_context():
        session["language"] = "es"
        login_user(console.app.extensions["security"].datastore.find_user(email=before.email))
        assert "language" not in session
    with console.services.ledger.read() as connection:
        (after,) = users(connection)
    assert (before.language, after.language) == ("en", "es")


MOMENT = datetime(2026, 12, 1, 14, 30, tzinfo=UTC)
FORMATS = [
    (short_day, "Dec 1", "1 dic"),
    (full_day, "Tue, Dec 1, 2026", "mar 1 dic 2026"),
    (short_moment, "Dec 1, 2026, 2:30 PM", "1 dic 2026, 2:30 p.m."),
    (full_moment, "Tue, Dec 1, 2026, 2:30 PM", "mar 1 dic 2026, 2:30 p.m."),
    (time_of_day, "2:30 PM", "2:30 p.m."),
]


@pytest.mark.parametrize(("write", "english", "in_spanish"), FORMATS, ids=lambda value: getattr(value, "__name__", ""))
def test_dates_and_times_are_written_as_in_the_language(console_app, write, english, in_spanish):
    for accepts, expected in (("en", english), ("es", in_spanish)):
        with console_app.test_request_context(headers={"Accept-Language": accepts}):
            assert re.sub(r"\s", " ", write(MOMENT)) == expected


def test_numbers_keep_the_commas_of_the_united_states(console_app):
    with console_app.test_request_context(headers={"Accept-Language": "es"}):
        assert console_app.jinja_env.filters["number"](1234567) == "1,234,567"


def test_months_of_the_calendar_are_spanish(console, spanish, content):
    publish_release(console.services.ledger, content, NOW, "release", "", "folder")
    page = spanish.page("/prompts/hours")
    assert all(f"<caption>{name}</caption>" in page for name in get_month_names(locale="es").values())


@pytest.mark.parametrize(
    ("new", "again", "sentence"),
    [
        ("", "", "Escriba una contraseña."),
        ("correct horse", "battery staple", "Las dos contraseñas no son iguales."),
    ],
)
def test_a_new_password_is_refused_in_spanish(spanish, new, again, sentence):
    form = {"password": "wrong", "new_password": new, "new_password_confirm": again}
    page = spanish.post("/change", form).get_data(as_text=True)
    assert sentence in re.findall(r'<div class="field-error"[^>]*>(.*?)</div>', page)


def test_the_faults_of_a_file_are_spanish_on_the_page_and_in_the_download(clinic_for_commands, spanish):
    file = csv_text([row(1, at(1)), row(2, "soon", phone="12"), row(3, at(3), language="fr")])
    path, page = upload(spanish, file)
    assert "Esto no es un número de teléfono: escriba diez dígitos, como 603-555-0123." in page
    assert "Este paciente prefiere francés: los mensajes van en inglés." in page
    mend = spanish.get(f"{path}/rows-to-mend.csv").get_data(as_text=True)
    assert "qué está mal" in mend
    assert "Esto no es una fecha y hora" in mend


def test_a_file_that_cannot_be_read_is_explained_in_spanish(clinic_for_commands, spanish):
    _, page = upload(spanish, b"%PDF-1.7 ...", "citas.pdf")
    assert "Este archivo no se puede leer: es un PDF. Guarde las citas como CSV o XLSX." in page
    _, page = upload(spanish, "phone\n6035550101\n", "citas.csv")
    assert "Faltan las columnas appointment_id y starts_at: agréguelas a la fila 1." in page


@pytest.mark.parametrize("code", [*ERROR_SENTENCES, *WARNING_SENTENCES])
def test_each_sentence_of_the_importer_can_be_filled_in_spanish(console_app, code):
    values = {"language": "French", "used": "English", "count": "3"}
    make = row_error if code in ERROR_SENTENCES else row_warning
    detail = values if code in ("language_not_spoken", "more_pages") else "D-1"
    error = make(2, "phone", code, detail)
    with console_app.test_request_context(headers={"Accept-Language": "es"}):
        words = " ".join(map(translated, error.sentences))
    assert words != error.message
    assert ("D-1" in words) == ("D-1" in error.message)
    assert "{" not in words


def test_an_alarm_is_spanish(console_app):
    with console_app.test_request_context(headers={"Accept-Language": "es"}):
        assert words_of_alarm("clock_silent").problem.startswith("Se detuvo la parte de la línea")


def test_every_kind_of_audit_entry_has_words():
    assert set(AUDIT_WORDS) == set(AuditKind)


def test_an_english_page_reads_no_catalog(console, monkeypatch):
    read = []
    monkeypatch.setattr(language_module, "read_po", lambda *_: read.append(1))
    page_of(console.stranger(), accepts="en")
    assert read == []


def test_every_language_names_itself():
    assert LANGUAGES == {"en": "English", "es": "Español"}
