"""Is it alive, and what is missing."""

from __future__ import annotations

import threading

from flask import Blueprint, Response, jsonify

from ivr import clock, log, queues
from ivr.ledger import LedgerUnavailable
from ivr.reminders.outbox.monitor import watch
from ivr.web.services import Services, services

blueprint = Blueprint("ops", __name__)
WATCH_SECONDS = 15.0
CLOCK_SILENT_SECONDS = 60.0


@blueprint.get("/healthz")
def healthz() -> Response:
    return Response("ok\n", content_type="text/plain")


@blueprint.get("/readyz")
def readyz() -> tuple[Response, int]:
    """What works: calls and texts need a release only; reminders need the ledger and the queue."""
    here = services()
    line = here.shelf.live
    state = {
        "voice": line is not None,
        "texts": line is not None,
        "ledger": _ledger_answers(),
        "queue": queues.is_reachable(here.settings.redis_url),
        "release": line.digest if line else None,
    }
    return jsonify(state), 200 if line else 503


def watch_alarms(here: Services) -> None:
    """Look after what the clock process cannot tell when it is the one that is silent, for as long as we live."""

    def follow() -> None:
        pause = threading.Event()
        while not pause.wait(WATCH_SECONDS):
            try:
                watch(here.ledger, clock.now(), max(CLOCK_SILENT_SECONDS, 12 * here.settings.clock_seconds))
            except LedgerUnavailable:
                continue
            except Exception:  # noqa: BLE001 - a watcher that dies would leave everybody in the dark
                log.get_logger().exception("watch_failed")

    threading.Thread(target=follow, name="alarms", daemon=True).start()


def _ledger_answers() -> bool:
    try:
        services().ledger.check()
    except LedgerUnavailable:
        return False
    return True
