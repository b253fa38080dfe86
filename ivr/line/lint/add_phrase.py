"""Adds an unanswered question to a prompt as a phrase, and previews the side effects."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from ivr.line.content.findings import BrokenPrompts, Finding
from ivr.line.content.front_matter import append_to_list
from ivr.line.content.loader import Content
from ivr.line.content.prompt import read_prompt
from ivr.line.lint.phrase_rules import check_phrases
from ivr.line.nlu.clusters import QuestionCluster
from ivr.line.nlu.matcher import AMBIGUOUS, Matcher
from ivr.line.nlu.models import trained_model
from ivr.line.nlu.phrase_index import PhraseIndex
from ivr.line.nlu.topic_model import TopicModel
from ivr.line.text.normalize import normalize


class PhraseRejected(Exception):
    """The text cannot be added as a phrase; the message says why."""


def add_phrase(file: str, data: bytes, words: str) -> bytes:
    """The prompt file with a phrase appended to its list, and every other byte unchanged.

    Raises BrokenPrompts if the file cannot be read, and PhraseRejected if the phrase cannot be added.
    """
    phrase = " ".join(words.split())
    phrases = read_prompt(file, data).phrases
    if not normalize(phrase):
        raise PhraseRejected("This question has no letters: no caller can ask it.")
    if normalize(phrase) in map(normalize, phrases):
        raise PhraseRejected(f"`{phrase}` is already a phrase of {file}.")
    try:
        edited = append_to_list(data, "phrases", phrase)
        is_added = read_prompt(file, edited).phrases == (*phrases, phrase)
    except (ValueError, BrokenPrompts):
        is_added = False
    if not is_added:
        raise PhraseRejected(f"The list of phrases in {file} cannot be edited in place: add `{phrase}` in an editor.")
    return edited


@dataclass(frozen=True)
class PhraseEffect:
    """The side effects of a new phrase."""

    findings: tuple[Finding, ...]
    pulled: tuple[tuple[str, str], ...]
    """Questions, and the new phrase, that had another outcome and now lead to this one: (question, other outcome)."""
    answered: tuple[QuestionCluster, ...]
    """Clusters of unanswered questions that would now be answered."""


def preview_effect(
    before: Content,
    after: Content,
    topic: str,
    unanswered: Iterable[QuestionCluster],
    model_of: Callable[[Content], TopicModel] = trained_model,
) -> PhraseEffect:
    """Compare how two versions of the prompts understand phrases and known questions.

    topic: the prompt with the new phrase. unanswered: the clusters of unanswered questions. model_of: the trained
    model of a content.
    """
    new, old = Matcher(after, model_of(after)), _Baseline(before, model_of)
    findings = tuple(finding for finding in _phrase_findings(after) if not old.has_finding(finding))
    pulled = tuple(
        (question.words, question.outcome)
        for question in after.questions()
        if question.outcome != topic
        and new.match(question.words, question.language).topic == topic
        and old.matcher.match(question.words, question.language).topic != topic
    )
    moved = _moved_phrases(before, after, topic, old)
    answered = tuple(group for group in unanswered if new.match(group.typical, group.language).topic == topic)
    return PhraseEffect(findings, tuple(dict.fromkeys((*moved, *pulled))), answered)


def _moved_phrases(before: Content, after: Content, topic: str, old: _Baseline) -> Iterator[tuple[str, str]]:
    """The new phrases of a topic that had another outcome before, and that outcome."""
    for (language, name), prompt in after.prompts.items():
        if name != topic:
            continue
        known = before.prompts[language, name].phrases if (language, name) in before.prompts else ()
        for phrase in prompt.phrases:
            outcome = topic if phrase in known else old.matcher.match(phrase, language).topic
            if outcome not in (topic, AMBIGUOUS, "none"):
                yield phrase, outcome


def _phrase_findings(content: Content) -> Iterator[Finding]:
    index = PhraseIndex(content)
    for prompt in content.prompts.values():
        yield from check_phrases(index, prompt)


class _Baseline:
    """The matcher and findings before the change, computed on demand since most phrases have no side effects."""

    def __init__(self, content: Content, model_of: Callable[[Content], TopicModel]) -> None:
        self._content, self._model_of = content, model_of

    @cached_property
    def matcher(self) -> Matcher:
        return Matcher(self._content, self._model_of(self._content))

    @cached_property
    def _findings(self) -> set[tuple[str, str]]:
        return {(finding.file, finding.message) for finding in _phrase_findings(self._content)}

    def has_finding(self, finding: Finding) -> bool:
        """Whether the same finding existed before, on any line."""
        return (finding.file, finding.message) in self._findings
