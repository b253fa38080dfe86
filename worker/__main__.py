"""`python -m worker` runs jobs; `python -m worker clock` enqueues them. Both need REDIS_URL."""

from __future__ import annotations

import importlib
import signal
import sys
import threading
from collections.abc import Callable

from ivr import clock, log, tracing
from ivr.ledger import Vault, open_ledger
from ivr.ledger.keys import WrongKeys, open_guarded_ledger, refuse_wrong_keys
from ivr.private_files import set_private_umask
from ivr.settings import Settings, SettingsError, load
from worker import jobs
from worker.clock import run_clock
from worker.job_worker import JobWorker

# Importing the carrier's SDK takes over a second: the parent process does it once for all its children.
_SDK = "twilio.rest.api"


def main(arguments: list[str]) -> int:
    if arguments not in ([], ["clock"]):
        print(f"Unknown argument `{' '.join(arguments)}`: use `clock`, or none for a worker.", file=sys.stderr)
        return 2
    set_private_umask()
    try:
        settings = load(queue=True)
        refuse_wrong_keys(settings.database_url, Vault.of(settings))
    except (SettingsError, WrongKeys) as error:
        print(error, file=sys.stderr)
        return 2
    log.configure()
    tracing.configure(settings.otel_exporter_otlp_endpoint, "clock" if arguments else "worker")
    clock.set_shift(settings.clock_shift_seconds)
    if settings.clock_shift_file:
        clock.follow(settings.clock_shift_file)
    if arguments:
        _run_clock(settings)
    else:
        _run_worker(settings)
    return 0


def _run_worker(settings: Settings) -> None:
    worker = JobWorker(settings)
    _on_signal(worker.request_stop)
    log.log_start("worker")
    importlib.import_module(_SDK)
    jobs.resume_sending(settings, open_ledger(settings.database_url))
    worker.run()


def _run_clock(settings: Settings) -> None:
    stop = threading.Event()
    _on_signal(lambda *_: stop.set())
    log.log_start("clock", interval=settings.clock_seconds)
    run_clock(settings, open_guarded_ledger(settings.database_url, Vault.of(settings)), stop)


def _on_signal(handler: Callable[..., None]) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handler)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
