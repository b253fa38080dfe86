"""Users of the console, and what an administrator wants to know about the line."""

from __future__ import annotations

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ivr import clock
from ivr.ledger.engine import latest_migration
from ivr.people.audit import AuditKind
from ivr.reminders.alarms import active_alarms
from ivr.staff import users as accounts
from ivr.staff.users import Invitation, Role, StaffUser, UserExists, user_by_id
from ivr.version import version_text
from ivr.web.console.context import audit, services, staff_user
from ivr.web.console.security.kept_forms import kept_values, typed_values
from ivr.web.console.today.alarm_words import detail_of, words_of_alarm
from ivr.web.console.words import gettext

blueprint = Blueprint("settings", __name__, template_folder="templates")


@blueprint.get("/settings")
def show() -> str:
    """Active alarms and versions."""
    shared = services()
    with shared.ledger.read() as connection:
        alarms = active_alarms(connection)
        people = accounts.users(connection)
    line = shared.releases.live
    facts = {
        gettext("Program"): version_text(),
        gettext("Tables of the database"): latest_migration(),
        gettext("Database"): "SQLite" if shared.ledger.is_sqlite else "PostgreSQL",
        gettext("Release of the prompts"): line.digest if line else gettext("none"),
        gettext("Address of the line"): shared.settings.public_url,
    }
    return render_template(
        "settings/show.html",
        alarms=alarms,
        people=people,
        facts=facts,
        words_of=words_of_alarm,
        detail_of=detail_of,
    )


@blueprint.get("/settings/users")
def users() -> str:
    with services().ledger.read() as connection:
        people = accounts.users(connection)
    return render_template("settings/users.html", people=people, state_of=_state)


@blueprint.route("/settings/users/add", methods=["GET", "POST"])
def add_user() -> ResponseReturnValue:
    """Add a user, and show their one-time link once."""
    sent = typed_values()
    typed = {name: sent.get(name, "") for name in ("email", "name", "role", "language")}
    errors: dict[str, str] = {}
    if request.method == "POST":
        errors = _problems(typed)
        if not errors:
            try:
                with services().ledger.write() as connection:
                    role, language = Role(typed["role"]), typed["language"]
                    invitation = accounts.add_user(
                        connection, typed["email"], typed["name"], role, clock.now(), language
                    )
                    audit(connection, AuditKind.USER_ADDED, user=invitation.user.id)
                return _link_page(invitation)
            except UserExists:
                errors["email"] = gettext("Somebody with this address is a user already. Open them to make a new link.")
    return render_template("settings/add_user.html", typed=typed, errors=errors)


def _problems(typed: dict[str, str]) -> dict[str, str]:
    errors = {}
    if not accounts.is_email(accounts.normalize_email(typed["email"])):
        errors["email"] = gettext("Type an email address, such as name@hospital.org.")
    if not 0 < len(" ".join(typed["name"].split())) <= accounts.MAX_NAME:
        errors["name"] = gettext("Type the name that colleagues know, up to 100 characters.")
    if typed["role"] not in set(Role):
        errors["role"] = gettext("Choose what this person may do.")
    if typed["language"] not in ("en", "es"):
        errors["language"] = gettext("Choose the language of the pages.")
    return errors


def _link_page(invitation: Invitation) -> ResponseReturnValue:
    link = f"{services().settings.public_url}/console/welcome/{invitation.token}"
    return render_template("settings/link.html", invitation=invitation, link=link)


@blueprint.get("/settings/users/<int:user_id>")
def user(user_id: int) -> str:
    person = _user(user_id)
    return render_template(
        "settings/user.html", person=person, role=kept_values().get("role", person.role), state_of=_state
    )


def _user(user_id: int) -> StaffUser:
    with services().ledger.read() as connection:
        found = user_by_id(connection, user_id) if user_id < 2**31 else None
    return found if found is not None else abort(404)


def _other(user_id: int) -> StaffUser:
    """A user other than the one who asks: nobody can lock themselves out."""
    if user_id == staff_user().id:
        abort(409)
    return _user(user_id)


@blueprint.post("/settings/users/<int:user_id>/invite")
def invite(user_id: int) -> ResponseReturnValue:
    person = _other(user_id)
    with services().ledger.write() as connection:
        invitation = accounts.invite(connection, person.id, clock.now())
        audit(connection, AuditKind.USER_INVITED, user=person.id)
    return _link_page(invitation)


@blueprint.post("/settings/users/<int:user_id>/active")
def set_active(user_id: int) -> ResponseReturnValue:
    person, active = _other(user_id), request.form.get("active") == "yes"
    with services().ledger.write() as connection:
        accounts.set_active(connection, person.id, active=active)
        audit(connection, AuditKind.USER_ENABLED if active else AuditKind.USER_DISABLED, user=person.id)
    flash(gettext("Saved. Open sessions of this user have ended.") if not active else gettext("Saved."))
    return redirect(url_for("settings.user", user_id=person.id), 303)


@blueprint.post("/settings/users/<int:user_id>/role")
def set_role(user_id: int) -> ResponseReturnValue:
    person, role = _other(user_id), request.form.get("role", "")
    if role not in set(Role):
        abort(400)
    with services().ledger.write() as connection:
        accounts.set_role(connection, person.id, Role(role))
        audit(connection, AuditKind.ROLE_CHANGED, user=person.id, role=role)
    flash(gettext("Saved. Open sessions of this user have ended."))
    return redirect(url_for("settings.user", user_id=person.id), 303)


def _state(person: StaffUser) -> str:
    if not person.active:
        return gettext("disabled")
    if person.invited_until:
        ended = person.invited_until <= clock.now()
        return gettext("invitation expired") if ended else gettext("invited")
    return gettext("active") if person.second_factor else gettext("no second step yet")
