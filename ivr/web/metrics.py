"""/metrics for Prometheus, from the database, the queue, and all web processes, so that each reports the same."""

from __future__ import annotations

import hmac
import ipaddress
import platform
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from typing import cast

from flask import Blueprint, Flask, Response, abort, current_app, request
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, InfoMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from ivr import clock, queues, version
from ivr.doctor.measures import certificate_ends, free_bytes, last_backup
from ivr.ledger import Ledger, LedgerUnavailable
from ivr.reminders.alarms import Alarm, raised
from ivr.reminders.outbox.monitor import clock_age, oldest_due
from ivr.reminders.reports.status import by_state_and_reason
from ivr.settings import Settings
from ivr.web.events import CALL_TASKS, CALLS, INCOMING_TEXTS, UNDERSTANDING
from ivr.web.refreshed import Refreshed
from ivr.web.server.request_counts import BUCKETS, RECEIPT, RECEIPT_BUCKETS, Totals
from ivr.web.services import Services, services

blueprint = Blueprint("metrics", __name__)
CERTIFICATE_SECONDS = 600.0
# For each event: its metric, what it counts, and the names of its labels.
_EVENTS = {
    CALLS: ("infoline_calls", "Calls that started, were transferred, ended, or were refused.", ["state", "reason"]),
    UNDERSTANDING: ("infoline_understanding", "What free words were taken for.", ["source", "result"]),
    INCOMING_TEXTS: ("infoline_incoming_texts", "Texts that came in, by what became of them.", ["reply"]),
    CALL_TASKS: ("infoline_call_tasks", "What callers asked the line to do, by how it ended.", ["task", "result"]),
}


@blueprint.get("/metrics")
def metrics() -> Response:
    """Return the metrics to a client that has METRICS_TOKEN or, on a local line, is on this machine; 403 to others."""
    if not _is_authorized(services().settings):
        abort(403)
    registry = CollectorRegistry()
    registry.register(cast(LineCollector, current_app.extensions["line_collector"]))
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def register_collector(app: Flask) -> None:
    app.extensions["line_collector"] = LineCollector(app.extensions["infoline"])


def _is_authorized(settings: Settings) -> bool:
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if settings.metrics_token and hmac.compare_digest(given.encode(), settings.metrics_token.encode()):
        return True
    if not settings.loopback:
        # Behind a proxy on this machine every client has a loopback address.
        return False
    forwarded = any(name in request.headers for name in ("X-Forwarded-For", "Forwarded", "X-Real-Ip", "Via"))
    try:
        return not forwarded and ipaddress.ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        return False


@dataclass(frozen=True)
class _LedgerValues:
    texts: dict[tuple[str, str], int]
    alarms: frozenset[str]
    oldest_due: float
    clock_age: float | None


class LineCollector(Collector):
    """Collects the metrics of the line. It remembers the last values that it read from the database."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._ledger = Refreshed(lambda: _read_ledger(services.ledger))
        self._queue = Refreshed(lambda: queues.queue_depth(services.settings.redis_url))
        self._last: _LedgerValues | None = None
        # A connection to PUBLIC_URL may take seconds.
        self._certificates = Refreshed(lambda: certificate_ends(services.settings), max_age=CERTIFICATE_SECONDS)
        self._ends: dict[str, float] = {}

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterator[Metric]:
        live = self._services.releases.live
        yield InfoMetricFamily("infoline_release", "The live release.", {"digest": live.digest if live else ""})
        yield InfoMetricFamily("infoline_build", "This version of the line.", _build())
        totals = self._services.requests.totals()
        yield from _request_metrics(totals)
        yield from _event_metrics(totals)
        help_text = "Writes on this machine's disk that wait for the database."
        yield GaugeMetricFamily("infoline_spooled_writes", help_text, value=self._services.spool.waiting())
        help_text = "Web processes of this machine that run."
        yield GaugeMetricFamily("infoline_web_processes", help_text, value=self._services.requests.processes())
        self._ends |= self._certificates.get() or {}
        yield from _machine_metrics(self._services.settings, self._ends)
        depth = self._queue.get()
        yield GaugeMetricFamily("infoline_queue_up", "Whether the queue server answers.", value=depth is not None)
        if depth is not None:
            yield GaugeMetricFamily("infoline_queue_jobs", "Jobs that no worker has started.", value=depth)
        if depth is not None:
            workers = queues.live_workers(self._services.settings.redis_url)
            yield GaugeMetricFamily("infoline_workers", "Worker processes that reported lately.", value=workers or 0)
        values = self._ledger.get()
        yield GaugeMetricFamily("infoline_ledger_up", "Whether the database answers.", value=values is not None)
        # While the database is down, an alert on an alarm must not disappear.
        self._last = values or self._last
        if self._last is not None:
            yield from _ledger_metrics(self._last)


def _machine_metrics(settings: Settings, ends: dict[str, float]) -> Iterator[Metric]:
    """ends: of the certificates, in seconds since 1970."""
    free = GaugeMetricFamily("infoline_disk_free_bytes", "Free space where a folder is.", labels=["folder"])
    for name, size in free_bytes(settings).items():
        free.add_metric([name], size)
    yield free
    help_text = "When a certificate ends, in seconds since 1970."
    certificates = GaugeMetricFamily("infoline_certificate_end_timestamp_seconds", help_text, labels=["certificate"])
    for name, end in ends.items():
        certificates.add_metric([name], end)
    yield certificates
    try:
        backup = last_backup(settings.backup_folder)
    except OSError:
        return
    help_text = "When the newest backup began, in seconds since 1970; 0 without one."
    value = backup.timestamp() if backup else 0
    yield GaugeMetricFamily("infoline_last_backup_timestamp_seconds", help_text, value=value)


def _request_metrics(totals: Totals) -> Iterator[Metric]:
    labels = ["route", "status", "reason"]
    requests = CounterMetricFamily("infoline_requests", "Requests by route, status, and reason.", labels=labels)
    for key, count in sorted(totals.requests.items()):
        requests.add_metric(list(key), count)
    yield requests
    seconds = HistogramMetricFamily("infoline_turn_seconds", "Time to answer calls and texts.", labels=["route"])
    for route in sorted(totals.durations.keys() - {RECEIPT}):
        seconds.add_metric([route], _cumulative(BUCKETS, totals.durations[route]), totals.seconds[route])
    yield seconds
    delay = HistogramMetricFamily("infoline_receipt_seconds", "Time from the hand-over of a text to its last receipt.")
    delays = totals.durations.get(RECEIPT, [0] * (len(RECEIPT_BUCKETS) + 1))
    delay.add_metric([], _cumulative(RECEIPT_BUCKETS, delays), totals.seconds.get(RECEIPT, 0.0))
    yield delay


def _cumulative(bounds: Sequence[float], counts: Sequence[int]) -> list[tuple[str, float]]:
    return list(zip([*map(str, bounds), "+Inf"], accumulate(counts), strict=True))


def _event_metrics(totals: Totals) -> Iterator[Metric]:
    for event, (name, help_text, labels) in _EVENTS.items():
        family = CounterMetricFamily(name, help_text, labels=labels)
        for (counted, *values), count in sorted(totals.events.items()):
            if counted == event and len(values) == len(labels):
                family.add_metric(values, count)
        yield family


@cache
def _build() -> dict[str, str]:
    return {"version": version.release(), "commit": version.commit(), "python": platform.python_version()}


def _read_ledger(ledger: Ledger) -> _LedgerValues | None:
    """Read the values; None if the database is down."""
    now = clock.now()
    try:
        with ledger.read() as connection:
            texts, alarms = by_state_and_reason(connection), frozenset(raised(connection))
        return _LedgerValues(texts, alarms, oldest_due(ledger, now), clock_age(ledger, now))
    except LedgerUnavailable:
        return None


def _ledger_metrics(values: _LedgerValues) -> Iterator[Metric]:
    texts = GaugeMetricFamily("infoline_texts", "Texts by state and reason.", labels=["state", "reason"])
    for state_and_reason, count in sorted(values.texts.items()):
        texts.add_metric(state_and_reason, count)
    yield texts
    alarms = GaugeMetricFamily("infoline_alarm", "Alarms: 1 while active.", labels=["name"])
    for name in Alarm:
        alarms.add_metric([name], name in values.alarms)
    yield alarms
    help_text = "Age of the oldest reminder that is due and not sent."
    yield GaugeMetricFamily("infoline_oldest_due_seconds", help_text, value=values.oldest_due)
    if values.clock_age is not None:
        help_text = "Time since the clock's last heartbeat."
        yield GaugeMetricFamily("infoline_clock_age_seconds", help_text, value=values.clock_age)
