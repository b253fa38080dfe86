"""/healthz and /readyz, and a thread that watches the clock process."""

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
    """Report which services work. Calls and texts need only a release; reminders need the database and the queue."""
    shared = services()
    line = shared.releases.live
    state = {
        "voice": line is not None,
        "texts": line is not None,
        "ledger": _ledger_answers(shared),
        "queue": queues.is_reachable(shared.settings.redis_url),
        "release": line.digest if line else None,
    }
    return jsonify(state), 200 if line else 503


def watch_alarms(services: Services) -> None:
    """Start a daemon thread that raises an alarm when the clock process is silent."""

    def watch_forever() -> None:
        pause = threading.Event()
        while not pause.wait(WATCH_SECONDS):
            try:
                watch(services.ledger, clock.now(), max(CLOCK_SILENT_SECONDS, 12 * services.settings.clock_seconds))
            except LedgerUnavailable:
                continue
            except Exception:  # noqa: BLE001 - the thread must outlive any failure
                log.get_logger().exception("clock_watch_failed")

    threading.Thread(target=watch_forever, name="alarms", daemon=True).start()


def _ledger_answers(services: Services) -> bool:
    try:
        services.ledger.check()
    except LedgerUnavailable:
        return False
    return True
