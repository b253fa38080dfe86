"""Reads the front matter of a prompt file, the YAML fields between two `---` lines, and edits it in place.

An edit changes one field and keeps every other byte: comments, quotes, a byte-order mark, line endings.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import yaml

from ivr.i18n import N_, Explained, sentence
from ivr.line.content.findings import BrokenPrompts, Finding
from ivr.line.content.yaml_source import decode_text, field_offsets, read_yaml

_LINE_END = re.compile(r"\r\n|\r|\n")
_CLOSING = re.compile(r"(?:\r\n|\r|\n)---[ \t]*(?=\r|\n|\Z)")
# A new field is inserted above this one, which every file has.
_NEXT_FIELD = "reviewed"
_FILE = "the file"
_NOT_IN_PLACE = N_("The fields cannot be edited in place: write each field on its own line first.")


class NotEditable(Explained, ValueError):
    """A file that cannot be edited in place; the message is for the user."""


def split_front_matter(file: str, text: str) -> tuple[str, str, int]:
    """The fields, the body, and the line number of the body. Raises BrokenPrompts."""
    lines = text.split("\n")
    closing = next((number for number, line in enumerate(lines) if number and line.rstrip() == "---"), None)
    if lines[0].rstrip() != "---" or closing is None:
        message = sentence(N_("Begin the file with its fields between two lines of `---`, as the other files do."))
        raise BrokenPrompts([Finding.of(file, 1, "fields", "error", message)])
    return "\n".join(lines[1:closing]), "\n".join(lines[closing + 1 :]), closing + 2


def read_fields(data: bytes) -> tuple[Any, str]:
    """A file's front matter, unvalidated, and its body. Raises BrokenPrompts."""
    fields, body, _ = split_front_matter(_FILE, decode_text(_FILE, data))
    return read_yaml(_FILE, fields).value, body


def replace_fields(data: bytes, values: Any) -> bytes:
    """The file with other fields and the same body; comments in the front matter are lost. Raises BrokenPrompts."""
    return f"---\n{yaml.safe_dump(values, allow_unicode=True, sort_keys=False)}---\n{read_fields(data)[1]}".encode()


def set_field(data: bytes, name: str, value: str) -> bytes:
    """The file with the field `name: value`, where value is one line of YAML.

    Raises BrokenPrompts if the file cannot be read, and ValueError with a message for the user if it cannot be edited.
    """

    def edit_fields(fields: str, line_end: str) -> str:
        offsets = field_offsets(fields)
        if name in offsets:
            _, end, node = offsets[name]
            return f"{fields[: node.start_mark.index]}{value}{fields[end:]}"
        offset = offsets[_NEXT_FIELD][0]
        return f"{fields[:offset]}{name}: {value}{line_end}{fields[offset:]}"

    return _edit(data, edit_fields, lambda fields: {**fields, name: read_yaml(_FILE, value).value})


def append_to_list(data: bytes, name: str, item: str) -> bytes:
    """The file with an item appended to a list of strings, which is created if missing. Raises like `set_field`."""
    quoted = quote(item)

    def edit_fields(fields: str, line_end: str) -> str:
        node = field_offsets(fields)[name][2] if name in field_offsets(fields) else None
        if not isinstance(node, yaml.SequenceNode):
            return f"{fields}{line_end}{name}:{line_end}  - {quoted}"
        if node.flow_style:
            offset = node.end_mark.index - 1
            return f"{fields[:offset]}{', ' if node.value else ''}{quoted}{fields[offset:]}"
        # A block scalar ends on the line below it, so trailing whitespace is skipped.
        end_of_item = len(fields[: node.value[-1].end_mark.index].rstrip())
        next_line = _LINE_END.search(fields, end_of_item)
        offset = next_line.start() if next_line else len(fields)
        return f"{fields[:offset]}{line_end}{' ' * node.start_mark.column}- {quoted}{fields[offset:]}"

    return _edit(data, edit_fields, lambda fields: {**fields, name: [*(fields.get(name) or []), item]})


def replace_list(data: bytes, name: str, items: Sequence[str]) -> bytes:
    """The file with other items in a list of strings. Those that stay keep their order, quotes and comments, and new
    ones follow them. Raises like `set_field`.
    """
    present = [str(item) for item in read_fields(data)[0].get(name) or []]
    edited = data
    if set(present) - set(items):
        edited = _edit(data, partial(_without_items, name, items), partial(_values_without, name, items))
    for item in dict.fromkeys(items):
        if item not in present:
            edited = append_to_list(edited, name, item)
    return edited


def _values_without(name: str, items: Sequence[str], fields: dict[str, Any]) -> dict[str, Any]:
    return {**fields, name: [item for item in fields[name] if str(item) in items]}


def _without_items(name: str, items: Sequence[str], fields: str, _line_end: str) -> str:
    _, end, node = field_offsets(fields)[name]
    if not isinstance(node, yaml.SequenceNode):
        raise NotEditable(sentence(_NOT_IN_PLACE))
    kept = [item for item in node.value if str(item.value) in items]
    if node.flow_style or not kept:
        sources = (fields[item.start_mark.index : item.end_mark.index].rstrip() for item in kept)
        start: int = node.start_mark.index if node.flow_style else fields.index(":", field_offsets(fields)[name][0]) + 1
        return f"{fields[:start]}{'' if node.flow_style else ' '}[{', '.join(sources)}]{fields[end:]}"
    lines = fields.splitlines(keepends=True)
    for item in node.value:
        if item not in kept:
            lines[item.start_mark.line] = ""
    return "".join(lines)


def _edit(data: bytes, change: Callable[[str, str], str], expect: Callable[[dict[str, Any]], dict[str, Any]]) -> bytes:
    """Edit the fields with `change(fields, line_end)`, and check that the new values are as expected."""
    before, body = read_fields(data)
    text = data.decode("utf-8")
    opening = _LINE_END.search(text)
    closing = _CLOSING.search(text, opening.end() - 1) if opening else None
    if opening is None or closing is None or not isinstance(before, dict) or _NEXT_FIELD not in before:
        raise NotEditable(sentence(_NOT_IN_PLACE))
    fields = change(text[opening.end() : closing.start()], opening[0])
    edited = f"{text[: opening.end()]}{fields}{text[closing.start() :]}".encode()
    try:
        is_as_expected = read_fields(edited) == (expect(before), body)
    except BrokenPrompts:
        is_as_expected = False
    if not is_as_expected:
        raise NotEditable(sentence(_NOT_IN_PLACE))
    return edited


def quote(text: str) -> str:
    """A string as one line of YAML: quoted only if it would not read back the same."""
    try:
        if read_yaml(_FILE, f"- {text}").value == [text] and read_yaml(_FILE, f"[{text}]").value == [text]:
            return text
    except BrokenPrompts:
        pass
    return json.dumps(text, ensure_ascii=False)
