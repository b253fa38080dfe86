"""Traces: from a webhook over the queue to the carrier, with nothing about a person, and nothing at all when off."""

from __future__ import annotations

import http.server
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from ivr import queues, tracing
from ivr.carrier.twilio.transport import _resource
from tests.support.paths import ROOT
from tests.support.processes import Processes, wait_until
from tests.support.webhooks import ask_for_a_text, post
from tests.web.test_request_ids import taken
from tests.worker.test_processes import responds

PARENT = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"
WORDS = "my name is Maria Garcia and my number is 603-555-0177"


class Collector:
    """Receives OTLP over HTTP. bodies: what was sent, as bytes."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                assert self.path == "/v1/traces"
                body = self.rfile.read(int(self.headers["Content-Length"]))
                assert self.headers.get("Content-Encoding") is None
                collector.bodies.append(body)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def spans(self) -> list[dict[str, Any]]:
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

        found: list[dict[str, Any]] = []
        for body in list(self.bodies):
            request = ExportTraceServiceRequest.FromString(body)
            for resource in request.resource_spans:
                process = {item.key: item.value.string_value for item in resource.resource.attributes}
                for scope in resource.scope_spans:
                    for span in scope.spans:
                        values = {item.key: item.value.string_value or item.value.int_value for item in span.attributes}
                        found.append(
                            {
                                "name": span.name,
                                "id": span.span_id.hex(),
                                "parent": span.parent_span_id.hex(),
                                "trace": span.trace_id.hex(),
                                "process": process["infoline.process"],
                                "events": len(span.events),
                                **values,
                            }
                        )
        return found


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="requirements-dev.txt is not installed")
    monkeypatch.setattr(tracing, "SECONDS", 30.0)
    running = Collector()
    yield running
    tracing.configure("", "")
    running.close()


def only(spans: list[dict[str, Any]], name: str) -> dict[str, Any]:
    (found,) = [span for span in spans if span["name"] == name]
    return found


def test_without_the_setting_the_line_imports_no_exporter() -> None:
    code = (
        "import sys; from ivr import tracing\n"
        "with tracing.span('x', 'CLIENT') as span: assert span is None and tracing.traceparent() == ''\n"
        "tracing.flush(); import ivr.web.server.site, ivr.carrier.twilio.transport, worker.job_worker\n"
        "sys.exit(any(name.startswith('opentelemetry.exporter') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_without_the_packages_each_process_says_what_to_install(monkeypatch, tmp_path) -> None:
    # A folder that hides installed packages: version() finds no metadata of them.
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.metadata as metadata\n"
        "real = metadata.version\n"
        "def version(name):\n"
        "    if name.startswith('opentelemetry'):\n"
        "        raise metadata.PackageNotFoundError(name)\n"
        "    return real(name)\n"
        "metadata.version = version\n"
    )
    environment = {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": f"{tmp_path}:{ROOT}",
        "VAR_DIR": str(tmp_path / "var"),
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318",
        "REDIS_URL": "redis://127.0.0.1:1/0",
    }
    for arguments in (["ivr.cli", "web"], ["worker"], ["worker", "clock"]):
        command = [sys.executable, "-m", *arguments]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert "pip install --require-hashes -r requirements-tracing.txt" in done.stderr
        assert "Traceback" not in done.stderr


def test_a_span_has_its_parent_its_request_and_no_message_of_an_error(collector: Collector) -> None:
    tracing.configure(collector.url, "web")
    around: list[str] = []

    def send() -> None:
        with tracing.span("POST Messages", "CLIENT", attributes={"http.request.method": "POST"}):
            pass

    def job() -> None:
        with tracing.span("job send", "CONSUMER", PARENT):
            around.append(tracing.traceparent())
            # The threads that send know nothing of the span of the job.
            thread = threading.Thread(target=send)
            thread.start()
            thread.join()
            raise ValueError(WORDS)

    with pytest.raises(ValueError, match="Maria"):
        job()
    tracing.flush()
    ran, sent = only(collector.spans(), "job send"), only(collector.spans(), "POST Messages")
    assert (ran["trace"], ran["parent"]) == (PARENT[3:35], PARENT[36:52])
    assert around == [f"00-{ran['trace']}-{ran['id']}-01"]
    assert (sent["trace"], sent["parent"]) == (ran["trace"], ran["id"])
    assert (ran["error.type"], ran["events"]) == ("ValueError", 0)
    assert b"Maria" not in b"".join(collector.bodies)


@pytest.mark.parametrize("parent", ["", "00-1-2-01", PARENT.upper(), PARENT + "\n", "x" * 55, '{"$ne": 1}'])
def test_nothing_else_is_taken_for_a_parent(collector: Collector, parent: str) -> None:
    tracing.configure(collector.url, "worker")
    assert not tracing.is_traceparent(parent)
    with tracing.span("job send", "CONSUMER", parent):
        pass
    tracing.flush()
    assert only(collector.spans(), "job send")["parent"] == ""


@pytest.mark.parametrize("meta", ['{"trace": 7}', '{"trace": "x"}', '{"request": "0123abcdx1", "trace": ["a"]}', "["])
def test_a_job_whose_trace_is_none_runs_without_it(queue_url: str, meta: str) -> None:
    assert taken(queue_url, meta=meta).trace == ""


def test_a_job_carries_the_span_that_enqueued_it(queue_url: str) -> None:
    assert taken(queue_url, meta=f'{{"request": "0123abcdx1", "trace": "{PARENT}"}}') == queues.QueuedJob(
        queues.SEND, (5,), "0123abcdx1", PARENT
    )


@pytest.mark.parametrize(
    ("path", "resource"),
    [
        ("/2010-04-01/Accounts/AC0123456789abcdef0123456789abcdef/Messages.json?To=%2B16035550123", "Messages"),
        ("/2010-04-01/Accounts/AC0123456789abcdef0123456789abcdef/Messages/SM01.json", "Messages"),
        ("/v2/PhoneNumbers/+16035550123", "PhoneNumbers"),
        ("/v2/PhoneNumbers/16035550123", "PhoneNumbers"),
        ("/v1/Services/MG0123456789abcdef0123456789abcdef", "Services"),
        ("/", "other"),
    ],
)
def test_a_request_to_the_carrier_is_named_by_its_resource_alone(path: str, resource: str) -> None:
    assert _resource(path) == resource


@pytest.mark.processes
def test_a_text_that_a_caller_asks_for_is_one_trace_from_the_webhook_to_the_carrier(
    clinic, line, queue_url, collector: Collector
) -> None:
    processes = Processes(
        clinic, queue_url, CLOCK_SECONDS=1000, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, OTEL_BSP_SCHEDULE_DELAY=100
    )
    try:
        processes.start("-m", "ivr.cli", "web")
        processes.start("-m", "worker")
        base = processes.env["PUBLIC_URL"]
        wait_until(lambda: responds(base + "/healthz"))
        ask_for_a_text(base, line)
        text = {"From": "+16035550123", "To": "+16035550100", "MessageSid": "SM" + "1" * 32, "Body": WORDS}
        assert post(base, "/sms", text)[0] == 200
        wait_until(
            lambda: {"POST /voice", "POST /sms", "POST Messages"} <= {span["name"] for span in collector.spans()}
        )
        wait_until(lambda: "job send_asked" in {span["name"] for span in collector.spans()})
    finally:
        processes.end()
    spans = collector.spans()
    webhook, job, sent = (only(spans, name) for name in ("POST /voice", "job send_asked", "POST Messages"))
    assert webhook["trace"] == job["trace"] == sent["trace"]
    assert (webhook["parent"], job["parent"], sent["parent"]) == ("", webhook["id"], job["id"])
    assert (webhook["process"], job["process"], sent["process"]) == ("web", "worker", "worker")
    assert webhook["infoline.request_id"] == job["infoline.request_id"] == sent["infoline.request_id"]
    assert f'"request": "{webhook["infoline.request_id"]}"' in processes.outputs()
    assert (webhook["http.route"], webhook["http.response.status_code"]) == ("/voice", 200)
    everything = b"".join(collector.bodies)
    for personal in (b"5550123", b"5550100", b"Maria", b"Garcia", b"CA111", b"SM111", line.digest.encode()):
        assert personal not in everything
    assert not re.search(rb"\d{10}", re.sub(rb"[0-9a-f]{8}x[0-9a-f]+", b"", everything))
