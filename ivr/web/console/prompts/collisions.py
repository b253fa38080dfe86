"""What a person sees after somebody else saved the same file: the present version beside what they sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ivr.line.content.revisions.diff import Change, diff_files
from ivr.releases.drafts import Draft


@dataclass(frozen=True)
class Collision:
    """who: saved the version in the draft. changes: what is only in one of the two, by file and word by word."""

    who: str
    changes: tuple[Change, ...]


def collision_of(draft: Draft, sent: Mapping[str, bytes]) -> Collision:
    """Compare files that were sent, at least one, with those in the draft."""
    present = {name: draft.files.get(name, b"") for name in sent}
    return Collision(saved_by(draft, *sent), tuple(diff_files(present, sent)))


def saved_by(draft: Draft, *names: str) -> str:
    """Who saved one of the files last; who published the release, if the draft changes none of them."""
    changes = [draft.changed[name] for name in names if name in draft.changed]
    return max(changes, key=lambda change: change.at).by if changes else draft.live.by
