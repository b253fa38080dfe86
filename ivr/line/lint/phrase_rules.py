"""Lint rules for phrases: each must lead to its own prompt, and to no other."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ivr.line.content.findings import Finding
from ivr.line.content.keyword_rules import RED_FLAGS
from ivr.line.content.prompt import Prompt
from ivr.line.nlu.phrase_index import PhraseIndex
from ivr.line.text.normalize import MOST_CHARACTERS, normalize


def _error(prompt: Prompt, line: int, message: str) -> Finding:
    return Finding(prompt.file, line, "phrase", "error", message)


def _misunderstood_phrases(index: PhraseIndex, prompt: Prompt) -> Iterator[Finding]:
    """No keyword rule of a red flag or an opt-out, which all come first, may match a phrase of another prompt."""
    for phrase, line in zip(prompt.phrases, prompt.phrase_lines, strict=True):
        if len(phrase) > MOST_CHARACTERS:
            yield _error(prompt, line, f"`{phrase[:40]}…` is longer than a text message can be: shorten it.")
            continue
        outcome = index.priority_outcome(phrase)
        if outcome and outcome != prompt.name and not {outcome, prompt.name} <= set(RED_FLAGS):
            yield _error(prompt, line, f"`{phrase}` is understood as {outcome}: reword it, or remove it.")


def _duplicate_phrases(index: PhraseIndex, prompt: Prompt) -> Iterator[Finding]:
    """A phrase has letters or digits, and belongs to one prompt."""
    for phrase, line in zip(prompt.phrases, prompt.phrase_lines, strict=True):
        normalized = normalize(phrase)
        if not normalized:
            yield _error(prompt, line, f"`{phrase}` has no letters or digits: remove it.")
            continue
        for name, file in index.owners.get(normalized, {}).items():
            if name != prompt.name:
                yield _error(prompt, line, f"`{phrase}` leads to {name} too ({file}): remove it from one of the two.")


Rule = Callable[[PhraseIndex, Prompt], Iterator[Finding]]
PHRASE_RULES: tuple[Rule, ...] = (_misunderstood_phrases, _duplicate_phrases)
