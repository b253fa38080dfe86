"""/metrics for Prometheus: read from the ledger and the queue at each look, so that all web processes tell the same."""

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
    """How the line is, for whoever asks from this machine itself, or shows METRICS_TOKEN. 403 for others."""
    if not _may_ask(services().settings.metrics_token):
        abort(403)
    registry = CollectorRegistry()
    registry.register(_Figures(services()))
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _may_ask(token: str) -> bool:
    shown = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if token and hmac.compare_digest(shown.encode(), token.encode()):
        return True
    # Behind a proxy on this machine everybody seems to come from here.
    forwarded = any(name in request.headers for name in ("X-Forwarded-For", "Forwarded", "X-Real-Ip", "Via"))
    try:
        return not forwarded and ipaddress.ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        return False


class _Figures(Collector):
    def __init__(self, here: Services) -> None:
        self._here = here

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterator[Metric]:
        live = self._here.shelf.live
        yield InfoMetricFamily("infoline_release", "The words that are live.", {"digest": live.digest if live else ""})
        yield from self._of_queue()
        try:
            figures = list(self._of_ledger())
        except LedgerUnavailable:
            figures = []
        yield GaugeMetricFamily("infoline_ledger_up", "Whether the ledger answers.", value=bool(figures))
        yield from figures

    def _of_queue(self) -> Iterator[Metric]:
        waiting = queues.queue_depth(self._here.settings.redis_url)
        yield GaugeMetricFamily("infoline_queue_up", "Whether the queue server answers.", value=waiting is not None)
        if waiting is not None:
            yield GaugeMetricFamily("infoline_queue_jobs", "Jobs that no worker has taken yet.", value=waiting)

    def _of_ledger(self) -> Iterator[Metric]:
        ledger, now = self._here.ledger, clock.now()
        texts = GaugeMetricFamily("infoline_texts", "Texts that were claimed, by state.", labels=["state"])
        with ledger.read() as connection:
            for state, count in by_state(connection).items():
                texts.add_metric([state], count)
            standing = raised(connection)
        yield texts
        alarms = GaugeMetricFamily("infoline_alarm", "Alarms: 1 while one stands.", labels=["name"])
        for name in Alarm:
            alarms.add_metric([name], name in standing)
        yield alarms
        waits = "For how long what is due has waited at the longest."
        yield GaugeMetricFamily("infoline_oldest_due_seconds", waits, value=oldest_due(ledger, now))
        age = clock_age(ledger, now)
        if age is not None:
            yield GaugeMetricFamily("infoline_clock_age_seconds", "Since a clock process was last heard of.", value=age)
