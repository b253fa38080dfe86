"""What a web process answers: Twilio's webhooks, the console and the API, or all of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Literal

from werkzeug.exceptions import NotFound, ServiceUnavailable
from werkzeug.utils import redirect

from ivr.web.routes import SIGNED, first_segment
from ivr.web.services import Services

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from flask import Flask

ROOT, API_ROOT = "/console", "/api/v1"
Doors = Literal["twilio", "console", "all"]
_NO_SECRET = "The console is off: set SECRET_KEY, and restart the line. See docs/operations.md."  # noqa: S105


def without_webhooks(app: WSGIApplication) -> WSGIApplication:
    """The app without Twilio's webhooks."""

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        is_webhook = first_segment(environ["PATH_INFO"]) in SIGNED
        return NotFound()(environ, start_response) if is_webhook else app(environ, start_response)

    return answer


class WithConsole:
    """The app, the console below /console, to which / leads, and the API below /api/v1, both imported on first use."""

    def __init__(self, app: WSGIApplication, services: Services) -> None:
        self._app, self._services = app, services
        self._console = _Lazy(self._create_console)
        self._api = _Lazy(self._create_api)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == "/" and environ["REQUEST_METHOD"] in ("GET", "HEAD"):
            return redirect(ROOT)(environ, start_response)
        if first_segment(path) == "console":
            if not self._services.settings.secret_key:
                return ServiceUnavailable(_NO_SECRET)(environ, start_response)
            return self._console.opened()(_below(ROOT, environ), start_response)
        if path.startswith(f"{API_ROOT}/"):
            return self._api.opened()(_below(API_ROOT, environ), start_response)
        return self._app(environ, start_response)

    def prepare(self) -> None:
        """Import the console and compile its templates, so that no page waits for it."""
        if self._services.settings.secret_key:
            from ivr.web.console.app import compile_templates

            compile_templates(self._console.opened())

    def _create_console(self) -> Flask:
        from ivr.web.console.app import create_console

        return create_console(self._services)

    def _create_api(self) -> Flask:
        from ivr.web.api.app import create_api

        return create_api(self._services)


def _below(root: str, environ: WSGIEnvironment) -> WSGIEnvironment:
    """The environment of an app that is mounted there. A copy: the server counts the request by its whole path."""
    return {**environ, "SCRIPT_NAME": root, "PATH_INFO": environ["PATH_INFO"].removeprefix(root)}


class _Lazy:
    """An app that is created on first use: a line whose console nobody opens starts a second faster."""

    def __init__(self, create: Callable[[], Flask]) -> None:
        self._create = create
        self._lock = threading.Lock()
        self._app: Flask | None = None

    def opened(self) -> Flask:
        with self._lock:
            if self._app is None:
                self._app = self._create()
            return self._app
