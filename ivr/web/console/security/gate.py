"""Lets a request through only if the table of access says so."""

from __future__ import annotations

from flask import Flask, abort, current_app, g, redirect, request, session, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from ivr.staff.users import user_by_id
from ivr.web.console.access import ANYONE, Access
from ivr.web.console.security.kept_forms import keep_form
from ivr.web.services import Services

HTMX = "HX-Request"


class Gate:
    """Checks each request before its view."""

    def __init__(self, app: Flask, access: Access) -> None:
        self.access = access
        self._services: Services = app.extensions["infoline"]
        # First, before anything else looks at the request.
        app.before_request_funcs.setdefault(None, []).insert(0, self.check)

    def check(self) -> Response | None:
        """Set the signed-in user, and refuse what their role does not include."""
        session.permanent = True
        g.staff_user = None
        endpoint = request.endpoint
        if endpoint is None:
            return None
        allowed = self.access.get(endpoint, frozenset())
        if current_user.is_authenticated:
            with self._services.ledger.read() as connection:
                g.staff_user = user_by_id(connection, current_user.id)
        if allowed == ANYONE:
            return None
        if g.staff_user is None:
            return _ask_to_sign_in()
        if g.staff_user.role not in allowed:
            abort(403)
        return None


def _ask_to_sign_in() -> Response:
    """Send the browser to the sign-in page, and back afterward. A form that was being sent is kept for it."""
    if request.method == "POST":
        keep_form()
    target = request.script_root + (request.full_path.rstrip("?") if request.method == "GET" else request.path)
    location = url_for("security.login", next=target)
    if request.headers.get(HTMX):
        # A live part cannot show the sign-in page in its place.
        response = Response(status=204)
        response.headers["HX-Redirect"] = url_for("security.login")
        return response
    return redirect(location)


def may_open(endpoint: str, role: str) -> bool:
    """Whether a role includes an endpoint."""
    gate: Gate = current_app.extensions["console_gate"]
    return role in gate.access.get(endpoint, frozenset())
