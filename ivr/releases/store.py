"""Releases in the ledger: publish one, find the live one, read one again."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from datetime import datetime, tzinfo
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Connection, Select, insert, select

from ivr.ledger import Ledger
from ivr.ledger.tables import release
from ivr.line.content.loader import Content, Files, content_digest
from ivr.line.content.recordings import LARGEST_TOGETHER, Recording, is_in_recordings_folder, read_recording

# Twice what a folder may hold; a damaged archive may promise any size.
LARGEST_UNPACKED = 2 * LARGEST_TOGETHER
Origin = Literal["folder", "console", "rollback"]
BESIDE = [column for column in release.c if column.name != "content"]
"""What is told of a release beside its content."""


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


class Diverged(Exception):
    """The folder changed, but the words were changed elsewhere meanwhile too.

    base: the digest of the release that both began with; None when the folder was never published.
    """

    def __init__(self, folder: str, live: Release, base: str | None) -> None:
        self.base, self.live = base, live
        super().__init__(
            f"The folder ({folder}) and the live release {live.number} ({live.digest}, by {live.by}) both"
            " changed since the folder was last published. Export the live one, or publish the folder on purpose."
        )


class AlreadyLive(Exception):
    """What was to be published is live; `release` says since when."""

    def __init__(self, live: Release) -> None:
        self.release = live
        super().__init__(f"Release {live.number} ({live.digest}) is live and says the same: nothing to publish.")


class ConcurrentPublish(Exception):
    """Somebody else published while this was being prepared; the message says who, what and when."""

    def __init__(self, live: Release, zone: tzinfo) -> None:
        self.live = live
        super().__init__(
            f"Nothing was published: {live.by} published release {live.number} ({live.digest}) meanwhile, on"
            f" {live.at.astimezone(zone):%Y-%m-%d at %H:%M}{f', saying `{live.note}`' if live.note else ''}. See what"
            f" changed with `infoline prompts history {live.number}`, take it in, and publish again."
        )


def pack(files: Files) -> bytes:
    """A content's files as one blob, in which each recording stands with its digest beside its name."""
    blob = io.BytesIO()
    with zipfile.ZipFile(blob, "w") as archive:
        for name in sorted(files):
            entry, method = zipfile.ZipInfo(name), zipfile.ZIP_DEFLATED
            if is_in_recordings_folder(name):
                # Sound hardly gets smaller, and other writers wait while a publish packs.
                entry.comment, method = read_recording(name, files[name]).digest.encode(), zipfile.ZIP_STORED
            archive.writestr(entry, files[name], method)
    return blob.getvalue()


def unpack(blob: bytes, wanted: str) -> dict[str, bytes] | None:
    """The files of a blob that `pack` made; None unless they are undamaged and have the wanted digest."""
    try:
        with zipfile.ZipFile(io.BytesIO(blob)) as archive:
            # None reads more than its entry says that it holds.
            if sum(entry.file_size for entry in archive.infolist()) > LARGEST_UNPACKED:
                return None
            files = {name: archive.read(name) for name in archive.namelist()}
        return files if content_digest(files) == wanted else None
    except Exception:  # noqa: BLE001 - a damaged archive raises whatever its first wrong byte leads to
        return None


def packed_stamps(blob: bytes) -> dict[str, tuple[int, int]] | None:
    """The checksum and size of each file in a blob, by name, without unpacking it; None for a damaged one."""
    try:
        with zipfile.ZipFile(io.BytesIO(blob)) as archive:
            return {entry.filename: (entry.CRC, entry.file_size) for entry in archive.infolist()}
    except Exception:  # noqa: BLE001 - as in `unpack`
        return None


def packed_recordings(path: Path) -> dict[str, str]:
    """The recordings in a blob kept as a file: {digest: name}. Nothing is unpacked; empty for a damaged one."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [entry for entry in archive.infolist() if is_in_recordings_folder(entry.filename)]
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


@dataclass(frozen=True)
class Publication:
    """A content on its way to become live. It was proved: nothing here looks at its words."""

    content: Content
    at: datetime
    by: str
    note: str
    origin: Origin

    @cached_property
    def blob(self) -> bytes:
        return pack(self.content.files)


def publish(
    ledger: Ledger, content: Content, now: datetime, by: str, note: str, origin: Origin, *, seen: int | None = None
) -> Release:
    """Make a content live, as a new release.

    seen: the number of the release that was live when this was prepared, 0 for none; None publishes over whatever is
    live. Raises AlreadyLive, and Overtaken when another release is live by now.
    """
    publication = Publication(content, now, by, note, origin)
    # Packed before, so that other writers do not wait for it.
    _ = publication.blob
    with ledger.write() as connection:
        ledger.exclusive_lock(connection)
        return make_live(connection, publication, seen)


def make_live(connection: Connection, publication: Publication, seen: int | None) -> Release:
    """As `publish`, in a transaction that has passed the turnstile."""
    live, content = live_in(connection), publication.content
    if live and live.digest == content.digest:
        raise AlreadyLive(live)
    if live and seen is not None and live.number != seen:
        raise ConcurrentPublish(live, content.config.zone)
    parent = live.digest if live else None
    told = {"parent": parent, "at": publication.at, "by": publication.by, "note": publication.note}
    values = {"digest": content.digest, **told, "origin": publication.origin, "content": publication.blob}
    number = connection.execute(insert(release).values(**values).returning(release.c.number)).scalar_one()
    return Release(number, content.digest, parent, publication.at, publication.by, publication.note, publication.origin)


def publish_folder_if_changed(ledger: Ledger, content: Content, now: datetime, by: str) -> Release | None:
    """Publish the folder when it changed since it was last published from; None when it did not.

    Two machines that deploy the same folder together publish it once. Raises Diverged when what is live was
    not published from the folder.
    """
    publication = Publication(content, now, by, "the folder changed", "folder")
    with ledger.write() as connection:
        ledger.exclusive_lock(connection)
        live, from_folder = live_in(connection), _from_folder(connection)
        if from_folder == content.digest or (live and live.digest == content.digest):
            return None
        if live and live.digest != from_folder:
            raise Diverged(content.digest, live, from_folder)
        return make_live(connection, publication, None)


def folder_base(ledger: Ledger) -> str | None:
    """The digest of the release that was last published from the folder."""
    with ledger.read() as connection:
        return _from_folder(connection)


def _from_folder(connection: Connection) -> str | None:
    asked = select(release.c.digest).where(release.c.origin == "folder").order_by(release.c.number.desc()).limit(1)
    return connection.execute(asked).scalar_one_or_none()


def live_release(ledger: Ledger) -> Release | None:
    """The newest release; None when nothing was ever published."""
    with ledger.read() as connection:
        return live_in(connection)


def recent_releases(ledger: Ledger, most: int) -> list[Release]:
    """The newest releases, the live one first."""
    with ledger.read() as connection:
        rows = connection.execute(_newest().limit(most)).all()
    return [Release(**row._mapping) for row in rows]


def stored_files(ledger: Ledger, wanted: str) -> dict[str, bytes] | None:
    """The files of the release with a digest; None when there is none that is undamaged."""
    with ledger.read() as connection:
        return files_in(connection, wanted)


def files_in(connection: Connection, wanted: str) -> dict[str, bytes] | None:
    """As `stored_files`, in a transaction."""
    blob = connection.execute(
        select(release.c.content).where(release.c.digest == wanted).order_by(release.c.number.desc()).limit(1)
    ).scalar_one_or_none()
    return None if blob is None else unpack(blob, wanted)


def live_in(connection: Connection) -> Release | None:
    """As `live_release`, in a transaction."""
    row = connection.execute(_newest().limit(1)).first()
    return Release(**row._mapping) if row else None


def _newest() -> Select[Any]:
    """Releases without their content, newest first."""
    return select(*BESIDE).order_by(release.c.number.desc())
