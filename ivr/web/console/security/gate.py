"""Lets a request through only if the table of access says so."""

from __future__ import annotations

from flask import Flask, abort, current_app, g, request, session, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from ivr.web.console.access import ANYONE, STATIC, Access
from ivr.web.console.security import form_pages


class Gate:
    """Checks each request before its view."""

    def __init__(self, app: Flask, access: Access) -> None:
        self.access = access
        # First, before anything else looks at the request.
        app.before_request_funcs.setdefault(None, []).insert(0, self.check)

    def check(self) -> Response | None:
        """Set the signed-in user, and refuse what their role does not include."""
        if not session.permanent:
            session.permanent = True
        g.staff_user = None
        endpoint = request.endpoint
        if endpoint is None:
            return None
        allowed = self.access.get(endpoint, frozenset())
        if endpoint in STATIC:
            # Looking up the user would cost a query for each file.
            return None
        if current_user.is_authenticated:
            g.staff_user = current_user.staff
        if allowed == ANYONE:
            return None
        if g.staff_user is None:
            return _ask_to_sign_in()
        if g.staff_user.role not in allowed:
            abort(403)
        return None


def _ask_to_sign_in() -> Response:
    """Send the browser to the sign-in page, and back afterward. A form that was being sent is kept for it."""
    if form_pages.is_sent_while_typing():
        return Response(status=204)
    page = form_pages.page_of_request()
    if request.method == "POST":
        form_pages.keep_for(page)
    return form_pages.go_to(url_for("security.login", next=page))


def may_open(endpoint: str, role: str) -> bool:
    """Whether a role includes an endpoint."""
    gate: Gate = current_app.extensions["console_gate"]
    return role in gate.access.get(endpoint, frozenset())
