"""Is it alive, and what is missing."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from ivr import queues
from ivr.ledger import LedgerAway
from ivr.web.services import services

door = Blueprint("ops", __name__)


@door.get("/healthz")
def healthz() -> Response:
    return Response("ok\n", content_type="text/plain")


@door.get("/readyz")
def readyz() -> tuple[Response, int]:
    """What works: calls and texts need a release only; reminders need the ledger and the queue."""
    here = services()
    line = here.shelf.live
    state = {
        "voice": line is not None,
        "texts": line is not None,
        "ledger": _ledger_answers(),
        "queue": queues.answers(here.settings.redis_url),
        "release": line.digest if line else None,
    }
    return jsonify(state), 200 if line else 503


def _ledger_answers() -> bool:
    try:
        services().ledger.check()
    except LedgerAway:
        return False
    return True
