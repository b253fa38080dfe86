"""Spoken words as what was meant: a key's name, somebody in the directory, or what the matcher finds in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ivr.line.callflow.states import Key, SpokenWords
from ivr.line.content.keyword_rules import RED_FLAGS, STOP
from ivr.line.content.loader import Content
from ivr.line.text.normalize import content_words, normalize

if TYPE_CHECKING:
    from ivr.line.nlu.matcher import MatchResult

# The carrier takes 500 hints of 100 letters; the shortest phrases help its ear most.
MOST_HINTS = 80
# Of these, the first phrase: what must not be missed.
FIRST_HINTS = ("urgent", "person-soon", "stop")
HINT_WORDS = 3
_QUESTIONS = frozenset(("are", "is", "was", "do", "does", "did", "can", "could", "will", "would", "should"))
_KEYS = {"again": "*", "back": "9", "skip": "#", **{digit: digit for digit in "0123456789"}}


@dataclass(frozen=True)
class SpokenMeaning:
    """What some words mean: the same as a key, or what they ask for."""

    heard: Key | SpokenWords
    also_stop: bool = False
    """Beside a red flag, which is answered first, the words also ask for no more texts."""
    language: str | None = None
    """The language that the words are in, where it is another than the caller's so far."""


class SpokenInput:
    """How a release understands callers. Red flags and a wish to stop are looked for before anything else."""

    def __init__(self, content: Content, ask: Callable[[str, str], MatchResult]) -> None:
        """ask: what some words mean, in a conversation in some language."""
        self._ask = ask
        self._content = content
        self._commands = {code: _commands(language.said) for code, language in content.config.languages.items()}
        self._entries = {
            code: [
                (f" {normalize(words)} ", entry.id)
                for entry in content.config.directory
                for words in entry.said.get(code, ())
            ]
            for code in content.config.languages
        }

    def meant(self, words: str, language: str) -> SpokenMeaning:
        """What `words` mean to a caller in a language: a command, an entry, a language, a topic or an outcome."""
        asked = normalize(words)
        if len(asked) == 1 and asked.isdigit():
            return SpokenMeaning(Key(asked))
        command = self._command(asked, language)
        if command:
            return SpokenMeaning(Key(_KEYS[command]) if command in _KEYS else SpokenWords(command))
        understood = self._ask(words, language)
        spoken = understood.language if understood.topic not in ("none", "language") else language
        other = spoken if spoken != language else None
        if understood.topic in RED_FLAGS:
            return SpokenMeaning(SpokenWords(understood.topic), understood.also_stop, other)
        if understood.topic == STOP:
            # The word alone may also be meant for the voice that speaks.
            return SpokenMeaning(SpokenWords("stop-alone" if len(content_words(asked)) == 1 else STOP), language=other)
        entry = next((name for said, name in self._entries[language] if said in f" {asked} "), None)
        if entry:
            return SpokenMeaning(SpokenWords(entry))
        if understood.topic == "language":
            return SpokenMeaning(SpokenWords(understood.language))
        # A caller is not asked which of two: she hears the likelier, and can go on from there.
        topic = understood.between[0] if understood.between else understood.topic
        return SpokenMeaning(SpokenWords(topic), language=other)

    def _command(self, asked: str, language: str) -> str | None:
        """The command that some words are; a number also in another language, as the welcome offers it there."""
        commands = self._commands[language]
        exact = commands.get(asked)
        if exact:
            return exact
        for others in self._commands.values():
            if others.get(asked, "") in _KEYS and others[asked].isdigit():
                return others[asked]
        # "Yes please" is a yes; "are you sure" is none.
        return None if asked.split(" ")[0] in _QUESTIONS else commands.get(" ".join(content_words(asked)))

    def hints(self, language: str) -> str:
        """What callers are likely to say, for the carrier's ear: the short phrases of every topic."""
        config = self._content.config
        told = [next(iter(self._content.prompt(language, name).phrases), "") for name in FIRST_HINTS]
        told += [other.name for other in config.languages.values()]
        told += [phrase for words in config.languages[language].said.values() for phrase in words[:1]]
        told += [phrase for entry in config.directory for phrase in entry.said.get(language, ())]
        phrases = {
            topic.id: [phrase for phrase in self._content.prompt(language, topic.id).phrases if _is_short(phrase)]
            for topic in config.topics
        }
        longest = max((len(short) for short in phrases.values()), default=0)
        # One of each topic in turn, so that none is left out.
        told += [short[at] for at in range(longest) for short in phrases.values() if at < len(short)]
        return ", ".join(list(dict.fromkeys(filter(None, told)))[:MOST_HINTS])


def _is_short(phrase: str) -> bool:
    return len(phrase.split()) <= HINT_WORDS and "," not in phrase


def _commands(said: dict[str, list[str]]) -> dict[str, str]:
    """Each way to say a command, and the same without the words that tell nothing ("yes please")."""
    known: dict[str, str] = {}
    for command, phrases in said.items():
        for phrase in phrases:
            known.setdefault(" ".join(content_words(normalize(phrase))) or normalize(phrase), command)
            known.setdefault(normalize(phrase), command)
    return known
