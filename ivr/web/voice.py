"""Calls. A turn touches neither the ledger nor the queue: the state is in the address, the words are rendered."""

from __future__ import annotations

from flask import Response, abort
from werkzeug.exceptions import HTTPException

from ivr import clock, log
from ivr.line import hours
from ivr.line.compiled import Line
from ivr.line.graph import Heard, IsOpen, Key, Outcome, Silence, Turn
from ivr.people.phones import is_e164
from ivr.web.carrier_door import carrier_door, form, twiml
from ivr.web.services import services

door = carrier_door("voice", __name__)


@door.post("/voice")
def call_comes_in() -> Response:
    line = _live()
    return _answer(line, line.graph.start())


@door.post("/voice/<release>/<state>")
def turn(release: str, state: str) -> Response:
    """What was heard at a state of a release. An unknown release or state is the welcome again."""
    line = services().shelf.get(release)
    if line is None:
        return call_comes_in()
    return _answer(line, line.step(state, _heard(form()), _is_open(line)))


def _live() -> Line:
    line = services().shelf.live
    if line is None:
        abort(503)
    return line


def _answer(line: Line, turn: Turn) -> Response:
    fields = form()
    withheld = not is_e164(fields.get("From", ""))
    return twiml(line.document(turn, fields.get("To", "") if withheld else None))


def _heard(fields: dict[str, str]) -> Heard:
    if "DialCallStatus" in fields:
        return Outcome(fields["DialCallStatus"])
    digits = fields.get("Digits", "")
    return Key(digits) if digits else Silence()


def _is_open(line: Line) -> IsOpen:
    config, now = line.content.config, clock.now()
    return lambda name: hours.is_open(config, config.entry(name), now)


@door.errorhandler(Exception)
def nothing_works(error: Exception) -> Response:
    """Whatever happens, a caller hears the numbers and not the carrier's error."""
    if isinstance(error, HTTPException):
        return Response(error.description or "", status=error.code or 500, content_type="text/plain")
    log.get().exception("voice_turn_failed")
    return twiml(_live().unavailable)
