"""The process that reads or imports one large upload: `python -m ivr.web.console.reminders.import_process ID`."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

from ivr import clock, log
from ivr.ledger import Vault
from ivr.ledger.keys import open_guarded_ledger
from ivr.private_files import set_private_umask
from ivr.releases.cache import live_content
from ivr.settings import load
from ivr.web.console.reminders.import_work import Desk

_LESS_URGENT = 10


def main(upload_id: str) -> None:
    """Do what the phase of an upload says."""
    # Callers come first.
    with suppress(OSError):
        os.nice(_LESS_URGENT)
    set_private_umask()
    settings = load()
    log.configure()
    clock.set_shift(settings.clock_shift_seconds)
    vault = Vault.of(settings)
    ledger = open_guarded_ledger(settings.database_url, vault)
    content = live_content(ledger, settings.var_dir, settings.prompts_dir)
    desk = Desk(settings, ledger, vault, content)
    upload = desk.uploads.get(upload_id)
    if upload is not None and upload.is_busy:
        desk.work(upload)
    ledger.close()


if __name__ == "__main__":
    main(sys.argv[1])
