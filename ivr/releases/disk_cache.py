"""VAR_DIR/releases/: copies of the releases that this machine served last, to start without the database."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from ivr import log
from ivr.line.content.loader import Content
from ivr.line.content.recordings import Recording
from ivr.releases.store import pack, packed_recordings, unpack, unpack_recording

MAX_COPIES = 10
DIGEST = re.compile(r"[0-9a-f]{12}")


class DiskCache:
    """Releases on disk, shared by the web processes of a machine: DIGEST.zip for each, and `live` with a digest."""

    def __init__(self, var_dir: Path) -> None:
        self._folder = var_dir / "releases"
        self._recordings: dict[tuple[Path, int], Mapping[str, str]] = {}

    def read(self, digest: str) -> dict[str, bytes] | None:
        """The files of a release; None if there is no copy, or it is damaged."""
        try:
            return unpack((self._folder / f"{digest}.zip").read_bytes(), digest)
        except OSError:
            return None

    def live(self) -> dict[str, bytes] | None:
        """The files of the release that this machine last served as live."""
        digest = self._live_digest()
        return self.read(digest) if DIGEST.fullmatch(digest) else None

    def newest(self, limit: int) -> list[tuple[str, datetime]]:
        """The digests of the newest copies and when each was written, newest first."""
        copies = sorted(((modified, path.stem) for path, modified in self._copies()), reverse=True)[:limit]
        return [(digest, datetime.fromtimestamp(modified / 1e9, UTC)) for modified, digest in copies]

    def recording(self, digest: str) -> Recording | None:
        """The recording with this digest from any copy, else None.

        The contents of each copy are listed once, so an unknown digest costs one directory listing.
        """
        listed: dict[tuple[Path, int], Mapping[str, str]] = {}
        for copy in self._copies():
            names = self._recordings.get(copy)
            listed[copy] = packed_recordings(copy[0]) if names is None else names
        self._recordings = listed
        matches = [(path, names[digest]) for (path, _), names in listed.items() if digest in names]
        recordings = (unpack_recording(path, name, digest) for path, name in matches)
        return next(filter(None, recordings), None)

    def keep(self, content: Content, *, live: bool = True) -> None:
        """Write a copy, by default as the live one; then delete the oldest beyond MAX_COPIES, never the live one."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._write(f"{content.digest}.zip", pack(content.files))
            if live:
                self._write("live", content.digest.encode())
            live_copy = f"{self._live_digest()}.zip"
            others = sorted((modified, path) for path, modified in self._copies() if path.name != live_copy)
            for _, old in others[:-MAX_COPIES]:
                old.unlink(missing_ok=True)
        except OSError as error:
            log.get_logger().warning("release_copy_failed", error=str(error.strerror))

    def _live_digest(self) -> str:
        try:
            return (self._folder / "live").read_bytes().decode("ascii", "replace").strip()
        except OSError:
            return ""

    def _copies(self) -> Iterator[tuple[Path, int]]:
        """Each copy and its modification time in nanoseconds; another process may delete one in the meantime."""
        for path in self._folder.glob("*.zip"):
            try:
                modified = path.stat().st_mtime_ns
            except OSError:
                continue
            yield path, modified

    def _write(self, name: str, data: bytes) -> None:
        temporary = self._folder / f".{name}.{secrets.token_hex(8)}"
        temporary.write_bytes(data)
        temporary.replace(self._folder / name)
