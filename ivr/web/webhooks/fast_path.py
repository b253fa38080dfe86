"""WSGI middleware that answers calls and texts without Flask, whose overhead alone exceeds the time of an answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from werkzeug.exceptions import HTTPException, InternalServerError, MethodNotAllowed

from ivr import log
from ivr.web.routes import route_of
from ivr.web.services import Services
from ivr.web.webhooks.at_once import AT_ONCE, WITHOUT_DATABASE, services_at_once
from ivr.web.webhooks.webhook import verify_request

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

XML = "text/xml; charset=utf-8"
Answer = Callable[..., bytes]


class FastPath:
    """Handles POST /voice, /voice/<release>/<state> and /sms, and passes other requests to `app`.

    answer_call, answer_text: return TwiML, given the services, the webhook and, for a later turn of a call, the
    release and state in its path. They may raise an HTTPException, or WouldWait if the environment has AT_ONCE.
    answer_text_without_database: answers a text if the environment has WITHOUT_DATABASE.
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
        self._services_at_once = services_at_once(services)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        _, *path = environ["PATH_INFO"].split("/")
        if path[:1] == ["voice"] and len(path) in (1, 3):
            services = self._services_at_once if AT_ONCE in environ else self._services
            return self._answer(self._answer_call, services, environ, start_response, path[1:])
        if path == ["sms"] and WITHOUT_DATABASE in environ:
            return self._answer(self._answer_text_without_database, self._services, environ, start_response)
        if path == ["sms"]:
            return self._answer(self._answer_text, self._services, environ, start_response)
        return self._app(environ, start_response)

    def _answer(
        self,
        answer: Answer,
        services: Services,
        environ: WSGIEnvironment,
        start_response: StartResponse,
        arguments: Sequence[str] = (),
    ) -> Iterable[bytes]:
        try:
            if environ["REQUEST_METHOD"] != "POST":
                raise MethodNotAllowed(["POST"])
            document = answer(services, verify_request(environ, services.settings), *arguments)
        except HTTPException as response:
            return response(environ, start_response)
        except Exception:  # noqa: BLE001 - log it as Flask does; Twilio then requests its fallback URL
            log.get_logger().exception("webhook_failed", route=route_of(environ["PATH_INFO"]))
            return InternalServerError()(environ, start_response)
        start_response("200 OK", [("Content-Type", XML), ("Content-Length", str(len(document)))])
        return [document]
