"""The shared draft as the pages need it: opened once per release, and read although some of its files are broken."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from flask import abort, current_app
from sqlalchemy import Connection

from ivr import clock
from ivr.i18n import N_
from ivr.line.content.findings import BrokenPrompts
from ivr.line.content.loader import Content, Files, is_prompt, reread_content
from ivr.people.audit import AuditKind, record
from ivr.releases.cache import ReleaseCache
from ivr.releases.drafts import Draft, Drafts, FindFiles, Recorder
from ivr.releases.store import select_files
from ivr.web.console.context import actor, live_line, services
from ivr.web.console.words import gettext

_EXTENSION = "console_drafts"
_MOST_CONTENTS = 3
_LANGUAGE_NAMES = {"en": N_("English"), "es": N_("Spanish")}


@dataclass
class _Kept:
    """What a web process keeps between requests. contents: by stamp, the newest last."""

    drafts: Drafts
    zone: object
    contents: dict[str, Content] = field(default_factory=dict)


def _kept() -> _Kept:
    kept: _Kept | None = current_app.extensions.get(_EXTENSION)
    zone = live_line().content.config.zone
    if kept is None or kept.zone != zone:
        drafts = Drafts(services().ledger, zone, find_files=_find_files(services().releases))
        kept = current_app.extensions[_EXTENSION] = _Kept(drafts, zone)
    return kept


def _find_files(releases: ReleaseCache) -> FindFiles:
    """From memory if the line serves the release: unpacking it takes as long as a page."""

    def find(connection: Connection, digest: str) -> Files | None:
        line = releases.loaded(digest)
        return line.content.files if line else select_files(connection, digest)

    return find


def drafts() -> Drafts:
    return _kept().drafts


def open_draft() -> Draft:
    """The draft, or an empty one. Raises NoDraft before the first release is published."""
    return drafts().open()


def seen_of(draft: Draft) -> str:
    """A draft as somebody sees it, so that nothing else is published or thrown away: `4 en/goodbye.md=a1b2c3d4e5f6`.

    The number of the live release, then the version of each file that the draft changes.
    """
    versions = (f"{file.name}={file.version}" for file in draft.changed.values())
    return " ".join([str(draft.live.number), *versions])


def stamp_of(draft: Draft) -> str:
    """Short for `seen_of`."""
    return hashlib.sha256(seen_of(draft).encode()).hexdigest()[:24]


def readable_content(draft: Draft) -> Content:
    """The content of the draft, with the live version of each file that cannot be read."""
    if not draft.changed:
        return live_line().content
    kept, stamp = _kept(), stamp_of(draft)
    content = kept.contents.get(stamp)
    if content is None:
        # Of the last version of the draft, most files are the same.
        before = next(reversed(list(kept.contents.values())), live_line().content)
        content = _read(before, draft)
        kept.contents[stamp] = content
        for old in list(kept.contents)[:-_MOST_CONTENTS]:
            kept.contents.pop(old, None)
    return content


def _read(before: Content, draft: Draft) -> Content:
    files = draft.files
    try:
        return reread_content(before, files)
    except BrokenPrompts as broken:
        names = {finding.file for finding in broken.findings}
    try:
        return reread_content(live_line().content, {**files, **_live_versions(draft, names)})
    except BrokenPrompts:
        return live_line().content


def _live_versions(draft: Draft, names: set[str]) -> Mapping[str, bytes]:
    return {name: draft.live_files[name] for name in names if name in draft.live_files}


def recorder(*files: str, kind: AuditKind = AuditKind.DRAFT_CHANGED) -> Recorder:
    """Records a change of files of the draft by the signed-in user, in the transaction of the change."""
    who, now = actor(), clock.now()

    def add(connection: Connection) -> None:
        record(connection, who, kind, now, files=sorted(files))

    return add


def prompt_file(draft: Draft, language: str, name: str) -> str:
    """The name of a prompt's file in the draft. Answers 404 if there is none."""
    file = f"{language}/{name}.md"
    return file if is_prompt(file) and file in draft.files else abort(404)


def languages_of(draft: Draft) -> Iterator[str]:
    """The languages that have prompts, that of the source first."""
    found = {name.partition("/")[0] for name in draft.files if is_prompt(name)}
    default = live_line().content.config.default_language
    yield from sorted(found, key=lambda language: (language != default, language))


def language_name(code: str) -> str:
    """The name of a language in the language of the pages."""
    return gettext(_LANGUAGE_NAMES[code]) if code in _LANGUAGE_NAMES else code
