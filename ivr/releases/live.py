"""The live release, read once: for commands, and for processes that serve no callers."""

from __future__ import annotations

from pathlib import Path

from ivr.ledger import Ledger, LedgerUnavailable
from ivr.line.content.findings import BrokenPrompts
from ivr.line.content.loader import Content, read_content, read_folder
from ivr.line.content.revisions.upgrades import open_release
from ivr.releases.disk_cache import DiskCache
from ivr.releases.store import live_release, stored_files


class NoRelease(Exception):
    """No release can be read, and prompts/ has errors too; the message lists them."""


def live_content(ledger: Ledger, var_dir: Path, prompts_dir: Path) -> Content:
    """The live content from the database, the disk cache, or the folder, in that order. Raises NoRelease."""
    copies = DiskCache(var_dir)
    published: bool | None = None
    errors = ""
    try:
        release = live_release(ledger)
        published = release is not None
        files = stored_files(ledger, release.digest) if release else None
        if files:
            return open_release(files, prompts_dir)
    except (LedgerUnavailable, BrokenPrompts) as error:
        errors = str(error)
    if published is not False:
        try:
            files = copies.live()
            if files:
                return open_release(files, prompts_dir)
        except BrokenPrompts as error:
            errors = str(error)
    try:
        return read_content(read_folder(prompts_dir))
    except BrokenPrompts as error:
        raise NoRelease(str(error) or errors) from None
