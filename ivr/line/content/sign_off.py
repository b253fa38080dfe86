"""Who signed which words off: a sign-off belongs to the exact words, and is gone when they change."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date

from ivr.line.content.findings import Finding, Level
from ivr.line.content.front_matter import set_field
from ivr.line.content.keyword_rules import RED_FLAGS
from ivr.line.content.loader import Content
from ivr.line.content.prompt import Prompt, read_prompt
from ivr.line.content.translations import words_digest

FIELD = "reviewed"
RESULTS = "results"


def is_signed_off(prompt: Prompt) -> bool:
    """Whether somebody signed these very words."""
    return bool(_is_claimed(prompt) and prompt.reviewed_words == words_digest(prompt))


def sign_offs(content: Content) -> dict[tuple[str, str], tuple[str, str]]:
    """Who signed which prompt, and on which day: (language, name) to (by, on). What is not signed is not there."""
    return {
        key: (prompt.reviewed_by or "", prompt.reviewed_on or "")
        for key, prompt in sorted(content.prompts.items())
        if is_signed_off(prompt)
    }


def with_sign_off(data: bytes, by: str, on: date) -> bytes:
    """A prompt's file with the sign-off of its present words.

    Raises BrokenPrompts where the file cannot be read, and ValueError, a sentence, for a name that cannot stand there.
    """
    name = " ".join(by.split())
    if not name or not name.isprintable():
        raise ValueError("Write the name of whoever signs, like Dr. Lee.")
    digest = words_digest(read_prompt("en/any.md", data))
    return set_field(data, FIELD, f"{{by: {json.dumps(name, ensure_ascii=False)}, on: {on}, words: {digest}}}")


def requires_sign_off(content: Content) -> frozenset[str]:
    """The prompts that tell something of medicine: the topics, the red flags, and who can give results."""
    return frozenset((*(topic.id for topic in content.config.topics), *RED_FLAGS, RESULTS))


def check_sign_off(content: Content, prompt: Prompt) -> Iterator[Finding]:
    """A sign-off of other words; and, where line.yaml requires it, a topic without one."""
    if is_signed_off(prompt):
        return
    command = f"infoline prompts sign {prompt.name} --language {prompt.language} --by NAME"
    required = content.config.sign_off == "required" and prompt.name in requires_sign_off(content)
    what = "Nobody has signed these words off, and line.yaml requires it"
    if _is_claimed(prompt):
        what = f"{prompt.reviewed_by} signed on {prompt.reviewed_on}, but not these words"
    if required or _is_claimed(prompt):
        message = f"{what}: have them read, then run `{command}`."
        level: Level = "error" if required else "warning"
        yield Finding(prompt.file, prompt.field_lines[FIELD], "sign-off", level, message)


def _is_claimed(prompt: Prompt) -> bool:
    return bool(prompt.reviewed_by and prompt.reviewed_on)
