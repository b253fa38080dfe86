"""Reads the body of a webhook once and checks Twilio's signature before anything else happens."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from flask import abort

from ivr.carrier.twilio.form_decoder import TooManyFields, decode_form
from ivr.carrier.twilio.signature import IDEMPOTENCY_HEADER, SIGNATURE_HEADER, Fields, is_signed
from ivr.settings import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

MAX_BODY = 64 * 1024
FORM = "application/x-www-form-urlencoded"


class Webhook(NamedTuple):
    """A request that Twilio signed. query: raw. request_token: the same when Twilio retries the request, or empty."""

    fields: dict[str, str]
    query: str
    request_token: str


def verify_request(environ: WSGIEnvironment, settings: Settings) -> Webhook:
    """Return the request if Twilio signed it.

    Raises an HTTPException: 403 for a bad signature, 413 for a body over MAX_BODY, 400 for too many fields.
    """
    fields = _fields(_body(environ), environ)
    signature = environ.get(SIGNATURE_HEADER, "")
    if not is_signed(settings.public_url + _path(environ), fields, signature, settings.auth_tokens):
        abort(403)
    return Webhook(
        {} if isinstance(fields, str) else dict(fields),
        environ.get("QUERY_STRING", ""),
        environ.get(IDEMPOTENCY_HEADER, ""),
    )


def _body(environ: WSGIEnvironment) -> bytes:
    """Read the body. Flask's own reading costs more than the signature check."""
    length = environ.get("CONTENT_LENGTH") or ""
    size = MAX_BODY + 1
    if length.isdecimal():
        size = min(size, int(length))
    elif not environ.get("wsgi.input_terminated"):
        # Reading a stream without a known end would block.
        return b""
    body: bytes = environ["wsgi.input"].read(size)
    if len(body) > MAX_BODY:
        abort(413)
    return body


def _fields(body: bytes, environ: WSGIEnvironment) -> Fields | str:
    """Return the form's fields, or the raw text of a body that is not a form."""
    text = body.decode("utf-8", "replace")
    if not environ.get("CONTENT_TYPE", FORM).lower().startswith(FORM):
        return text
    try:
        return decode_form(text)
    except TooManyFields as error:
        abort(400, str(error))


def _path(environ: WSGIEnvironment) -> str:
    """Return the raw path and query of the request: the signature covers every byte of them."""
    raw = environ.get("RAW_URI") or environ.get("REQUEST_URI")
    if raw:
        return str(raw)
    query = environ.get("QUERY_STRING", "")
    return str(environ.get("PATH_INFO", "")) + (f"?{query}" if query else "")
