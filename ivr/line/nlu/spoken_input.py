"""Interprets speech in a call as a key, a directory entry, a language, or an outcome of the matcher."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ivr.line.callflow.graph import pair_outcome
from ivr.line.callflow.states import Key, SpokenWords
from ivr.line.content.keyword_rules import RED_FLAGS, STOP
from ivr.line.content.loader import Content
from ivr.line.text.normalize import content_words, normalize

if TYPE_CHECKING:
    from ivr.line.nlu.matcher import MatchResult

# The carrier accepts 500 hints of up to 100 characters: https://www.twilio.com/docs/voice/twiml/gather#hints
# Short phrases improve its speech recognition most.
MOST_HINTS = 80
# Prompts whose first phrase is always a hint, because the line must not miss it.
FIRST_HINTS = ("urgent", "person-soon", "stop")
# In words.
LONGEST_HINT = 3
# Of two answers together, as in matcher.py. Importing that would load numpy.
_LOWEST_PERCENT, _LOWEST_TOPIC_PERCENT, _LOWEST_ALONE_PERCENT = 45.0, 30.0, 65.0
_QUESTION_WORDS = frozenset(("are", "is", "was", "do", "does", "did", "can", "could", "will", "would", "should"))
_KEYS = {"again": "*", "back": "9", "skip": "#", **{digit: digit for digit in "0123456789"}}


@dataclass(frozen=True)
class SpokenMeaning:
    """What a caller said: the equivalent of a key, or an outcome."""

    heard: Key | SpokenWords
    also_stop: bool = False
    """Whether the caller also opts out of texts. The red flag is answered first."""
    language: str | None = None
    """The language spoken, if it differs from the language of the call."""
    caution: str | None = None
    """The prompt that precedes the answer, because the words may be a red flag."""


class SpokenInput:
    """Interprets the speech of callers with one release. Red flags and opt-outs come before directory entries."""

    def __init__(self, content: Content, match: Callable[[str, str], MatchResult]) -> None:
        """match: takes the words and the language of the call."""
        self._match = match
        self._content = content
        self._commands = {code: _commands(language.said) for code, language in content.config.languages.items()}
        self._entries = {
            code: [
                (f" {normalize(phrase)} ", entry.id)
                for entry in content.config.directory
                for phrase in entry.said.get(code, ())
            ]
            for code in content.config.languages
        }

    def interpret(self, words: str, language: str) -> SpokenMeaning:
        """What `words` mean in a call in `language`: a command, directory entry, language, topic or other outcome."""
        normalized = normalize(words)
        if len(normalized) == 1 and normalized.isdigit():
            return SpokenMeaning(Key(normalized))
        command = self._command(normalized, language)
        if command:
            return SpokenMeaning(Key(_KEYS[command]) if command in _KEYS else SpokenWords(command))
        result = self._match(words, language)
        spoken = result.language if result.topic not in ("none", "thanks", "language") else language
        other_language = spoken if spoken != language else None
        if result.topic in RED_FLAGS:
            return SpokenMeaning(SpokenWords(result.topic), result.also_stop, other_language)
        if result.topic == STOP:
            # A bare "stop" may be meant to interrupt the voice, not to stop text messages.
            outcome = "stop-alone" if len(content_words(normalized)) == 1 else STOP
            return SpokenMeaning(SpokenWords(outcome), language=other_language)
        entry = next((entry for phrase, entry in self._entries[language] if phrase in f" {normalized} "), None)
        if entry:
            return SpokenMeaning(SpokenWords(entry))
        if result.topic == "language":
            return SpokenMeaning(SpokenWords(result.language))
        return SpokenMeaning(SpokenWords(self._topic_or_question(result)), False, other_language, result.caution)

    def _topic_or_question(self, result: MatchResult) -> str:
        """The outcome; between two topics the question which one is meant, and else the likeliest answer.

        A call offers no third, because a caller has to remember the choices. Without it, the two may be too unlikely.
        """
        if not result.between:
            return result.topic
        likeliest = result.between[:2]
        # A call offers nothing beside "I have no answer": it asks for other words.
        is_none = result.or_none and result.scores.get("none", 0.0) > result.scores.get(likeliest[0], 0.0)
        is_alone = result.or_none and len(likeliest) == 1
        is_unlikely = result.scores and sum(result.scores.get(name, 0.0) for name in likeliest) < _LOWEST_PERCENT
        if is_none or is_alone or is_unlikely:
            return "none"
        pair = [topic.id for topic in self._content.config.topics if topic.id in likeliest]
        if len(pair) == len(likeliest):
            return pair_outcome(*pair)
        # A call asks about neither results nor appointments: their answers misinform nobody, so they win.
        practical = next((name for name in likeliest if name in self._content.config.reply_words), None)
        if practical is None:
            return likeliest[0]
        if result.scores.get(practical, 0.0) >= _LOWEST_TOPIC_PERCENT:
            return practical
        return likeliest[0] if result.scores.get(likeliest[0], 0.0) >= _LOWEST_ALONE_PERCENT else "none"

    def _command(self, words: str, language: str) -> str | None:
        """The command that normalized words match. Digits match in any language: the greeting uses them all."""
        commands = self._commands[language]
        if words in commands:
            return commands[words]
        for other in self._commands.values():
            if other.get(words, "") in _KEYS and other[words].isdigit():
                return other[words]
        # "Yes please" is a yes; "are you sure" is not.
        return None if words.split(" ")[0] in _QUESTION_WORDS else commands.get(" ".join(content_words(words)))

    def hints(self, language: str) -> str:
        """Comma-separated speech-recognition hints for a call: commands, names, and short phrases of each topic."""
        config = self._content.config
        hints = [next(iter(self._content.prompt(language, name).phrases), "") for name in FIRST_HINTS]
        hints += [other.name for other in config.languages.values()]
        hints += [phrase for phrases in config.languages[language].said.values() for phrase in phrases[:1]]
        hints += [phrase for entry in config.directory for phrase in entry.said.get(language, ())]
        by_topic = [
            [phrase for phrase in prompt.phrases if len(phrase.split()) <= LONGEST_HINT and "," not in phrase]
            for prompt in (self._content.prompt(language, topic.id) for topic in config.topics)
        ]
        # Round-robin, so that the limit leaves no topic out.
        longest = max(map(len, by_topic), default=0)
        hints += [phrases[turn] for turn in range(longest) for phrases in by_topic if turn < len(phrases)]
        return ", ".join(list(dict.fromkeys(filter(None, hints)))[:MOST_HINTS])


def _commands(phrases_by_command: dict[str, list[str]]) -> dict[str, str]:
    """Commands by normalized phrase, and by the phrase without its filler words ("yes please")."""
    commands: dict[str, str] = {}
    for command, phrases in phrases_by_command.items():
        for phrase in phrases:
            normalized = normalize(phrase)
            commands.setdefault(" ".join(content_words(normalized)) or normalized, command)
            commands.setdefault(normalized, command)
    return commands
