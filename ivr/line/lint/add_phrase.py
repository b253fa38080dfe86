"""A question made a phrase of a prompt: the edit in its file, and what it pulls along."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import yaml

from ivr.line.content.findings import BrokenPrompts, Finding
from ivr.line.content.loader import Content
from ivr.line.content.prompt import read_prompt
from ivr.line.content.yaml_source import read_yaml
from ivr.line.lint.phrase_rules import PHRASE_RULES
from ivr.line.nlu.clusters import QuestionCluster
from ivr.line.nlu.matcher import AMBIGUOUS, Matcher
from ivr.line.nlu.phrase_index import PhraseIndex
from ivr.line.text.normalize import normalize


class PhraseRejected(Exception):
    """The words cannot become a phrase; the message says why."""


def add_phrase(file: str, data: bytes, words: str) -> bytes:
    """The prompt's file with one phrase more, after the others; all else byte for byte the same.

    Raises BrokenPrompts when the file cannot be read, and NotTaught when there is nothing to add.
    """
    said = " ".join(words.split())
    before = read_prompt(file, data)
    if not normalize(said):
        raise PhraseRejected("These words have no letters: nobody can ask so.")
    if normalize(said) in map(normalize, before.phrases):
        raise PhraseRejected(f"`{said}` is a phrase of {file} already.")
    by_hand = PhraseRejected(
        f"The phrases of {file} are written in a way that cannot be added to: add `{said}` by hand."
    )
    text = data.decode("utf-8")
    try:
        at, added = _edit(text, _written(said))
        after = (text[:at] + added + text[at:]).encode()
        taught = read_prompt(file, after).phrases
    except (ValueError, BrokenPrompts):
        raise by_hand from None
    if taught != (*before.phrases, said):
        raise by_hand
    return after


def _edit(text: str, written: str) -> tuple[int, str]:
    """Where in the file the phrase goes, and how it is written there. Raises ValueError for line ends of long ago."""
    end = "\r\n" if "\r\n" in text else "\n"
    opening = text.index("\n") + 1
    lines = re.split(r"(?<=\n)", text[opening:])
    closing = [line.rstrip() for line in lines].index("---")
    top = "".join(lines[:closing])
    node = yaml.compose(top, Loader=yaml.SafeLoader)
    assert isinstance(node, yaml.MappingNode)
    listed = next((value for key, value in node.value if key.value == "phrases"), None)
    if not isinstance(listed, yaml.SequenceNode):
        return opening + len(top), f"phrases:{end}  - {written}{end}"
    if listed.flow_style:
        return opening + listed.end_mark.index - 1, f", {written}" if listed.value else written
    last = listed.value[-1]
    # A block ends on the line after it, a plain word on its own.
    after = last.end_mark.line + (1 if last.end_mark.column else 0)
    return opening + sum(map(len, lines[:after])), f"{' ' * listed.start_mark.column}- {written}{end}"


def _written(words: str) -> str:
    """The words as YAML reads them again: plain where that can be, else between quotes."""
    try:
        if read_yaml("", f"- {words}").value == [words] and read_yaml("", f"[{words}]").value == [words]:
            return words
    except BrokenPrompts:
        pass
    return json.dumps(words, ensure_ascii=False)


@dataclass(frozen=True)
class PhraseEffect:
    """What a new phrase does beside its own."""

    findings: tuple[Finding, ...]
    """What the check says that it did not say before."""
    pulled: tuple[tuple[str, str], ...]
    """Known questions of other outcomes that would now be led to this one: (question, its right outcome). The phrase
    itself too, when it was understood as something else so far."""
    answered: tuple[QuestionCluster, ...]
    """Groups of questions nobody answered that would now be."""


def preview_effect(before: Content, after: Content, topic: str, waiting: Iterable[QuestionCluster]) -> PhraseEffect:
    """What the words of `after` understand otherwise than those of `before`."""
    new = Matcher(after)
    # Most phrases pull nothing along, and then nobody needs to ask how it was before.
    old = _Late(before)
    findings = tuple(one for one in _of_phrases(after) if not old.said(one))
    pulled = tuple(
        (one.words, one.outcome)
        for one in after.questions
        if one.outcome != topic
        and new.ask(one.words, one.language).topic == topic
        and old.matcher.ask(one.words, one.language).topic != topic
    )
    moved = _moved(before, after, topic, old)
    answered = tuple(group for group in waiting if new.ask(group.typical, group.language).topic == topic)
    return PhraseEffect(findings, tuple(dict.fromkeys((*moved, *pulled))), answered)


def _moved(before: Content, after: Content, topic: str, old: _Late) -> Iterator[tuple[str, str]]:
    """New phrases of a topic that led somewhere else before, and where."""
    for (language, name), prompt in after.prompts.items():
        if name != topic:
            continue
        known = before.prompts[language, name].phrases if (language, name) in before.prompts else ()
        for phrase in prompt.phrases:
            led = topic if phrase in known else old.matcher.ask(phrase, language).topic
            if led not in (topic, AMBIGUOUS, "none"):
                yield phrase, led


def _of_phrases(content: Content) -> Iterator[Finding]:
    """What the check says of all phrases."""
    meanings = PhraseIndex(content)
    for prompt in content.prompts.values():
        for rule in PHRASE_RULES:
            yield from rule(meanings, prompt)


class _Late:
    """How it was before, worked out when it is first asked for."""

    def __init__(self, content: Content) -> None:
        self._content = content

    @cached_property
    def matcher(self) -> Matcher:
        return Matcher(self._content)

    @cached_property
    def _told(self) -> set[tuple[str, str]]:
        return {(one.file, one.message) for one in _of_phrases(self._content)}

    def said(self, finding: Finding) -> bool:
        """Whether the check said so before; the line may be another by now."""
        return (finding.file, finding.message) in self._told
