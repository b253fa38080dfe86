"""The rules for menus: how long they take to say, and how soon a topic begins. From what is said to findings."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ivr.line.callflow.speech import Speech, SpeechBlock
from ivr.line.callflow.states import Menu, Node, State, TopicPart, Turn
from ivr.line.content.findings import Finding
from ivr.line.text import readability
from ivr.line.text.readability import WORDS_PER_MINUTE

# Five choices, the keys that are the same everywhere, and the other language's greeting, at an easy pace.
LONGEST_MENU = 36.0
# From the answer to the first words of a topic.
LATEST_WORDS = 25.0
MOST_KEYS = 2


def _long_menus(speech: Speech) -> Iterator[Finding]:
    content = speech.content
    for language in content.config.languages:
        for name in content.config.menus:
            seconds = _seconds(speech, language, speech.blocks(Turn(State(language, Menu(name)))))
            if seconds > LONGEST_MENU:
                message = f"This menu takes {seconds:.0f} seconds to say, keys too: shorten it to {LONGEST_MENU:.0f}."
                yield Finding(content.prompt(language, name).file, 1, "seconds", "error", message)


def _seconds(speech: Speech, language: str, said: list[SpeechBlock]) -> float:
    words = "\n\n".join(words for block in said for words in block.paragraphs)
    return readability.seconds_to_speak(words, language, WORDS_PER_MINUTE, pause_ms=speech.content.config.pause_ms)


def _late_first_words(speech: Speech) -> Iterator[Finding]:
    """A caller who presses each key as soon as its option was said hears her topic in time, after two keys."""
    content, config = speech.content, speech.content.config
    for language in config.languages:
        for topic in config.topics:
            place: Node = TopicPart(topic.id, 0)
            if topic.id in config.menus:
                continue
            keys, seconds = 0, 0.0
            while place != Menu("welcome"):
                menu = speech.graph.parent(place)
                assert isinstance(menu, Menu)
                seconds += _seconds(speech, language, _until_chosen(speech, language, menu, place))
                keys, place = keys + 1, menu
            if keys > MOST_KEYS or seconds > LATEST_WORDS:
                message = (
                    f"A caller waits {seconds:.0f} seconds and {keys} keys to hear this topic begin:"
                    f" put it nearer, or shorten the menus, to {LATEST_WORDS:.0f} seconds and {MOST_KEYS} keys."
                )
                yield Finding(content.prompt(language, topic.id).file, 1, "first-words", "error", message)


def _until_chosen(speech: Speech, language: str, menu: Menu, place: Node) -> list[SpeechBlock]:
    """What a menu says up to the choice that leads to a place."""
    names = list(speech.content.config.menus[menu.name].choices.values())
    wanted = place.name if isinstance(place, Menu) else place.topic if isinstance(place, TopicPart) else ""
    said = speech.blocks(Turn(State(language, menu)))
    at = next(at for at, block in enumerate(said) if len(block.paragraphs) == len(names) and at)
    heard = said[at].paragraphs[: names.index(wanted) + 1]
    return [*said[:at], SpeechBlock(language, heard)]


MENU_RULES: tuple[Callable[[Speech], Iterator[Finding]], ...] = (_long_menus, _late_first_words)
