"""WSGI middleware that answers calls and texts without Flask, whose overhead alone exceeds the time of an answer.

Requests that may wait for the database share a limited number of slots; when all are taken, further requests get a
503, except texts, which are then answered without the database. This leaves threads free for calls while the database
hangs, and loses no opt-out.
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
# How long a text waits for the one before it.
TEXT_LOCK_SECONDS = 0.02
# First path segments of routes that never wait long for the database.
WITHOUT_SLOT = frozenset({"voice", "audio", "healthz"})
Answer = Callable[..., bytes]


class FastPath:
    """Handles POST /voice, /voice/<release>/<state> and /sms, and passes other requests to `app`.

    answer_call, answer_text: return TwiML, given the services, the webhook and, for a later turn of a call, the
    release and state in its path. They may raise an HTTPException. answer_text_without_database: answers a text when no
    slot is free.
    """

    def __init__(
        self,
        app: WSGIApplication,
        services: Services,
        answer_call: Answer,
        answer_text: Answer,
        answer_text_without_database: Answer,
    ) -> None:
        self._app, self._services = app, services
        self._answer_call, self._answer_text = answer_call, answer_text
        self._answer_text_without_database = answer_text_without_database
        self._slots = threading.BoundedSemaphore(SLOTS)
        self._text_lock = threading.Lock()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        _, *path = environ["PATH_INFO"].split("/")
        if path[:1] == ["voice"] and len(path) in (1, 3):
            return self._answer(self._answer_call, environ, start_response, path[1:])
        if WITHOUT_SLOT.intersection(path[:1]):
            return self._app(environ, start_response)
        if not self._slots.acquire(blocking=False):
            if path == ["sms"]:
                return self._answer(self._answer_text_without_database, environ, start_response)
            return ServiceUnavailable(retry_after=1)(environ, start_response)
        try:
            if path == ["sms"]:
                return self._answer_in_turn(environ, start_response)
            return self._app(environ, start_response)
        finally:
            self._slots.release()

    def _answer_in_turn(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer texts one at a time on SQLite, unless one is slow.

        Threads that hand the GIL back and forth at each SQLite query cost a sixth of the throughput.
        """
        locked = self._services.ledger.is_sqlite and self._text_lock.acquire(timeout=TEXT_LOCK_SECONDS)
        try:
            return self._answer(self._answer_text, environ, start_response)
        finally:
            if locked:
                self._text_lock.release()

    def _answer(
        self, answer: Answer, environ: WSGIEnvironment, start_response: StartResponse, arguments: Sequence[str] = ()
    ) -> Iterable[bytes]:
        try:
            if environ["REQUEST_METHOD"] != "POST":
                raise MethodNotAllowed(["POST"])
            document = answer(self._services, verify_request(environ, self._services.settings), *arguments)
        except HTTPException as response:
            return response(environ, start_response)
        except Exception:  # noqa: BLE001 - log it as Flask does; Twilio then requests its fallback URL
            log.get_logger().exception("webhook_failed", route=environ["PATH_INFO"].split("/")[1])
            return InternalServerError()(environ, start_response)
        start_response("200 OK", [("Content-Type", XML), ("Content-Length", str(len(document)))])
        return [document]
