"""What a web process answers: Twilio's webhooks, the console with the API, or both."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Literal

from werkzeug.exceptions import NotFound, ServiceUnavailable

from ivr.web.routes import SIGNED, first_segment
from ivr.web.services import Services

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

ROOT, API_ROOT = "/console", "/api/v1"
Doors = Literal["twilio", "console", "all"]
_NO_SECRET = "The console is off: set SECRET_KEY, and restart the line. See docs/operations.md."  # noqa: S105


def without_webhooks(app: WSGIApplication) -> WSGIApplication:
    """The app without Twilio's webhooks."""

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        is_webhook = first_segment(environ["PATH_INFO"]) in SIGNED
        return NotFound()(environ, start_response) if is_webhook else app(environ, start_response)

    return answer


def with_console(app: WSGIApplication, services: Services) -> WSGIApplication:
    """The app, and the console below /console."""

    def create() -> WSGIApplication:
        from ivr.web.console.app import create_console

        return create_console(services)

    console = _Lazy(create)

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if first_segment(path) != "console":
            return app(environ, start_response)
        if not services.settings.secret_key:
            return ServiceUnavailable(_NO_SECRET)(environ, start_response)
        # A copy, because the server counts the request by its whole path.
        return console({**environ, "SCRIPT_NAME": ROOT, "PATH_INFO": path.removeprefix(ROOT)}, start_response)

    return answer


def with_api(app: WSGIApplication, services: Services) -> WSGIApplication:
    """The app, and the API below /api/v1."""

    def create() -> WSGIApplication:
        from ivr.web.api.app import create_api

        return create_api(services)

    api = _Lazy(create)

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if not path.startswith(f"{API_ROOT}/"):
            return app(environ, start_response)
        return api({**environ, "SCRIPT_NAME": API_ROOT, "PATH_INFO": path.removeprefix(API_ROOT)}, start_response)

    return answer


class _Lazy:
    """An app that is imported on first use: a line whose console nobody opens starts a second faster."""

    def __init__(self, create: Callable[[], WSGIApplication]) -> None:
        self._create = create
        self._lock = threading.Lock()
        self._app: WSGIApplication | None = None

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        with self._lock:
            if self._app is None:
                self._app = self._create()
            app = self._app
        return app(environ, start_response)
