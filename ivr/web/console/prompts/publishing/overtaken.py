"""Sentences about what colleagues changed while a user had the page of the draft open."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from ivr.releases.drafts import Draft
from ivr.releases.store import Release
from ivr.web.console.context import live_line
from ivr.web.console.dates import short_moment
from ivr.web.console.words import gettext


def changes_since(draft: Draft, seen: str) -> Iterator[str]:
    """A sentence for each change. seen: of `seen_of`, when the page was opened."""
    number, *versions = seen.split(" ")
    before = dict(version.rpartition("=")[::2] for version in versions)
    is_same_release = number == str(draft.live.number)
    if not is_same_release:
        yield went_live(draft.live)
    for file in draft.changed.values():
        if before.get(file.name) != file.version:
            yield gettext("%(name)s saved %(file)s (%(time)s).", name=file.by, file=file.name, time=_moment(file.at))
    gone = [name for name in before if name and name not in draft.changed]
    # What was published is no longer in the draft either.
    if gone and is_same_release:
        yield gettext("The draft no longer changes %(files)s.", files=", ".join(gone))


def went_live(release: Release) -> str:
    """Who made the live release, and when."""
    return gettext(
        "%(name)s made release %(number)s live (%(time)s).",
        name=release.by,
        number=release.number,
        time=_moment(release.at),
    )


def _moment(at: datetime) -> str:
    return short_moment(at.astimezone(live_line().content.config.zone))
