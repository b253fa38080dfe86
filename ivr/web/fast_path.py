"""The WSGI middleware that answers calls and texts itself, in less time than Flask needs for any request.

Everything else goes to Flask. Requests that may wait for the database share a limited number of slots and get a 503
beyond it, so that threads remain for calls while the database hangs.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from werkzeug.exceptions import HTTPException, InternalServerError, MethodNotAllowed, ServiceUnavailable

from ivr import log
from ivr.web.services import Services
from ivr.web.webhook import verify_request

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

XML = "text/xml; charset=utf-8"
# Concurrent requests that may wait for the database; a web process has eight threads more.
SLOTS = 24
# Seconds that a text waits for the one before it.
TEXT_LOCK_SECONDS = 0.02
# The first path segments of routes that never wait for the database for long.
WITHOUT_SLOT = frozenset({"voice", "audio", "healthz"})


class FastPath:
    """POST /voice, /voice/<release>/<state> and /sms.

    answer_call, answer_text: return the TwiML for the services, the webhook and, for a later turn of a call, the
    release and state of its path. They may raise an HTTPException.
    """

    def __init__(
        self,
        app: WSGIApplication,
        services: Services,
        answer_call: Callable[..., bytes],
        answer_text: Callable[..., bytes],
    ) -> None:
        self._app, self._services = app, services
        self._answer_call, self._answer_text = answer_call, answer_text
        self._slots = threading.BoundedSemaphore(SLOTS)
        self._text_lock = threading.Lock()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        _, *path = environ["PATH_INFO"].split("/")
        if path[:1] == ["voice"] and len(path) in (1, 3):
            return self._answer(self._answer_call, environ, start_response, path[1:])
        if WITHOUT_SLOT.intersection(path[:1]):
            return self._app(environ, start_response)
        if not self._slots.acquire(blocking=False):
            return ServiceUnavailable(retry_after=1)(environ, start_response)
        try:
            if path == ["sms"]:
                return self._answer_in_turn(environ, start_response)
            return self._app(environ, start_response)
        finally:
            self._slots.release()

    def _answer_in_turn(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer texts one at a time while that is quick.

        Threads that pass the GIL back and forth at each SQLite query cost a sixth of the throughput. A text that waits
        for the database does not hold up the next ones.
        """
        locked = self._services.ledger.is_sqlite and self._text_lock.acquire(timeout=TEXT_LOCK_SECONDS)
        try:
            return self._answer(self._answer_text, environ, start_response)
        finally:
            if locked:
                self._text_lock.release()

    def _answer(
        self,
        answer: Callable[..., bytes],
        environ: WSGIEnvironment,
        start_response: StartResponse,
        arguments: Sequence[str] = (),
    ) -> Iterable[bytes]:
        try:
            if environ["REQUEST_METHOD"] != "POST":
                raise MethodNotAllowed(["POST"])
            document = answer(self._services, verify_request(environ, self._services.settings), *arguments)
        except HTTPException as response:
            return response(environ, start_response)
        except Exception:  # noqa: BLE001 - as Flask would: log it, and Twilio requests its fallback URL
            log.get_logger().exception("webhook_failed", route=environ["PATH_INFO"].split("/")[1])
            return InternalServerError()(environ, start_response)
        start_response("200 OK", [("Content-Type", XML), ("Content-Length", str(len(document)))])
        return [document]
