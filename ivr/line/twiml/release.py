"""A compiled release: every fixed answer is rendered to bytes once, when the release is loaded."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from twilio.twiml.voice_response import VoiceResponse

from ivr.line.callflow.explore import reachable_turns
from ivr.line.callflow.graph import Graph
from ivr.line.callflow.speech import CALLERS_NUMBER, OPENS, Speech
from ivr.line.callflow.states import CallbackOffer, Facts, Heard, State, Task, TopicEnd, TopicPart, Transfer, Turn
from ivr.line.content.loader import Content
from ivr.line.nlu.spoken_input import SpokenInput
from ivr.line.twiml.documents import OWN_NUMBER, SEALED_NUMBER, BaseUrls, TwimlDocuments, encode, text_document
from ivr.line.twiml.ssml import build_say

if TYPE_CHECKING:
    from ivr.line.nlu.matcher import Matcher
    from ivr.line.nlu.topic_model import TopicModel

_CALLERS_NUMBER, _OPENS = CALLERS_NUMBER.encode(), OPENS.encode()


@dataclass(frozen=True)
class TurnValues:
    """The values of a single turn that a few documents contain."""

    own_number: str | None = None
    """The line's own number, if the caller withholds theirs: the caller ID of a transfer."""
    number: str = ""
    """The number to read to the caller, formatted for people."""
    sealed: str = ""
    """The encrypted number that the caller entered, for the action URL."""
    opens: str = ""
    """When the requested entry opens next."""


NO_VALUES = TurnValues()


class CompiledLine:
    """One release of the line: its call graph, documents, texts and matcher."""

    def __init__(
        self,
        content: Content,
        base_url: str = "",
        turns: Iterable[Turn] | None = None,
        model_of: Callable[[Content], TopicModel] | None = None,
        transfer_seconds: int | None = None,
    ) -> None:
        """base_url: the public URL that Twilio posts to. turns: all reachable turns, if already explored.

        model_of: where the matcher's model comes from; by default it is trained when the matcher is first used.
        transfer_seconds: how long a transfer may last; by default as long as Twilio allows.
        """
        self._model_of, self.transfer_seconds = model_of, transfer_seconds
        self.content = content
        self.digest = content.digest
        self.subjects = frozenset(subject.id for subject in content.config.subjects)
        self.graph = Graph(content)
        self.spoken_input = SpokenInput(content, lambda words, language: self.matcher.match(words, language))
        self.speech = Speech(content, self.graph)
        base = BaseUrls(f"{base_url}/voice/{self.digest}", f"{base_url}/audio")
        self._renderer = TwimlDocuments(content.config, self.speech, self.spoken_input, base, transfer_seconds)
        self.documents: dict[Turn, bytes] = {}
        """The document of each reachable turn."""
        self.states: dict[str, State] = {}
        """Each reachable state, by its token in the URL."""
        self._withheld: dict[Turn, bytes] = {}
        self._incomplete: set[Turn] = set()
        starts = [self.graph.start(language) for language in content.config.languages]
        for turn in (*starts, *(turns or reachable_turns(self.graph, speech=content.config.speech))):
            self._render(turn)
        self.whispers = self._renderer.whispers()
        self._text_offers = self._renderer.text_offers()
        self._cautions = self._renderer.cautions()
        # Synthesized, because recordings may be unavailable for the same reason.
        apology = replace(self.speech.block(content.config.default_language, "unavailable"), recording=None)
        self.unavailable = self._renderer.ending(apology)
        self._texts = {
            (prompt.language, prompt.name): self._text(prompt.language, prompt.name)
            for prompt in content.prompts.values()
            if prompt.texted
        }
        self._text_documents = {key: text_document([text]) for key, text in self._texts.items()}

    @cached_property
    def matcher(self) -> Matcher:
        """Resolves free words. Built on first use, because numpy is slow to import and the graph needs no matcher."""
        return self._trained_matcher()

    def _trained_matcher(self) -> Matcher:
        from ivr.line.nlu.matcher import Matcher
        from ivr.line.nlu.models import trained_model

        return Matcher(self.content, (self._model_of or trained_model)(self.content))

    def match_without_model(self) -> None:
        """Resolve free words by numbers, keyword rules, and phrases word for word only, until `match_with_model`."""
        from ivr.line.nlu.matcher import Matcher
        from ivr.line.nlu.training import train_model

        self.matcher = Matcher(self.content, train_model([]))

    def match_with_model(self) -> None:
        """Resolve free words with the model from now on."""
        self.matcher = self._trained_matcher()

    def _render(self, turn: Turn) -> None:
        if turn in self.documents or isinstance(turn.state.node, Task):
            return
        self.states[turn.state.token] = turn.state
        document = self.documents[turn] = self._renderer.turn(turn)
        if isinstance(turn.state.node, Transfer):
            self._withheld[turn] = self._renderer.turn(turn, withheld=True)
        if any(mark in document for mark in (_CALLERS_NUMBER, SEALED_NUMBER, _OPENS)):
            self._incomplete.add(turn)

    def _text(self, language: str, name: str) -> str:
        topics = "\n".join(
            f"{topic.number} {self.content.prompt(language, topic.id).title}" for topic in self.content.config.topics
        )
        return self.content.texted(language, name, topics=topics)

    def needs_turn_values(self, turn: Turn) -> bool:
        """Whether a turn's document contains TurnValues."""
        return turn in self._incomplete or turn in self._withheld

    def document(self, turn: Turn, values: TurnValues = NO_VALUES) -> bytes:
        """The TwiML of a turn."""
        if values.own_number is not None and turn in self._withheld:
            return self._withheld[turn].replace(OWN_NUMBER, _escape(values.own_number))
        if turn in self._incomplete:
            document = self.documents[turn].replace(_CALLERS_NUMBER, _escape(values.number))
            opens = _escape(values.opens)
            # "At 8:00 a.m." already ends with a period.
            document = document.replace(_OPENS + b".", opens.rstrip(b".") + b".").replace(_OPENS, opens)
            return document.replace(SEALED_NUMBER, _escape(values.sealed))
        return self.documents[turn]

    @staticmethod
    def offers_text(turn: Turn) -> bool:
        """Whether a turn's document may offer to text the caller."""
        return isinstance(turn.state.node, TopicPart | TopicEnd | CallbackOffer)

    def without_text_offer(self, document: bytes) -> bytes:
        """The same document for a caller who cannot get texts."""
        for offer, instead in self._text_offers:
            document = document.replace(offer, instead)
        return document

    def with_caution(self, document: bytes, language: str, caution: str) -> bytes:
        """The same document, beginning with what to do in an emergency. caution: the prompt that says it."""
        return document.replace(b"<Response>", b"<Response>" + self._cautions[language, caution], 1)

    def next_turn(self, token: str, heard: Heard, facts: Facts, language: str | None = None) -> Turn:
        """The turn after `heard` at the state that a URL's token names; an unknown token starts the call over.

        language: of the caller's speech, if it differs from the state's; the answer is in this language.
        """
        state = self.states.get(token)
        if state is None:
            return self.graph.start()
        return self.graph.next_turn(replace(state, language=language) if language else state, heard, facts)

    def text(self, language: str, name: str) -> str:
        """The text message of a topic or outcome, as it is sent."""
        return self._texts[language, name]

    def text_document(self, language: str, name: str) -> bytes:
        """The TwiML of the same text message."""
        return self._text_documents[language, name]


def fallback_document(line: CompiledLine) -> bytes:
    """Apologizes and gives the phone numbers in every language, then dials the entry of key 0, or its first fallback.

    The phone number's fallback URL at Twilio. It refers to no URL of the line, so any file server can host it.
    """
    config = line.content.config
    response = VoiceResponse()
    for language in config.languages:
        response.append(build_say(line.speech.block(language, "unavailable"), config))
    for entry in map(config.entry, line.graph.chains[config.menus["welcome"].person][:1]):
        response.dial(timeout=entry.ring, time_limit=line.transfer_seconds).number(entry.e164)
    return encode(response)


def _escape(value: str) -> bytes:
    return escape(value, {'"': "&quot;"}).encode()
