"""Reads the body of a webhook once and checks Twilio's signature before anything else happens."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

from werkzeug.exceptions import BadRequest, Forbidden, HTTPException, RequestEntityTooLarge, Unauthorized
from werkzeug.wrappers import Response

from ivr.carrier.twilio.form_decoder import TooManyFields, decode_form
from ivr.carrier.twilio.signature import IDEMPOTENCY_HEADER, SIGNATURE_HEADER, Fields, is_signed
from ivr.settings import Settings
from ivr.web.routes import SIGNED, Lane, body_limits, first_segment, lane_of

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

FORM = "application/x-www-form-urlencoded"
REFUSED = "infoline.refused"
"""The key in a WSGI environment of why a request was refused, for logs and metrics."""

# Those of ivr/web/api/problems.py, which is imported only when the API is used.
_PROBLEMS = {
    "too_large": (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body is too large: split it into several requests."),
    "key_missing": (HTTPStatus.UNAUTHORIZED, "Send a key in the header Authorization, as Bearer KEY."),
}


class Webhook(NamedTuple):
    """A request that Twilio signed. query: raw. request_token: the same when Twilio retries the request, or empty."""

    fields: dict[str, str]
    query: str
    request_token: str


def refuse_unread(environ: WSGIEnvironment) -> None:
    """Raise an HTTPException for a request that is refused whatever its body contains, before the body is received.

    413 for a body that is too large for its path, 403 for a webhook without a signature, 401 for a body that is sent to
    the API without a key.
    """
    length = environ.get("CONTENT_LENGTH") or "0"
    if not length.isdecimal() or int(length) > body_limits(environ["PATH_INFO"])[0]:
        raise _refused(environ, "too_large", RequestEntityTooLarge(response=_problem(environ, "too_large")))
    is_webhook = environ["REQUEST_METHOD"] == "POST" and first_segment(environ["PATH_INFO"]) in SIGNED
    if is_webhook and not environ.get(SIGNATURE_HEADER):
        raise _refused(environ, "unsigned", Forbidden())
    sends_body = environ["REQUEST_METHOD"] in ("POST", "PUT") and lane_of(environ["PATH_INFO"]) is Lane.API
    if sends_body and not environ.get("HTTP_AUTHORIZATION"):
        raise _refused(environ, "without_key", Unauthorized(response=_problem(environ, "key_missing")))


def _problem(environ: WSGIEnvironment, code: str) -> Response | None:
    """The answer of the API to a request whose body is not read; None for other paths."""
    if lane_of(environ["PATH_INFO"]) is not Lane.API:
        return None
    status, sentence = _PROBLEMS[code]
    document = {"type": f"/api/v1/docs#{code}", "title": status.phrase, "status": status.value, "code": code}
    headers = {"WWW-Authenticate": "Bearer"} if status is HTTPStatus.UNAUTHORIZED else {}
    body = json.dumps({**document, "detail": sentence})
    return Response(body, status.value, headers, content_type="application/problem+json")


def verify_request(environ: WSGIEnvironment, settings: Settings) -> Webhook:
    """Return the request if Twilio signed it.

    Raises an HTTPException: those of refuse_unread, 403 for a wrong signature, 400 for too many fields.
    """
    refuse_unread(environ)
    body: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    fields = _fields(body, environ)
    signature = environ.get(SIGNATURE_HEADER, "")
    if not is_signed(settings.public_url + _path(environ), fields, signature, settings.auth_tokens):
        raise _refused(environ, "wrong_signature", Forbidden())
    return Webhook(
        {} if isinstance(fields, str) else dict(fields),
        environ.get("QUERY_STRING", ""),
        environ.get(IDEMPOTENCY_HEADER, ""),
    )


def _refused(environ: WSGIEnvironment, reason: str, error: HTTPException) -> HTTPException:
    environ[REFUSED] = reason
    return error


def _fields(body: bytes, environ: WSGIEnvironment) -> Fields | str:
    """Return the form's fields, or the raw text of a body that is not a form."""
    text = body.decode("utf-8", "replace")
    if not environ.get("CONTENT_TYPE", FORM).lower().startswith(FORM):
        return text
    try:
        return decode_form(text)
    except TooManyFields as error:
        raise _refused(environ, "too_many_fields", BadRequest(str(error))) from None


def _path(environ: WSGIEnvironment) -> str:
    """Return the path and query as they were sent: the signature covers every byte of them."""
    return str(environ["RAW_URI"])
