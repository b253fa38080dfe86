"""The releases at hand in a process: the live one, and older ones that calls under way still walk on.

Looked for in memory, in VAR_DIR/releases/, in the ledger; with nothing published the folder is live. What
is broken never replaces what works.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from pathlib import Path

from ivr import log, queues
from ivr.ledger import Ledger, LedgerUnavailable
from ivr.line.callflow import hours
from ivr.line.content.findings import BrokenPrompts
from ivr.line.content.loader import Content, Files, read_content, read_folder
from ivr.line.content.recordings import Recording
from ivr.line.content.upgrades import open_release
from ivr.line.twiml.release import CompiledLine
from ivr.releases.disk_cache import DIGEST, MAX_COPIES, DiskCache
from ivr.releases.store import Release, live_release, stored_files

LEDGER_SECONDS = 0.3
# Half of what a publish may take; to read and compile one takes the rest.
REFRESH_SECONDS = 0.5
_RECORDING = re.compile(r"[0-9a-f]{32}")


class NoRelease(Exception):
    """There is nothing to say: no release anywhere, and prompts/ is broken; the message names the faults."""


def live_content(ledger: Ledger, var_dir: Path, prompts_dir: Path) -> Content:
    """What is live now: from the ledger, else the copy on disk, else the folder. Raises NoRelease."""
    copies = DiskCache(var_dir)
    published: bool | None = None
    faults = ""
    try:
        release = live_release(ledger)
        published = release is not None
        files = stored_files(ledger, release.digest) if release else None
        if files:
            return open_release(files, prompts_dir)
    except (LedgerUnavailable, BrokenPrompts) as error:
        faults = str(error)
    if published is not False:
        try:
            files = copies.live()
            if files:
                return open_release(files, prompts_dir)
        except BrokenPrompts as error:
            faults = str(error)
    try:
        return read_content(read_folder(prompts_dir))
    except BrokenPrompts as error:
        raise NoRelease(str(error) or faults) from None


class ReleaseCache:
    """A web process's releases. `live` is never None once the shelf could load anything.

    queue_url: where it is told of a publish at once; it asks the ledger all the time too.
    """

    def __init__(self, ledger: Ledger, var_dir: Path, prompts_dir: Path, base_url: str, queue_url: str = "") -> None:
        self._ledger = ledger
        self._queue_url = queue_url
        self._told = threading.Event()
        self._refused = 0
        self._copies = DiskCache(var_dir)
        self._sources = (var_dir, prompts_dir)
        self._base_url = base_url
        self._lines: dict[str, CompiledLine] = {}
        self._lock = threading.Lock()
        self._asking = ThreadPoolExecutor(1, "releases")
        self.live: CompiledLine | None = None
        try:
            self._make_live(live_content(ledger, *self._sources))
        except NoRelease as error:
            log.get_logger().error("no_release", faults=str(error))

    def get(self, wanted: str) -> CompiledLine | None:
        """The release with a digest, wherever it is; None when it is nowhere."""
        known = self._lines.get(wanted)
        if known is not None or not DIGEST.fullmatch(wanted):
            return known
        copied = self._copies.read(wanted)
        files = copied or self._ask(lambda: stored_files(self._ledger, wanted))
        if files is None:
            return None
        try:
            content = self._read(files)
        except BrokenPrompts:
            return None
        if not copied:
            # Its recordings are asked for next, and perhaps of another process of this machine.
            self._copies.keep(content, live=False)
        return self._add(content)

    def audio(self, wanted: str) -> Recording | None:
        """The recording with a digest, of any release in memory or copied on this machine; None for any other."""
        if not _RECORDING.fullmatch(wanted):
            return None
        held = (line.content.audio.get(wanted) for line in list(self._lines.values()))
        return next(filter(None, held), None) or self._copies.recording(wanted)

    def watch(self) -> None:
        """Follow what is published, in the background, for as long as the process lives."""
        threading.Thread(target=self._follow, name="releases", daemon=True).start()
        if self._queue_url:
            hearing = (self._queue_url, queues.PUBLISHED, self._told.set)
            threading.Thread(target=queues.subscribe, args=hearing, name="published", daemon=True).start()

    def refresh(self) -> None:
        """Make the newest release live if it is another one; whatever is wrong with it, the old one stays."""
        try:
            release = live_release(self._ledger)
            if self.live is None:
                self._make_live(live_content(self._ledger, *self._sources))
            elif release and release.digest != self.live.digest and release.number != self._refused:
                self._follow_to(release)
        except (LedgerUnavailable, NoRelease):
            return

    def _follow_to(self, release: Release) -> None:
        files = stored_files(self._ledger, release.digest)
        if files is None:
            # It never gets better, and is not fetched again each time.
            self._refused = release.number
            log.get_logger().error("release_damaged", release=release.number)
            return
        try:
            self._make_live(self._read(files))
        except BrokenPrompts as broken:
            # As a newer version of this code may have published. Told once, and not read again each time.
            self._refused = release.number
            log.get_logger().error("release_refused", release=release.number, faults=str(broken))

    def _follow(self) -> None:
        while True:
            self._told.wait(REFRESH_SECONDS)
            self._told.clear()
            try:
                self.refresh()
            except Exception:  # noqa: BLE001 - a watcher that dies would freeze the words for ever
                log.get_logger().exception("release_refresh_failed")

    def _make_live(self, content: Content) -> None:
        line = self._add(content)
        # Before any caller hears it: another process of this machine may be asked for its recordings at once.
        self._copies.keep(content)
        self.live = line

    def _add(self, content: Content) -> CompiledLine:
        with self._lock:
            if content.digest not in self._lines:
                line = self._lines[content.digest] = CompiledLine(content, self._base_url)
                # Made now, so that no caller waits for it.
                _ = line.matcher
                hours.preload_holidays(content.config.holidays)
                live = self.live.digest if self.live else content.digest
                for old in [known for known in self._lines if known not in (live, content.digest)][: -MAX_COPIES + 1]:
                    del self._lines[old]
            return self._lines[content.digest]

    def _read(self, files: Files) -> Content:
        """Read a release; the bytes that one in memory has too, as most recordings are, are not held twice."""
        held = {data: data for line in list(self._lines.values()) for data in line.content.files.values()}
        return open_release({name: held.get(data, data) for name, data in files.items()}, self._sources[1])

    def _ask(self, question: Callable[[], dict[str, bytes] | None]) -> dict[str, bytes] | None:
        """Ask the ledger on a caller's turn, and do not wait long for the answer."""
        answer = self._asking.submit(question)
        try:
            return answer.result(LEDGER_SECONDS)
        except (LedgerUnavailable, FutureTimeout):
            # A question that still waits in line is of no use to anybody when its turn comes.
            answer.cancel()
            return None
