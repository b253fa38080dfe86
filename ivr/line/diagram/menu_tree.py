"""The menus of a line as a tree: where each key leads, how long each prompt takes, whom key 0 reaches."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from babel import Locale

from ivr.line.callflow import hours
from ivr.line.callflow.graph import Graph
from ivr.line.callflow.speech import Speech
from ivr.line.callflow.states import Menu, Node, State, TopicPart, Turn
from ivr.line.content.audio_headers import read_audio_info
from ivr.line.content.loader import Content
from ivr.line.text.readability import WORDS_PER_MINUTE, seconds_to_speak

_IN_PARENTHESES = re.compile(r" \([^)]*\)$")


@dataclass(frozen=True)
class MenuNode:
    """A menu, a topic or a person, with the key and the label that lead there. `above`: a menu drawn earlier."""

    kind: Literal["menu", "topic", "person", "above"]
    title: str
    key: str = ""
    label: str = ""
    facts: tuple[str, ...] = ()
    """Shown next to the box: seconds to hear, a phone number."""
    person: str = ""
    """The person that key 0 reaches."""
    children: tuple[MenuNode, ...] = ()
    name: str = ""
    """Its id in line.yaml."""
    callers: int | None = None
    """How many callers took the key that leads there; None if that is not known."""


@dataclass(frozen=True)
class DirectoryNode:
    """A directory entry that the line dials."""

    name: str
    number: str
    facts: tuple[str, ...]


@dataclass(frozen=True)
class MenuTree:
    """The content of a line's diagram in one language. everywhere: keys that work at every node."""

    title: str
    everywhere: tuple[str, ...]
    root: MenuNode
    directory: tuple[DirectoryNode, ...]


def build_menu_tree(content: Content, language: str) -> MenuTree:
    """The menus, topics and directory of a line. Raises KeyError if the line does not have the language."""
    config = content.config
    builder = _Builder(content, language)
    return MenuTree(
        f"{config.hospital[language]}: what callers hear in {_language_name(content, language)}",
        tuple(_global_keys(content, language)),
        builder.menu("welcome"),
        tuple(builder.directory_node(entry.id) for entry in config.directory),
    )


def with_callers(tree: MenuTree, calls: int, by_key: Mapping[tuple[str, str], int]) -> MenuTree:
    """The same tree with the numbers of callers. by_key: by the name of a menu and a key."""

    def counted(node: MenuNode, callers: int) -> MenuNode:
        children = (counted(child, by_key.get((node.name, child.key), 0)) for child in node.children)
        return replace(node, callers=callers, children=tuple(children))

    return replace(tree, root=counted(tree.root, calls))


def describe_menu_tree(content: Content, language: str) -> str:
    """The diagram as a nested list, for readers who cannot see it."""
    return describe_tree(build_menu_tree(content, language))


def describe_tree(tree: MenuTree) -> str:
    """A tree as a nested list."""
    directory = [f"- {entry.name}, {entry.number}. {' '.join(entry.facts)}" for entry in tree.directory]
    return "\n".join(
        [f"{tree.title}.", *tree.everywhere, "", *_outline(tree.root, ""), "", "Whom the line calls:", *directory]
    )


def _outline(node: MenuNode, indent: str) -> list[str]:
    key = f"Key {node.key}: " if node.key else ""
    label = f' ("{node.label}")' if node.label else ""
    person = f". 0 reaches {node.person}" if node.person else ""
    facts = "; ".join([*node.facts, *([] if node.callers is None else [callers_words(node.callers)])])
    line = f"{indent}- {key}{node.title}{label}{facts and f', {facts}'}{person}."
    return [line, *(line for child in node.children for line in _outline(child, f"{indent}  "))]


def callers_words(callers: int) -> str:
    """A number of callers, in words."""
    return "1 caller" if callers == 1 else f"{callers:,} callers"


def _language_name(content: Content, language: str) -> str:
    return Locale.parse(language).get_language_name("en") or content.config.languages[language].name


def _global_keys(content: Content, language: str) -> list[str]:
    codes = list(content.config.languages)
    index = codes.index(language)
    others = [_language_name(content, code) for code in codes[index + 1 :] + codes[:index]]
    return [
        f"Key 8 goes on to {', then '.join(others)}." if others else "The line speaks no other language.",
        "Everywhere: 0 is for a person, 9 goes back, * repeats. In a topic: 5 sends it as a text, # skips.",
    ]


class _Builder:
    def __init__(self, content: Content, language: str) -> None:
        self._content, self._language = content, language
        self._graph = Graph(content)
        self._speech = Speech(content, self._graph)
        self._entries = {entry.id: entry for entry in content.config.directory}
        self._drawn: set[str] = set()

    def menu(self, name: str, key: str = "", label: str = "") -> MenuNode:
        menu = self._content.config.menus[name]
        self._drawn.add(name)
        labels = self._content.prompt(self._language, name).choices
        children = [self._target(name, key, target, labels[key]) for key, target in sorted(menu.choices.items())]
        facts = (f"{self._seconds(Menu(name)):.0f} seconds",)
        person = self._entry_name(menu.person)
        return MenuNode("menu", self._title(name), key, label, facts, person, tuple(children), name)

    def _target(self, menu: str, key: str, target: str, label: str) -> MenuNode:
        """The target of a menu's key. Each menu is drawn once, below the menu that key 9 leads back to."""
        if target in self._entries:
            facts = (self._entries[target].number,)
            return MenuNode("person", self._entry_name(target), key, label, facts, name=target)
        if target not in self._content.config.menus:
            return self._topic(target, key, label)
        if target in self._drawn or self._graph.parent(Menu(target)) != Menu(menu):
            return MenuNode("above", self._title(target), key, label, ("see that menu",), name=target)
        return self.menu(target, key, label)

    def _topic(self, name: str, key: str, label: str) -> MenuNode:
        topic = next(topic for topic in self._content.config.topics if topic.id == name)
        *first, last = (f"{self._seconds(TopicPart(name, part)):.0f}" for part in range(self._graph.part_counts[name]))
        lengths = f"{', '.join(first)} and {last}" if first else last
        facts = (f"{lengths} seconds", f"by text: {topic.number}")
        return MenuNode("topic", self._title(name), key, label, facts, self._entry_name(topic.person), name=name)

    def _title(self, name: str) -> str:
        return self._content.prompt(self._language, name).title or name

    def _entry_name(self, entry_id: str) -> str:
        # The English name in parentheses is for patients who look for the door; here it would only take room.
        return _IN_PARENTHESES.sub("", self._entries[entry_id].name[self._language])

    def directory_node(self, entry_id: str) -> DirectoryNode:
        entry = self._entries[entry_id]
        assumed = "" if entry.confirmed else " (assumed)"
        fallbacks = [self._entry_name(name) for name in self._graph.chains[entry_id] if name != entry_id]
        after = ", then ".join(fallbacks) or "a call back is offered"
        opening = hours.describe_hours(entry, "en")
        facts = (f"Open {opening}{assumed}.", f"No answer in {entry.ring} seconds: {after}.")
        return DirectoryNode(self._entry_name(entry_id), entry.number, facts)

    def _seconds(self, node: Node) -> float:
        """How long a node takes to hear: a menu with its keys, a part of a topic alone."""
        if isinstance(node, TopicPart):
            blocks = [self._speech.block(self._language, node.topic, node.part)]
        else:
            blocks = self._speech.blocks(Turn(State(self._language, node)))
        paragraphs: list[str] = []
        recorded_seconds = 0.0
        for block in blocks:
            if block.recording:
                audio = read_audio_info(self._content.audio[block.recording].data)
                recorded_seconds += audio.seconds if audio else 0.0
            else:
                paragraphs += block.paragraphs
        text, pause = "\n\n".join(paragraphs), self._content.config.pause_ms
        return recorded_seconds + seconds_to_speak(text, self._language, WORDS_PER_MINUTE, pause_ms=pause)
