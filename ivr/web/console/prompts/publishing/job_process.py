"""The process of one job: `python -m ivr.web.console.prompts.publishing.job_process NAME LOCK`.

LOCK: the descriptor of its lock, which is inherited.
"""

from __future__ import annotations

import fcntl
import sys

from ivr import side_process
from ivr.ledger import Vault
from ivr.ledger.keys import open_guarded_ledger
from ivr.web.console.prompts.publishing.job_work import Worker
from ivr.web.console.prompts.publishing.jobs import Jobs


def main(name: str, lock: int) -> None:
    """Do the job of that name."""
    settings = side_process.begin()
    jobs = Jobs(settings.var_dir)
    job = jobs.get(name)
    if job is None:
        return
    ledger = open_guarded_ledger(settings.database_url, Vault.of(settings))
    Worker(settings, ledger).work(job)
    jobs.save(name, job)
    # A page that reads the result may begin the next job, while this process takes its time to end.
    fcntl.flock(lock, fcntl.LOCK_UN)
    ledger.close()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
