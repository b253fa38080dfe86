"""Clinical sign-off: it applies to the exact text of a prompt, and is void when the text changes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date

from ivr.i18n import N_, sentence
from ivr.line.content.findings import Finding, Level
from ivr.line.content.front_matter import NotEditable, set_field
from ivr.line.content.keyword_rules import RED_FLAGS
from ivr.line.content.loader import Content
from ivr.line.content.prompt import Prompt, read_prompt
from ivr.line.content.revisions.translations import text_digest

FIELD = "reviewed"


def is_signed_off(prompt: Prompt) -> bool:
    """Whether the current text of a prompt is signed off."""
    return bool(_has_reviewer(prompt) and prompt.reviewed_digest == text_digest(prompt))


def sign_offs(content: Content) -> dict[tuple[str, str], tuple[str, str]]:
    """Every prompt that is signed off, with its reviewer and day: (language, name) to (by, on)."""
    return {
        key: (prompt.reviewed_by or "", prompt.reviewed_on or "")
        for key, prompt in sorted(content.prompts.items())
        if is_signed_off(prompt)
    }


def with_sign_off(data: bytes, by: str, on: date) -> bytes:
    """A prompt file with a sign-off of its current text.

    Raises BrokenPrompts if the file cannot be read, and ValueError with a message for the user for an invalid name.
    """
    name = " ".join(by.split())
    if not name or not name.isprintable():
        raise NotEditable(sentence(N_("Write the name of the reviewer, like Dr. Lee.")))
    digest = text_digest(read_prompt("en/any.md", data))
    return set_field(data, FIELD, f"{{by: {json.dumps(name, ensure_ascii=False)}, on: {on}, words: {digest}}}")


def requires_sign_off(content: Content) -> frozenset[str]:
    """The prompts with medical content: the topics, the library, the red flags, and `results`."""
    return frozenset((*(subject.id for subject in content.config.subjects), *RED_FLAGS, "results"))


def unsigned_prompts(content: Content) -> list[tuple[str, str]]:
    """Every medical prompt that is not signed off, as (language, name), and others whose sign-off is void."""
    medical = requires_sign_off(content)
    return sorted(
        key
        for key, prompt in content.prompts.items()
        if not is_signed_off(prompt) and (prompt.name in medical or _has_reviewer(prompt))
    )


def check_sign_off(content: Content, prompt: Prompt) -> Iterator[Finding]:
    """A finding for a sign-off of another text, or for a missing sign-off that line.yaml requires."""
    if is_signed_off(prompt):
        return
    command = f"infoline prompts sign {prompt.name} --language {prompt.language} --by NAME"
    required = content.config.sign_off == "required" and prompt.name in requires_sign_off(content)
    message = sentence(
        N_("This text is not signed off, and line.yaml requires it: have it reviewed, then run `{command}`."),
        command=command,
    )
    if _has_reviewer(prompt):
        message = sentence(
            N_("{by} signed off on {day}, but not this text: have it reviewed, then run `{command}`."),
            by=prompt.reviewed_by or "",
            day=prompt.reviewed_on or "",
            command=command,
        )
    if required or _has_reviewer(prompt):
        level: Level = "error" if required else "warning"
        yield Finding.of(prompt.file, prompt.field_lines[FIELD], "sign-off", level, message)


def _has_reviewer(prompt: Prompt) -> bool:
    return bool(prompt.reviewed_by and prompt.reviewed_on)
