"""The context of a job. A parent process reads content for all its children; each child opens its own connections."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from functools import lru_cache

from redis import Redis

from ivr import clock, log, queues
from ivr.carrier.twilio.client import Carrier, open_carrier
from ivr.ledger import Ledger, Vault
from ivr.ledger.keys import open_guarded_ledger
from ivr.line.content.loader import Content
from ivr.releases.live import LiveContent, NoRelease, live_content
from ivr.reminders.schedule.message import preload
from ivr.settings import Settings, load


@dataclass(frozen=True)
class JobContext:
    settings: Settings
    ledger: Ledger
    vault: Vault
    carrier: Carrier
    content: Content
    queue: Redis


shutdown = threading.Event()
"""Set when this process must stop: texts in progress are finished, and no more are started."""


def request_shutdown(*_: object) -> None:
    """Set `shutdown`, as a signal handler."""
    shutdown.set()


_live_content = LiveContent()


def job_context() -> JobContext:
    """The context of this process, with the content that was live when it started."""
    return _context_of(os.getpid())


@lru_cache(1)
def _context_of(_process: int) -> JobContext:
    settings = load()
    log.configure()
    clock.set_shift(settings.clock_shift_seconds)
    vault = Vault.of(settings)
    ledger = open_guarded_ledger(settings.database_url, vault)
    content = _live_content.refresh(settings, ledger)
    carrier, queue = open_carrier(settings), queues.connect(settings.redis_url, retry=False)
    return JobContext(settings, ledger, vault, carrier, content, queue)


def refresh_content(settings: Settings, ledger: Ledger) -> None:
    """Refresh the parent's content before a job, and close its connections: a child must not inherit them."""
    try:
        content = _live_content.refresh(settings, ledger)
        preload(content.config.languages)
    except NoRelease:
        log.get_logger().error("release_missing")
    finally:
        ledger.close()


def open_content(settings: Settings, ledger: Ledger) -> Content:
    return live_content(ledger, settings.var_dir, settings.prompts_dir)
