"""Keys of the API: the list, a new one, which is shown once, and revoking one."""

from __future__ import annotations

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ivr import clock
from ivr.people.audit import AuditKind
from ivr.staff.api_keys import MAX_DAYS, MAX_NAME, ROLES, ApiKey, add_api_key, api_keys, revoke_api_key
from ivr.staff.users import Role
from ivr.web.console.context import audit, services
from ivr.web.console.security.kept_forms import typed_values
from ivr.web.console.settings.views import blueprint
from ivr.web.console.words import gettext


@blueprint.get("/settings/keys")
def keys() -> str:
    with services().ledger.read() as connection:
        found = api_keys(connection)
    return render_template("settings/keys.html", keys=found, state_of=_state)


@blueprint.route("/settings/keys/add", methods=["GET", "POST"])
def add_key() -> ResponseReturnValue:
    """Make a key, and show it once."""
    sent = typed_values()
    typed = {name: sent.get(name, "").strip() for name in ("name", "role", "days")}
    errors: dict[str, str] = {}
    if request.method == "POST":
        errors = _problems(typed)
        if not errors:
            days = int(typed["days"]) if typed["days"] else None
            with services().ledger.write() as connection:
                new = add_api_key(connection, typed["name"], Role(typed["role"]), clock.now(), days)
                audit(connection, AuditKind.API_KEY_ADDED, key=new.key.id)
            return render_template("settings/key.html", new=new)
    return render_template("settings/add_key.html", typed=typed, errors=errors)


def _problems(typed: dict[str, str]) -> dict[str, str]:
    errors = {}
    if not 0 < len(" ".join(typed["name"].split())) <= MAX_NAME:
        errors["name"] = gettext("Type the name of the system that uses the key, up to 100 characters.")
    if typed["role"] not in ROLES:
        errors["role"] = gettext("Choose what the key may do.")
    days = typed["days"]
    if days and not (days.isascii() and days.isdigit() and len(days) <= 4 and 0 < int(days) <= MAX_DAYS):
        errors["days"] = gettext("Type a number of days from 1 to 3650, or leave it empty.")
    return errors


@blueprint.post("/settings/keys/<int:key_id>/revoke")
def revoke_key(key_id: int) -> ResponseReturnValue:
    with services().ledger.write() as connection:
        if key_id >= 2**31 or not revoke_api_key(connection, key_id, clock.now()):
            abort(404)
        audit(connection, AuditKind.API_KEY_REVOKED, key=key_id)
    flash(gettext("The key is revoked. Requests with it are refused from now on."))
    return redirect(url_for("settings.keys"), 303)


def _state(key: ApiKey) -> str:
    if key.revoked_at:
        return gettext("revoked")
    return gettext("valid") if key.is_valid(clock.now()) else gettext("expired")
