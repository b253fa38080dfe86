"""What is said at each turn, as blocks of words: from the prompts, filled in, in the right voice."""

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
)
from ivr.line.content.loader import Content
from ivr.line.content.prompt import fill_placeholders

# Stands where the caller's own number, or the one that she keyed in, is read to her. No number begins so.
CALLERS_NUMBER = "000-000-0000"
# Stands where the next opening is said, which only the moment of a turn tells.
OPENS = "THE-NEXT-OPENING"


@dataclass(frozen=True)
class SpeechBlock:
    """Words said in one breath by the voice of one language; a pause stands between paragraphs."""

    language: str
    paragraphs: tuple[str, ...]
    recording: str | None = None
    """The digest of the same words as a person spoke them."""


class Speech:
    """The words of a release, turn by turn."""

    def __init__(self, content: Content, graph: Graph) -> None:
        self.content = content
        self.graph = graph
        self._hours = {
            (entry.id, language): hours.describe_hours(entry, language)
            for entry in content.config.directory
            for language in content.config.languages
        }
        # A release says the same few hundred blocks at thousands of turns.
        self._said = lru_cache(None)(self._fill)
        self._by_place: dict[type[Node], Callable[[State, Any], list[SpeechBlock]]] = {
            Menu: self._menu,
            TopicPart: self._piece,
            TopicEnd: self._after_piece,
            SpokenAnswer: self._answer,
            Confirmation: lambda state, place: [self._about(state, f"check-{place.what}", place.about)],
            TextConsent: lambda state, _place: [self._words(state, "check-text")],
            Transfer: lambda state, place: [self._about(state, "transfer", self.rung(place))],
            CallbackOffer: lambda state, place: [
                self._about(state, place.why, place.entry),
                self._words(state, "offer"),
            ],
            ConfirmOwnNumber: lambda state, _place: [self._words(state, "callback-own")],
            EnterNumber: lambda state, _place: [self._words(state, "callback-key-in")],
            ReadBack: lambda state, _place: [self._words(state, "callback-read-back")],
            CallbackTime: lambda state, _place: [self._words(state, "callback-wish")],
            Helped: lambda state, place: [self._about(state, "helped", place.entry)],
            Goodbye: lambda state, _place: [self._words(state, "goodbye")],
        }

    def blocks(self, turn: Turn) -> list[SpeechBlock]:
        """All that is said at a turn, in order."""
        said = self._by_place[type(turn.state.place)](turn.state, turn.state.place)
        return [*self._preface(turn), *said]

    def words(self, language: str, prompt: str, part: int = 0, /, **values: str) -> SpeechBlock:
        """One spoken section of a prompt."""
        return self._said(language, prompt, part, tuple(values.items()))

    def _fill(self, language: str, prompt: str, part: int, values: tuple[tuple[str, str], ...]) -> SpeechBlock:
        known = {**self.content.values(language), "caller": CALLERS_NUMBER, "opens": OPENS, **dict(values)}
        section = self.content.prompt(language, prompt).spoken[part]
        said = tuple(fill_placeholders(paragraph, known) for paragraph in section.paragraphs)
        return SpeechBlock(language, said, self._recording(language, prompt, part))

    def _recording(self, language: str, prompt: str, part: int | Literal["choices"]) -> str | None:
        recording = self.content.recordings.get((language, prompt, part))
        return recording.digest if recording else None

    def whisper(self, language: str, prompt: str) -> SpeechBlock:
        """What whoever picks up hears before the caller of a language does: in the line's first language."""
        ours = self.content.config.default_language
        spoken = Locale.parse(language).get_language_name(ours) or language
        return self.words(ours, prompt, language=spoken)

    def rung(self, place: Transfer) -> str:
        """The directory entry whose number a transfer dials."""
        return self.graph.chain(place.entry)[place.link]

    def _words(self, state: State, name: str) -> SpeechBlock:
        return self.words(state.language, name)

    def _about(self, state: State, name: str, entry_id: str) -> SpeechBlock:
        if not entry_id:
            return self._words(state, name)
        entry = self.content.config.entry(entry_id)
        language = state.language
        opening = self._hours[entry_id, language]
        return self.words(language, name, name=entry.name[language], number=entry.number, hours=opening)

    def _preface(self, turn: Turn) -> list[SpeechBlock]:
        place = turn.state.place
        if turn.preface is None:
            return []
        if turn.preface.startswith("transfer-") and isinstance(place, Transfer):
            before = self.graph.chain(place.entry)[max(0, place.link - 1)]
            return [self._about(turn.state, turn.preface, before)]
        return [self._words(turn.state, turn.preface)]

    def _menu(self, state: State, place: Menu) -> list[SpeechBlock]:
        """Who missed something hears the choices again, and not all that stands around them."""
        choices = self.choices(state.language, place.name)
        if state.missed:
            return [choices]
        said = [self._words(state, place.name)]
        after = [self._words(state, "keys")]
        if place.name == "welcome":
            others = (other for other in self.content.config.languages if other != state.language)
            said += [self.words(other, "other-language") for other in others]
            if self.content.config.speech:
                after.insert(0, self._words(state, "ask-aloud"))
        return [*said, choices, *after]

    def choices(self, language: str, menu: str) -> SpeechBlock:
        """A menu's choices, one after the other."""
        labels = self.content.prompt(language, menu).choices
        choices = (
            self.words(language, "choice", choice=labels[key], key=key).paragraphs[0]
            for key in self.content.config.menus[menu].choices
        )
        return SpeechBlock(language, tuple(choices), self._recording(language, menu, "choices"))

    def _piece(self, state: State, place: TopicPart) -> list[SpeechBlock]:
        after = self._after_piece(state, place)
        return after if state.missed else [self.words(state.language, place.topic, place.part), *after]

    def _after_piece(self, state: State, place: TopicPart | TopicEnd) -> list[SpeechBlock]:
        more = place.part + 1 < self.graph.pieces(place.topic)
        return [self._words(state, "go-on" if more else "topic-end")]

    def _answer(self, state: State, place: SpokenAnswer) -> list[SpeechBlock]:
        said = [self._words(state, place.outcome)]
        entry = self.content.config.answers.get(place.outcome)
        if entry:
            said.append(self._about(state, "answer-person", entry))
        return [*said, self._words(state, "answer-end")]
