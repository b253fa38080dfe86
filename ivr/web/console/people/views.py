"""Finding a person or an appointment. What is typed travels in the body of the request only: it may be a number."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ivr.people.audit import AuditKind
from ivr.people.phones import PhoneNumber, parse_phone
from ivr.web.console.context import audit, live_line, services
from ivr.web.console.people.queries import find_appointment, find_person
from ivr.web.console.security.kept_forms import kept_values
from ivr.web.console.words import gettext

blueprint = Blueprint("people", __name__, template_folder="templates")


@blueprint.get("/people")
def find() -> str:
    return render_template("people/find.html", wanted=kept_values().get("wanted", ""), error="")


@blueprint.post("/people")
def look_up() -> ResponseReturnValue:
    """Go to the appointment with this id, else to the person with this number."""
    wanted = request.form.get("wanted", "").strip()
    shared = services()
    number = parse_phone(wanted, live_line().content.config.reminders.countries)
    with shared.ledger.write() as connection:
        appointment_id = find_appointment(connection, wanted)
        if appointment_id is not None:
            return redirect(url_for("people.appointment", appointment_id=appointment_id), 303)
        person_id = None
        if isinstance(number, PhoneNumber):
            person_id = find_person(connection, shared.vault, number.e164)
            if person_id is None:
                audit(connection, AuditKind.PERSON_READ, person=None)
    if person_id is not None:
        return redirect(url_for("people.show", person_id=person_id), 303)
    is_number = isinstance(number, PhoneNumber)
    return render_template("people/find.html", wanted=wanted[:100], error=_not_found(wanted, is_number)), 404


def _not_found(wanted: str, is_number: bool) -> str:
    if not wanted:
        return gettext("Type an appointment number or a phone number.")
    if is_number:
        return gettext("Nothing is known about this phone number. Check its digits.")
    return gettext(
        "There is no appointment with this number, and it is not a whole phone number. Type the appointment number as"
        " it is in your file, or all digits of the phone number, such as 603-555-0123."
    )
