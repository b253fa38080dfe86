"""What is said at each turn, as blocks of words: from the prompts, filled in, in the right voice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ivr.line import hours
from ivr.line.content import Content
from ivr.line.graph import Ending, Goodbye, Graph, Menu, Offer, Piece, Place, State, Transfer, Turn
from ivr.line.markup import Block
from ivr.line.prompt import fill


class Speech:
    """The words of a release, turn by turn."""

    def __init__(self, content: Content, graph: Graph) -> None:
        self._content = content
        self._graph = graph
        self._by_place: dict[type[Place], Callable[[State, Any], list[Block]]] = {
            Menu: self._menu,
            Piece: self._piece,
            Ending: lambda state, _place: [self.words(state.language, "topic-end")],
            Transfer: lambda state, place: [self._about(state.language, "transfer", self.rung(place))],
            Offer: self._offer,
            Goodbye: lambda state, _place: [self.words(state.language, "goodbye")],
        }

    def blocks(self, turn: Turn) -> list[Block]:
        """All that is said at a turn, in order."""
        said = self._by_place[type(turn.state.place)](turn.state, turn.state.place)
        return [*self._preface(turn), *said]

    def words(self, language: str, prompt: str, part: int = 0, /, **values: str) -> Block:
        """One spoken section of a prompt."""
        known = {**self._content.values(language), **values}
        section = self._content.prompt(language, prompt).spoken[part]
        return Block(language, tuple(fill(paragraph, known) for paragraph in section.paragraphs))

    def rung(self, place: Transfer) -> str:
        """The directory entry whose number a transfer dials."""
        return self._graph.chain(place.entry)[place.link]

    def _about(self, language: str, name: str, entry_id: str) -> Block:
        entry = self._content.config.entry(entry_id)
        opening = hours.in_words(entry, language)
        return self.words(language, name, name=entry.name[language], number=entry.number, hours=opening)

    def _preface(self, turn: Turn) -> list[Block]:
        place = turn.state.place
        if turn.preface is None:
            return []
        if turn.preface.startswith("transfer-") and isinstance(place, Transfer):
            before = self._graph.chain(place.entry)[max(0, place.link - 1)]
            return [self._about(turn.state.language, turn.preface, before)]
        return [self.words(turn.state.language, turn.preface)]

    def _menu(self, state: State, place: Menu) -> list[Block]:
        language = state.language
        said = [self.words(language, place.name)]
        if place.name == "welcome":
            others = (other for other in self._content.config.languages if other != language)
            said += [self.words(other, "other-language") for other in others]
        labels = self._content.prompt(language, place.name).choices
        choices = (
            self.words(language, "choice", choice=labels[key], key=key).paragraphs[0]
            for key in self._content.config.menus[place.name].choices
        )
        return [*said, Block(language, tuple(choices)), self.words(language, "keys")]

    def _piece(self, state: State, place: Piece) -> list[Block]:
        pieces = len(self._content.prompt(state.language, place.topic).spoken)
        after = "go-on" if place.part + 1 < pieces else "topic-end"
        return [self.words(state.language, place.topic, place.part), self.words(state.language, after)]

    def _offer(self, state: State, place: Offer) -> list[Block]:
        return [self._about(state.language, place.why, place.entry), self.words(state.language, "offer")]
