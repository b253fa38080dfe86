"""Every page in a made-up language, in which each translated sentence is in brackets: no other words are left."""

from __future__ import annotations

import re
from datetime import timedelta
from html.parser import HTMLParser

import pytest
from babel.support import NullTranslations

from ivr.people.callbacks import CallbackRequest, save_callback
from ivr.people.work_items import add_work_item
from ivr.releases.store import publish_release
from ivr.staff.users import set_language, users
from ivr.web.console import language
from tests.support.clinic import NOW, Clinic, at, csv_text, row
from tests.web.console.reminders.upload_support import upload

OPEN, CLOSE = "⟦", "⟧"
SHOWN = ("title", "alt", "placeholder", "aria-label")
# Their content is data: file names, cells, keys, words of prompts and of patients.
DATA_TAGS = frozenset({"bdi", "code", "blockquote", "textarea", "svg", "script", "style", "ins", "del", "mark"})
VOID = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"})


class Brackets(NullTranslations):
    """Translates a sentence into itself, in brackets."""

    def ugettext(self, message: str) -> str:
        return f"{OPEN}{message}{CLOSE}"

    def ungettext(self, singular: str, plural: str, number: int) -> str:
        return f"{OPEN}{singular if number == 1 else plural}{CLOSE}"

    def upgettext(self, context: str, message: str) -> str:
        del context
        return f"{OPEN}{message}{CLOSE}"

    gettext = ugettext


class Shown(HTMLParser):
    """The texts that a page shows, without data: what has a language of its own, and DATA_TAGS."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: list[str] = []
        self._hidden: list[bool] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        is_data = tag in DATA_TAGS or (tag != "html" and "lang" in values)
        hides = is_data or bool(self._hidden and self._hidden[-1])
        if not hides:
            self.texts += [values[name] for name in SHOWN if values.get(name)]
        if tag not in VOID:
            self._hidden.append(hides)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._hidden.pop()

    def handle_endtag(self, tag):
        if tag not in VOID:
            self._hidden.pop()

    def handle_data(self, data):
        if not (self._hidden and self._hidden[-1]):
            self.texts.append(data)


def untranslated(page: str, data: re.Pattern[str]) -> list[str]:
    """Texts with words that are in no brackets, and are not data."""
    found = []
    for text in Shown(page).texts:
        rest, before = text, None
        while rest != before:
            before, rest = rest, re.sub(f"{OPEN}[^{OPEN}{CLOSE}]*{CLOSE}", " ", rest)
        if re.search(r"[^\W\d_]{2,}", data.sub(" ", rest)):
            found.append(text.strip())
    return found


@pytest.fixture
def clinic(clinic_for_commands: Clinic, console, content, monkeypatch) -> Clinic:
    """A clinic with some of everything that a page may show."""
    monkeypatch.setattr(language, "read_catalog", lambda _name: Brackets())
    publish_release(console.services.ledger, content, NOW, "Rosa", "", "folder")
    clinic = clinic_for_commands
    clinic.import_rows(*(row(number, at(number), first_name="Rosa", language="es") for number in (1, 2, 3, 10)))
    clinic.claim(NOW + timedelta(days=1))
    with clinic.ledger.write() as connection:
        for kind in ("change", "cancel", "wrong-number"):
            add_work_item(connection, kind, 1, 1, NOW - timedelta(hours=5))
        number = "+16035550101"
        save_callback(connection, clinic.vault, CallbackRequest(number, "es", "x", None, "any", "CA1"), NOW)
    return clinic


@pytest.fixture
def admin(clinic, console):
    browser = console.browser()
    with console.services.ledger.write() as connection:
        for user in users(connection):
            set_language(connection, user.id, "es")
    return browser


MISSING = "/no/such/page"
# Without the pages that are mostly words of the line: test_catalog.py looks through their templates.
PAGES = (
    "/", "/line", "/today/waiting", "/today/numbers", "/account", "/change", "/mf-recovery-codes",
    "/people", "/people/1", "/people/1/opt-out", "/people/1/opt-in", "/people/appointments/A1",
    "/prompts", "/prompts/draft", "/prompts/en/cancer", "/prompts/es/cancer",
    "/prompts/es/cancer/sign-off", "/prompts/history", "/prompts/hours", "/prompts/menus", "/prompts/unanswered",
    "/reminders", "/reminders/appointments", "/reminders/batches/1", "/reminders/batches/1/cancel",
    "/reminders/plan", "/reminders/upload", "/settings", "/settings/alarms", "/settings/audit",
    "/settings/doctor", "/settings/keys", "/settings/users", "/settings/users/1",
    "/settings/users/add", "/work", "/work/change", "/work/cancel", "/work/wrong-number", "/work/callbacks/1",
    "/work/done", "/work/items/1", "/work/landlines", "/work/messages", MISSING,
)  # fmt: skip
# Of a patient who is known, of a new one, and of two with faults.
FILE = csv_text([row(1, at(5)), row(20, at(5)), row(21, at(5), phone="12"), row(22, at(5), site="nowhere")])
# Names, days and times in Spanish, and the ids and numbers of the audit log, which are stored with English names.
DATA = re.compile(
    r"Ann Example|Rosa|Is it cancer|Es cáncer|English|Español|SQLite|Elliot Hospital|appointments\.csv|admin-0@example\.org|http://\S+"
    r"|\b(?:lunes|martes|miércoles|jueves|viernes|sábado|domingo|enero|febrero|marzo|abril|mayo|junio|julio|agosto)\b"
    r"|\b(?:septiembre|octubre|noviembre|diciembre)\b|\b(?:lun|mar|mié|jue|vie|sáb|dom)\b|\b(?:ene|feb|mar|abr|may|jun|jul|ago|sept|oct|nov|dic)\b|[ap]\.\s?m\."
    r"|\b[0-9a-f]{12}\b|\d+\.\d+\.\d+ \([0-9a-f]+\)"
)


def test_no_page_has_words_that_are_not_translated(admin):
    found = {}
    found_in_file, _ = upload(admin, FILE)
    for path in (*PAGES, found_in_file):
        response = admin.client.get(path, follow_redirects=True)
        page = response.get_data(as_text=True)
        assert response.status_code == (404 if path == MISSING else 200), path
        assert OPEN in page, path
        # The names of menus and topics, in the language of the page.
        page = re.sub(r"<table.*?</table>", "", page, flags=re.DOTALL) if path in ("/line", "/prompts") else page
        if words := untranslated(page, DATA):
            found[path] = words
    assert found == {}


def test_the_test_finds_words_that_are_not_translated():
    page = f"<p title='plain'>{OPEN}a {OPEN}b{CLOSE} c{CLOSE} word</p><p lang='en'>data</p><bdi>data</bdi>"
    assert untranslated(page, re.compile("Rosa")) == ["plain", f"{OPEN}a {OPEN}b{CLOSE} c{CLOSE} word"]
