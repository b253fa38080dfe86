"""Sessions in a signed cookie that end after 15 idle minutes. A page that refreshes itself does not count as use."""

from __future__ import annotations

from flask import Flask
from flask.globals import request
from flask.sessions import SecureCookieSessionInterface, SessionMixin
from itsdangerous import BadSignature

from ivr.web.console.access import STATIC
from ivr.web.console.security.form_pages import HTMX

LIVE = "X-Live"
"""The header of requests that a page sends on its own."""
RENEWED_AFTER_SECONDS = 60


class ConsoleSessions(SecureCookieSessionInterface):
    def should_set_cookie(self, app: Flask, session: SessionMixin) -> bool:
        """Renew the cookie with each page that a person asks for.

        The files of a page may arrive after the next page has put something into the session, and would take it back.
        A part that is asked for while somebody types renews a cookie only if it is older than a minute: its answer may
        arrive after that of a saved form, and would take back the note that the form has put into the session.
        """
        if request.endpoint in STATIC or LIVE in request.headers or not super().should_set_cookie(app, session):
            return False
        return session.modified or HTMX not in request.headers or self._is_old(app)

    def _is_old(self, app: Flask) -> bool:
        serializer = self.get_signing_serializer(app)
        value = request.cookies.get(self.get_cookie_name(app), "")
        try:
            return serializer is None or not serializer.loads(value, max_age=RENEWED_AFTER_SECONDS)
        except BadSignature:
            return True
