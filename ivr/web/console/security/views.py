"""The invitation, single sign-on, and a user's own account."""

from __future__ import annotations

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_security import hash_password, logout_user
from werkzeug.wrappers import Response

from ivr import clock
from ivr.people.audit import Actor, AuditKind, record
from ivr.staff.users import accept_invitation, end_sessions, invited_user, set_language
from ivr.web.console.context import audit, services, staff_user
from ivr.web.console.language import LANGUAGES
from ivr.web.console.security import oidc
from ivr.web.console.security.flask_security_setup import MIN_PASSWORD
from ivr.web.console.security.kept_forms import kept_values
from ivr.web.console.words import gettext

sign_in = Blueprint("sign_in", __name__)
account = Blueprint("account", __name__)


@sign_in.route("/welcome/<token>", methods=["GET", "POST"])
def invitation(token: str) -> str | Response | tuple[str, int]:
    """Choose a password with a one-time link."""
    now = clock.now()
    with services().ledger.read() as connection:
        user = invited_user(connection, token, now)
    if user is None:
        return render_template("security/invitation_ended.html"), 410
    errors: dict[str, str] = {}
    if request.method == "POST":
        password = request.form.get("password", "")
        errors = password_errors(password, request.form.get("again", ""), user.email)
        if not errors:
            with services().ledger.write() as connection:
                accepted = accept_invitation(connection, token, hash_password(password), now)
                if accepted is not None:
                    record(connection, Actor(f"console user {user.id}"), AuditKind.PASSWORD_CHOSEN, now)
            if accepted is None:
                return render_template("security/invitation_ended.html"), 410
            flash(gettext("Your password is set. Sign in with it."))
            return redirect(url_for("security.login"))
    return render_template("security/invitation.html", user=user, errors=errors, minimum=MIN_PASSWORD)


def password_errors(password: str, again: str, email: str) -> dict[str, str]:
    """What is wrong with a new password, by field. Length is what matters: NIST SP 800-63B."""
    if len(password) < MIN_PASSWORD:
        sentence = gettext("Use at least %(count)s characters. A few words are easy to remember.", count=MIN_PASSWORD)
        return {"password": sentence}
    if len(set(password)) < MIN_PASSWORD // 2 or email.partition("@")[0] in password.lower():
        return {"password": gettext("This password is easy to guess. Choose another one.")}
    return {"again": gettext("The two passwords are not the same.")} if password != again else {}


@sign_in.post("/sign-in/provider")
def oidc_start() -> Response:
    """Go to the hospital's own sign-in."""
    return oidc.start(services().settings)


@sign_in.get("/sign-in/provider/return")
def oidc_return() -> Response | tuple[str, int]:
    """Come back from it."""
    return oidc.finish(services())


@account.get("/account")
def show() -> str:
    chosen = kept_values().get("language", staff_user().language)
    return render_template("security/account.html", languages=LANGUAGES, chosen=chosen)


@account.post("/account/language", endpoint="set_language")
def choose_language() -> Response:
    language = request.form.get("language", "")
    if language not in LANGUAGES:
        abort(400)
    with services().ledger.write() as connection:
        set_language(connection, staff_user().id, language)
    return redirect(url_for("account.show"))


@account.post("/account/sign-out-everywhere")
def sign_out_everywhere() -> Response:
    """End all sessions of the user, on this device as well."""
    with services().ledger.write() as connection:
        end_sessions(connection, staff_user().id)
        audit(connection, AuditKind.SIGNED_OUT_EVERYWHERE)
    logout_user()
    return redirect(url_for("security.login"))
