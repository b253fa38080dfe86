"""The draft that operators work on: one at a time, on top of what is live, kept as typed until it is published.

A draft is the files that it changes, laid over the live release. So what somebody else publishes meanwhile is merged by
itself, file by file; only a file that changed on both sides needs a person.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo

from sqlalchemy import Connection, delete, insert, select

from ivr.ledger import Ledger
from ivr.ledger.tables import draft, draft_file
from ivr.line.content.loader import Files, file_problem, read_content
from ivr.line.lint.runner import CheckReport, check_files
from ivr.releases.store import Publication, Release, files_in, live_in, make_live

NOT_THERE = "-"
"""The version of a file that is not there."""


class NoDraft(Exception):
    """Nobody has changed anything; the message says how to begin."""


class NotSaved(Exception):
    """A file cannot be taken in, by its name or size; the message says what to do."""


class EditConflict(Exception):
    """Somebody else changed the same file since it was opened; the message says who and when."""


class BrokenDraft(Exception):
    """The draft was proved, and has errors; `report` says which."""

    def __init__(self, report: CheckReport) -> None:
        self.report = report
        super().__init__("Nothing was published: put the errors right first.")


@dataclass(frozen=True)
class DraftFile:
    """A file that the draft changes. content: None when it is taken away."""

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
    """The draft as it stood when it was opened. begun_at, begun_by: None while nobody has saved anything."""

    live: Release
    base: str
    begun_at: datetime | None
    begun_by: str | None
    changed: Mapping[str, DraftFile]
    live_files: Files

    @property
    def files(self) -> dict[str, bytes]:
        """What would be live if the draft were published now."""
        files = dict(self.live_files)
        for one in self.changed.values():
            files.pop(one.name, None)
            if one.content is not None:
                files[one.name] = one.content
        return files

    def version(self, name: str) -> str:
        """The version of a file as it stands in the draft: to be told when it is saved."""
        return file_version(self.files.get(name))

    @property
    def clashes(self) -> list[DraftFile]:
        """The files that the draft changes and that were published otherwise since."""
        return [
            one
            for one in self.changed.values()
            if file_version(self.live_files.get(one.name)) not in (one.replaces, one.version)
        ]

    def others(self, by: str) -> list[DraftFile]:
        """What other people changed, the latest first."""
        return sorted((one for one in self.changed.values() if one.by != by), key=lambda one: one.at, reverse=True)


def file_version(data: bytes | None) -> str:
    """What tells one state of a file from another: 12 hex digits, or `-` where there is no file."""
    return NOT_THERE if data is None else hashlib.sha256(data).hexdigest()[:12]


def _approved(_report: CheckReport) -> None:
    """Whatever was found may go live."""


class Drafts:
    """The draft of a ledger. Whoever works on it is named by `by`.

    zone: in which moments are told. prove: what proves the words; a process without threads may do it in two.
    """

    def __init__(self, ledger: Ledger, zone: tzinfo, prove: Callable[[Files], CheckReport] = check_files) -> None:
        self._ledger, self._zone, self._prove = ledger, zone, prove

    def open(self) -> Draft:
        """The draft; without one, what is live, ready to be changed. Raises NoDraft when nothing was published yet."""
        with self._ledger.read() as connection:
            return _open(connection)

    def save(self, name: str, data: bytes, by: str, now: datetime, seen: str | None) -> Draft:
        """Keep a file just as it was typed, broken or not, and begin the draft if there is none.

        seen: the file's version when it was opened; None writes over whatever anybody saved since. Raises NotSaved,
        and Changed.
        """
        fault = file_problem(name, data)
        if fault:
            raise NotSaved(fault)
        return self._put(name, data, by, now, seen)

    def remove(self, name: str, by: str, now: datetime, seen: str | None) -> Draft:
        """Take a file away from the draft, and from the line when it is published. As `save`."""
        if name not in self.open().files:
            raise NotSaved(f"There is no {name} in the draft.")
        return self._put(name, None, by, now, seen)

    def discard(self, name: str | None = None, looked_at: Draft | None = None) -> None:
        """Forget the draft, or what it changes in one file.

        looked_at: the draft as it stood when that was wished; None forgets whatever anybody saved since. Raises
        NoDraft when there is none, and Changed.
        """
        with self._ledger.write() as connection:
            self._ledger.exclusive_lock(connection)
            now_changed = _changed(connection)
            if looked_at and now_changed != looked_at.changed:
                raise EditConflict(self._meanwhile("forgotten", looked_at.changed, now_changed))
            mine = delete(draft_file) if name is None else delete(draft_file).where(draft_file.c.name == name)
            gone = connection.execute(mine).rowcount
            gone += _end_without_changes(connection)
        if not gone:
            raise NoDraft("There is no draft." if name is None else f"The draft does not change {name}.")

    def proof(self) -> CheckReport:
        """What `infoline prompts check` would say of the draft."""
        return self._prove(self.open().files)

    def publish(
        self, by: str, now: datetime, note: str, looked_at: Draft, approve: Callable[[CheckReport], None] = _approved
    ) -> Release:
        """Prove a draft and make it live.

        looked_at: the draft as its publisher saw it. approve: called with what the proof found, when there is no error;
        what it raises stops the publish. Raises Changed (a file was published otherwise since, or somebody saved
        meanwhile), Broken, NoDraft, AlreadyLive, Overtaken.
        """
        if not looked_at.changed:
            raise NoDraft("There is no draft: change a file first.")
        if looked_at.clashes:
            raise EditConflict(self._clash(looked_at))
        report = self._prove(looked_at.files)
        if report.broken:
            raise BrokenDraft(report)
        approve(report)
        publication = Publication(read_content(looked_at.files), now, by, note, "console")
        _ = publication.blob
        with self._ledger.write() as connection:
            self._ledger.exclusive_lock(connection)
            now_changed = _changed(connection)
            if now_changed != looked_at.changed:
                raise EditConflict(self._meanwhile("published", looked_at.changed, now_changed))
            release = make_live(connection, publication, looked_at.live.number)
            connection.execute(delete(draft_file))
            connection.execute(delete(draft))
        return release

    def _put(self, name: str, data: bytes | None, by: str, now: datetime, seen: str | None) -> Draft:
        with self._ledger.write() as connection:
            self._ledger.exclusive_lock(connection)
            before = _open(connection)
            if seen is not None and seen != before.version(name):
                raise EditConflict(self._saved_by_another(before, name))
            held, live = before.changed.get(name), file_version(before.live_files.get(name))
            replaces = held.replaces if held and seen is not None else live
            connection.execute(delete(draft_file).where(draft_file.c.name == name))
            if file_version(data) != live:
                values = {"name": name, "content": data, "replaces": replaces, "by": by, "at": now}
                connection.execute(insert(draft_file).values(**values))
            if before.begun_at is None:
                begun = insert(draft).values(id=1, base=before.live.digest, begun_at=now, begun_by=by)
                connection.execute(begun)
            _end_without_changes(connection)
            return _open(connection)

    def _saved_by_another(self, found: Draft, name: str) -> str:
        held = found.changed.get(name)
        done = (
            f"{held.by} {'saved' if held.content is not None else 'took away'}"
            if held
            else f"{found.live.by} published"
        )
        at = held.at if held else found.live.at
        return (
            f"{name} was not saved: {done} it on {self._moment(at)}, after you opened it. Look at it again, put your"
            " change into it, and save it; or write over it on purpose."
        )

    def _clash(self, found: Draft) -> str:
        files = "; ".join(f"{one.name} (draft: {one.by}, {self._moment(one.at)})" for one in found.clashes)
        live = found.live
        return (
            f"Nothing was published. These files were changed in the draft, and published otherwise since it was begun:"
            f" {files}. Release {live.number} is live, by {live.by}, of {self._moment(live.at)}. Look at what is live,"
            " put its change into the draft's file, and save that on purpose; or take the file out of the draft."
        )

    def _meanwhile(self, done: str, proved: Mapping[str, DraftFile], found: Mapping[str, DraftFile]) -> str:
        saved = [one for name, one in found.items() if proved.get(name) != one]
        if not saved:
            return f"Nothing was {done}: somebody took changes out of the draft meanwhile. Look at it again."
        last = max(saved, key=lambda one: one.at)
        told = f"{last.by} saved {last.name} on {self._moment(last.at)}"
        return f"Nothing was {done}: {told}, after you looked at the draft. Look at it again."

    def _moment(self, at: datetime) -> str:
        return f"{at.astimezone(self._zone):%Y-%m-%d at %H:%M}"


def _open(connection: Connection) -> Draft:
    live = live_in(connection)
    files = files_in(connection, live.digest) if live else None
    if live is None or files is None:
        raise NoDraft("A draft stands on what is live, and nothing is: publish the folder first.")
    begun = connection.execute(select(draft)).first()
    return Draft(
        live=live,
        base=begun.base if begun else live.digest,
        begun_at=begun.begun_at if begun else None,
        begun_by=begun.begun_by if begun else None,
        changed=_changed(connection),
        live_files=files,
    )


def _end_without_changes(connection: Connection) -> int:
    """A draft that changes nothing is none. Returns how many ended."""
    if connection.execute(select(draft_file.c.name).limit(1)).first() is not None:
        return 0
    return connection.execute(delete(draft)).rowcount


def _changed(connection: Connection) -> dict[str, DraftFile]:
    rows = connection.execute(select(draft_file).order_by(draft_file.c.name))
    return {row.name: DraftFile(**row._mapping) for row in rows}
