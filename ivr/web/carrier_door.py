"""What every door of the carrier does first: read the body once, check the signature, and only then go on."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, abort, g, request

from ivr.carrier.signature import Fields, is_signed
from ivr.web.forms import TooManyFields, read_form
from ivr.web.services import services

XML = "text/xml; charset=utf-8"
LARGEST_BODY = 64 * 1024
FORM = "application/x-www-form-urlencoded"


def carrier_door(name: str, import_name: str) -> Blueprint:
    """A blueprint whose views run only for requests that the carrier signed; they read `form()`."""
    door = Blueprint(name, import_name)
    door.before_request(_check_signature)
    return door


def form() -> dict[str, str]:
    """The fields of this request."""
    fields: dict[str, str] = g.carrier_form
    return fields


def twiml(document: bytes) -> Response:
    return Response(document, content_type=XML)


def _check_signature() -> None:
    settings = services().settings
    asked = request._get_current_object()  # type: ignore[attr-defined]  # each use of the proxy costs a microsecond
    fields = _fields(_body(asked.environ) or asked.get_data(cache=False), asked.environ)
    url = settings.public_url + _path(asked.environ)
    signature = asked.environ.get("HTTP_X_TWILIO_SIGNATURE", "")
    if not is_signed(url, fields, signature, settings.auth_tokens):
        abort(403)
    g.carrier_form = {} if isinstance(fields, str) else dict(fields)


def _body(environ: dict[str, Any]) -> bytes:
    """The body, when its length is told; the framework's way of reading it costs more than checking it."""
    length = environ.get("CONTENT_LENGTH") or ""
    if not length.isdigit():
        return b""
    if int(length) > LARGEST_BODY:
        abort(413)
    body: bytes = environ["wsgi.input"].read(int(length))
    return body


def _fields(body: bytes, environ: dict[str, Any]) -> Fields | str:
    """The form's fields; the raw words when the carrier sent something that is not a form."""
    words = body.decode("utf-8", "replace")
    if not environ.get("CONTENT_TYPE", FORM).lower().startswith(FORM):
        return words
    try:
        return read_form(words)
    except TooManyFields:
        abort(400)


def _path(environ: dict[str, Any]) -> str:
    """The path and query just as they were asked for: the signature covers them byte by byte."""
    raw = environ.get("RAW_URI") or environ.get("REQUEST_URI")
    if raw:
        return str(raw)
    query = environ.get("QUERY_STRING", "")
    return str(environ.get("PATH_INFO", "")) + (f"?{query}" if query else "")
