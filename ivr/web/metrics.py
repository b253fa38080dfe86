"""/metrics for Prometheus, read from the database and the queue at each scrape, so that all web processes agree."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Iterable, Iterator

from flask import Blueprint, Response, abort, request
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from ivr import clock, queues
from ivr.ledger import LedgerUnavailable
from ivr.reminders.alarms import Alarm, raised
from ivr.reminders.outbox.monitor import clock_age, oldest_due
from ivr.reminders.reports.status import by_state
from ivr.web.services import Services, services

blueprint = Blueprint("metrics", __name__)


@blueprint.get("/metrics")
def metrics() -> Response:
    """Return the metrics to a client on this machine or one that has METRICS_TOKEN; 403 to others."""
    if not _is_authorized(services().settings.metrics_token):
        abort(403)
    registry = CollectorRegistry()
    registry.register(_LineCollector(services()))
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _is_authorized(token: str) -> bool:
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if token and hmac.compare_digest(given.encode(), token.encode()):
        return True
    # Behind a proxy on this machine every client has a loopback address.
    forwarded = any(name in request.headers for name in ("X-Forwarded-For", "Forwarded", "X-Real-Ip", "Via"))
    try:
        return not forwarded and ipaddress.ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        return False


class _LineCollector(Collector):
    def __init__(self, services: Services) -> None:
        self._services = services

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterator[Metric]:
        live = self._services.releases.live
        yield InfoMetricFamily("infoline_release", "The live release.", {"digest": live.digest if live else ""})
        yield from self._queue_metrics()
        try:
            metrics = list(self._ledger_metrics())
        except LedgerUnavailable:
            metrics = []
        yield GaugeMetricFamily("infoline_ledger_up", "Whether the database answers.", value=bool(metrics))
        yield from metrics

    def _queue_metrics(self) -> Iterator[Metric]:
        depth = queues.queue_depth(self._services.settings.redis_url)
        yield GaugeMetricFamily("infoline_queue_up", "Whether the queue server answers.", value=depth is not None)
        if depth is not None:
            yield GaugeMetricFamily("infoline_queue_jobs", "Jobs that no worker has started.", value=depth)
        workers = queues.live_workers(self._services.settings.redis_url) if depth is not None else None
        if workers is not None:
            yield GaugeMetricFamily("infoline_workers", "Worker processes that reported lately.", value=workers)

    def _ledger_metrics(self) -> Iterator[Metric]:
        ledger, now = self._services.ledger, clock.now()
        texts = GaugeMetricFamily("infoline_texts", "Claimed texts by state.", labels=["state"])
        with ledger.read() as connection:
            for state, count in by_state(connection).items():
                texts.add_metric([state], count)
            active = raised(connection)
        yield texts
        alarms = GaugeMetricFamily("infoline_alarm", "Alarms: 1 while active.", labels=["name"])
        for name in Alarm:
            alarms.add_metric([name], name in active)
        yield alarms
        help_text = "Age of the oldest reminder that is due and not sent."
        yield GaugeMetricFamily("infoline_oldest_due_seconds", help_text, value=oldest_due(ledger, now))
        age = clock_age(ledger, now)
        if age is not None:
            yield GaugeMetricFamily("infoline_clock_age_seconds", "Time since the clock's last heartbeat.", value=age)
