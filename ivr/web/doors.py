"""What a web process answers: Twilio's webhooks, the console, or both."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

from werkzeug.exceptions import NotFound, ServiceUnavailable

from ivr.web.routes import SIGNED, first_segment
from ivr.web.services import Services

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from flask import Flask

ROOT = "/console"
Doors = Literal["twilio", "console", "all"]
_NO_SECRET = "The console is off: set SECRET_KEY, and restart the line. See docs/operations.md."  # noqa: S105


def without_webhooks(app: WSGIApplication) -> WSGIApplication:
    """The app without Twilio's webhooks."""

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        is_webhook = first_segment(environ["PATH_INFO"]) in SIGNED
        return NotFound()(environ, start_response) if is_webhook else app(environ, start_response)

    return answer


class WithConsole:
    """The app, and the console below /console, which is imported on first use."""

    def __init__(self, app: WSGIApplication, services: Services) -> None:
        self._app, self._services = app, services
        self._lock = threading.Lock()
        self._console: Flask | None = None

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if first_segment(path) != "console":
            return self._app(environ, start_response)
        if not self._services.settings.secret_key:
            return ServiceUnavailable(_NO_SECRET)(environ, start_response)
        # A copy, because the server counts the request by its whole path.
        return self._opened()({**environ, "SCRIPT_NAME": ROOT, "PATH_INFO": path.removeprefix(ROOT)}, start_response)

    def prepare(self) -> None:
        """Import the console and compile its templates, so that no page waits for it."""
        if self._services.settings.secret_key:
            from ivr.web.console.app import compile_templates

            compile_templates(self._opened())

    def _opened(self) -> Flask:
        with self._lock:
            if self._console is None:
                from ivr.web.console.app import create_console

                self._console = create_console(self._services)
            return self._console
