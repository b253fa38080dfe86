"""The page of one person: a phone number, its appointments, and what its owner wants."""

from __future__ import annotations

import re
from typing import Any

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection, Row

from ivr import clock
from ivr.ledger.vault import UnknownKey
from ivr.people.audit import AuditKind
from ivr.people.persons import set_language
from ivr.people.phones import format_phone
from ivr.reminders.reports.manual import ManualActions
from ivr.web.console.context import audit, content_or_none, live_line, services
from ivr.web.console.people import queries, words
from ivr.web.console.people.views import blueprint
from ivr.web.console.security.form_pages import HTMX
from ivr.web.console.security.kept_forms import kept_values
from ivr.web.console.words import gettext

# As the ledger stores it.
MAX_REASON = 1000
_BACK = re.compile(r"/(?:people|work)(?:/[A-Za-z0-9%._~-]+)*")
_AUDIT = {"opt-out": AuditKind.OPTED_OUT, "opt-in": AuditKind.OPTED_IN}


@blueprint.get("/people/<int:person_id>")
def show(person_id: int) -> str:
    shared, content, page = services(), content_or_none(), _page()
    with shared.ledger.write() as connection:
        row = _person(connection, person_id)
        audit(connection, AuditKind.PERSON_READ, person=person_id)
        appointments, more = queries.appointments_of(connection, person_id, page)
        consent = queries.consent_of(connection, shared.vault, person_id)
        work = queries.work_of(connection, person_id)
    return render_template(
        "people/show.html",
        person=row,
        masked=queries.masked(shared.vault, row.phone_sealed),
        language=kept_values().get("language", row.language or ""),
        appointments=appointments,
        page=page,
        more=more,
        consent=consent,
        work=[(item, queries.opened(shared.vault, item.note_sealed)) for item in work],
        words=words,
        config=content.config if content else None,
    )


@blueprint.post("/people/<int:person_id>/number")
def show_number(person_id: int) -> str:
    with services().ledger.write() as connection:
        row = _person(connection, person_id)
        audit(connection, AuditKind.NUMBER_SHOWN, person=person_id)
    return number_page(row.phone_sealed, _back(person_id))


def number_page(sealed: bytes, back: str) -> str:
    """The whole number, once: it is not stored in a page that a link leads to. back: the page to go back to."""
    try:
        e164 = services().vault.open(sealed)
    except UnknownKey:
        e164 = ""
    template = "people/_shown_number.html" if request.headers.get(HTMX) else "people/number.html"
    return render_template(template, e164=e164, number=format_phone(e164), back=back)


@blueprint.get("/people/<int:person_id>/<any('opt-out', 'opt-in'):change>")
def consent(person_id: int, change: str) -> str:
    """Ask for the reason of a change."""
    with services().ledger.read() as connection:
        row = _person(connection, person_id)
    return _consent_page(row, change, kept_values().get("reason", ""), "")


@blueprint.post("/people/<int:person_id>/<any('opt-out', 'opt-in'):change>")
def change_consent(person_id: int, change: str) -> ResponseReturnValue:
    """Do what `infoline reminders stop` and `start` do. The reason is stored as evidence."""
    shared, reason = services(), request.form.get("reason", "").replace("\r\n", "\n").strip()
    with shared.ledger.read() as connection:
        row = _person(connection, person_id)
    if not reason or len(reason) > MAX_REASON:
        return _consent_page(row, change, reason, _reason_error(reason)), 422
    try:
        e164 = shared.vault.open(row.phone_sealed)
    except UnknownKey:
        error = gettext("This number cannot be read, because an older key is missing. Ask your IT department.")
        return _consent_page(row, change, reason, error), 409
    actions = ManualActions(
        shared.ledger,
        shared.vault,
        live_line().content.config,
        record=lambda connection: audit(connection, _AUDIT[change], person=person_id),
    )
    flash(_opt_out(actions, e164, reason) if change == "opt-out" else _opt_in(actions, e164, reason))
    return redirect(url_for("people.show", person_id=person_id), 303)


def _opt_out(actions: ManualActions, e164: str, reason: str) -> str:
    if actions.stop(e164, reason, clock.now()):
        return gettext("This number gets no more texts. Your reason is stored.")
    return gettext("This number got no texts before either, so nothing changed.")


def _opt_in(actions: ManualActions, e164: str, reason: str) -> str:
    source = actions.start(e164, reason, clock.now())
    if source is None:
        return gettext("This number gets texts already, so nothing changed.")
    if source in ("text", "carrier"):
        return gettext(
            "This number gets the texts that are still planned. The phone company may still block them until START is"
            " texted from that phone."
        )
    return gettext("This number gets the texts that are still planned. Your reason is stored.")


@blueprint.post("/people/<int:person_id>/language")
def change_language(person_id: int) -> ResponseReturnValue:
    wanted, config = request.form.get("language", ""), live_line().content.config
    if wanted and wanted not in config.languages:
        abort(400)
    with services().ledger.write() as connection:
        row = _person(connection, person_id)
        if (row.language or "") != wanted:
            set_language(connection, person_id, wanted or None)
            audit(connection, AuditKind.LANGUAGE_CHANGED, person=person_id)
    flash(gettext("The language of this number: %(language)s.", language=words.language_name(wanted, config)))
    return redirect(url_for("people.show", person_id=person_id), 303)


def _person(connection: Connection, person_id: int) -> Row[Any]:
    return queries.person_row(connection, person_id) or abort(404)


def _consent_page(row: Row[Any], change: str, reason: str, error: str) -> str:
    masked = queries.masked(services().vault, row.phone_sealed)
    return render_template("people/consent.html", person=row, change=change, reason=reason, error=error, masked=masked)


def _reason_error(reason: str) -> str:
    if not reason:
        return gettext("Write what the patient said, and how, such as “called us and asked for it”.")
    return gettext("The reason has %(count)s characters. Shorten it to %(limit)s.", count=len(reason), limit=MAX_REASON)


def _back(person_id: int) -> str:
    """The page to go back to, below /console."""
    wanted = request.form.get("back", "")
    if _BACK.fullmatch(wanted):
        return request.script_root + wanted
    return url_for("people.show", person_id=person_id)


def _page() -> int:
    return min(max(request.args.get("page", 1, type=int), 1), 100_000)
