"""How `watch` and `pull` end, and what they do as processes of a line that has no such feed."""

from __future__ import annotations

import signal
import threading

from ivr.cli.console import fail


def stop_on_signals() -> threading.Event:
    """An event that SIGTERM and SIGINT set."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def wait_without(setting: str, once: bool, stop: threading.Event) -> None:
    """Wait for a signal: a runner such as honcho stops all processes once one ends. once: fail instead."""
    from ivr import log

    if once:
        fail(f"There is nothing to read from: set {setting}, or name it in the command.")
    log.configure()
    log.get_logger().info("process_idle", setting=setting)
    stop.wait()
