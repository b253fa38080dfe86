"""The process that reads or imports one large upload: `python -m ivr.web.console.reminders.import_process ID`."""

from __future__ import annotations

import sys

from ivr import side_process
from ivr.ledger import Vault
from ivr.ledger.keys import open_guarded_ledger
from ivr.releases.live import live_content
from ivr.web.console.reminders.import_work import Desk


def main(upload_id: str) -> None:
    """Do what the phase of an upload says."""
    settings = side_process.begin()
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
