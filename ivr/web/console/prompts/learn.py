"""`python -m ivr.web.console.prompts.learn`: trains and stores the model of the draft."""

from __future__ import annotations

import os
from datetime import UTC

from ivr.ledger import open_ledger
from ivr.line.content.loader import read_content
from ivr.releases.drafts import Drafts
from ivr.releases.models import ModelStore
from ivr.settings import load

_NICE = 10


def main() -> None:
    os.nice(_NICE)
    settings = load(save_keys=False)
    ledger = open_ledger(settings.database_url)
    content = read_content(Drafts(ledger, UTC).open().files)
    ModelStore(ledger, settings.models_folder).model_of(content)


if __name__ == "__main__":
    main()
