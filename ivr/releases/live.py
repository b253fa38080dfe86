"""The live release, for commands and for processes that serve no callers."""

from __future__ import annotations

from pathlib import Path

from ivr import log
from ivr.ledger import Ledger, LedgerUnavailable
from ivr.line.content.findings import BrokenPrompts
from ivr.line.content.loader import Content, read_content, read_folder
from ivr.line.content.revisions.upgrades import open_release
from ivr.releases.disk_cache import DiskCache
from ivr.releases.store import live_release, stored_files
from ivr.settings import Settings


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


class LiveContent:
    """The live content of a process that follows publishes: loaded anew when another release is live.

    Child processes inherit it from their parent.
    """

    def __init__(self, content: Content | None = None) -> None:
        self._content = content

    def refresh(self, settings: Settings, ledger: Ledger) -> Content:
        """The live content; the content read last while the database is unavailable or no release can be read.

        Raises NoRelease if nothing was read yet.
        """
        known = self._content
        if known is not None:
            try:
                release = live_release(ledger)
            except LedgerUnavailable:
                return known
            if release is not None and release.digest == known.digest:
                return known
        try:
            self._content = live_content(ledger, settings.var_dir, settings.prompts_dir)
        except NoRelease:
            if known is None:
                raise
            log.get_logger().error("release_missing")
            return known
        return self._content
