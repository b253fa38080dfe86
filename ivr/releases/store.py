"""Releases in the database: publish a release, find the live one, and read a release's files."""

from __future__ import annotations

import io
import zipfile
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, tzinfo
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Connection, Select, insert, select

from ivr.i18n import N_, Explained, sentence
from ivr.ledger import Ledger
from ivr.ledger.tables import release
from ivr.line.content.loader import Content, Files, content_digest
from ivr.line.content.recordings import LARGEST_TOGETHER, Recording, is_in_recordings_folder, read_recording

# Twice the limit of a folder, in bytes; a damaged archive may declare any size.
LARGEST_UNPACKED = 2 * LARGEST_TOGETHER
Origin = Literal["folder", "console", "rollback"]
# A damaged archive raises many kinds of errors.
_IGNORE_DAMAGE = suppress(Exception)
SUMMARY_COLUMNS = [column for column in release.c if column.name != "content"]


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
    """Both the folder and the live release changed since they were last identical.

    base: the digest of their last common release; None if the folder was never published.
    """

    def __init__(self, folder: str, live: Release, base: str | None) -> None:
        self.base, self.live = base, live
        super().__init__(
            f"Both the folder ({folder}) and the live release {live.number} ({live.digest}, by {live.by}) have changed"
            " since the folder was last published. Export the live release and merge the changes, or publish the"
            " folder anyway with `infoline prompts publish`."
        )


class AlreadyLive(Explained):
    """The content to publish is already live, as `release`."""

    def __init__(self, live: Release) -> None:
        self.release = live
        template = N_("Nothing to publish: release {number} ({digest}) is live and identical.")
        super().__init__(sentence(template, number=live.number, digest=live.digest))


class ConcurrentPublish(Explained):
    """Another person published in the meantime; the message says who, what and when."""

    def __init__(self, live: Release, zone: tzinfo) -> None:
        self.live = live
        super().__init__(
            sentence(
                _PUBLISHED_WITH_NOTE if live.note else _PUBLISHED,
                by=live.by,
                number=live.number,
                digest=live.digest,
                **local_time(live.at, zone),
                **({"note": live.note} if live.note else {}),
            )
        )


_PUBLISHED = N_(
    "Nothing was published: {by} published release {number} ({digest}) in the meantime, on {day} at {time}. See the"
    " changes with `infoline prompts history {number}`, merge them into yours, and publish again."
)
_PUBLISHED_WITH_NOTE = N_(
    "Nothing was published: {by} published release {number} ({digest}) in the meantime, on {day} at {time}, with the"
    " note `{note}`. See the changes with `infoline prompts history {number}`, merge them into yours, and publish"
    " again."
)


def local_time(at: datetime, zone: tzinfo) -> dict[str, str]:
    """The fields {day} and {time} of a sentence."""
    local = at.astimezone(zone)
    return {"day": f"{local:%Y-%m-%d}", "time": f"{local:%H:%M}"}


def pack(files: Files) -> bytes:
    """Files as one ZIP archive, always the same bytes; the comment of each recording's entry is its digest."""
    blob = io.BytesIO()
    with zipfile.ZipFile(blob, "w") as archive:
        for name in sorted(files):
            entry, method = zipfile.ZipInfo(name), zipfile.ZIP_DEFLATED
            if is_in_recordings_folder(name):
                # Audio barely compresses, and other writers may be waiting for the packing.
                entry.comment, method = read_recording(name, files[name]).digest.encode(), zipfile.ZIP_STORED
            # Higher levels take three times as long to save a tenth.
            archive.writestr(entry, files[name], method, compresslevel=1)
    return blob.getvalue()


def unpack(blob: bytes, digest: str) -> dict[str, bytes] | None:
    """The files of an archive that `pack` made; None if it is damaged or does not match the digest."""
    with _IGNORE_DAMAGE, zipfile.ZipFile(io.BytesIO(blob)) as archive:
        # zipfile never reads more of an entry than its declared size.
        if sum(entry.file_size for entry in archive.infolist()) <= LARGEST_UNPACKED:
            files = {name: archive.read(name) for name in archive.namelist()}
            return files if content_digest(files) == digest else None
    return None


def packed_stamps(blob: bytes) -> dict[str, tuple[int, int]] | None:
    """{name: (checksum, size)} of the files in an archive, without unpacking it; None if it is damaged."""
    with _IGNORE_DAMAGE, zipfile.ZipFile(io.BytesIO(blob)) as archive:
        return {entry.filename: (entry.CRC, entry.file_size) for entry in archive.infolist()}
    return None


def packed_recordings(path: Path) -> dict[str, str]:
    """{digest: name} of the recordings in an archive on disk, without unpacking it; empty if it is damaged."""
    with _IGNORE_DAMAGE, zipfile.ZipFile(path) as archive:
        entries = [entry for entry in archive.infolist() if is_in_recordings_folder(entry.filename)]
        return {entry.comment.decode("ascii"): entry.filename for entry in entries}
    return {}


def unpack_recording(path: Path, name: str, digest: str) -> Recording | None:
    """One recording of an archive on disk; None if it is damaged or does not match the digest."""
    with _IGNORE_DAMAGE, zipfile.ZipFile(path) as archive:
        recording = read_recording(name, archive.read(name))
        return recording if recording.digest == digest else None
    return None


@dataclass(frozen=True)
class Publication:
    """Content that is ready to publish. The caller has already checked it."""

    content: Content
    at: datetime
    by: str
    note: str
    origin: Origin

    @cached_property
    def blob(self) -> bytes:
        """The packed files. Access it before a transaction, so that other writers do not wait for the packing."""
        return pack(self.content.files)


def publish_release(
    ledger: Ledger, content: Content, now: datetime, by: str, note: str, origin: Origin, *, seen: int | None = None
) -> Release:
    """Make content live, as a new release.

    seen: the number of the release that was live when the content was prepared, 0 for none; None skips the check and
    replaces any release. Raises AlreadyLive, and ConcurrentPublish if another release has gone live since.
    """
    publication = Publication(content, now, by, note, origin)
    _ = publication.blob
    with ledger.write() as connection:
        ledger.exclusive_lock(connection)
        return insert_release(connection, publication, seen)


def insert_release(connection: Connection, publication: Publication, seen: int | None) -> Release:
    """Like `publish`, but inside a transaction that holds the exclusive lock."""
    live, content = select_live(connection), publication.content
    if live and live.digest == content.digest:
        raise AlreadyLive(live)
    if live and seen is not None and live.number != seen:
        raise ConcurrentPublish(live, content.config.zone)
    summary: dict[str, Any] = {name: getattr(publication, name) for name in ("at", "by", "note", "origin")}
    summary |= {"digest": content.digest, "parent": live.digest if live else None}
    statement = insert(release).values(**summary, content=publication.blob).returning(release.c.number)
    return Release(connection.execute(statement).scalar_one(), **summary)


def publish_folder_if_changed(ledger: Ledger, content: Content, now: datetime, by: str) -> Release | None:
    """Publish the folder's content if it changed since it was last published; return None if it did not.

    If two machines deploy the same folder at once, it is published once. Raises Diverged if the live release was not
    published from the folder.
    """
    publication = Publication(content, now, by, "the folder changed", "folder")
    _ = publication.blob
    with ledger.write() as connection:
        ledger.exclusive_lock(connection)
        live, from_folder = select_live(connection), _from_folder(connection)
        if from_folder == content.digest or (live and live.digest == content.digest):
            return None
        if live and live.digest != from_folder:
            raise Diverged(content.digest, live, from_folder)
        return insert_release(connection, publication, None)


def folder_base(ledger: Ledger) -> str | None:
    """The digest of the last release that was published from the folder."""
    with ledger.read() as connection:
        return _from_folder(connection)


def _from_folder(connection: Connection) -> str | None:
    query = select(release.c.digest).where(release.c.origin == "folder").order_by(release.c.number.desc()).limit(1)
    return connection.execute(query).scalar_one_or_none()


def live_release(ledger: Ledger) -> Release | None:
    """The newest release; None before the first publish."""
    with ledger.read() as connection:
        return select_live(connection)


def recent_releases(ledger: Ledger, limit: int) -> list[Release]:
    """The newest releases, the live one first."""
    with ledger.read() as connection:
        rows = connection.execute(newest_releases().limit(limit)).all()
    return [Release(**row._mapping) for row in rows]


def releases_since(ledger: Ledger, since: datetime) -> list[Release]:
    """The releases that have been live at any time since then, newest first."""
    with ledger.read() as connection:
        rows = connection.execute(newest_releases()).all()
    releases = [Release(**row._mapping) for row in rows]
    published = sum(item.at > since for item in releases)
    return releases[: published + 1]


def stored_files(ledger: Ledger, digest: str) -> dict[str, bytes] | None:
    """The files of the release with this digest; None if it does not exist or is damaged."""
    with ledger.read() as connection:
        return select_files(connection, digest)


def select_files(connection: Connection, digest: str) -> dict[str, bytes] | None:
    """Like `stored_files`, but inside a transaction."""
    blob = connection.execute(
        select(release.c.content).where(release.c.digest == digest).order_by(release.c.number.desc()).limit(1)
    ).scalar_one_or_none()
    return None if blob is None else unpack(blob, digest)


def select_live(connection: Connection) -> Release | None:
    """Like `live_release`, but inside a transaction."""
    row = connection.execute(newest_releases().limit(1)).first()
    return Release(**row._mapping) if row else None


def newest_releases() -> Select[Any]:
    """Releases without their content, newest first."""
    return select(*SUMMARY_COLUMNS).order_by(release.c.number.desc())
