"""Lint rules for menus: how long they take to say, and how soon a caller reaches each topic."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ivr.i18n import N_, sentence
from ivr.line.callflow.speech import Speech, SpeechBlock
from ivr.line.callflow.states import Menu, Node, State, TopicPart, Turn
from ivr.line.content.findings import Finding
from ivr.line.text import readability
from ivr.line.text.readability import WORDS_PER_MINUTE

# In seconds, from the start of a menu to its last choice, the greeting in the other language included.
LONGEST_CHOICES = 25.0
# In seconds, with the universal keys.
LONGEST_MENU = 33.0
# In seconds, from the start of the call to the first words of a topic.
LATEST_TOPIC = 25.0
MOST_KEYS = 2
_CHOICES_TOO_LONG = N_("This menu takes {seconds} seconds to say up to its last choice: shorten it to {most}.")
_MENU_TOO_LONG = N_("This menu takes {seconds} seconds to say with the keys: shorten it to {most}.")
_LATE = N_(
    "Callers reach this topic after {seconds} seconds and {keys} keys: move it up in the menus, or shorten the menus,"
    " to get down to {most_seconds} seconds and {most_keys} keys."
)


def _long_menus(speech: Speech) -> Iterator[Finding]:
    content = speech.content
    for language in content.config.languages:
        for name in content.config.menus:
            blocks = speech.blocks(Turn(State(language, Menu(name))))
            last_choice = blocks.index(speech.choices(language, name)) + 1
            measured = (
                (_CHOICES_TOO_LONG, blocks[:last_choice], LONGEST_CHOICES),
                (_MENU_TOO_LONG, blocks, LONGEST_MENU),
            )
            for template, said, allowed in measured:
                seconds = _seconds(speech, language, said)
                if seconds > allowed:
                    message = sentence(template, seconds=f"{seconds:.0f}", most=f"{allowed:.0f}")
                    yield Finding.of(content.prompt(language, name).file, 1, "seconds", "error", message)


def _seconds(speech: Speech, language: str, blocks: list[SpeechBlock]) -> float:
    text = "\n\n".join(paragraph for block in blocks for paragraph in block.paragraphs)
    return readability.seconds_to_speak(text, language, WORDS_PER_MINUTE, pause_ms=speech.content.config.pause_ms)


def _late_topics(speech: Speech) -> Iterator[Finding]:
    """A caller who presses each key as soon as the option is read reaches every topic in time, with few keys."""
    content, config = speech.content, speech.content.config
    for language in config.languages:
        for topic in config.topics:
            node: Node = TopicPart(topic.id, 0)
            if topic.id in config.menus or not speech.graph.is_reached_by_keys(node):
                continue
            keys, seconds = 0, 0.0
            while node != Menu("welcome"):
                menu = speech.graph.parent(node)
                assert isinstance(menu, Menu)
                seconds += _seconds(speech, language, _until_chosen(speech, language, menu, node))
                keys, node = keys + 1, menu
            if keys > MOST_KEYS or seconds > LATEST_TOPIC:
                most_seconds = f"{LATEST_TOPIC:.0f}"
                message = sentence(
                    _LATE, seconds=f"{seconds:.0f}", keys=keys, most_seconds=most_seconds, most_keys=MOST_KEYS
                )
                yield Finding.of(content.prompt(language, topic.id).file, 1, "first-words", "error", message)


def _until_chosen(speech: Speech, language: str, menu: Menu, node: Node) -> list[SpeechBlock]:
    """What a menu says up to and including the choice that leads to a node."""
    names = list(speech.content.config.menus[menu.name].choices.values())
    target = node.name if isinstance(node, Menu) else node.topic if isinstance(node, TopicPart) else ""
    blocks, choices = speech.blocks(Turn(State(language, menu))), speech.choices(language, menu.name)
    index = blocks.index(choices)
    return [*blocks[:index], SpeechBlock(language, choices.paragraphs[: names.index(target) + 1])]


MENU_RULES: tuple[Callable[[Speech], Iterator[Finding]], ...] = (_long_menus, _late_topics)
