"""Validates Twilio's webhooks before anything else happens: reads the body once and checks the signature."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from flask import Blueprint, abort, g, request

from ivr.carrier.twilio.form_decoder import TooManyFields, decode_form
from ivr.carrier.twilio.signature import IDEMPOTENCY_HEADER, SIGNATURE_HEADER, Fields, is_signed
from ivr.settings import Settings
from ivr.web.services import services

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

MAX_BODY = 64 * 1024
FORM = "application/x-www-form-urlencoded"


class Webhook(NamedTuple):
    """A request that Twilio signed.

    fields: its form. query: the raw query string. request_token: the same when Twilio retries the request, or empty.
    """

    fields: dict[str, str]
    query: str
    request_token: str


def signed_blueprint(name: str, import_name: str) -> Blueprint:
    """Return a blueprint whose views run only for requests that Twilio signed, and read `form()`."""
    blueprint = Blueprint(name, import_name)
    blueprint.before_request(_check_signature)
    return blueprint


def form() -> dict[str, str]:
    """Return the fields of this request."""
    webhook: Webhook = g.webhook
    return webhook.fields


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


def _check_signature() -> None:
    g.webhook = verify_request(request.environ, services().settings)


def _body(environ: WSGIEnvironment) -> bytes:
    """Read the body. Flask's way of reading it costs more than checking the signature."""
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
