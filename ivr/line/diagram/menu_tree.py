"""The menus of a line as a tree: which key leads where, how long each takes to hear, whom 0 reaches."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from babel import Locale

from ivr.line.callflow import hours
from ivr.line.callflow.graph import Graph
from ivr.line.callflow.speech import Speech, SpeechBlock
from ivr.line.callflow.states import Menu, Node, State, TopicPart, Turn
from ivr.line.content.audio_headers import read_audio_info
from ivr.line.content.loader import Content
from ivr.line.text import readability
from ivr.line.text.readability import WORDS_PER_MINUTE

_WELCOME = "welcome"


@dataclass(frozen=True)
class MenuNode:
    """A menu, a topic or a person, and the key and the words that lead there; `above`: a menu drawn already."""

    kind: Literal["menu", "topic", "person", "above"]
    title: str
    key: str = ""
    label: str = ""
    facts: tuple[str, ...] = ()
    """What is told beside it: seconds to hear, a number."""
    person: str = ""
    """Whom 0 reaches from here."""
    inside: tuple[MenuNode, ...] = ()


@dataclass(frozen=True)
class DirectoryNode:
    """Somebody whom the line rings: the name, and what is told of it."""

    name: str
    number: str
    facts: tuple[str, ...]


@dataclass(frozen=True)
class MenuTree:
    """What a picture of a line tells, in one of its languages. everywhere: what keys do wherever one is."""

    title: str
    everywhere: tuple[str, ...]
    root: MenuNode
    rung: tuple[DirectoryNode, ...]


def build_menu_tree(content: Content, language: str) -> MenuTree:
    """The menus, the topics and the people of a line. Raises KeyError for a language that it does not speak."""
    config = content.config
    maker = _Maker(content, language)
    return MenuTree(
        f"{config.hospital[language]}: what callers hear in {_name(content, language)}",
        tuple(_everywhere(content, language)),
        maker.menu(_WELCOME),
        tuple(maker.rung(entry.id) for entry in config.directory),
    )


def describe_menu_tree(content: Content, language: str) -> str:
    """The same as a nested list in words, for whoever does not see the picture."""
    found = build_menu_tree(content, language)
    rung = [f"- {one.name}, {one.number}. {' '.join(one.facts)}" for one in found.rung]
    return "\n".join([f"{found.title}.", *found.everywhere, "", *_in_words(found.root, ""), "", "Who is rung:", *rung])


def _in_words(node: MenuNode, indent: str) -> list[str]:
    key = f"Key {node.key}: " if node.key else ""
    label = f' ("{node.label}")' if node.label else ""
    person = f". 0 reaches {node.person}" if node.person else ""
    facts = "; ".join(node.facts)
    line = f"{indent}- {key}{node.title}{label}{facts and f', {facts}'}{person}."
    return [line, *(words for inner in node.inside for words in _in_words(inner, f"{indent}  "))]


def _name(content: Content, language: str) -> str:
    return Locale.parse(language).get_language_name("en") or content.config.languages[language].name


def _everywhere(content: Content, language: str) -> list[str]:
    codes = list(content.config.languages)
    others = [_name(content, code) for code in codes[codes.index(language) + 1 :] + codes[: codes.index(language)]]
    told = [f"Key 8 goes on to {', then '.join(others)}."] if others else ["The line speaks no other language."]
    told.append("Everywhere: 0 is for a person, 9 goes back, * repeats. In a topic: 5 sends it as a text, # skips.")
    return told


class _Maker:
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
        inside = [self._target(name, key, target, labels[key]) for key, target in sorted(menu.choices.items())]
        facts = (f"{self._seconds(Menu(name)):.0f} seconds",)
        return MenuNode("menu", self._title(name), key, label, facts, self._entry(menu.person), tuple(inside))

    def _target(self, menu: str, key: str, target: str, label: str) -> MenuNode:
        """What a key of a menu leads to. Each menu is drawn once, where key 9 leads back from."""
        if target in self._entries:
            return MenuNode("person", self._entry(target), key, label, (self._entries[target].number,))
        if target not in self._content.config.menus:
            return self._topic(target, key, label)
        if target in self._drawn or self._graph.parent(Menu(target)) != Menu(menu):
            return MenuNode("above", self._title(target), key, label, ("see that menu",))
        return self.menu(target, key, label)

    def _topic(self, name: str, key: str, label: str) -> MenuNode:
        topic = next(topic for topic in self._content.config.topics if topic.id == name)
        lengths = [f"{self._seconds(TopicPart(name, part)):.0f}" for part in range(self._graph.pieces(name))]
        facts = (f"{_listed(lengths)} seconds", f"by text: {topic.number}")
        return MenuNode("topic", self._title(name), key, label, facts, self._entry(topic.person))

    def _title(self, name: str) -> str:
        return self._content.prompt(self._language, name).title or name

    def _entry(self, name: str) -> str:
        return self._entries[name].name[self._language]

    def rung(self, name: str) -> DirectoryNode:
        entry = self._entries[name]
        assumed = "" if entry.confirmed else " (assumed)"
        _, *after = [self._entry(one) for one in self._graph.chain(name)]
        then = ", then ".join(after) or "a call back is offered"
        opening = hours.describe_hours(entry, "en")
        facts = (f"Open {opening}{assumed}.", f"No answer in {entry.ring} seconds: {then}.")
        return DirectoryNode(self._entry(name), entry.number, facts)

    def _seconds(self, place: Node) -> float:
        """How long a menu takes to hear, keys too; of a topic's piece, the piece alone."""
        if isinstance(place, TopicPart):
            return self._heard([self._speech.words(self._language, place.topic, place.part)])
        return self._heard(self._speech.blocks(Turn(State(self._language, place))))

    def _heard(self, blocks: Iterable[SpeechBlock]) -> float:
        words: list[str] = []
        recorded = 0.0
        for block in blocks:
            if block.recording:
                found = read_audio_info(self._content.audio[block.recording].data)
                recorded += found.seconds if found else 0.0
            else:
                words += block.paragraphs
        pause = self._content.config.pause_ms
        return recorded + readability.seconds_to_speak(
            "\n\n".join(words), self._language, WORDS_PER_MINUTE, pause_ms=pause
        )


def _listed(words: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))
