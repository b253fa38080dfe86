"""`python -m worker` runs jobs; `python -m worker clock` enqueues them. Both need REDIS_URL."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading

from redis import Redis
from rq import Queue, Worker
from rq.job import Job
from rq.serializers import JSONSerializer

from ivr import clock, log, queues
from ivr.ledger import Vault, open_ledger
from ivr.ledger.keys import WrongKeys, open_guarded_ledger, refuse_wrong_keys
from ivr.private_files import set_private_umask
from ivr.settings import Settings, SettingsError, load

# Importing the carrier's SDK takes over a second: the parent process does it once for all its children.
from worker import context, jobs
from worker.clock import run_clock

MAINTENANCE_SECONDS = 10
WORKER_TTL = 30


class JobWorker(Worker):
    """A worker whose child processes inherit the live content, and stop within seconds of a signal."""

    def __init__(self, settings: Settings, connection: Redis) -> None:
        super().__init__(
            [queues.open_queue(connection)],
            connection=connection,
            serializer=JSONSerializer,
            maintenance_interval=MAINTENANCE_SECONDS,
            worker_ttl=WORKER_TTL,
            log_job_description=False,
        )
        self._settings = settings
        self._ledger = open_ledger(settings.database_url)

    def execute_job(self, job: Job, queue: Queue) -> None:
        context.refresh_content(self._settings, self._ledger)
        super().execute_job(job, queue)

    def handle_warm_shutdown_request(self) -> None:
        """Signal the child too: it finishes texts in progress and starts no more."""
        if self.horse_pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.horse_pid, signal.SIGTERM)

    def setup_work_horse_signals(self) -> None:
        super().setup_work_horse_signals()  # type: ignore[no-untyped-call]  # rq has no annotation here
        signal.signal(signal.SIGTERM, context.request_shutdown)


def main(arguments: list[str]) -> int:
    if arguments not in ([], ["clock"]):
        print(f"Unknown argument `{' '.join(arguments)}`: use `clock`, or none for a worker.", file=sys.stderr)
        return 2
    set_private_umask()
    try:
        settings = load(queue=True)
        vault = Vault.of(settings)
        refuse_wrong_keys(settings.database_url, vault)
    except (SettingsError, WrongKeys) as error:
        print(error, file=sys.stderr)
        return 2
    log.configure()
    clock.set_shift(settings.clock_shift_seconds)
    if not arguments:
        jobs.resume_sending(settings, open_ledger(settings.database_url))
        JobWorker(settings, queues.connect(settings.redis_url)).work(logging_level="WARNING")
        return 0
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    run_clock(settings, open_guarded_ledger(settings.database_url, vault), stop)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
