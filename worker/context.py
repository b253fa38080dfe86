"""What a job needs. Words are read by the parent, for all its children; connections are each process's own."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from functools import lru_cache

from redis import Redis

from ivr import clock, log, queues
from ivr.carrier.twilio.client import Carrier, open_carrier
from ivr.ledger import Ledger, LedgerUnavailable, Vault, open_ledger
from ivr.line.content.loader import Content
from ivr.releases.cache import NoRelease, live_content
from ivr.releases.store import live_release
from ivr.settings import Settings, load


@dataclass(frozen=True)
class JobContext:
    settings: Settings
    ledger: Ledger
    vault: Vault
    carrier: Carrier
    content: Content
    queue: Redis


ending = threading.Event()
"""Set when this process was asked to end: what is in hand is finished, nothing new is begun."""


def end_soon(*_: object) -> None:
    """A signal handler: finish what is in hand."""
    ending.set()


class LiveContent:
    """The words that are live, as the parent of the jobs knows them: a job starts with them, and reads none itself."""

    def __init__(self) -> None:
        self._known: Content | None = None

    def refresh(self, settings: Settings, ledger: Ledger) -> Content:
        """The words that are live; what was read before stays while the ledger is away. Raises NoRelease."""
        if self._known is not None:
            try:
                release = live_release(ledger)
            except LedgerUnavailable:
                return self._known
            if release is not None and release.digest == self._known.digest:
                return self._known
        self._known = live_content(ledger, settings.var_dir, settings.prompts_dir)
        return self._known


words = LiveContent()


def job_context() -> JobContext:
    """This process's outfit, with the words that are live at this moment."""
    return _outfit(os.getpid())


@lru_cache(1)
def _outfit(_process: int) -> JobContext:
    settings = load()
    log.configure()
    clock.set_shift(settings.clock_shift_seconds)
    ledger = open_ledger(settings.database_url)
    content = words.refresh(settings, ledger)
    carrier, queue = open_carrier(settings), queues.connect(settings.redis_url, retry=False)
    return JobContext(settings, ledger, Vault.of(settings), carrier, content, queue)


def refresh_content(settings: Settings, ledger: Ledger) -> None:
    """What the parent does before each job. Its connections must not be the child's: none is left open."""
    try:
        words.refresh(settings, ledger)
    except NoRelease:
        log.get_logger().error("no_release")
    finally:
        ledger.close()


def open_content(settings: Settings, ledger: Ledger) -> Content:
    return live_content(ledger, settings.var_dir, settings.prompts_dir)
