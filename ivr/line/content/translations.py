"""Up-to-date translations: each translated file records the digest of the text that it was made from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from ivr.line.content.findings import Finding
from ivr.line.content.front_matter import set_field
from ivr.line.content.loader import Content
from ivr.line.content.prompt import Prompt

FIELD = "made_from"


def text_digest(prompt: Prompt) -> str:
    """12 hex digits of a prompt's title and sections, independent of line breaks.

    Phrases, keyword rules, sources and the sign-off do not count.
    """
    parts = [("title", prompt.title), *((heading, section.words) for heading, section in prompt.parts())]
    whole = "\n".join(f"{heading}: {' '.join(text.split())}" for heading, text in parts)
    return hashlib.sha256(whole.encode()).hexdigest()[:12]


def source_prompt(content: Content, prompt: Prompt) -> Prompt | None:
    """The prompt in the line's first language that a translation is made from; None for a prompt in that language."""
    first = content.config.default_language
    return content.prompts.get((first, prompt.name)) if prompt.language != first else None


def is_outdated(content: Content, prompt: Prompt) -> bool:
    """Whether a prompt is a translation of another text than the source prompt has today."""
    source = source_prompt(content, prompt)
    return source is not None and prompt.made_from != text_digest(source)


def outdated_translations(content: Content) -> list[tuple[str, str]]:
    """Every outdated translation, as (language, name)."""
    return sorted(key for key, prompt in content.prompts.items() if is_outdated(content, prompt))


def mark_up_to_date(data: bytes, digest: str) -> bytes:
    """A translated file that records the digest of its source. Raises as `set_field`."""
    return set_field(data, FIELD, digest)


def check_translation(content: Content, prompt: Prompt) -> Iterator[Finding]:
    """A finding for a translation whose source has changed since."""
    source = source_prompt(content, prompt)
    if source is not None and is_outdated(content, prompt):
        problem = f"{source.file} has changed since this was translated from it"
        if prompt.made_from is None:
            problem = f"This does not record which text of {source.file} it was translated from"
        command = f"infoline prompts in-step {prompt.language}/{prompt.name}"
        message = f"{problem}: compare the two, change this one, then run `{command}`."
        yield Finding(prompt.file, prompt.field_lines.get(FIELD, 1), "behind", "warning", message)
