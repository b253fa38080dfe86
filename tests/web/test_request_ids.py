"""The id of a request is in its log lines, and in those of the job that it starts."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
import structlog
from redis import Redis

from ivr import log, queues, request_ids
from tests.support.processes import Processes, wait_until
from tests.support.serving import http_request, serving
from tests.support.webhooks import ask_for_a_text
from tests.worker.test_processes import responds


def test_ids_differ_and_are_recognized() -> None:
    ids = {request_ids.new_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(map(request_ids.is_id, ids))


@pytest.mark.parametrize(
    "text", ["", "+16035550123", "16035550123", "12345678", "x1", "12345678x", "12345678x1 ", None, 7]
)
def test_nothing_else_is_taken_for_an_id(text: object) -> None:
    assert not request_ids.is_id(text)


def test_an_id_of_many_digits_is_not_redacted(capsys, monkeypatch) -> None:
    monkeypatch.setattr(request_ids, "_process", "12345678")
    request = request_ids.new_id()
    log.configure()
    token = request_ids.current.set(request)
    log.get_logger().info("tested")
    request_ids.current.reset(token)
    log.get_logger().info("tested")
    structlog.reset_defaults()
    first, second = map(json.loads, capsys.readouterr().err.splitlines())
    assert first["request"] == request
    assert "request" not in second


def test_each_request_has_its_own_id_on_every_thread(tmp_path) -> None:
    seen: list[str] = []

    def app(_environ, start_response):
        seen.append(request_ids.current.get())
        start_response("200 OK", [])
        return [b""]

    with serving(app, tmp_path) as server, ThreadPoolExecutor(8) as pool:
        paths = [f"/{name}" for name in ("healthz", "console", "other", "audio/1") for _ in range(10)]
        statuses = list(pool.map(lambda path: server.ask(http_request(path, method="GET"))[0], paths))
    assert statuses == [200] * len(paths)
    assert len(set(seen)) == len(paths)
    assert all(map(request_ids.is_id, seen))


def taken(queue_url: str, **fields: str) -> queues.QueuedJob:
    """A job as a worker takes it, after its fields in Redis were changed."""
    with Redis.from_url(queue_url) as connection:
        token = request_ids.current.set("0123abcdx1")
        queues.enqueue(queues.open_queue(connection), queues.SEND, 5)
        request_ids.current.reset(token)
        (key,) = connection.scan_iter("rq:job:*")
        for name, value in fields.items():
            connection.hset(key, name, value)
        job = queues.take(connection, 1)
    assert job is not None
    return job


def test_a_job_carries_the_id_of_the_request_that_enqueued_it(queue_url: str) -> None:
    assert taken(queue_url) == queues.QueuedJob(queues.SEND, (5,), "0123abcdx1")


@pytest.mark.parametrize(
    "meta",
    [
        "",
        "{",
        "[]",
        "{}",
        "null",
        '{"request": "+16035550123"}',
        '{"request": 7}',
        "[" * 300,
        '{"request": "' + "a" * 999,
    ],
)
def test_anything_else_in_the_place_of_the_id_is_ignored(queue_url: str, meta: str) -> None:
    assert taken(queue_url, meta=meta) == queues.QueuedJob(queues.SEND, (5,), "")


@pytest.mark.processes
def test_a_text_that_a_caller_requests_is_followed_from_the_webhook_to_its_job(clinic, line, queue_url) -> None:
    processes = Processes(clinic, queue_url, CLOCK_SECONDS=1000)
    try:
        processes.start("-m", "ivr.cli", "web")
        processes.start("-m", "worker")
        base = processes.env["PUBLIC_URL"]
        wait_until(lambda: responds(base + "/healthz"))
        ask_for_a_text(base, line)
        wait_until(lambda: "job_finished" in processes.output(2))
        asked = [json.loads(entry) for entry in processes.output(1).splitlines() if "text_requested" in entry]
        done = [json.loads(entry) for entry in processes.output(2).splitlines() if "job_finished" in entry]
        assert [entry["request"] for entry in asked] == [entry["request"] for entry in done]
        assert (done[0]["job"], done[0]["done"]) == ("send_asked", 1)
    finally:
        processes.end()
