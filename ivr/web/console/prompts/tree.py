"""The prompts in groups that a nurse knows, each with its state in every language."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ivr.line.content.keyword_rules import RED_FLAGS
from ivr.line.content.loader import Content
from ivr.line.content.revisions.sign_off import is_signed_off, requires_sign_off
from ivr.line.content.revisions.translations import outdated_translations, source_prompt, text_digest
from ivr.releases.drafts import Draft
from ivr.web.console.language import language as page_language
from ivr.web.console.prompts.drafted import languages_of
from ivr.web.console.words import gettext

_EXCERPT = 60


@dataclass(frozen=True)
class State:
    """A prompt in one language. signed: by whom and when, if its present words are signed off."""

    in_draft: bool
    changed_by: str
    is_behind: bool
    needs_sign_off: bool
    signed_by: str
    signed_on: str


@dataclass(frozen=True)
class Row:
    """A prompt in each language that has it."""

    name: str
    title: str
    states: dict[str, State]


@dataclass(frozen=True)
class Group:
    id: str
    title: str
    rows: tuple[Row, ...]


def groups_of(draft: Draft, content: Content) -> list[Group]:
    """All prompts, each in one group."""
    config = content.config
    groups = (
        ("menus", gettext("Menus"), list(config.menus)),
        ("topics", gettext("Topics"), [topic.id for topic in config.topics]),
        ("safety", gettext("Urgent words and results"), [*RED_FLAGS, "results"]),
        ("library", gettext("Library of answers"), [answer.id for answer in config.library]),
        ("reminders", gettext("Reminders"), [step.wording for step in config.reminders.plan]),
        ("others", gettext("Greetings, replies, and other words"), sorted({name for _, name in content.prompts})),
    )
    rows = _Rows(draft, content)
    return [Group(id, title, tuple(rows.of(names))) for id, title, names in groups]


class _Rows:
    """Rows of prompts, none of them twice."""

    def __init__(self, draft: Draft, content: Content) -> None:
        self._draft, self._content = draft, content
        self._languages = list(languages_of(draft))
        self._behind, self._required = set(outdated_translations(content)), requires_sign_off(content)
        self._done: set[str] = set()

    def of(self, names: Iterable[str]) -> Iterator[Row]:
        for name in dict.fromkeys(names):
            states = dict(self._states(name))
            if states and name not in self._done:
                self._done.add(name)
                yield Row(name, title_of(self._content, name), states)

    def _states(self, name: str) -> Iterator[tuple[str, State]]:
        for language in self._languages:
            prompt = self._content.prompts.get((language, name))
            if prompt is None:
                continue
            change = self._draft.changed.get(prompt.file)
            signed = is_signed_off(prompt)
            yield (
                language,
                State(
                    in_draft=change is not None,
                    changed_by=change.by if change else "",
                    is_behind=(language, name) in self._behind,
                    needs_sign_off=name in self._required,
                    signed_by=(prompt.reviewed_by or "") if signed else "",
                    signed_on=(prompt.reviewed_on or "") if signed else "",
                ),
            )


def source_digest(content: Content, language: str, name: str) -> str | None:
    """The digest of the words that a prompt is a translation of; None if it is none."""
    prompt = content.prompts.get((language, name))
    source = source_prompt(content, prompt) if prompt else None
    return text_digest(source) if source else None


def title_of(content: Content, name: str, language: str = "") -> str:
    """The title of a prompt in a language, or in that of the pages; without one, the beginning of its words."""
    languages = (language or page_language(), content.config.default_language)
    prompt = next(filter(None, (content.prompts.get((code, name)) for code in languages)), None)
    if prompt is None:
        return name
    if prompt.title:
        return prompt.title
    words = " ".join(prompt.sections()[0].words.split())
    return words if len(words) <= _EXCERPT else f"{words[:_EXCERPT].rsplit(' ', 1)[0]}…"
