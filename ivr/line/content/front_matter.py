"""One field of a prompt's file, put in or changed: all other bytes stay as they were, marks and line ends too."""

from __future__ import annotations

import re

from ivr.line.content.findings import BrokenPrompts
from ivr.line.content.prompt import Prompt, read_prompt
from ivr.line.content.yaml_source import field_offsets

# Fields begin below the first `---` and end above the next; a line ends as on any system.
_LINE_END = re.compile(r"\r\n|\r|\n")
_CLOSING = re.compile(r"(?:\r\n|\r|\n)---[ \t]*(?=\r|\n|\Z)")
# Where a field that was not there before is put: above this one, which every file has.
_ABOVE = "reviewed"
_ANY_FILE = "en/any.md"


def set_field(data: bytes, name: str, value: str) -> bytes:
    """A prompt's file with the field `name: value`, value being YAML on one line.

    Raises BrokenPrompts where the file cannot be read, and ValueError, a sentence, where its fields are written so
    that one cannot be changed alone.
    """
    before = read_prompt(_ANY_FILE, data)
    text = data.decode("utf-8")
    opening = _LINE_END.search(text)
    closing = _CLOSING.search(text, opening.end() - 1) if opening else None
    if opening is None or closing is None:
        raise ValueError("The fields on top are not written one a line: write them so first.")
    changed = _changed(text[opening.end() : closing.start()], name, value, opening[0])
    written = f"{text[: opening.end()]}{changed}{text[closing.start() :]}".encode()
    try:
        kept = _is_the_same(before, read_prompt(_ANY_FILE, written))
    except BrokenPrompts:
        kept = False
    if not kept:
        raise ValueError(f"`{name}` cannot be changed alone here: write each field on a line of its own first.")
    return written


def _changed(fields: str, name: str, value: str, line_end: str) -> str:
    places = field_offsets(fields)
    if name in places:
        _, start, end = places[name]
        return f"{fields[:start]}{value}{fields[end:]}"
    above, _, _ = places[_ABOVE]
    return f"{fields[:above]}{name}: {value}{line_end}{fields[above:]}"


def _is_the_same(before: Prompt, after: Prompt) -> bool:
    """Whether two files say the same and are asked for in the same words."""
    return (before.title, before.sources, before.phrases, before.signs, before.keeps_accents) == (
        after.title,
        after.sources,
        after.phrases,
        after.signs,
        after.keeps_accents,
    ) and [one.words for one in before.sections()] == [one.words for one in after.sections()]
