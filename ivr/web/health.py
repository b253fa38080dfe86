"""/healthz and /readyz, and a thread that watches the clock process and the signatures of webhooks."""

from __future__ import annotations

import socket
import threading
from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from flask import Blueprint, Flask, Response, current_app, jsonify

from ivr import clock, log, queues
from ivr.i18n import N_, sentence
from ivr.ledger import Ledger, LedgerUnavailable
from ivr.reminders.alarms import Alarm, clear_alarm, clear_subject, raise_alarm, raised
from ivr.reminders.outbox.monitor import ClockWatch, watch
from ivr.web.refreshed import Refreshed
from ivr.web.server.request_counts import Totals
from ivr.web.services import Services, services

blueprint = Blueprint("ops", __name__)
WATCH_SECONDS = 15.0
CLOCK_SILENT_SECONDS = 60.0
_ANSWERS_CAPPED = N_("More texts come in than ANSWERED_TEXTS_PER_HOUR allows to answer: see docs/operations.md.")
_TRANSFERS_CAPPED = N_(
    "Calls are not transferred because of TRANSFERS_PER_NUMBER or TRANSFERS_PER_HOUR: see docs/abuse.md."
)
_CALLS_CAPPED = N_("Calls are refused because of CALLS_AT_ONCE or CALLS_PER_NUMBER: see docs/abuse.md.")
# SIGNATURES_REFUSED: at least so many wrong signatures within this time, and no valid one.
WRONG_SIGNATURES = 5
SIGNATURE_WINDOW = timedelta(minutes=10)


@dataclass(frozen=True)
class Probes:
    """Whether the services answer; None while that is unknown because they hang."""

    ledger: Refreshed[bool]
    queue: Refreshed[bool]


def register_probes(app: Flask) -> None:
    shared: Services = app.extensions["infoline"]
    app.extensions["line_probes"] = Probes(
        Refreshed(shared.ledger.is_usable),
        Refreshed(lambda: queues.is_reachable(shared.settings.redis_url)),
    )


@blueprint.get("/healthz")
def healthz() -> Response:
    return Response("ok\n", content_type="text/plain")


@blueprint.get("/readyz")
def readyz() -> tuple[Response, int]:
    """Report which services work. Calls and texts need only a release; reminders need the database and the queue."""
    line = services().releases.live
    probes = cast(Probes, current_app.extensions["line_probes"])
    state = {
        "voice": line is not None,
        "texts": line is not None,
        "ledger": bool(probes.ledger.get()),
        "queue": bool(probes.queue.get()),
        "release": line.digest if line else None,
    }
    return jsonify(state), 200 if line else 503


def watch_alarms(services: Services) -> None:
    """Start a daemon thread that raises and clears alarms which the clock process cannot."""
    clock_watch = ClockWatch(max(CLOCK_SILENT_SECONDS, 12 * services.settings.clock_seconds), clock.now())
    signatures = SignatureWatch(socket.gethostname(), services.requests.totals(), clock.now())

    def watch_until_stopping() -> None:
        while not services.stopping.wait(WATCH_SECONDS):
            try:
                now = clock.now()
                watch(services.ledger, now, clock_watch)
                _watch_limits(services, now)
                signatures.watch(services.ledger, services.requests.totals(), now)
            except LedgerUnavailable:
                continue
            except Exception:  # noqa: BLE001 - the thread must outlive any failure
                log.get_logger().exception("clock_watch_failed")

    threading.Thread(target=watch_until_stopping, name="alarms", daemon=True).start()


def _watch_limits(services: Services, now: datetime) -> None:
    """Raise an alarm if a limit on answers, calls, or transfers was reached; `watch` clears it."""
    reached = {
        Alarm.ANSWERED_TEXTS_CAPPED: (services.answers.was_reached(), _ANSWERS_CAPPED),
        Alarm.CALLS_CAPPED: (services.call_limit.was_reached(), _CALLS_CAPPED),
        Alarm.TRANSFERS_CAPPED: (services.transfer_limit.was_reached(), _TRANSFERS_CAPPED),
    }
    for alarm, (is_reached, detail) in reached.items():
        if is_reached:
            with services.ledger.write() as connection:
                services.ledger.exclusive_lock(connection)
                raise_alarm(connection, alarm, now, sentence(detail))


class SignatureWatch:
    """Raises and clears SIGNATURES_REFUSED. host: this machine's name; another machine may have the right token.

    totals, now: those when the process starts.
    """

    def __init__(self, host: str, totals: Totals, now: datetime) -> None:
        self._host = host
        # (time, wrong signatures so far, accepted webhooks so far), oldest first.
        self._samples = deque([(now, totals.wrong_signatures, totals.accepted)])

    def watch(self, ledger: Ledger, totals: Totals, now: datetime) -> None:
        """Raise or clear the alarm. Raises LedgerUnavailable."""
        self._samples.append((now, totals.wrong_signatures, totals.accepted))
        # The last sample before the window is where the counts of the window begin.
        while len(self._samples) > 2 and self._samples[1][0] <= now - SIGNATURE_WINDOW:
            self._samples.popleft()
        _, wrong_before, accepted_before = self._samples[0]
        wrong, accepted = totals.wrong_signatures - wrong_before, totals.accepted - accepted_before
        is_wrong = wrong >= WRONG_SIGNATURES and not accepted
        if not is_wrong and not accepted:
            return
        with ledger.read() as connection:
            if (Alarm.SIGNATURES_REFUSED in raised(connection)) == is_wrong:
                return
        with ledger.write() as connection:
            ledger.exclusive_lock(connection)
            if is_wrong:
                raise_alarm(connection, Alarm.SIGNATURES_REFUSED, now, sentence(_DETAIL), subject=self._host)
            else:
                clear_subject(connection, Alarm.SIGNATURES_REFUSED, self._host)
                # The machine that raised it may be gone.
                clear_alarm(connection, Alarm.SIGNATURES_REFUSED, now - SIGNATURE_WINDOW)


_DETAIL = N_(
    "Requests with wrong signatures are refused, and no valid one arrives:"
    " compare TWILIO_AUTH_TOKEN and PUBLIC_URL with the Twilio Console."
)
