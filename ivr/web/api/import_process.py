"""The process that imports one large body: `python -m ivr.web.api.import_process JOB`. Prints its answer as JSON."""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress

from ivr import clock, log
from ivr.ledger import Vault
from ivr.ledger.keys import open_guarded_ledger
from ivr.private_files import set_private_umask
from ivr.releases.cache import live_content
from ivr.settings import load
from ivr.web.api.import_work import ImportJob, run_job

_LESS_URGENT = 10


def main(job: str) -> None:
    """job: an ImportJob as JSON."""
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
    answer = run_job(ImportJob(**json.loads(job)), settings, ledger, vault, content)
    ledger.close()
    sys.stdout.write(answer.as_json())


if __name__ == "__main__":
    main(sys.argv[1])
