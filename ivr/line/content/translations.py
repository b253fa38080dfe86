"""Translations in step: each file of another language knows the words that it was made from, by their digest."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from ivr.line.content.findings import Finding
from ivr.line.content.front_matter import set_field
from ivr.line.content.loader import Content
from ivr.line.content.prompt import Prompt

FIELD = "made_from"


def words_digest(prompt: Prompt) -> str:
    """12 hex digits of what a prompt says: its title and its sections, however their lines are broken.

    Not of how people ask for it, of its sources, or of who signed it.
    """
    said = [("title", prompt.title), *((part, section.words) for part, section in prompt.parts())]
    whole = "\n".join(f"{part}: {' '.join(words.split())}" for part, words in said)
    return hashlib.sha256(whole.encode()).hexdigest()[:12]


def source_prompt(content: Content, prompt: Prompt) -> Prompt | None:
    """The prompt of the line's first language that one of another language is made from."""
    first = content.config.default_language
    return content.prompts.get((first, prompt.name)) if prompt.language != first else None


def is_outdated(content: Content, prompt: Prompt) -> bool:
    """Whether a translation was made from other words than those that stand in the first language now."""
    made_from = source_prompt(content, prompt)
    return made_from is not None and prompt.made_from != words_digest(made_from)


def outdated_translations(content: Content) -> list[tuple[str, str]]:
    """Every translation that is behind, as (language, name)."""
    return sorted(key for key, prompt in content.prompts.items() if is_outdated(content, prompt))


def mark_up_to_date(data: bytes, digest: str) -> bytes:
    """A translation's file that says from which words it was made. Raises as `with_field`."""
    return set_field(data, FIELD, digest)


def check_translation(content: Content, prompt: Prompt) -> Iterator[Finding]:
    """A translation whose original has changed since."""
    made_from = source_prompt(content, prompt)
    if made_from is not None and is_outdated(content, prompt):
        what = f"{made_from.file} has changed since this was made from it"
        if prompt.made_from is None:
            what = f"This does not say from which words of {made_from.file} it was made"
        command = f"infoline prompts in-step {prompt.language}/{prompt.name}"
        message = f"{what}: compare the two, change this one, then run `{command}`."
        yield Finding(prompt.file, prompt.field_lines.get(FIELD, 1), "behind", "warning", message)
