"""The process that imports one large body: `python -m ivr.web.api.import_process JOB`. Prints its answer as JSON."""

from __future__ import annotations

import json
import sys

from ivr import side_process
from ivr.ledger import Vault
from ivr.ledger.keys import open_guarded_ledger
from ivr.releases.live import live_content
from ivr.web.api.import_work import ImportJob, run_job


def main(job: str) -> None:
    """job: an ImportJob as JSON."""
    settings = side_process.begin()
    vault = Vault.of(settings)
    ledger = open_guarded_ledger(settings.database_url, vault)
    content = live_content(ledger, settings.var_dir, settings.prompts_dir)
    answer = run_job(ImportJob(**json.loads(job)), settings, ledger, vault, content)
    ledger.close()
    sys.stdout.write(answer.as_json())


if __name__ == "__main__":
    main(sys.argv[1])
