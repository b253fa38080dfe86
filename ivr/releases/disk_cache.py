"""VAR_DIR/releases/: the last releases this machine served, so that it starts without the ledger."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path

from ivr import log
from ivr.line.content.loader import Content
from ivr.line.content.recordings import Recording
from ivr.releases.store import pack, packed_recordings, unpack, unpack_recording

MAX_COPIES = 10
DIGEST = re.compile(r"[0-9a-f]{12}")


class DiskCache:
    """The copies that the web processes of a machine share: one blob a release, and a mark that names the live one."""

    def __init__(self, var_dir: Path) -> None:
        self._folder = var_dir / "releases"
        self._recordings: dict[tuple[Path, int], Mapping[str, str]] = {}

    def read(self, wanted: str) -> dict[str, bytes] | None:
        """The files of a digest; None when there is no copy, or a damaged one."""
        try:
            return unpack((self._folder / f"{wanted}.zip").read_bytes(), wanted)
        except OSError:
            return None

    def live(self) -> dict[str, bytes] | None:
        """The files that were live when this machine last looked."""
        wanted = self._mark()
        return self.read(wanted) if DIGEST.fullmatch(wanted) else None

    def recording(self, wanted: str) -> Recording | None:
        """A recording with a digest, out of any copy; None when no copy has it.

        Each copy is listed once: a digest that nobody made costs a look into the folder, and no more.
        """
        listed: dict[tuple[Path, int], Mapping[str, str]] = {}
        for copy in self._stamped():
            known = self._recordings.get(copy)
            listed[copy] = packed_recordings(copy[0]) if known is None else known
        self._recordings = listed
        holding = [(path, names[wanted]) for (path, _), names in listed.items() if wanted in names]
        found = (unpack_recording(path, name, wanted) for path, name in holding)
        return next(filter(None, found), None)

    def keep(self, content: Content, *, live: bool = True) -> None:
        """Keep a copy, marked live unless told otherwise; the oldest beyond ten go, the live one never."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._write(f"{content.digest}.zip", pack(content.files))
            if live:
                self._write("live", content.digest.encode())
            marked = f"{self._mark()}.zip"
            others = sorted((stamp, path) for path, stamp in self._stamped() if path.name != marked)
            for _, old in others[:-MAX_COPIES]:
                old.unlink(missing_ok=True)
        except OSError as error:
            log.get_logger().warning("release_copy_not_kept", error=str(error.strerror))

    def _mark(self) -> str:
        try:
            return (self._folder / "live").read_bytes().decode("ascii", "replace").strip()
        except OSError:
            return ""

    def _stamped(self) -> Iterator[tuple[Path, int]]:
        """Every copy and when it was written, in nanoseconds; another process may take one away meanwhile."""
        for path in self._folder.glob("*.zip"):
            try:
                stamp = path.stat().st_mtime_ns
            except OSError:
                continue
            yield path, stamp

    def _write(self, name: str, data: bytes) -> None:
        draft = self._folder / f".{name}.{secrets.token_hex(8)}"
        draft.write_bytes(data)
        draft.replace(self._folder / name)
