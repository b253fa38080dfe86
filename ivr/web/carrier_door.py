"""What every door of the carrier does first: read the body once, check the signature, and only then go on."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from flask import Blueprint, Response, abort, g, request

from ivr.carrier.signature import Fields, is_signed
from ivr.web.services import services

XML = "text/xml; charset=utf-8"
FORM = "application/x-www-form-urlencoded"
MOST_FIELDS = 500


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
    body = request.get_data(cache=False)
    fields = _fields(body)
    url = settings.public_url + _path()
    signature = request.headers.get("X-Twilio-Signature", "")
    if not is_signed(url, fields, signature, settings.auth_tokens):
        abort(403)
    g.carrier_form = {} if isinstance(fields, str) else dict(fields)


def _fields(body: bytes) -> Fields | str:
    """The form's fields; the raw words when the carrier sent something that is not a form."""
    words = body.decode("utf-8", "replace")
    if (request.mimetype or FORM) != FORM:
        return words
    try:
        return parse_qsl(words, keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="replace")
    except ValueError:
        abort(400)


def _path() -> str:
    """The path and query just as they were asked for: the signature covers them byte by byte."""
    environ: dict[str, Any] = request.environ
    raw = environ.get("RAW_URI") or environ.get("REQUEST_URI")
    if raw:
        return str(raw)
    query = environ.get("QUERY_STRING", "")
    return request.path + (f"?{query}" if query else "")
