"""Releases in the ledger: publish one, find the live one, read one again."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Connection, Select, insert, select

from ivr.ledger import Ledger
from ivr.ledger.tables import release
from ivr.line.content import Content, Files, digest
from ivr.line.recordings import Recording, is_recording, read_recording

Origin = Literal["folder", "console", "rollback"]


class Diverged(Exception):
    """The folder changed, but the words were changed elsewhere meanwhile too; the message says both."""


@dataclass(frozen=True)
class Release:
    """One published release, without its content."""

    number: int
    digest: str
    parent: str | None
    at: datetime
    by: str
    note: str
    origin: str


def pack(files: Files) -> bytes:
    """A content's files as one blob, in which each recording stands with its digest beside its name."""
    blob = io.BytesIO()
    with zipfile.ZipFile(blob, "w") as archive:
        for name in sorted(files):
            entry, method = zipfile.ZipInfo(name), zipfile.ZIP_DEFLATED
            if is_recording(name):
                # Sound hardly gets smaller, and other writers wait while a publish packs.
                entry.comment, method = read_recording(name, files[name]).digest.encode(), zipfile.ZIP_STORED
            archive.writestr(entry, files[name], method)
    return blob.getvalue()


def unpack(blob: bytes, wanted: str) -> dict[str, bytes] | None:
    """The files of a blob that `pack` made; None unless they are undamaged and have the wanted digest."""
    try:
        with zipfile.ZipFile(io.BytesIO(blob)) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
        return files if digest(files) == wanted else None
    except Exception:  # noqa: BLE001 - a damaged archive raises whatever its first wrong byte leads to
        return None


def packed_recordings(path: Path) -> dict[str, str]:
    """The recordings in a blob kept as a file: {digest: name}. Nothing is unpacked; empty for a damaged one."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [entry for entry in archive.infolist() if is_recording(entry.filename)]
            return {entry.comment.decode("ascii"): entry.filename for entry in entries}
    except Exception:  # noqa: BLE001 - as in `unpack`
        return {}


def unpack_recording(path: Path, name: str, wanted: str) -> Recording | None:
    """One recording of a blob kept as a file; None unless it is undamaged and has the wanted digest."""
    try:
        with zipfile.ZipFile(path) as archive:
            recording = read_recording(name, archive.read(name))
        return recording if recording.digest == wanted else None
    except Exception:  # noqa: BLE001 - as in `unpack`
        return None


def publish(ledger: Ledger, content: Content, now: datetime, by: str, note: str, origin: Origin) -> Release:
    """Make a content live, as a new release."""
    with ledger.write() as connection:
        ledger.turnstile(connection)
        return _insert(connection, content, now, by, note, origin)


def publish_folder_if_changed(ledger: Ledger, content: Content, now: datetime, by: str) -> Release | None:
    """Publish the folder when it changed since it was last published from; None when it did not.

    Two machines that deploy the same folder together publish it once. Raises Diverged when what is live was
    not published from the folder.
    """
    with ledger.write() as connection:
        ledger.turnstile(connection)
        live = _live(connection)
        from_folder = connection.execute(
            select(release.c.digest).where(release.c.origin == "folder").order_by(release.c.number.desc()).limit(1)
        ).scalar_one_or_none()
        if from_folder == content.digest or (live and live.digest == content.digest):
            return None
        if live and live.digest != from_folder:
            raise Diverged(
                f"The folder ({content.digest}) and the live release {live.number} ({live.digest}, by {live.by}) both"
                " changed since the folder was last published. Export the live one, or publish the folder on purpose."
            )
        return _insert(connection, content, now, by, "the folder changed", "folder")


def _insert(connection: Connection, content: Content, now: datetime, by: str, note: str, origin: Origin) -> Release:
    live = _live(connection)
    parent = live.digest if live else None
    values = {"digest": content.digest, "parent": parent, "at": now, "by": by, "note": note, "origin": origin}
    number = connection.execute(
        insert(release).values(**values, content=pack(content.files)).returning(release.c.number)
    ).scalar_one()
    return Release(number, content.digest, parent, now, by, note, origin)


def live_release(ledger: Ledger) -> Release | None:
    """The newest release; None when nothing was ever published."""
    with ledger.read() as connection:
        return _live(connection)


def recent_releases(ledger: Ledger, most: int) -> list[Release]:
    """The newest releases, the live one first."""
    with ledger.read() as connection:
        rows = connection.execute(_newest().limit(most)).all()
    return [Release(**row._mapping) for row in rows]


def stored_files(ledger: Ledger, wanted: str) -> dict[str, bytes] | None:
    """The files of the release with a digest; None when there is none that is undamaged."""
    with ledger.read() as connection:
        blob = connection.execute(
            select(release.c.content).where(release.c.digest == wanted).order_by(release.c.number.desc()).limit(1)
        ).scalar_one_or_none()
    return None if blob is None else unpack(blob, wanted)


def _live(connection: Connection) -> Release | None:
    row = connection.execute(_newest().limit(1)).first()
    return Release(**row._mapping) if row else None


def _newest() -> Select[Any]:
    """Releases without their content, newest first."""
    columns = [column for column in release.c if column.name != "content"]
    return select(*columns).order_by(release.c.number.desc())
