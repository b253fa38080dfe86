"""The front matter of a prompt file: the YAML fields between two lines of `---`. Read and edited in place.

An edit changes one field and keeps every other byte: comments, quotes, a byte-order mark, line ends.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import yaml

from ivr.line.content.findings import BrokenPrompts, Finding
from ivr.line.content.text_files import decode_text
from ivr.line.content.yaml_source import field_offsets, read_yaml

_LINE_END = re.compile(r"\r\n|\r|\n")
_CLOSING = re.compile(r"(?:\r\n|\r|\n)---[ \t]*(?=\r|\n|\Z)")
# A new field is inserted above this one, which every file has.
_ABOVE = "reviewed"
_FILE = "the file"
_NOT_IN_PLACE = "The fields cannot be edited in place: write each field on a line of its own first."


def split_front_matter(file: str, text: str) -> tuple[str, str, int]:
    """The fields, the body below them, and the line on which the body begins. Raises BrokenPrompts."""
    lines = text.split("\n")
    closing = next((number for number, line in enumerate(lines) if number and line.rstrip() == "---"), None)
    if lines[0].rstrip() != "---" or closing is None:
        message = "Begin the file with its fields between two lines of `---`, as the other files do."
        raise BrokenPrompts([Finding(file, 1, "fields", "error", message)])
    return "\n".join(lines[1:closing]), "\n".join(lines[closing + 1 :]), closing + 2


def read_fields(data: bytes) -> tuple[Any, str]:
    """The value of a file's front matter, of any shape, and its body. Raises BrokenPrompts."""
    fields, body, _ = split_front_matter(_FILE, decode_text(_FILE, data))
    return read_yaml(_FILE, fields).value, body


def replace_fields(data: bytes, values: Any) -> bytes:
    """The file with other fields and the same body; comments in the front matter are lost. Raises BrokenPrompts."""
    return f"---\n{yaml.safe_dump(values, allow_unicode=True, sort_keys=False)}---\n{read_fields(data)[1]}".encode()


def set_field(data: bytes, name: str, value: str) -> bytes:
    """The file with the field `name: value`; value is YAML on one line.

    Raises BrokenPrompts if the file cannot be read, and ValueError, a sentence, if the field cannot be edited in place.
    """

    def changed(fields: str, line_end: str) -> str:
        offsets = field_offsets(fields)
        if name in offsets:
            _, end, node = offsets[name]
            return f"{fields[: node.start_mark.index]}{value}{fields[end:]}"
        above = offsets[_ABOVE][0]
        return f"{fields[:above]}{name}: {value}{line_end}{fields[above:]}"

    return _edit(data, changed, lambda fields: {**fields, name: read_yaml(_FILE, value).value})


def append_to_list(data: bytes, name: str, item: str) -> bytes:
    """The file with one more item at the end of a list of strings, which may be missing. Raises as `set_field`."""
    written = _quote(item)

    def changed(fields: str, line_end: str) -> str:
        node = field_offsets(fields)[name][2] if name in field_offsets(fields) else None
        if not isinstance(node, yaml.SequenceNode):
            return f"{fields}{line_end}{name}:{line_end}  - {written}"
        if node.flow_style:
            at = node.end_mark.index - 1
            return f"{fields[:at]}{', ' if node.value else ''}{written}{fields[at:]}"
        next_line = _LINE_END.search(fields, _last_character(fields, node.value[-1]))
        at = next_line.start() if next_line else len(fields)
        return f"{fields[:at]}{line_end}{' ' * node.start_mark.column}- {written}{fields[at:]}"

    return _edit(data, changed, lambda fields: {**fields, name: [*(fields.get(name) or []), item]})


def _last_character(fields: str, node: yaml.Node) -> int:
    """The offset of a node's last character: a block scalar ends on the line below it."""
    return len(fields[: node.end_mark.index].rstrip())


def _edit(data: bytes, change: Callable[[str, str], str], expect: Callable[[dict[str, Any]], dict[str, Any]]) -> bytes:
    """Change the text of the fields, given it and the file's line end; check that the new values are as expected."""
    before, body = read_fields(data)
    text = data.decode("utf-8")
    opening = _LINE_END.search(text)
    closing = _CLOSING.search(text, opening.end() - 1) if opening else None
    if opening is None or closing is None or not isinstance(before, dict) or _ABOVE not in before:
        raise ValueError(_NOT_IN_PLACE)
    fields = change(text[opening.end() : closing.start()], opening[0])
    edited = f"{text[: opening.end()]}{fields}{text[closing.start() :]}".encode()
    try:
        is_as_expected = read_fields(edited) == (expect(before), body)
    except BrokenPrompts:
        is_as_expected = False
    if not is_as_expected:
        raise ValueError(_NOT_IN_PLACE)
    return edited


def _quote(text: str) -> str:
    """A string as YAML in a list: unquoted if it reads back the same, else quoted."""
    try:
        if read_yaml(_FILE, f"- {text}").value == [text] and read_yaml(_FILE, f"[{text}]").value == [text]:
            return text
    except BrokenPrompts:
        pass
    return json.dumps(text, ensure_ascii=False)
