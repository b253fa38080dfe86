"""A release ready to serve: every fixed answer rendered to bytes once, when the release is loaded."""

from __future__ import annotations

from collections import defaultdict
from xml.sax.saxutils import escape

from ivr.line.content import Content
from ivr.line.graph import Graph, Heard, IsOpen, State, Transfer, Turn
from ivr.line.gsm import fold
from ivr.line.speech import Speech
from ivr.line.twiml import OWN_NUMBER, goodbye_document, text_document, voice_document
from ivr.line.understand import Matcher


class Line:
    """One release of the line: its call graph, its documents, its texts, its matcher."""

    def __init__(self, content: Content, base_url: str = "") -> None:
        """base_url: the public address that the carrier posts to."""
        self.content = content
        self.digest = content.digest
        self.graph = Graph(content)
        self.matcher = Matcher(content)
        self.speech = Speech(content, self.graph)
        self._base = f"{base_url}/voice/{self.digest}"
        self._documents: dict[Turn, bytes] = {}
        self._withheld: dict[Turn, bytes] = {}
        self._states: dict[str, State] = {}
        self.arrows = 0
        for language in content.config.languages:
            self._render(self.graph.start(language))
        leads: dict[tuple[str, Heard], set[Turn]] = defaultdict(set)
        for state, heard, turn in self.graph.walk():
            self.arrows += 1
            self._render(turn)
            leads[state.token, heard].add(turn)
        # Where a step has one outcome, whoever is open, a turn is a look into this table.
        self._fixed = {arrow: next(iter(turns)) for arrow, turns in leads.items() if len(turns) == 1}
        self.unavailable = goodbye_document(
            self.speech.words(content.config.default_language, "unavailable"), content.config
        )
        self._texts = {
            (prompt.language, prompt.name): self._text(prompt.language, prompt.name)
            for prompt in content.prompts.values()
            if prompt.texted
        }
        self._text_documents = {key: text_document([words]) for key, words in self._texts.items()}

    def _render(self, turn: Turn) -> None:
        if turn in self._documents:
            return
        self._states[turn.state.token] = turn.state
        url = f"{self._base}/{turn.state.token}"
        self._documents[turn] = voice_document(turn, self.speech, self.content.config, url)
        if isinstance(turn.state.place, Transfer):
            self._withheld[turn] = voice_document(turn, self.speech, self.content.config, url, withheld=True)

    def _text(self, language: str, name: str) -> str:
        topics = "\n".join(
            f"{topic.number} {self.content.prompt(language, topic.id).title}" for topic in self.content.config.topics
        )
        return fold(self.content.texted(language, name, topics=topics))

    @property
    def states(self) -> dict[str, State]:
        """Every state that a call can reach, by its token in the URL."""
        return self._states

    @property
    def documents(self) -> dict[Turn, bytes]:
        """Every document that a call can be answered with."""
        return self._documents

    def document(self, turn: Turn, own_number: str | None = None) -> bytes:
        """The TwiML of a turn. own_number: the line's own, shown to whom we ring when the caller withholds hers."""
        if own_number is not None and turn in self._withheld:
            return self._withheld[turn].replace(OWN_NUMBER, escape(own_number, {'"': "&quot;"}).encode())
        return self._documents[turn]

    def step(self, token: str, heard: Heard, is_open: IsOpen) -> Turn:
        """The turn after `heard` at the state named by a URL's token; an unknown one begins again."""
        fixed = self._fixed.get((token, heard))
        if fixed is not None:
            return fixed
        state = self._states.get(token)
        return self.graph.start() if state is None else self.graph.step(state, heard, is_open)

    def text(self, language: str, name: str) -> str:
        """The text of a topic or outcome, filled in and within GSM-7."""
        return self._texts[language, name]

    def text_document(self, language: str, name: str) -> bytes:
        """The same as TwiML."""
        return self._text_documents[language, name]
