"""Data files that ship with the code: prompts/ in a checkout, a copy inside the package in an installation.

No other module finds data files outside its own folder.
"""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# setup.py puts prompts/ there.
_PACKAGED_PROMPTS = Path(__file__).resolve().parent / "_shipped_prompts"
DATA_FILES = (
    "ivr/line/text/hard_words.tsv",
    "ivr/ledger/migrations/env.py",
    "ivr/web/console/translations/es/LC_MESSAGES/messages.po",
    "ivr/ledger/migrations/script.py.mako",
    "ivr/reminders/outbox/raise_count.lua",
    "worker/lua/sender_state.lua",
    "worker/lua/reserve.lua",
    "worker/lua/slow_down.lua",
)


def shipped_prompts() -> Path:
    """The folder of the prompts that ship with this code. It exists unless files are missing."""
    checkout = ROOT / "prompts"
    return checkout if (checkout / "line.yaml").is_file() else _PACKAGED_PROMPTS


def missing_files() -> list[str]:
    """What this installation lacks; empty if it is complete."""
    missing = [name for name in DATA_FILES if not (ROOT / name).is_file()]
    if not any((ROOT / "ivr/ledger/migrations/versions").glob("*.py")):
        missing.append("ivr/ledger/migrations/versions")
    if not (shipped_prompts() / "line.yaml").is_file():
        missing.append(str(_PACKAGED_PROMPTS.relative_to(ROOT)))
    return missing
