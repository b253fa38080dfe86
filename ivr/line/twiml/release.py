"""A release ready to serve: every fixed answer rendered to bytes once, when the release is loaded."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from ivr.line.callflow.explore import reachable
from ivr.line.callflow.graph import Graph
from ivr.line.callflow.speech import CALLERS_NUMBER, OPENS, Speech
from ivr.line.callflow.states import Facts, Heard, State, Task, Transfer, Turn
from ivr.line.content.loader import Content
from ivr.line.nlu.spoken_input import SpokenInput
from ivr.line.twiml.documents import OWN_NUMBER, SEALED_NUMBER, BaseUrls, TwimlDocuments, text_document

if TYPE_CHECKING:
    from ivr.line.nlu.matcher import Matcher

_CALLERS_NUMBER, _OPENS = CALLERS_NUMBER.encode(), OPENS.encode()


@dataclass(frozen=True)
class Caller:
    """What only a turn knows, for the few documents that say or show it."""

    own_number: str | None = None
    """The line's own number, when the caller withholds hers: it is shown to whom we ring."""
    number: str = ""
    """The number to read to her, as people write it."""
    sealed: str = ""
    """The number that she keyed in, as it travels in an address."""
    opens: str = ""
    """When whom she asked for answers again."""


NOBODY = Caller()


class CompiledLine:
    """One release of the line: its call graph, its documents, its texts, its matcher."""

    def __init__(self, content: Content, base_url: str = "", turns: Iterable[Turn] | None = None) -> None:
        """base_url: the public address that the carrier posts to. turns: all that calls can reach, where known."""
        self.content = content
        self.digest = content.digest
        self.graph = Graph(content)
        self.hearing = SpokenInput(content, lambda words, language: self.matcher.ask(words, language))
        self.speech = Speech(content, self.graph)
        base = BaseUrls(f"{base_url}/voice/{self.digest}", f"{base_url}/audio")
        self._make = TwimlDocuments(content.config, self.speech, self.hearing, base)
        self._documents: dict[Turn, bytes] = {}
        self._withheld: dict[Turn, bytes] = {}
        self._filled: set[Turn] = set()
        self._states: dict[str, State] = {}
        starts = [self.graph.start(language) for language in content.config.languages]
        for turn in (*starts, *(turns or reachable(self.graph, speech=content.config.speech))):
            self._render(turn)
        self.whispers = self._make.whispers()
        # In the voice, since nothing may be left that could play a recording.
        sorry = replace(self.speech.words(content.config.default_language, "unavailable"), recording=None)
        self.unavailable = self._make.ending(sorry)
        self._texts = {
            (prompt.language, prompt.name): self._text(prompt.language, prompt.name)
            for prompt in content.prompts.values()
            if prompt.texted
        }
        self._text_documents = {key: text_document([words]) for key, words in self._texts.items()}

    @cached_property
    def matcher(self) -> Matcher:
        """What understands free words. It is made when it is first asked for: a proof of the graph does without."""
        # And without numpy, which takes a tenth of a second to load.
        from ivr.line.nlu.matcher import Matcher

        return Matcher(self.content)

    def _render(self, turn: Turn) -> None:
        if turn in self._documents or isinstance(turn.state.place, Task):
            return
        self._states[turn.state.token] = turn.state
        document = self._documents[turn] = self._make.turn(turn)
        if isinstance(turn.state.place, Transfer):
            self._withheld[turn] = self._make.turn(turn, withheld=True)
        if any(mark in document for mark in (_CALLERS_NUMBER, SEALED_NUMBER, _OPENS)):
            self._filled.add(turn)

    def _text(self, language: str, name: str) -> str:
        topics = "\n".join(
            f"{topic.number} {self.content.prompt(language, topic.id).title}" for topic in self.content.config.topics
        )
        return self.content.texted(language, name, topics=topics)

    @property
    def states(self) -> dict[str, State]:
        """Every state that a call can reach, by its token in the URL."""
        return self._states

    @property
    def documents(self) -> dict[Turn, bytes]:
        """Every document that a call can be answered with."""
        return self._documents

    def waits_for_caller(self, turn: Turn) -> bool:
        """Whether a turn's document says or shows what only the turn knows."""
        return turn in self._filled or turn in self._withheld

    def document(self, turn: Turn, caller: Caller = NOBODY) -> bytes:
        """The TwiML of a turn."""
        if caller.own_number is not None and turn in self._withheld:
            return self._withheld[turn].replace(OWN_NUMBER, _attribute(caller.own_number))
        if turn in self._filled:
            document = self._documents[turn].replace(_CALLERS_NUMBER, _attribute(caller.number))
            opens = _attribute(caller.opens)
            # "At 8:00 a.m." ends a sentence by itself.
            document = document.replace(_OPENS + b".", opens.rstrip(b".") + b".").replace(_OPENS, opens)
            return document.replace(SEALED_NUMBER, _attribute(caller.sealed))
        return self._documents[turn]

    def step(self, token: str, heard: Heard, facts: Facts, language: str | None = None) -> Turn:
        """The turn after `heard` at the state named by a URL's token; an unknown one begins again.

        language: of the words, where it is another than the state's: the caller is answered in hers.
        """
        state = self._states.get(token)
        if state is None:
            return self.graph.start()
        return self.graph.step(replace(state, language=language) if language else state, heard, facts)

    def text(self, language: str, name: str) -> str:
        """The text of a topic or outcome, as it goes out."""
        return self._texts[language, name]

    def text_document(self, language: str, name: str) -> bytes:
        """The same as TwiML."""
        return self._text_documents[language, name]


def _attribute(words: str) -> bytes:
    return escape(words, {'"': "&quot;"}).encode()
