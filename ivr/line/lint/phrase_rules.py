"""The rules for phrases: each leads to its own prompt."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ivr.line.content.findings import Finding
from ivr.line.content.keyword_rules import RED_FLAGS
from ivr.line.content.prompt import Prompt
from ivr.line.nlu.phrase_index import PhraseIndex
from ivr.line.text.normalize import MOST_LETTERS, normalize


def misunderstood_phrases(meanings: PhraseIndex, prompt: Prompt) -> Iterator[Finding]:
    """Each phrase leads to its own prompt and to no other; red flags are looked for before anything else."""
    for phrase, at in zip(prompt.phrases, prompt.phrase_lines, strict=True):
        if len(phrase) > MOST_LETTERS:
            message = f"`{phrase[:40]}…` is longer than a text can be: shorten it."
            yield Finding(prompt.file, at, "phrase", "error", message)
            continue
        led = meanings.asked_first(phrase)
        if led and led != prompt.name and not {led, prompt.name} <= set(RED_FLAGS):
            message = f"`{phrase}` is understood as {led}: put it in other words."
            yield Finding(prompt.file, at, "phrase", "error", message)


def duplicate_phrases(meanings: PhraseIndex, prompt: Prompt) -> Iterator[Finding]:
    """No phrase stands in the files of two prompts, and each has letters to go by."""
    for phrase, line in zip(prompt.phrases, prompt.phrase_lines, strict=True):
        words = normalize(phrase)
        if not words:
            message = f"`{phrase}` has no letters to go by: take it away."
            yield Finding(prompt.file, line, "phrase", "error", message)
        for name, file in meanings.owners.get(words, {}).items() if words else ():
            if name != prompt.name:
                message = f"`{phrase}` leads to {name} too ({file}): keep it in one of the two."
                yield Finding(prompt.file, line, "phrase", "error", message)


PHRASE_RULES: tuple[Callable[[PhraseIndex, Prompt], Iterator[Finding]], ...] = (
    misunderstood_phrases,
    duplicate_phrases,
)
