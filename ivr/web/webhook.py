"""What every door of the carrier does first: read the body once, check the signature, and only then go on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from flask import Blueprint, Response, abort, g, request
from werkzeug.exceptions import HTTPException, InternalServerError, ServiceUnavailable

from ivr import log
from ivr.carrier.twilio.signature import Fields, is_signed
from ivr.settings import Settings
from ivr.web.forms import TooManyFields, read_form
from ivr.web.services import Services, services

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

XML = "text/xml; charset=utf-8"
LARGEST_BODY = 64 * 1024
FORM = "application/x-www-form-urlencoded"
# How many requests may be in the doors that read and write the ledger: a web process has eight threads more.
PLACES = 24
# Seconds that a text waits for the one before it.
TAKE_TURNS = 0.02
# The first words of addresses whose doors never ask the ledger for long.
NEVER_WAIT = frozenset({"voice", "audio", "healthz"})


class Webhook(NamedTuple):
    """A request that the carrier signed.

    fields: its form. query: as it stands in the address. token: the same when the request comes again, or empty.
    """

    fields: dict[str, str]
    query: str
    token: str


def signed_blueprint(name: str, import_name: str) -> Blueprint:
    """A blueprint whose views run only for requests that the carrier signed; they read `webhook()` or `form()`."""
    door = Blueprint(name, import_name)
    door.before_request(_check_signature)
    return door


def webhook() -> Webhook:
    """This request."""
    taken: Webhook = g.webhook
    return taken


def form() -> dict[str, str]:
    """The fields of this request."""
    return webhook().fields


def twiml(document: bytes) -> Response:
    return Response(document, content_type=XML)


class FastPath:
    """Stands before the framework: callers come first.

    The turns of calls and texts are answered here, in less time than the framework takes for anything. All else goes
    on to it; what may wait for the ledger takes a place, or is told 503, so that threads are left for calls while the
    ledger hangs.

    turn, text: the document of a turn, from the services, the webhook and, for a later turn of a call, the release and
    state in its address. The framework's doors answer with the same functions. An HTTPException that they raise is the
    answer.
    """

    def __init__(
        self, app: WSGIApplication, here: Services, turn: Callable[..., bytes], text: Callable[..., bytes]
    ) -> None:
        self._app, self._here, self._turn, self._text = app, here, turn, text
        self._places = threading.BoundedSemaphore(PLACES)
        self._texting = threading.Lock()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        _, *at = environ["PATH_INFO"].split("/")
        if at[:1] == ["voice"] and len(at) in (1, 3) and environ["REQUEST_METHOD"] == "POST":
            return self._answer(self._turn, environ, start_response, at[1:])
        if NEVER_WAIT.intersection(at[:1]):
            return self._app(environ, start_response)
        if not self._places.acquire(blocking=False):
            return ServiceUnavailable(retry_after=1)(environ, start_response)
        try:
            if at == ["sms"] and environ["REQUEST_METHOD"] == "POST":
                return self._text_answer(environ, start_response)
            return self._app(environ, start_response)
        finally:
            self._places.release()

    def _text_answer(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Texts take turns while that is quick: threads that hand the interpreter to and fro at each look into SQLite
        cost a sixth of all that is done. Behind one that waits for the ledger, the others do not wait."""
        mine = self._here.ledger.is_sqlite and self._texting.acquire(timeout=TAKE_TURNS)
        try:
            return self._answer(self._text, environ, start_response)
        finally:
            if mine:
                self._texting.release()

    def _answer(
        self,
        answer: Callable[..., bytes],
        environ: WSGIEnvironment,
        start_response: StartResponse,
        at: Sequence[str] = (),
    ) -> Iterable[bytes]:
        try:
            document = answer(self._here, verify_request(environ, self._here.settings), *at)
        except HTTPException as refused:
            return refused(environ, start_response)
        except Exception:  # noqa: BLE001 - as the framework would: told in the log, and the carrier asks the fallback
            log.get_logger().exception("webhook_failed", door=environ["PATH_INFO"].split("/")[1])
            return InternalServerError()(environ, start_response)
        start_response("200 OK", [("Content-Type", XML), ("Content-Length", str(len(document)))])
        return [document]


def verify_request(environ: WSGIEnvironment, settings: Settings) -> Webhook:
    """The request, if the carrier signed it.

    Raises an HTTPException that ends it: 403 unsigned, 413 over 64 kB, 400 when it cannot be read.
    """
    fields = _fields(_body(environ), environ)
    signature = environ.get("HTTP_X_TWILIO_SIGNATURE", "")
    if not is_signed(settings.public_url + _path(environ), fields, signature, settings.auth_tokens):
        abort(403)
    return Webhook(
        {} if isinstance(fields, str) else dict(fields),
        environ.get("QUERY_STRING", ""),
        environ.get("HTTP_I_TWILIO_IDEMPOTENCY_TOKEN", ""),
    )


def _check_signature() -> None:
    g.webhook = verify_request(request.environ, services().settings)


def _body(environ: WSGIEnvironment) -> bytes:
    """The body; the framework's way of reading it costs more than checking it."""
    length = environ.get("CONTENT_LENGTH") or ""
    size = LARGEST_BODY + 1
    if length.isdecimal():
        size = min(size, int(length))
    elif not environ.get("wsgi.input_terminated"):
        # Nothing tells where it ends.
        return b""
    body: bytes = environ["wsgi.input"].read(size)
    if len(body) > LARGEST_BODY:
        abort(413)
    return body


def _fields(body: bytes, environ: WSGIEnvironment) -> Fields | str:
    """The form's fields; the raw words when the carrier sent something that is not a form."""
    words = body.decode("utf-8", "replace")
    if not environ.get("CONTENT_TYPE", FORM).lower().startswith(FORM):
        return words
    try:
        return read_form(words)
    except TooManyFields:
        abort(400)


def _path(environ: WSGIEnvironment) -> str:
    """The path and query just as they were asked for: the signature covers them byte by byte."""
    raw = environ.get("RAW_URI") or environ.get("REQUEST_URI")
    if raw:
        return str(raw)
    query = environ.get("QUERY_STRING", "")
    return str(environ.get("PATH_INFO", "")) + (f"?{query}" if query else "")
