"""Runs all checks at once, each in a thread, and returns their results in order and in time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from queue import Empty, SimpleQueue

from ivr.doctor import address, carrier, machine, postgresql_client, stores, words
from ivr.doctor.result import Level, Line, Result, problem, warning
from ivr.log import without_numbers
from ivr.settings import Settings

Check = Callable[[Line], Result]
CHECKS: Mapping[str, Check] = {
    "version": machine.check_version,
    "settings": machine.check_settings,
    "ledger": stores.check_ledger,
    "keys": stores.check_keys,
    "alarms": stores.check_alarms,
    "queue": stores.check_queue,
    "workers": stores.check_workers,
    "clock": stores.check_clock,
    "feeds": stores.check_feeds,
    "files": machine.check_files,
    "disk": machine.check_disk,
    "backup": machine.check_backup,
    "spool": machine.check_spool,
    "pg_dump": postgresql_client.check_pg_dump,
    "prompts": words.check_prompts,
    "release": words.check_release,
    "hours": words.check_hours,
    "sign-offs": words.check_sign_offs,
    "directory": words.check_directory,
    "carrier": carrier.check_credentials,
    "clock skew": carrier.check_clock_skew,
    "message log": carrier.check_message_log,
    "webhooks": carrier.check_webhooks,
    "fallback": carrier.check_fallback,
    "sender": carrier.check_sender,
    "signature": address.check_signature_path,
    "certificate": address.check_certificate,
}
SECONDS = 25.0
"""All checks end by then; one that has not is a warning."""
_LEAST_SECRET = 8


def run(
    line: Line,
    checks: Mapping[str, Check] = CHECKS,
    seconds: float = SECONDS,
    started: Callable[[str], None] = lambda _name: None,
) -> Iterator[tuple[str, Result]]:
    """Yield the name and result of each check, in order. started: called with the check that is waited for.

    The threads are daemons: a check that hangs does not keep the process.
    """
    done: dict[str, SimpleQueue[Result]] = {}
    for name, check in checks.items():
        done[name] = SimpleQueue()
        threading.Thread(target=_run_one, args=(check, line, done[name]), name=f"doctor-{name}", daemon=True).start()
    deadline = time.monotonic() + seconds
    for name, result in done.items():
        started(name)
        try:
            yield name, result.get(timeout=max(0.0, deadline - time.monotonic()))
        except Empty:
            yield name, warning(f"This check did not end within {seconds:.0f} s: run it again when the line is idle.")


def _run_one(check: Check, line: Line, done: SimpleQueue[Result]) -> None:
    try:
        result = check(line)
    except Exception as error:  # noqa: BLE001 - the other checks must still be shown
        result = problem(f"This check failed with an unexpected error ({type(error).__name__}): report it.")
    done.put(Result(result.level, redacted(result.sentence, line.settings)))


def redacted(sentence: str, settings: Settings) -> str:
    """The sentence without phone numbers, and without the value of any secret setting: the last safeguard."""
    for name, field in Settings.model_fields.items():
        if not field.repr:
            for secret in str(getattr(settings, name)).split(","):
                if len(secret) >= _LEAST_SECRET:
                    sentence = sentence.replace(secret, f"[{name.upper()}]")
    return without_numbers(sentence)


def report_as_json(results: Mapping[str, Result]) -> dict[str, object]:
    """The report for programs: `ok` unless there is a problem, and the checks in order."""
    return {
        "ok": all(result.level is not Level.PROBLEM for result in results.values()),
        "checks": [
            {"name": name, "level": str(result.level), "message": result.sentence} for name, result in results.items()
        ],
    }
