"""Where in a call somebody is, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flask_babel import lazy_gettext

from ivr.line.content.loader import Content
from ivr.people.calls.history import parse_token

# By the kind of a node: the sentence, in which `name` is that of its menu, topic or office.
_WORDS = {
    "menu": lazy_gettext("In the menu “%(name)s”", name="{name}"),
    "piece": lazy_gettext("While hearing “%(name)s”", name="{name}"),
    "ending": lazy_gettext("After hearing “%(name)s”", name="{name}"),
    "transfer": lazy_gettext("While waiting for %(name)s", name="{name}"),
    "offer": lazy_gettext("When a call back from %(name)s was offered", name="{name}"),
    "helped": lazy_gettext("After asking for a call back from %(name)s", name="{name}"),
    "ownnumber": lazy_gettext("While asking for a call back"),
    "keyin": lazy_gettext("While asking for a call back"),
    "readback": lazy_gettext("While asking for a call back"),
    "wish": lazy_gettext("While asking for a call back"),
    "keepcallback": lazy_gettext("While asking for a call back"),
    "consent": lazy_gettext("When a text was offered"),
    "sendtext": lazy_gettext("When a text was offered"),
    "stoptexts": lazy_gettext("While stopping texts"),
    "check": lazy_gettext("When asked whether they were understood"),
    "which": lazy_gettext("When asked which of two topics they meant"),
    "answer": lazy_gettext("After an answer to their own words"),
}
_ELSEWHERE = lazy_gettext("Somewhere else in the call")


@dataclass(frozen=True)
class Place:
    """A place in the call, and how many callers hung up there."""

    words: str
    count: int


def places(gave_up_at: Mapping[str, int], content: Content | None, language: str) -> list[Place]:
    """The places in words, most hang-ups first; nodes with the same words are one place."""
    counts: dict[str, int] = {}
    for node, count in gave_up_at.items():
        words = place_words(node, content, language)
        counts[words] = counts.get(words, 0) + count
    return sorted((Place(*item) for item in counts.items()), key=lambda place: (-place.count, place.words))


def place_words(node: str, content: Content | None, language: str) -> str:
    """The words for a node, such as piece-cancer-0, of any release."""
    # `parse_token` reads a state's token, which starts with a language.
    position = parse_token(f"{language}.{node}")
    if position is None or position.kind not in _WORDS:
        return str(_ELSEWHERE)
    name = position.name
    if position.kind == "offer":
        # offer-central-scheduling-no-one-free: the entry, and the reason.
        name = next((name.removesuffix(f"-{reason}") for reason in _REASONS if name.endswith(f"-{reason}")), name)
    return str(_WORDS[position.kind]).replace("{name}", _name(name, content, language))


_REASONS = ("closed", "no-one-free", "offer-again")


def _name(name: str, content: Content | None, language: str) -> str:
    """The title of a menu or topic, or the name of an office; the id of one that the live release does not have."""
    if content is None:
        return name
    entry = next((entry for entry in content.config.directory if entry.id == name), None)
    if entry is not None and name not in content.config.menus:
        return entry.name[language]
    prompt = content.prompts.get((language, name))
    return (prompt.title if prompt else "") or name
