"""The list of prompts with a filter, and the next prompt of it, so that a person works through it in one go."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from flask import request
from flask_babel import lazy_gettext

from ivr.line.content.loader import Content
from ivr.releases.drafts import Draft
from ivr.web.console.prompts.drafted import language_name
from ivr.web.console.prompts.tree import Group, State, groups_of

SIGN_OFF, BEHIND, DRAFT = "sign-off", "behind", "draft"
_MATCHES: Mapping[str, Callable[[State], bool]] = {
    SIGN_OFF: lambda state: state.needs_sign_off and not state.signed_by,
    BEHIND: lambda state: state.is_behind,
    DRAFT: lambda state: state.in_draft,
}
TITLES = {
    "": lazy_gettext("All"),
    SIGN_OFF: lazy_gettext("Needs a sign-off"),
    BEHIND: lazy_gettext("Translation behind"),
    DRAFT: lazy_gettext("Changed in the draft"),
}


@dataclass(frozen=True)
class Following:
    """The next prompt of a filtered list. left: how many prompts match, counted once for each language."""

    language: str
    language_name: str
    name: str
    title: str
    left: int


def chosen_filter() -> str:
    """The filter in the address; empty for all prompts."""
    show = request.args.get("show", "")
    return show if show in _MATCHES else ""


def filtered(groups: Sequence[Group], show: str) -> list[Group]:
    """The rows of which a language matches."""
    if not show:
        return list(groups)
    matches = _MATCHES[show]
    return [
        replace(group, rows=tuple(row for row in group.rows if any(map(matches, row.states.values()))))
        for group in groups
    ]


def counts(groups: Sequence[Group]) -> dict[str, int]:
    """How many prompts match each filter, counted once for each language."""
    states = [state for group in groups for row in group.rows for state in row.states.values()]
    return {show: sum(map(matches, states)) for show, matches in _MATCHES.items()}


def following(draft: Draft, content: Content, show: str, language: str, name: str) -> Following | None:
    """The next prompt that matches after one, which need not match any more; after the last, the first."""
    places = [
        (code, row, _MATCHES[show](state))
        for group in groups_of(draft, content)
        for row in group.rows
        for code, state in row.states.items()
    ]
    left = sum(matches for *_, matches in places)
    here = next((index for index, (code, row, _) in enumerate(places) if (code, row.name) == (language, name)), -1)
    for code, row, matches in [*places[here + 1 :], *places[: max(here, 0)]]:
        if matches:
            return Following(code, language_name(code), row.name, row.title, left)
    return None
