"""Sends what is due as the worker of commit 2d396e1 did, with its code for claims and results.

Run in the unpacked worker-before-batch-ids.zip: its queue and carrier are not part of it, and its settings need a
library that is no longer installed. Arguments: the database's URL, the key in hex, and the time.
"""

# ruff: noqa: E402 - the modules of that commit are imported after their settings are replaced
from __future__ import annotations

import sys
import types
from datetime import datetime
from pathlib import Path
from typing import Any

settings: Any = types.ModuleType("ivr.settings")
settings.Settings = settings.decode_key = object
sys.modules["ivr.settings"] = settings
from ivr.carrier.client import Accepted  # type: ignore[import-not-found]
from ivr.reminders.handover import Recorder  # type: ignore[import-not-found]

from ivr.ledger import Vault, open_ledger
from ivr.line.content import read_content, read_folder  # type: ignore[attr-defined]
from ivr.reminders import claims  # type: ignore[attr-defined]

url, key, at = sys.argv[1:]
now, ledger, vault = datetime.fromisoformat(at), open_ledger(url), Vault([bytes.fromhex(key)])
claimed = claims.claim(ledger, vault, read_content(read_folder(Path("prompts"))), now, 500)
results = [(text.attempt, Accepted(f"SM{number:032x}", "queued")) for number, text in enumerate(claimed)]
Recorder(ledger, vault, 30.0).record(results, now)
ledger.close()
print(len(claimed))
