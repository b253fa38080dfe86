"""What is said at each turn: prompts with their placeholders filled, as blocks of one language each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from babel import Locale

from ivr.line.callflow import hours
from ivr.line.callflow.graph import Graph
from ivr.line.callflow.states import (
    CallbackOffer,
    CallbackTime,
    Confirmation,
    ConfirmOwnNumber,
    EnterNumber,
    Goodbye,
    Helped,
    Menu,
    Node,
    ReadBack,
    SpokenAnswer,
    State,
    TextConsent,
    TopicEnd,
    TopicPart,
    Transfer,
    Turn,
    Which,
)
from ivr.line.content.loader import Content
from ivr.line.content.prompt import fill_placeholders
from ivr.line.content.required_prompts import LATER_LANGUAGE

CALLERS_NUMBER = "000-000-0000"
"""Replaced at each turn by the caller's own number or the number they entered. No real number looks like it."""
OPENS = "THE-NEXT-OPENING"
"""Replaced at each turn by the next opening time."""

_FIXED_PROMPTS: dict[type[Node], str] = {
    TextConsent: "check-text",
    ConfirmOwnNumber: "callback-own",
    EnterNumber: "callback-key-in",
    ReadBack: "callback-read-back",
    CallbackTime: "callback-wish",
    Goodbye: "goodbye",
}


# Prompts that offer a text, and what is said instead to a caller who cannot get one.
TEXT_OFFERS = {"go-on": "go-on-no-text", "topic-end": "topic-end-no-text", "offer": "offer-no-text"}


@dataclass(frozen=True)
class SpeechBlock:
    """Paragraphs said in the voice of one language, with a pause between them."""

    language: str
    paragraphs: tuple[str, ...]
    recording: str | None = None
    """The digest of a person's recording of the same text."""


class Speech:
    """What a release says, turn by turn."""

    def __init__(self, content: Content, graph: Graph) -> None:
        self.content = content
        self.graph = graph
        self._hours = {
            (entry.id, language): hours.describe_hours(entry, language)
            for entry in content.config.directory
            for language in content.config.languages
        }
        # A release has thousands of turns but only a few hundred distinct blocks.
        self._filled_block = lru_cache(None)(self._fill)
        self._node_blocks: dict[type[Node], Callable[[State, Any], list[SpeechBlock]]] = {
            Menu: self._menu,
            TopicPart: self._topic_part,
            TopicEnd: self._topic_end,
            SpokenAnswer: self._answer,
            Which: self._which,
            Confirmation: lambda state, node: [self._about_entry(state, f"check-{node.action}", node.entry)],
            Transfer: lambda state, node: [self._about_entry(state, "transfer", self.dialed_entry(node))],
            CallbackOffer: lambda state, node: [
                self._about_entry(state, node.reason, node.entry),
                self._prompt(state, "offer"),
            ],
            Helped: lambda state, node: [self._about_entry(state, "helped", node.entry)],
            **dict.fromkeys(_FIXED_PROMPTS, lambda state, node: [self._prompt(state, _FIXED_PROMPTS[type(node)])]),
        }

    def blocks(self, turn: Turn) -> list[SpeechBlock]:
        """All that is said at a turn, in order."""
        node = turn.state.node
        return [*self._preface(turn), *self._node_blocks[type(node)](turn.state, node)]

    def block(self, language: str, prompt: str, part: int = 0, /, **values: str) -> SpeechBlock:
        """One spoken section of a prompt. values: its placeholders, beyond those of the content."""
        return self._filled_block(language, prompt, part, tuple(values.items()))

    def _fill(self, language: str, prompt: str, part: int, values: tuple[tuple[str, str], ...]) -> SpeechBlock:
        known = {**self.content.values(language), "caller": CALLERS_NUMBER, "opens": OPENS, **dict(values)}
        section = self.content.prompt(language, prompt).spoken[part]
        paragraphs = tuple(fill_placeholders(paragraph, known) for paragraph in section.paragraphs)
        return SpeechBlock(language, paragraphs, self._recording(language, prompt, part))

    def _recording(self, language: str, prompt: str, part: int | Literal["choices"]) -> str | None:
        recording = self.content.recordings.get((language, prompt, part))
        return recording.digest if recording else None

    def whisper(self, language: str, prompt: str) -> SpeechBlock:
        """What staff hear before they are connected to a caller of a language, in the line's default language."""
        default_language = self.content.config.default_language
        language_name = Locale.parse(language).get_language_name(default_language) or language
        return self.block(default_language, prompt, language=language_name)

    def dialed_entry(self, node: Transfer) -> str:
        """The id of the directory entry that a transfer dials."""
        return self.graph.chains[node.entry][node.link]

    def _prompt(self, state: State, name: str) -> SpeechBlock:
        return self.block(state.language, name)

    def _about_entry(self, state: State, prompt: str, entry_id: str) -> SpeechBlock:
        if not entry_id:
            return self._prompt(state, prompt)
        entry = self.content.config.entry(entry_id)
        language = state.language
        opening = self._hours[entry_id, language]
        return self.block(language, prompt, name=entry.name[language], number=entry.number, hours=opening)

    def _preface(self, turn: Turn) -> list[SpeechBlock]:
        return [self._about_entry(turn.state, turn.preface, turn.preface_entry)] if turn.preface else []

    def _menu(self, state: State, node: Menu) -> list[SpeechBlock]:
        """The whole menu; after a miss, the choices alone."""
        choices = self.choices(state.language, node.name)
        if state.missed:
            return [choices]
        before, after = [self._prompt(state, node.name)], [self._prompt(state, "keys")]
        if node.name == "welcome":
            before += self._other_languages(state.language)
            if self.content.config.speech:
                after.insert(0, self._prompt(state, "ask-aloud"))
        return [*before, choices, *after]

    def _other_languages(self, language: str) -> list[SpeechBlock]:
        """Each other language in its own words, in the order in which presses of key 8 reach them."""
        configured = self.content.config.languages
        codes = list(configured)
        index = codes.index(language)
        others = [*codes[index + 1 :], *codes[:index]]
        later = (
            self.block(code, LATER_LANGUAGE, language=configured[code].name, times=str(times))
            for times, code in enumerate(others[1:], start=2)
        )
        return [*(self.block(code, "other-language") for code in others[:1]), *later]

    def choices(self, language: str, menu: str) -> SpeechBlock:
        """A menu's choices, one paragraph each."""
        labels = self.content.prompt(language, menu).choices
        choices = (
            self.block(language, "choice", choice=labels[key], key=key).paragraphs[0]
            for key in self.content.config.menus[menu].choices
        )
        return SpeechBlock(language, tuple(choices), self._recording(language, menu, "choices"))

    def _topic_part(self, state: State, node: TopicPart) -> list[SpeechBlock]:
        options = self._topic_end(state, node)
        return options if state.missed else [self.block(state.language, node.topic, node.part), *options]

    def _topic_end(self, state: State, node: TopicPart | TopicEnd) -> list[SpeechBlock]:
        if node.part + 1 < self.graph.part_counts[node.topic]:
            return [self._prompt(state, "go-on")]
        if node.topic not in self.content.config.offerable:
            # Thanks and condolences are no topic that ends.
            return [self._prompt(state, "answer-end")]
        offers = self.graph.offers.get(node.topic, {})
        abouts = {answer.id: answer.about for answer in self.content.config.library}
        more = (
            self.block(state.language, "more-key", about=abouts[offered][state.language], key=key)
            for key, offered in offers.items()
        )
        return [*more, self._prompt(state, "topic-end")]

    def _which(self, state: State, node: Which) -> list[SpeechBlock]:
        titles = (self.content.prompt(state.language, topic).title.strip("¿?") for topic in (node.first, node.second))
        choices = (
            self.block(state.language, "choice", choice=title, key=str(key)) for key, title in enumerate(titles, 1)
        )
        return [self._prompt(state, "which"), *choices]

    def _answer(self, state: State, node: SpokenAnswer) -> list[SpeechBlock]:
        blocks = [self._prompt(state, node.outcome)]
        entry = self.content.config.answers.get(node.outcome)
        if entry:
            blocks.append(self._about_entry(state, "answer-person", entry))
        return [*blocks, self._prompt(state, "answer-end")]
