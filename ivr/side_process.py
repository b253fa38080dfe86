"""A process that does long work beside a web process: a large import, a publication, a check of the line."""

from __future__ import annotations

import os
from contextlib import suppress

from ivr import clock, log
from ivr.private_files import set_private_umask
from ivr.settings import Settings, load


def be_less_urgent(by: int = 10) -> None:
    """Let callers go first where both processes want the same core."""
    with suppress(OSError):
        os.nice(by)


def begin() -> Settings:
    """Prepare this process, and return its settings. It creates no keys: the web process has them already."""
    be_less_urgent()
    set_private_umask()
    settings = load(save_keys=False)
    log.configure()
    clock.set_shift(settings.clock_shift_seconds)
    return settings
