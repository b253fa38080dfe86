"""Sessions in a signed cookie that end after 15 idle minutes. A page that refreshes itself does not count as use."""

from __future__ import annotations

from flask import Flask
from flask.globals import request
from flask.sessions import SecureCookieSessionInterface, SessionMixin

LIVE = "X-Live"
"""The header of requests that a page sends on its own."""


class ConsoleSessions(SecureCookieSessionInterface):
    def should_set_cookie(self, app: Flask, session: SessionMixin) -> bool:
        """Renew the cookie with each request of a person."""
        return super().should_set_cookie(app, session) and LIVE not in request.headers
