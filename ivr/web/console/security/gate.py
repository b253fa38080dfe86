"""Lets a request through only if the table of access says so."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Flask, abort, current_app, g, redirect, request, session, url_for
from flask_login import current_user
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from ivr.web.console.access import ANYONE, STATIC, Access
from ivr.web.console.security.kept_forms import keep_form

HTMX = "HX-Request"
_HTMX_PAGE = "HX-Current-URL"
# Live parts of a form that are asked for at every pause in typing.
_WHILE_TYPING = frozenset({"prompts.proof"})
# What answers GET with something that is no page: a sound, or a part of one.
_NO_PAGES = frozenset({"prompts.recording", "prompts.checked"})
# Forms of which a page may have several, so that each is kept for its own address.
_KEPT_APART = frozenset({"prompts.record"})


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
    is_live = bool(request.headers.get(HTMX))
    if is_live and request.endpoint in _WHILE_TYPING:
        # Sent while somebody types. Leaving the page would lose the words; the button that sends them keeps them.
        return Response(status=204)
    page = request.script_root + ((_page_it_came_from() or "/") if is_live else _page_to_return_to())
    if request.method == "POST":
        keep_form(request.script_root + request.path if request.endpoint in _KEPT_APART else urlsplit(page).path)
    location = url_for("security.login", next=page)
    if is_live:
        # A live part cannot show the sign-in page in its place.
        response = Response(status=204)
        response.headers["HX-Redirect"] = location
        return response
    return redirect(location)


def _page_to_return_to() -> str:
    """The page that was asked for; for a form whose own address shows no page, the page that it was on."""
    if request.method == "GET":
        return request.full_path.rstrip("?")
    if _shows_a_page(request.path):
        return request.path
    return _page_it_came_from() or _page_above(request.path)


def _page_it_came_from() -> str:
    """The page of the console that a form or a live part was on; empty if the browser names none."""
    address = urlsplit(request.headers.get(_HTMX_PAGE) or request.referrer or "")
    path = address.path.removeprefix(request.script_root)
    if address.netloc != request.host or not _shows_a_page(path):
        return ""
    return f"{path}?{address.query}" if address.query else path


def _page_above(path: str) -> str:
    """The nearest page above an address. A page that answers a form with an error has the address of the form."""
    while path and not _shows_a_page(path):
        path = path.rpartition("/")[0]
    return path or "/"


def _shows_a_page(path: str) -> bool:
    adapter = current_app.create_url_adapter(request)
    if adapter is None:
        return False
    try:
        endpoint, _ = adapter.match(path, method="GET")
    except HTTPException:
        return False
    return endpoint not in _NO_PAGES


def may_open(endpoint: str, role: str) -> bool:
    """Whether a role includes an endpoint."""
    gate: Gate = current_app.extensions["console_gate"]
    return role in gate.access.get(endpoint, frozenset())
