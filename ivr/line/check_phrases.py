"""The rule for phrases: each leads to its own prompt."""

from __future__ import annotations

from collections.abc import Iterator

from ivr.line.content import Content
from ivr.line.findings import Finding
from ivr.line.signs import RED_FLAGS
from ivr.line.understand import Matcher


def strayed_phrases(content: Content, matcher: Matcher | None = None) -> Iterator[Finding]:
    """Each phrase leads to its own prompt and to no other; red flags are looked for before anything else.

    matcher: the content's, where there is one already.
    """
    matcher = matcher or Matcher(content)
    for prompt in content.prompts.values():
        for phrase, at in zip(prompt.phrases, prompt.phrase_lines, strict=True):
            led = matcher.led_to(phrase)
            if led != prompt.name and not {led, prompt.name} <= set(RED_FLAGS):
                message = f"`{phrase}` is understood as {led}: put it in other words."
                yield Finding(prompt.file, at, "phrase", "error", message)
