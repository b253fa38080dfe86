"""Traces for OpenTelemetry: from a webhook to the job that it starts, and to the carrier's requests of that job.

Off unless OTEL_EXPORTER_OTLP_ENDPOINT is set. An attribute is a name from the code, a number, or the request id of the
log; nothing that a person said, sent, or is called.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, TypeGuard

from ivr import request_ids, version

# The layer below the log: its formatter writes these records as JSON too.
_log = logging.getLogger(__name__)

Kind = Literal["SERVER", "CONSUMER", "CLIENT"]
Value = str | int
REQUEST = "infoline.request_id"
# Of exports. A job ends at most this much later while the collector does not answer.
SECONDS = 1.0
_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_current: ContextVar[Any] = ContextVar("span", default=None)


@dataclass
class _Tracing:
    """endpoint: of the collector, empty while traces are off. default: the parent of spans on threads without one."""

    endpoint: str = ""
    process: str = ""
    default: Any = None


_tracing = _Tracing()


class Span:
    """What the code of a span may record."""

    def __init__(self, span: Any) -> None:
        self._span = span
        self.is_dropped = False

    def set(self, name: str, value: Value) -> None:
        self._span.set_attribute(name, value)

    def fail(self, kind: str) -> None:
        """Mark it as failed. kind: the class of an error; never its message, which may quote a person."""
        from opentelemetry.trace import Status, StatusCode

        self._span.set_status(Status(StatusCode.ERROR))
        self._span.set_attribute("error.type", kind)


def configure(endpoint: str, process: str) -> None:
    """Turn traces on, or off with an empty endpoint. process: web, worker, or clock.

    Imports the library, so that child processes need not.
    """
    _tracing.endpoint, _tracing.process, _tracing.default = endpoint.rstrip("/"), process, None
    _provider.cache_clear()
    if endpoint:
        import opentelemetry.exporter.otlp.proto.http.trace_exporter
        import opentelemetry.sdk.trace.export  # noqa: F401


def is_on() -> bool:
    return bool(_tracing.endpoint)


@contextmanager
def span(
    name: str, kind: Kind, parent: str = "", attributes: Mapping[str, Value] | None = None
) -> Iterator[Span | None]:
    """A span around the block; None while traces are off. parent: a traceparent; by default the span around this one.

    An exception marks the span as failed.
    """
    if not _tracing.endpoint:
        yield None
        return
    from opentelemetry import trace

    around = _remote(parent) or _current.get() or _tracing.default
    context = trace.set_span_in_context(around) if around is not None else None
    tracer = _provider(os.getpid()).get_tracer("infoline")
    # Threads that send know nothing of the request; the span of their job does.
    request = request_ids.current.get() or (getattr(around, "attributes", None) or {}).get(REQUEST)
    started = tracer.start_span(
        name,
        context,
        getattr(trace.SpanKind, kind),
        {**(attributes or {}), **({REQUEST: request} if request else {})},
        record_exception=False,
        set_status_on_exception=False,
    )
    wrapped, token = Span(started), _current.set(started)
    if kind == "CONSUMER":
        # A process runs one job, and the threads of it know nothing of the span.
        _tracing.default = started
    try:
        yield wrapped
    except Exception as error:
        wrapped.fail(type(error).__name__)
        raise
    finally:
        _current.reset(token)
        if not wrapped.is_dropped:
            started.end()


def traceparent() -> str:
    """The current span for another process, as https://www.w3.org/TR/trace-context/ writes it; empty without one."""
    current = _current.get()
    if current is None:
        return ""
    context = current.get_span_context()
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def is_traceparent(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and _TRACEPARENT.fullmatch(value) is not None


def flush() -> None:
    """Send what has ended, before a process ends without its usual end. Takes at most SECONDS."""
    if _tracing.endpoint:
        _provider(os.getpid()).force_flush(int(SECONDS * 1000))


def _remote(parent: str) -> Any:
    match = _TRACEPARENT.fullmatch(parent)
    if match is None:
        return None
    from opentelemetry import trace

    trace_id, span_id, flags = (int(part, 16) for part in match.groups())
    return trace.NonRecordingSpan(trace.SpanContext(trace_id, span_id, True, trace.TraceFlags(flags)))


@cache
def _provider(_process_id: int) -> Any:
    """The provider of one process: its thread and its connection do not survive a fork."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult

    class Exporter(OTLPSpanExporter):  # type: ignore[misc]  # without its types, see pyproject.toml
        is_down = False

        def export(self, spans: Any) -> SpanExportResult:
            """Send spans. Logs the first failure; the library would log several lines for each."""
            result = super().export(spans)
            was_down, self.is_down = self.is_down, result is not SpanExportResult.SUCCESS
            if self.is_down and not was_down:
                _log.warning("traces_not_sent")
            return result

    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)

    named = {
        "service.name": "infoline",
        "service.version": version.release(),
        "infoline.process": _tracing.process,
    }
    provider = TracerProvider(resource=Resource.create(named))
    exporter = Exporter(endpoint=f"{_tracing.endpoint}/v1/traces", timeout=SECONDS)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider
