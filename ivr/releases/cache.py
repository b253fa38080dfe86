"""The releases that a process serves: the live one, and older ones for calls that began before it was published.

A release is looked up in memory, then in VAR_DIR/releases/, then in the database. Before the first publish, the
folder is live. A broken release never replaces a working one.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from datetime import timedelta
from pathlib import Path

from ivr import clock, log, queues
from ivr.ledger import Ledger, LedgerUnavailable
from ivr.line.callflow.holiday_calendar import is_holiday
from ivr.line.content.findings import BrokenPrompts
from ivr.line.content.loader import Content, Files
from ivr.line.content.recordings import Recording
from ivr.line.content.revisions.upgrades import open_release
from ivr.line.twiml.release import CompiledLine
from ivr.releases.disk_cache import DIGEST, MAX_COPIES, DiskCache
from ivr.releases.live import NoRelease, live_content
from ivr.releases.models import ModelStore
from ivr.releases.store import Release, live_release, recent_releases, stored_files

LEDGER_SECONDS = 0.3
# Twilio ends a call after four hours: https://www.twilio.com/docs/voice/api/call-resource#create-a-call-resource
LONGEST_CALL = timedelta(hours=4)
# Opening a release takes about half a second, in which a starting process does not answer yet.
MOST_FORMER = 3
# A publish must be live within a second; reading and compiling the release takes the other half.
REFRESH_SECONDS = 0.5
_RECORDING = re.compile(r"[0-9a-f]{32}")


class ReleaseCache:
    """The releases of one web process. `live` is None only until the first release loads.

    base_url: the public URL that compiled documents point to. queue_url: the queue server that announces a publish;
    without it, a publish is detected by polling the database. transfer_seconds: how long a transfer may last at most.
    start_untrained: answer before the model of a release is trained, as
    docs/decisions/0033-a-demo-that-answers-untrained.md explains.
    """

    def __init__(  # noqa: PLR0913 - the settings of a web process
        self,
        ledger: Ledger,
        var_dir: Path,
        prompts_dir: Path,
        base_url: str,
        queue_url: str = "",
        model_dir: Path | None = None,
        *,
        transfer_seconds: int | None = None,
        start_untrained: bool = False,
    ) -> None:
        self._ledger = ledger
        self._queue_url = queue_url
        self._published = threading.Event()
        self._refused_number = 0
        self._copies = DiskCache(var_dir)
        self._var_dir, self._prompts_dir = var_dir, prompts_dir
        self._base_url, self._transfer_seconds = base_url, transfer_seconds
        self._models = ModelStore(ledger, model_dir or var_dir / "models")
        self._start_untrained = start_untrained
        self._lines: dict[str, CompiledLine] = {}
        self._lock = threading.Lock()
        self._opening: dict[str, Future[CompiledLine | None]] = {}
        self._opening_lock = threading.Lock()
        self._openings = ThreadPoolExecutor(2, "opened-releases")
        self._queries = ThreadPoolExecutor(1, "releases")
        self.live: CompiledLine | None = None
        try:
            self._make_live(live_content(ledger, var_dir, prompts_dir))
        except NoRelease as error:
            log.get_logger().error("release_missing", faults=str(error))
        for digest in self._digests_of_calls():
            former = self.get(digest)
            if former:
                _build_matcher(former)

    def loaded(self, digest: str) -> CompiledLine | None:
        """The release with this digest if it is in memory; never waits."""
        return self._lines.get(digest)

    def get(self, digest: str) -> CompiledLine | None:
        """The release with this digest, from any source; None if it does not exist or cannot be read."""
        cached = self._lines.get(digest)
        if cached is not None or not DIGEST.fullmatch(digest):
            return cached
        # Opened once, however many callers wait for it.
        with self._opening_lock:
            opening = self._opening.get(digest) or self._openings.submit(self._open, digest)
            self._opening[digest] = opening
        try:
            line = opening.result()
        finally:
            self._opening.pop(digest, None)
        if line:
            # Most callers press keys, so they do not wait for the matcher.
            self._openings.submit(_build_matcher, line)
        return line

    def _digests_of_calls(self) -> list[str]:
        """The releases that calls under way may have begun with, newest first, without the live one."""
        try:
            newest = [(release.digest, release.at) for release in recent_releases(self._ledger, MOST_FORMER + 1)]
        except LedgerUnavailable:
            newest = self._copies.newest(MOST_FORMER + 1)
        oldest = clock.now() - LONGEST_CALL
        # Each was live until the next one was published.
        return [digest for (digest, _), (_, replaced) in zip(newest[1:], newest, strict=False) if replaced > oldest]

    def _open(self, digest: str) -> CompiledLine | None:
        """Read and compile a release from the disk cache or the database, without its matcher."""
        cached_files = self._copies.read(digest)
        files = cached_files or self._query(lambda: stored_files(self._ledger, digest))
        if files is None:
            return None
        try:
            content = self._read(files)
        except BrokenPrompts:
            return None
        if not cached_files:
            # The carrier requests its recordings next, perhaps from another process on this machine.
            self._copies.keep(content, live=False)
        return self._add(content)

    def audio(self, digest: str) -> Recording | None:
        """The recording with this digest, from any release in memory or in the disk cache, else None."""
        if not _RECORDING.fullmatch(digest):
            return None
        in_memory = (line.content.audio.get(digest) for line in list(self._lines.values()))
        return next(filter(None, in_memory), None) or self._copies.recording(digest)

    def watch(self, stopping: threading.Event) -> None:
        """Follow publishes in background threads until the process stops."""
        threading.Thread(target=self._follow, args=(stopping,), name="releases", daemon=True).start()
        if self._queue_url:
            subscription = (self._queue_url, queues.PUBLISHED, self._published.set)
            threading.Thread(target=queues.subscribe, args=subscription, name="published", daemon=True).start()

    def refresh(self) -> None:
        """Load the newest release if it changed. On any problem, keep serving the current one."""
        try:
            release = live_release(self._ledger)
            if self.live is None:
                self._make_live(live_content(self._ledger, self._var_dir, self._prompts_dir))
            elif release and release.digest != self.live.digest and release.number != self._refused_number:
                self._switch_to(release)
        except (LedgerUnavailable, NoRelease):
            return

    def _switch_to(self, release: Release) -> None:
        """Make a release live. One that is damaged or unreadable is logged once and not fetched again."""
        files = stored_files(self._ledger, release.digest)
        if files is None:
            self._refused_number = release.number
            log.get_logger().error("release_damaged", release=release.number)
            return
        try:
            self._make_live(self._read(files))
        except BrokenPrompts as broken:
            # For example, a newer version of this code published it.
            self._refused_number = release.number
            log.get_logger().error("release_refused", release=release.number, faults=str(broken))

    def _follow(self, stopping: threading.Event) -> None:
        while not stopping.is_set():
            self._published.wait(REFRESH_SECONDS)
            self._published.clear()
            try:
                self.refresh()
            except Exception:  # noqa: BLE001 - if this thread died, the process would never see another publish
                log.get_logger().exception("release_refresh_failed")

    def _make_live(self, content: Content) -> None:
        line = self._add(content)
        is_untrained = self._start_untrained and not self._models.has(content)
        if is_untrained:
            line.match_without_model()
        else:
            _build_matcher(line)
        is_holiday(content.config.holidays, clock.now().date())
        # Copied before it serves calls: the carrier may ask another process on this machine for its recordings.
        self._copies.keep(content)
        self.live = line
        if is_untrained:
            threading.Thread(target=self._learn, args=(line,), name="learning", daemon=True).start()

    def _learn(self, line: CompiledLine) -> None:
        """Train the model of a release in another process, unless one already does, and use it from then on."""
        self._models.train_apart(line.content)
        line.match_with_model()

    def _add(self, content: Content) -> CompiledLine:
        with self._lock:
            if content.digest not in self._lines:
                self._lines[content.digest] = CompiledLine(
                    content,
                    self._base_url,
                    model_of=self._models.model_of,
                    transfer_seconds=self._transfer_seconds,
                )
                in_use = (self.live.digest if self.live else content.digest, content.digest)
                for old in [digest for digest in self._lines if digest not in in_use][: -MAX_COPIES + 1]:
                    del self._lines[old]
            return self._lines[content.digest]

    def _read(self, files: Files) -> Content:
        """Read a release, sharing the bytes of files that a release in memory also has, such as recordings."""
        shared = {data: data for line in list(self._lines.values()) for data in line.content.files.values()}
        return open_release({name: shared.get(data, data) for name, data in files.items()}, self._prompts_dir)

    def _query(self, query: Callable[[], dict[str, bytes] | None]) -> dict[str, bytes] | None:
        """Query the database during a turn of a call. Returns None if it does not answer within LEDGER_SECONDS."""
        future = self._queries.submit(query)
        try:
            return future.result(LEDGER_SECONDS)
        except (LedgerUnavailable, FutureTimeout):
            # A query that has not started yet is not needed anymore.
            future.cancel()
            return None


def _build_matcher(line: CompiledLine) -> None:
    """Build the matcher now, so that no caller waits for it."""
    _ = line.matcher
