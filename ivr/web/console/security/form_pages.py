"""The page that a form is on: there it is shown again, as it was typed, when it was sent but could not be done."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

from flask import Flask, current_app, flash, g, redirect, request
from itsdangerous import BadData, URLSafeTimedSerializer
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from ivr import log
from ivr.web.console.access import ANYONE
from ivr.web.console.security import kept_forms
from ivr.web.console.words import gettext

HTMX = "HX-Request"
_HTMX_PAGE = "HX-Current-URL"
# Live parts of a form that are asked for at every pause in typing.
_WHILE_TYPING = frozenset({"prompts.proof"})
# What answers GET with something that is no page: a sound, or a part of one.
_NO_PAGES = frozenset({"prompts.recording", "prompts.checked"})
# Forms of which a page may have several, so that each is kept for its own address.
_KEPT_APART = frozenset({"prompts.record"})
# Of Flask-WTF, which signs the tokens of forms with it.
_TOKEN_SALT = "wtf-csrf-token"  # noqa: S105 - no password


def install(app: Flask) -> None:
    """Forget a kept form when it has been sent again: its page shows what is stored now."""

    @app.after_request
    def forget(response: Response) -> Response:
        if request.method == "POST" and response.status_code < 400 and HTMX not in request.headers:
            kept_forms.forget_earlier(lambda: _place(page_of_request()))
        return response


def is_sent_while_typing() -> bool:
    """Whether to leave the browser where it is: leaving the page would lose the words, which its button will send."""
    return HTMX in request.headers and request.endpoint in _WHILE_TYPING


def page_of_request() -> str:
    """The page to show after a request that was not answered, with its query."""
    page = (_page_it_came_from() or "/") if HTMX in request.headers else _page_to_return_to()
    return request.script_root + page


def go_to(location: str) -> Response:
    """Send the browser to a page. A live part cannot show it in its place."""
    if HTMX not in request.headers:
        return redirect(location)
    response = Response(status=204)
    response.headers["HX-Redirect"] = location
    return response


def keep_for(page: str) -> bool:
    """Keep the form of the request for a page, if it is a form of ours that a person sent. Returns whether it is kept.

    The session may have ended, so the token need not be of this session, but this line must have signed it. Another
    site can have such a token too, and must not put words into our forms.
    """
    return _is_from_our_site() and _has_signed_token() and kept_forms.keep_form(_place(page))


def send_again() -> Response | None:
    """What answers a form from before a new sign-in, by which its token has ended. Nothing is done with it.

    None if the form may be of another site, or if it is itself a step of a sign-in.
    """
    if g.get("staff_user") is None or _is_for_anyone() or not (_is_from_our_site() and _has_signed_token()):
        return None
    if is_sent_while_typing():
        return Response(status=204)
    page = page_of_request()
    if keep_for(page) and kept_forms.is_kept_for(page):
        sentence = gettext("You signed in again in the meantime. What you typed is here: check it, and send it again.")
    else:
        sentence = gettext("You signed in again in the meantime, so nothing was done. Check this page, and try again.")
    flash(sentence, "wrong")
    return go_to(page)


def keep_unsaved() -> str:
    """Keep the form of a request that failed. Returns its page if everything that was typed will be there; else "".

    The page of a live part stays open, and has the words.
    """
    if request.method != "POST" or HTMX in request.headers or request.endpoint is None or _is_for_anyone():
        return ""
    try:
        page = page_of_request()
        return page if keep_for(page) and kept_forms.is_kept_for(page) else ""
    except (HTTPException, OSError) as error:
        # The body cannot be read, or the disk is full: the failure itself must still be answered.
        log.get_logger().warning("form_not_kept", endpoint=request.endpoint, error=type(error).__name__)
        return ""


def _is_for_anyone() -> bool:
    return bool(current_app.extensions["console_gate"].access.get(request.endpoint) == ANYONE)


def _is_from_our_site() -> bool:
    return _split(request.headers.get("Origin") or request.referrer or "").netloc == request.host


def _has_signed_token() -> bool:
    token = request.form.get("csrf_token") or request.headers.get("X-CSRFToken", "")
    try:
        URLSafeTimedSerializer(current_app.config["SECRET_KEY"], salt=_TOKEN_SALT).loads(token)
    except BadData:
        return False
    return True


def _place(page: str) -> str:
    """The path for which a form is kept."""
    return request.script_root + request.path if request.endpoint in _KEPT_APART else _split(page).path


def _page_to_return_to() -> str:
    """The page that was asked for; for a form whose own address shows no page, the page that it was on."""
    if request.method == "GET":
        return request.full_path.rstrip("?")
    if _shows_a_page(request.path):
        return request.path
    return _page_it_came_from() or _page_above(request.path)


def _page_it_came_from() -> str:
    """The page of the console that a form or a live part was on; empty if the browser names none."""
    address = _split(request.headers.get(_HTMX_PAGE) or request.referrer or "")
    path = address.path.removeprefix(request.script_root)
    if address.netloc != request.host or not _shows_a_page(path):
        return ""
    return f"{path}?{address.query}" if address.query else path


def _split(address: str) -> SplitResult:
    try:
        return urlsplit(address)
    except ValueError:
        return urlsplit("")


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
