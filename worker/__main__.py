"""`python -m worker` runs jobs; `python -m worker clock` starts them. Needs REDIS_URL."""

from __future__ import annotations

import signal
import sys
import threading

from rq import Worker
from rq.serializers import JSONSerializer

from ivr import clock, log, queues
from ivr.ledger import open_ledger
from ivr.settings import Settings, SettingsError, load

# The SDK costs over a second to import: the parent does it once for all its children.
from worker import jobs  # noqa: F401
from worker.clock import run

MAINTENANCE_SECONDS = 10
WORKER_TTL = 30


def main(arguments: list[str]) -> int:
    if arguments not in ([], ["clock"]):
        print(f"`{' '.join(arguments)}` is not known: say nothing, or `clock`.", file=sys.stderr)
        return 2
    try:
        settings = load(queue=True)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    log.configure()
    clock.set_shift(settings.clock_shift_seconds)
    return _clock(settings) if arguments == ["clock"] else _worker(settings)


def _clock(settings: Settings) -> int:
    stop = threading.Event()
    for signal_ in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signal_, lambda *_: stop.set())
    run(settings, open_ledger(settings.database_url), stop)
    return 0


def _worker(settings: Settings) -> int:
    connection = queues.connect(settings.redis_url)
    worker = Worker(
        [queues.open_queue(connection)],
        connection=connection,
        serializer=JSONSerializer,
        maintenance_interval=MAINTENANCE_SECONDS,
        worker_ttl=WORKER_TTL,
        log_job_description=False,
    )
    worker.work(logging_level="WARNING")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
