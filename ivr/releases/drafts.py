"""The shared draft: one at a time, on top of the live release, saved exactly as typed until it is published.

A draft holds only the files that it changes. When someone else publishes in the meantime, the draft applies to the
new live release, file by file; only a file that changed on both sides needs a decision by a person.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from functools import reduce

from sqlalchemy import Connection, delete, insert, select, update

from ivr import clock
from ivr.i18n import N_, Explained, Sentence, sentence
from ivr.ledger import Ledger
from ivr.ledger.tables import draft, draft_file
from ivr.line.content.loader import Files, file_problem, read_content
from ivr.line.content.revisions.upgrades import add_required_prompts
from ivr.line.lint.runner import CheckReport, check_files
from ivr.releases.store import Publication, Release, insert_release, local_time, select_files, select_live

NO_FILE = "-"
"""The version of a file that does not exist."""
Recorder = Callable[[Connection], None]
FindFiles = Callable[[Connection, str], Files | None]
# The bytes of a file, or None to delete it; and the version that they replace, or None for any.
Version = tuple[bytes | None, str | None]


class NoDraft(Explained):
    """There is no draft, or no release to base one on; the message says what to do."""


class FileRejected(Explained):
    """A file was rejected because of its name or size; the message says what to do."""


class EditConflict(Explained):
    """Another person changed the same file or draft in the meantime; the message says who and when."""


class BrokenDraft(Exception):
    """The draft has errors, which `report` lists."""

    def __init__(self, report: CheckReport) -> None:
        self.report = report
        super().__init__("Nothing was published: fix the errors first.")


def no_record(_connection: Connection) -> None:
    """Records nothing: of commands, who may run them is a matter of the operating system."""


def no_release_record(_connection: Connection, _release: Release) -> None:
    """Records nothing."""


@dataclass(frozen=True)
class DraftFile:
    """A file that the draft changes.

    content: None if the draft deletes the file. replaces: the version of the live file that the change is based on.
    """

    name: str
    content: bytes | None
    replaces: str
    by: str
    at: datetime

    @property
    def version(self) -> str:
        return file_version(self.content)


@dataclass(frozen=True)
class Draft:
    """A snapshot of the draft. begun_at and begun_by are None while it changes nothing.

    live_files: those of the live release, with the prompts that this version requires and an earlier one did not.
    """

    live: Release
    base: str
    begun_at: datetime | None
    begun_by: str | None
    changed: Mapping[str, DraftFile]
    live_files: Files

    @property
    def files(self) -> dict[str, bytes]:
        """All files as they would be live if the draft were published now."""
        files = dict(self.live_files)
        for change in self.changed.values():
            files.pop(change.name, None)
            if change.content is not None:
                files[change.name] = change.content
        return files

    def version(self, name: str) -> str:
        """The version of a file in the draft, to pass back when saving it."""
        return file_version(self.files.get(name))

    @property
    def conflicts(self) -> list[DraftFile]:
        """The changed files of which a different version has been published since."""
        return [
            change
            for change in self.changed.values()
            if file_version(self.live_files.get(change.name)) not in (change.replaces, change.version)
        ]

    def others(self, by: str) -> list[DraftFile]:
        """The changes by other people, newest first."""
        return sorted((file for file in self.changed.values() if file.by != by), key=lambda file: file.at, reverse=True)


def file_version(data: bytes | None) -> str:
    """A hash of a file's content: 12 hex digits, or `-` if the file does not exist."""
    return NO_FILE if data is None else hashlib.sha256(data).hexdigest()[:12]


def check_now(files: Files) -> CheckReport:
    """The report of `infoline prompts check` on these files at this moment."""
    return check_files(files, now=clock.now())


@dataclass(frozen=True)
class _Refusals:
    """Why something was not done with a draft that others changed in the meantime."""

    others_discarded: str
    others_saved: str


_PUBLISH = _Refusals(
    N_("Nothing was published: someone discarded changes in the meantime. Review the draft again first."),
    N_(
        "Nothing was published: {by} saved {name} on {day} at {time}, after you opened the draft. Review it again"
        " first."
    ),
)
_DISCARD = _Refusals(
    N_("Nothing was discarded: someone discarded changes in the meantime. Review the draft again first."),
    N_(
        "Nothing was discarded: {by} saved {name} on {day} at {time}, after you opened the draft. Review it again"
        " first."
    ),
)
_PUBLISHED_MEANWHILE = N_(
    "{name} was not saved: {by} published it on {day} at {time}, after you opened it. Open it again, add your change,"
    " and save it; or overwrite the other version on purpose."
)
_SAVED_MEANWHILE = N_(
    "{name} was not saved: {by} saved it on {day} at {time}, after you opened it. Open it again, add your change, and"
    " save it; or overwrite the other version on purpose."
)
_DELETED_MEANWHILE = N_(
    "{name} was not saved: {by} deleted it on {day} at {time}, after you opened it. Open it again, add your change, and"
    " save it; or overwrite the other version on purpose."
)


_COMPARED_EARLIER = N_(
    "{name} was not kept: the draft or the live words changed after you compared them. Review the draft again first."
)


class Drafts:
    """The draft in a database. `by` is always the name of the person who makes the change.

    zone: the time zone of messages. check: the check to run before publishing; it may use several processes.
    find_files: the files of the release with a digest. One object may serve several threads: it finds the live release
    once.

    record, of each change: called in its transaction, for the audit log.
    """

    def __init__(
        self,
        ledger: Ledger,
        zone: tzinfo,
        check: Callable[[Files], CheckReport] = check_now,
        find_files: FindFiles = select_files,
    ) -> None:
        self._ledger, self._zone, self._check, self._find_files = ledger, zone, check, find_files
        self._last: Draft | None = None

    def open(self) -> Draft:
        """The current draft, or an empty one on top of the live release. Raises NoDraft before the first publish."""
        with self._ledger.read() as connection:
            self._last = _open(connection, self._last, self._find_files)
            return self._last

    def save(
        self, name: str, data: bytes, by: str, now: datetime, expected: str | None, record: Recorder = no_record
    ) -> Draft:
        """Save a file exactly as typed, valid or not, and start a draft if there is none.

        expected: the file's version when it was opened; None overwrites any other change. Raises FileRejected and
        EditConflict.
        """
        return self.save_together({name: (data, expected)}, by, now, record)

    def save_together(
        self, files: Mapping[str, Version], by: str, now: datetime, record: Recorder = no_record
    ) -> Draft:
        """Like `save`, for files that only make sense together, each with its expected version: all or none.

        Without bytes, a file is deleted.
        """
        for name, (data, _) in files.items():
            problem = file_problem(name, data) if data is not None else None
            if problem:
                raise FileRejected(problem)
        return self._put(files, by, now, record)

    def remove(self, name: str, by: str, now: datetime, expected: str | None, record: Recorder = no_record) -> Draft:
        """Delete a file from the draft, and from the line once the draft is published. Otherwise like `save`."""
        if name not in self.open().files:
            raise FileRejected(sentence(N_("The draft has no file {name}."), name=name))
        return self._put({name: (None, expected)}, by, now, record)

    def discard(self, name: str | None = None, expected: Draft | None = None, record: Recorder = no_record) -> None:
        """Discard the whole draft, or its change to one file.

        expected: the draft that the person saw; None discards any later change too. Raises NoDraft and EditConflict.
        """
        with self._ledger.write() as connection:
            self._ledger.exclusive_lock(connection)
            current = _changed(connection)
            if expected and current != expected.changed:
                raise EditConflict(self._changed_since(_DISCARD, expected.changed, current))
            files = delete(draft_file) if name is None else delete(draft_file).where(draft_file.c.name == name)
            deleted = connection.execute(files).rowcount + _delete_if_empty(connection)
            if deleted:
                record(connection)
        if not deleted:
            if name is None:
                raise NoDraft(sentence(N_("There is no draft.")))
            raise NoDraft(sentence(N_("The draft does not change {name}."), name=name))

    def keep(self, name: str, expected: Draft, record: Recorder = no_record) -> None:
        """Let the draft's version of a file replace the live one, although that has changed since.

        expected: the draft and the live release that the person compared. Raises NoDraft and EditConflict.
        """
        with self._ledger.write() as connection:
            self._ledger.exclusive_lock(connection)
            current = _open(connection, expected)
            if (current.changed, current.live) != (expected.changed, expected.live):
                raise EditConflict(sentence(_COMPARED_EARLIER, name=name))
            replaces = file_version(current.live_files.get(name))
            if connection.execute(
                update(draft_file).where(draft_file.c.name == name).values(replaces=replaces)
            ).rowcount:
                record(connection)
                return
        raise NoDraft(sentence(N_("The draft does not change {name}."), name=name))

    def check(self) -> CheckReport:
        """The report of `infoline prompts check` on the draft."""
        return self._check(self.open().files)

    def publish(
        self,
        by: str,
        now: datetime,
        note: str,
        expected: Draft,
        approve: Callable[[CheckReport], None] | None = None,
        record: Callable[[Connection, Release], None] = no_release_record,
    ) -> Release:
        """Check the draft and make it live.

        expected: the draft that the person saw. approve: called with the report if there are no errors; raises to stop
        the publish. Raises EditConflict (another version of a file was published, or someone saved in the meantime),
        BrokenDraft, NoDraft, AlreadyLive, ConcurrentPublish.
        """
        if not expected.changed:
            raise NoDraft(sentence(N_("There is no draft: change a file first.")))
        if expected.conflicts:
            raise EditConflict(self._changed_on_both_sides(expected))
        report = self._check(expected.files)
        if report.has_errors:
            raise BrokenDraft(report)
        if approve:
            approve(report)
        publication = Publication(read_content(expected.files), now, by, note, "console")
        _ = publication.blob
        with self._ledger.write() as connection:
            self._ledger.exclusive_lock(connection)
            current = _changed(connection)
            if current != expected.changed:
                raise EditConflict(self._changed_since(_PUBLISH, expected.changed, current))
            release = insert_release(connection, publication, expected.live.number)
            record(connection, release)
            connection.execute(delete(draft_file))
            connection.execute(delete(draft))
        return release

    def _put(self, files: Mapping[str, Version], by: str, now: datetime, record: Recorder) -> Draft:
        # Unpacked before the transaction, so that other writers do not wait for it.
        opened = self.open()
        with self._ledger.write() as connection:
            self._ledger.exclusive_lock(connection)
            before = _open(connection, opened)
            for name, (_, expected) in files.items():
                if expected is not None and expected != before.version(name):
                    raise EditConflict(self._saved_by_another(before, name))
            for name, (data, expected) in files.items():
                previous, live = before.changed.get(name), file_version(before.live_files.get(name))
                replaces = previous.replaces if previous and expected is not None else live
                connection.execute(delete(draft_file).where(draft_file.c.name == name))
                if file_version(data) != live:
                    values = {"name": name, "content": data, "replaces": replaces, "by": by, "at": now}
                    connection.execute(insert(draft_file).values(**values))
            if before.begun_at is None:
                connection.execute(insert(draft).values(id=1, base=before.live.digest, begun_at=now, begun_by=by))
            _delete_if_empty(connection)
            record(connection)
            return _open(connection, before)

    def _saved_by_another(self, current: Draft, name: str) -> Sentence:
        change, live = current.changed.get(name), current.live
        if change is None:
            return sentence(_PUBLISHED_MEANWHILE, name=name, by=live.by, **self._local_time(live.at))
        template = _SAVED_MEANWHILE if change.content is not None else _DELETED_MEANWHILE
        return sentence(template, name=name, by=change.by, **self._local_time(change.at))

    def _changed_on_both_sides(self, current: Draft) -> Sentence:
        live = current.live
        template = N_("{name} (draft: {by}, {day} at {time})")
        files = [
            sentence(template, name=file.name, by=file.by, **self._local_time(file.at)) for file in current.conflicts
        ]
        return sentence(
            N_(
                "Nothing was published. These files changed in the draft, and a different version of them has gone live"
                " since: {files}. {by} published release {number} on {day} at {time}. Copy the changes from the live"
                " files into the draft's files and overwrite them on purpose, or discard the draft's changes to them."
            ),
            files=reduce(lambda first, second: sentence("{first}; {second}", first=first, second=second), files),
            by=live.by,
            number=live.number,
            **self._local_time(live.at),
        )

    def _changed_since(
        self, refusals: _Refusals, expected: Mapping[str, DraftFile], current: Mapping[str, DraftFile]
    ) -> Sentence:
        saved = [file for name, file in current.items() if expected.get(name) != file]
        if not saved:
            return sentence(refusals.others_discarded)
        last = max(saved, key=lambda file: file.at)
        return sentence(refusals.others_saved, by=last.by, name=last.name, **self._local_time(last.at))

    def _local_time(self, at: datetime) -> dict[str, str]:
        return local_time(at, self._zone)


def _open(connection: Connection, earlier: Draft | None = None, find_files: FindFiles = select_files) -> Draft:
    """The draft. earlier: one that was opened before; its live files are used if the same release is still live."""
    live = select_live(connection)
    if live and earlier and live.digest == earlier.live.digest:
        files: Files | None = earlier.live_files
    else:
        stored_files = find_files(connection, live.digest) if live else None
        files = add_required_prompts(stored_files) if stored_files is not None else None
    if live is None or files is None:
        raise NoDraft(sentence(N_("There is no live release to base a draft on: publish the folder first.")))
    stored = connection.execute(select(draft)).first()
    return Draft(
        live=live,
        base=stored.base if stored else live.digest,
        begun_at=stored.begun_at if stored else None,
        begun_by=stored.begun_by if stored else None,
        changed=_changed(connection),
        live_files=files,
    )


def _delete_if_empty(connection: Connection) -> int:
    """Delete the draft if it changes no file. Returns the number of deleted drafts."""
    if connection.execute(select(draft_file.c.name).limit(1)).first() is not None:
        return 0
    return connection.execute(delete(draft)).rowcount


def _changed(connection: Connection) -> dict[str, DraftFile]:
    rows = connection.execute(select(draft_file).order_by(draft_file.c.name))
    return {row.name: DraftFile(**row._mapping) for row in rows}
