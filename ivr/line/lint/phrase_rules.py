"""Lint rules for phrases: each must lead to its own prompt and to no other."""

from __future__ import annotations

from collections.abc import Iterator

from ivr.i18n import N_, Sentence, sentence
from ivr.line.content.findings import Finding
from ivr.line.content.keyword_rules import RED_FLAGS
from ivr.line.content.prompt import Prompt
from ivr.line.nlu.phrase_index import PhraseIndex
from ivr.line.text.normalize import MOST_CHARACTERS, normalize


def check_phrases(index: PhraseIndex, prompt: Prompt) -> Iterator[Finding]:
    """No phrase may belong to two prompts, or match the keyword rule of a red flag or opt-out, which come first."""
    for phrase, line in zip(prompt.phrases, prompt.phrase_lines, strict=True):
        messages: list[Sentence] = []
        normalized = normalize(phrase)
        if not normalized:
            messages.append(sentence(N_("`{phrase}` has no letters or digits: remove it."), phrase=phrase))
        if len(phrase) > MOST_CHARACTERS:
            template = N_("`{phrase}…` is longer than a text message can be: shorten it.")
            messages.append(sentence(template, phrase=phrase[:40]))
        else:
            outcome = index.priority_outcome(phrase)
            if outcome and outcome != prompt.name and not {outcome, prompt.name} <= set(RED_FLAGS):
                template = N_("`{phrase}` is understood as {outcome}: reword it, or remove it.")
                messages.append(sentence(template, phrase=phrase, outcome=outcome))
        for name, file in index.owners.get(normalized, {}).items() if normalized else ():
            if name != prompt.name:
                template = N_("`{phrase}` also leads to {name} ({file}): remove it from one of the two files.")
                messages.append(sentence(template, phrase=phrase, name=name, file=file))
        for message in messages:
            yield Finding.of(prompt.file, line, "phrase", "error", message)
