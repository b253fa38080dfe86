"""The releases at hand in a process: the live one, and older ones that calls under way still walk on.

Looked for in memory, in VAR_DIR/releases/, in the ledger; with nothing published the folder is live. What
is broken never replaces what works.
"""

from __future__ import annotations

import re
import secrets
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from pathlib import Path

from ivr import log
from ivr.ledger import Ledger, LedgerAway
from ivr.line.compiled import Line
from ivr.line.content import Content, read_content, read_folder
from ivr.line.findings import BrokenPrompts
from ivr.releases.store import live_release, pack, stored_files, unpack

LEDGER_SECONDS = 0.3
REFRESH_SECONDS = 1.0
KEPT = 10
_DIGEST = re.compile(r"[0-9a-f]{12}")


class NoRelease(Exception):
    """There is nothing to say: no release anywhere, and prompts/ is broken; the message names the faults."""


class DiskCopies:
    """VAR_DIR/releases/: the last releases this machine served, so that it starts without the ledger."""

    def __init__(self, var_dir: Path) -> None:
        self._folder = var_dir / "releases"

    def read(self, wanted: str) -> dict[str, bytes] | None:
        """The files of a digest; None when there is no copy, or a damaged one."""
        try:
            return unpack((self._folder / f"{wanted}.zip").read_bytes(), wanted)
        except OSError:
            return None

    def live(self) -> dict[str, bytes] | None:
        """The files that were live when this machine last looked."""
        try:
            wanted = (self._folder / "live").read_bytes().decode("ascii", "replace").strip()
        except OSError:
            return None
        return self.read(wanted) if _DIGEST.fullmatch(wanted) else None

    def keep(self, content: Content) -> None:
        """Keep a copy and mark it live; the oldest beyond ten go."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._write(f"{content.digest}.zip", pack(content.files))
            self._write("live", content.digest.encode())
            copies = sorted(self._folder.glob("*.zip"), key=lambda path: path.stat().st_mtime, reverse=True)
            for old in copies[KEPT + 1 :]:
                old.unlink(missing_ok=True)
        except OSError as error:
            log.get().warning("release_copy_not_kept", error=str(error.strerror))

    def _write(self, name: str, data: bytes) -> None:
        draft = self._folder / f".{name}.{secrets.token_hex(8)}"
        draft.write_bytes(data)
        draft.replace(self._folder / name)


def live_content(ledger: Ledger, var_dir: Path, prompts_dir: Path) -> Content:
    """What is live now: from the ledger, else the copy on disk, else the folder. Raises NoRelease."""
    copies = DiskCopies(var_dir)
    published: bool | None = None
    faults = ""
    try:
        release = live_release(ledger)
        published = release is not None
        files = stored_files(ledger, release.digest) if release else None
        if files:
            return read_content(files)
    except (LedgerAway, BrokenPrompts) as error:
        faults = str(error)
    if published is not False:
        try:
            files = copies.live()
            if files:
                return read_content(files)
        except BrokenPrompts as error:
            faults = str(error)
    try:
        return read_content(read_folder(prompts_dir))
    except BrokenPrompts as error:
        raise NoRelease(str(error) or faults) from None


class Shelf:
    """A web process's releases. `live` is never None once the shelf could load anything."""

    def __init__(self, ledger: Ledger, var_dir: Path, prompts_dir: Path, base_url: str) -> None:
        self._ledger = ledger
        self._copies = DiskCopies(var_dir)
        self._sources = (var_dir, prompts_dir)
        self._base_url = base_url
        self._lines: dict[str, Line] = {}
        self._lock = threading.Lock()
        self._asking = ThreadPoolExecutor(1, "releases")
        self.live: Line | None = None
        try:
            self._make_live(live_content(ledger, *self._sources))
        except NoRelease as error:
            log.get().error("no_release", faults=str(error))

    def get(self, wanted: str) -> Line | None:
        """The release with a digest, wherever it is; None when it is nowhere."""
        known = self._lines.get(wanted)
        if known is not None or not _DIGEST.fullmatch(wanted):
            return known
        files = self._copies.read(wanted) or self._ask(lambda: stored_files(self._ledger, wanted))
        if files is None:
            return None
        try:
            return self._add(read_content(files))
        except BrokenPrompts:
            return None

    def watch(self) -> None:
        """Follow what is published, in the background, for as long as the process lives."""
        threading.Thread(target=self._follow, name="releases", daemon=True).start()

    def refresh(self) -> None:
        """Make the newest release live if it is another one; whatever is wrong with it, the old one stays."""
        try:
            release = live_release(self._ledger)
            if self.live is None:
                self._make_live(live_content(self._ledger, *self._sources))
            elif release is not None and release.digest != self.live.digest:
                files = stored_files(self._ledger, release.digest)
                if files:
                    self._make_live(read_content(files))
        except (LedgerAway, BrokenPrompts, NoRelease):
            return

    def _follow(self) -> None:
        pause = threading.Event()
        while not pause.wait(REFRESH_SECONDS):
            try:
                self.refresh()
            except Exception:  # noqa: BLE001 - a watcher that dies would freeze the words for ever
                log.get().exception("release_refresh_failed")

    def _make_live(self, content: Content) -> None:
        self.live = self._add(content)
        self._copies.keep(content)

    def _add(self, content: Content) -> Line:
        with self._lock:
            if content.digest not in self._lines:
                self._lines[content.digest] = Line(content, self._base_url)
                live = self.live.digest if self.live else content.digest
                for old in [known for known in self._lines if known not in (live, content.digest)][: -KEPT + 1]:
                    del self._lines[old]
            return self._lines[content.digest]

    def _ask(self, question: Callable[[], dict[str, bytes] | None]) -> dict[str, bytes] | None:
        """Ask the ledger on a caller's turn, and do not wait long for the answer."""
        answer = self._asking.submit(question)
        try:
            return answer.result(LEDGER_SECONDS)
        except (LedgerAway, FutureTimeout):
            # A question that still waits in line is of no use to anybody when its turn comes.
            answer.cancel()
            return None
