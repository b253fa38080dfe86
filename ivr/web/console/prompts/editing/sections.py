"""A prompt file in the fields of a form: each part of its words, its title, sources and phrases; and back.

What was not changed keeps every byte. A file that does not fit the form is edited as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ivr.i18n import N_, sentence
from ivr.line.content.findings import BrokenPrompts
from ivr.line.content.front_matter import (
    NotEditable,
    quote,
    read_fields,
    replace_list,
    set_field,
    split_front_matter,
)
from ivr.line.content.prompt import SECTIONS
from ivr.line.content.yaml_source import decode_text

_FILE = "the file"
_FIELD = re.compile(r"([a-z_]+):")
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class PartField:
    """A part of the words in the form. place: its number in the file that was loaded; None for a new one."""

    heading: str
    words: str
    place: int | None = None


@dataclass(frozen=True)
class PromptFields:
    """The fields of the form."""

    title: str
    sources: tuple[str, ...]
    phrases: tuple[str, ...]
    parts: tuple[PartField, ...]

    def with_new_part(self, heading: str) -> PromptFields:
        """The fields with an empty part at the end of those with its heading, in the order of files."""
        order = SECTIONS.index(heading)
        before = [part for part in self.parts if SECTIONS.index(part.heading) <= order]
        after = [part for part in self.parts if SECTIONS.index(part.heading) > order]
        return PromptFields(self.title, self.sources, self.phrases, (*before, PartField(heading, ""), *after))


@dataclass(frozen=True)
class Rebuilt:
    """A file made from fields. places: the index of the form's part that each part of the file was made from."""

    data: bytes
    places: tuple[int, ...]


@dataclass(frozen=True)
class _Chunk:
    heading: str
    text: str
    """All lines below the heading."""
    line: int

    @property
    def end(self) -> int:
        return self.line + self.text.count("\n")


def fields_of(data: bytes) -> PromptFields | None:
    """The fields of a file; None if it does not fit the form."""
    try:
        values: Any = read_fields(data)[0]
        chunks = _chunks(data)
    except BrokenPrompts:
        return None
    if not isinstance(values, dict) or chunks is None:
        return None
    lists = values.get("sources", []), values.get("phrases", [])
    if not all(isinstance(items, list) and all(isinstance(item, str | int) for item in items) for items in lists):
        return None
    parts = (PartField(chunk.heading, chunk.text.strip(), place) for place, chunk in enumerate(chunks))
    sources, phrases = (tuple(map(str, items)) for items in lists)
    return PromptFields(str(values.get("title", "")), sources, phrases, tuple(parts))


def rebuild(data: bytes, fields: PromptFields) -> Rebuilt:
    """The file with other fields. A part without words is left out, unless no other is left.

    Raises ValueError with a message for the user if a field cannot be changed in place, and BrokenPrompts.
    """
    before = fields_of(data)
    if before is None:
        raise NotEditable(sentence(N_("This file does not fit the form: edit the whole file.")))
    if fields.title != before.title:
        data = set_field(data, "title", quote(fields.title))
    if fields.sources != before.sources:
        data = replace_list(data, "sources", fields.sources)
    if fields.phrases != before.phrases:
        data = replace_list(data, "phrases", fields.phrases)
    kept = [index for index, part in enumerate(fields.parts) if part.words.strip()] or [0]
    parts = [fields.parts[index] for index in kept]
    if [(part.heading, part.words.strip()) for part in parts] != [(part.heading, part.words) for part in before.parts]:
        data = _with_parts(data, parts)
    return Rebuilt(data, tuple(kept))


def places_of_lines(data: bytes) -> dict[int, str | int]:
    """What each line of a file belongs to: the number of a part, or the name of a field. Lines count from 1."""
    text = data.decode("utf-8", "replace").replace("\r\n", "\n")
    places: dict[int, str | int] = {}
    current: str | int = ""
    part, is_top = -1, True
    for number, line in enumerate(text.split("\n"), start=1):
        if is_top and number > 1 and line.rstrip() == "---":
            is_top, current = False, ""
        elif is_top and (match := _FIELD.match(line)):
            current = match[1]
        elif not is_top and line.startswith("#"):
            part += 1
            current = part
        places[number] = current
    return places


def _chunks(data: bytes) -> list[_Chunk] | None:
    """The parts of the words; None if there is other text between them."""
    _, body, first = split_front_matter(_FILE, decode_text(_FILE, data))
    chunks: list[_Chunk] = []
    above, lines = "", list[str]()
    heading, start = "", first
    for number, line in enumerate([*body.split("\n"), "## "], start=first):
        if not line.startswith("#"):
            lines.append(line)
            continue
        if heading:
            chunks.append(_Chunk(heading, "\n".join(lines), start))
        else:
            above = "".join(lines).strip()
        if number < first + body.count("\n") + 1 and line.removeprefix("## ").strip() not in SECTIONS:
            return None
        heading, start, lines = line.removeprefix("## ").strip(), number, []
    return None if above or not chunks else chunks


def _with_parts(data: bytes, parts: Sequence[PartField]) -> bytes:
    text = decode_text(_FILE, data)
    chunks = _chunks(data) or []
    top = "\n".join(text.split("\n")[: chunks[0].line - 1])
    written = "".join(f"\n## {part.heading}{_text_of(part, chunks)}" for part in parts)
    line_end = "\r\n" if b"\r\n" in data else "\n"
    bom = _BOM if data.startswith(_BOM) else b""
    return bom + f"{top}{written.rstrip()}\n".replace("\n", line_end).encode()


def _text_of(part: PartField, chunks: Sequence[_Chunk]) -> str:
    """The lines below a heading: as they were if the words are the same."""
    words = part.words.strip()
    if part.place is not None and part.place < len(chunks):
        chunk = chunks[part.place]
        if chunk.heading == part.heading and chunk.text.strip() == words:
            return f"\n{chunk.text.rstrip()}\n"
    return f"\n\n{words}\n"
