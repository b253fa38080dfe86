"""The worker process: takes jobs from the queue and runs each in a child process.

It runs the jobs of a table and nothing else that Redis may name, and it outlives every outage.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from redis.exceptions import ConnectionError as QueueUnavailable
from rq import Worker
from rq.serializers import JSONSerializer
from rq.worker_registration import clean_worker_registry, register

from ivr import log, queues, request_ids, tracing
from ivr.ledger import LedgerUnavailable, Vault
from ivr.ledger.keys import open_guarded_ledger
from ivr.releases.live import NoRelease
from ivr.settings import Settings
from worker import context, jobs, webhooks
from worker.outage import UNAVAILABLE, Outage

TAKE_SECONDS = 1
"""How long to wait for a job, and so to notice a signal."""
HEARTBEAT_SECONDS = 10.0
WORKER_TTL = 30
RETRY_SECONDS = 1.0
# A job is only started every few seconds, so the first success after an outage may be luck.
SETTLE_SECONDS = 3.0
POLL_SECONDS = 0.02
# A runner's Ctrl-C often arrives twice at once: a second signal kills the job only after this long.
KILL_AFTER_SECONDS = 1.0

# The exit status of a child process that could not reach a service: its parent logs one line for the whole outage.
_INTERRUPTED = ((LedgerUnavailable, 75), (queues.UNAVAILABLE, 76))
_OUTAGES: dict[int, type[Exception]] = {75: LedgerUnavailable, 76: QueueUnavailable}


def _is_count(*arguments: object) -> bool:
    return len(arguments) == 1 and type(arguments[0]) is int and arguments[0] > 0


def _is_id_list(*arguments: object) -> bool:
    return len(arguments) == 1 and isinstance(arguments[0], list) and all(type(id_) is int for id_ in arguments[0])


# Each known job: its function, and what its arguments must be.
JOBS: dict[str | None, tuple[Callable[..., object], Callable[..., bool]]] = {
    queues.SEND: (jobs.send_slice, _is_count),
    queues.SEND_ASKED: (jobs.send_asked, _is_count),
    queues.RECONCILE: (jobs.reconcile_texts, _is_id_list),
    queues.FETCH: (jobs.fetch_statuses, _is_id_list),
    queues.DELIVER: (webhooks.deliver_events, _is_count),
    queues.FINISH: (jobs.finish_imports, _is_count),
    queues.EXPIRE: (jobs.expire_data, _is_count),
    queues.RESEAL: (jobs.reseal_data, _is_count),
}


class JobWorker:
    """Runs jobs until `request_stop`. It waits for a queue or a database that is unavailable."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._connection = queues.connect(settings.redis_url, retry=False)
        self._queue = queues.open_queue(self._connection)
        self._ledger = open_guarded_ledger(settings.database_url, Vault.of(settings))
        self._registration = self._open_registration()
        self._stop = threading.Event()
        self._outage = Outage("worker")
        self._stop_requested_at = self._failed_at = 0.0
        self._reported_at = float("-inf")
        self._child: int | None = None

    def _open_registration(self) -> Worker:
        """RQ's record of this worker, which `rq info` shows too. Nothing else of RQ's worker is used."""
        registration = Worker(
            [self._queue],
            connection=self._connection,
            serializer=JSONSerializer,
            worker_ttl=WORKER_TTL,
            prepare_for_work=False,
        )
        registration.hostname, registration.pid = socket.gethostname(), os.getpid()
        return registration

    def request_stop(self, *_: object) -> None:
        """Stop after the current job, as a signal handler; a second signal kills the job."""
        now = time.monotonic()
        if not self._stop.is_set():
            self._stop_requested_at = now
            self._stop.set()
        elif self._child is not None and now > self._stop_requested_at + KILL_AFTER_SECONDS:
            _send_signal(self._child, signal.SIGKILL)

    def run(self) -> None:
        """Run jobs until a stop is requested."""
        while not self._stop.is_set():
            try:
                self._report()
                job = queues.take(self._connection, TAKE_SECONDS)
                if job is not None:
                    self._run_job(job)
                self._check_outage()
            except Exception as error:
                self._failed_at = time.monotonic()
                self._reported_at = float("-inf")
                self._outage.begin(error)
                self._stop.wait(RETRY_SECONDS)
        if not self._outage.is_active:
            with suppress(*UNAVAILABLE):
                self._registration.register_death()  # type: ignore[no-untyped-call]  # rq has no annotation here

    def _check_outage(self) -> None:
        """End an outage once the queue works for a while and the database accepts a write."""
        if self._outage.is_active and time.monotonic() > self._failed_at + SETTLE_SECONDS:
            with self._ledger.write() as connection:
                connection.exec_driver_sql("SELECT 1")
            self._outage.end()

    def _report(self) -> None:
        """Record at intervals that this worker is alive, even after the queue server lost its data."""
        if time.monotonic() < self._reported_at + HEARTBEAT_SECONDS:
            return
        if self._connection.exists(self._registration.key):
            self._registration.heartbeat()
            register(self._registration)
        else:
            self._registration.register_birth()  # type: ignore[no-untyped-call]
        clean_worker_registry(self._queue)
        self._reported_at = time.monotonic()

    def _run_job(self, job: queues.QueuedJob) -> None:
        function, accepts = JOBS.get(job.name, (None, None))
        if function is None or accepts is None or not accepts(*job.arguments):
            log.get_logger().error("job_refused", job=(job.name or "unreadable")[:60])
            return
        # The child inherits it.
        request_ids.current.set(job.request)
        try:
            context.refresh_content(self._settings, self._ledger)
            status = self._wait_for(self._fork(function, job.arguments, job.trace))
        finally:
            request_ids.current.set("")
        if status in _OUTAGES:
            raise _OUTAGES[status]

    def _fork(self, function: Callable[..., object], arguments: tuple[Any, ...], trace: str) -> int:
        """Start a child process. Signals are blocked until the handlers of the child are set."""
        signals = {signal.SIGTERM, signal.SIGINT}
        signal.pthread_sigmask(signal.SIG_BLOCK, signals)
        try:
            # A forked child has the content and the imports of its parent; it opens its own connections.
            child = os.fork()
            if child == 0:
                os.setpgrp()
                signal.signal(signal.SIGINT, signal.SIG_IGN)
                signal.signal(signal.SIGTERM, context.request_shutdown)
                signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
                status = 1
                try:
                    status = _traced_status_of(function, arguments, trace)
                finally:
                    # Whatever the job raised, the child must not go on with the work of its parent.
                    os._exit(status)
            self._child = child
            return child
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)

    def _wait_for(self, child: int) -> int:
        """Wait for a child process, and report meanwhile. Returns its exit status, negative after a signal."""
        started, is_signaled, is_killed = time.monotonic(), False, False
        try:
            while True:
                ended, status = os.waitpid(child, os.WNOHANG)
                if ended:
                    return os.waitstatus_to_exitcode(status)
                if self._stop.is_set() and not is_signaled:
                    # It finishes texts in progress and starts no more.
                    is_signaled = True
                    _send_signal(child, signal.SIGTERM)
                if not is_killed and time.monotonic() > started + queues.JOB_SECONDS:
                    is_killed = True
                    log.get_logger().error("job_timed_out", seconds=queues.JOB_SECONDS)
                    _send_signal(child, signal.SIGKILL)
                self._report_during_job()
                time.sleep(POLL_SECONDS)
        finally:
            self._child = None

    def _report_during_job(self) -> None:
        if self._outage.is_active and time.monotonic() < self._failed_at + RETRY_SECONDS:
            return
        try:
            self._report()
        except UNAVAILABLE as error:
            self._failed_at = time.monotonic()
            self._outage.begin(error)


def _send_signal(child: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(child, number)


def _traced_status_of(function: Callable[..., object], arguments: tuple[Any, ...], trace: str) -> int:
    """The same as `_status_of`, within a span. trace: the span that enqueued the job."""
    with tracing.span(f"job {function.__name__}", "CONSUMER", trace) as span:
        status = _status_of(function, arguments)
        if status and span is not None:
            span.fail(f"exit status {status}")
    tracing.flush()
    return status


def _status_of(function: Callable[..., object], arguments: tuple[Any, ...]) -> int:
    """Run a job in this process. Returns an exit status."""
    started = time.monotonic()
    try:
        done = function(*arguments)
    except NoRelease:
        # The parent has logged it.
        return 1
    except Exception as error:
        for unavailable, status in _INTERRUPTED:
            if isinstance(error, unavailable):
                return status
        log.get_logger().error("job_failed", job=function.__name__, exc_info=error)
        return 1
    if done:
        seconds = round(time.monotonic() - started, 3)
        log.get_logger().info("job_finished", job=function.__name__, done=done, seconds=seconds)
    return 0
