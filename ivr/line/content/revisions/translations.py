"""Outdated translations: each translated file records the digest of the text that it was made from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from ivr.i18n import N_, sentence
from ivr.line.content.findings import Finding
from ivr.line.content.front_matter import set_field
from ivr.line.content.loader import Content
from ivr.line.content.prompt import Prompt

FIELD = "made_from"


def text_digest(prompt: Prompt) -> str:
    """A 12-digit hex digest of a prompt's title and sections, ignoring line breaks and all other fields."""
    parts = [("title", prompt.title), *((heading, section.words) for heading, section in prompt.parts())]
    whole = "\n".join(f"{heading}: {' '.join(text.split())}" for heading, text in parts)
    return hashlib.sha256(whole.encode()).hexdigest()[:12]


def source_prompt(content: Content, prompt: Prompt) -> Prompt | None:
    """The prompt in the default language that this is a translation of; None for a prompt in that language."""
    default = content.config.default_language
    return content.prompts.get((default, prompt.name)) if prompt.language != default else None


def outdated_translations(content: Content) -> list[tuple[str, str]]:
    """Every outdated translation, as (language, name)."""
    return sorted(key for key, prompt in content.prompts.items() if any(check_translation(content, prompt)))


def mark_up_to_date(data: bytes, digest: str) -> bytes:
    """A translated file that records the digest of its source. Raises like `set_field`."""
    return set_field(data, FIELD, digest)


def check_translation(content: Content, prompt: Prompt) -> Iterator[Finding]:
    """A finding if the source text has changed since it was translated."""
    source = source_prompt(content, prompt)
    if source is not None and prompt.made_from != text_digest(source):
        template = N_(
            "{source} has changed since this was translated from it: compare the two, change this one, then run"
            " `{command}`."
        )
        if prompt.made_from is None:
            template = N_(
                "This does not record which text of {source} it was translated from: compare the two, change this one,"
                " then run `{command}`."
            )
        command = f"infoline prompts in-step {prompt.language}/{prompt.name}"
        message = sentence(template, source=source.file, command=command)
        yield Finding.of(prompt.file, prompt.field_lines.get(FIELD, 1), "behind", "warning", message)
