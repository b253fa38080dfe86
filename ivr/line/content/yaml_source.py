"""Decoding of the files in prompts/, and a strict subset of YAML in which every value knows its line."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.composer import Composer

from ivr.i18n import N_, Sentence, sentence
from ivr.line.content.findings import BrokenPrompts, Finding

_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,8})")
_LITERALS: dict[str, Any] = {"": None, "~": None, "null": None, "true": True, "false": False}
_DEEPEST = 20
Path = tuple[str | int, ...]
LARGEST_TEXT = 100_000
"""The size limit of line.yaml and of a prompt, in bytes."""
# XML 1.0 does not allow these, even escaped, and invalid TwiML would end the call.
# https://www.w3.org/TR/xml/#charsets
UNSPEAKABLE = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass
class Source:
    """A YAML document: its values, and the line number of each."""

    file: str
    value: Any = None
    lines: dict[Path, int] = field(default_factory=dict)

    def line(self, path: Path) -> int:
        """The line number of a value, or of its nearest ancestor."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def fault(self, path: Path, rule: str, template: str, /, **values: int | str | list[str] | Sentence) -> Finding:
        """An error about a value. template, values: see `ivr.i18n.sentence`."""
        return Finding.of(self.file, self.line(path), rule, "error", sentence(template, **values))


def read_yaml(file: str, text: str, first_line: int = 1) -> Source:
    """Read YAML that begins on `first_line` of the file.

    Raises BrokenPrompts for invalid YAML, duplicate keys, anchors, aliases, tags, and deep nesting.
    """
    source = Source(file)
    shift = first_line - 1
    try:
        node = _PlainLoader(text, file, first_line).get_single_node()
    except yaml.MarkedYAMLError as error:
        line = (error.problem_mark.line + 1 if error.problem_mark else 1) + shift
        if error.context_mark:
            template = N_("This is not valid YAML: {problem}, in the value from line {line} on.")
            where = error.context_mark.line + 1 + shift
            message = sentence(template, problem=str(error.problem), line=where)
        else:
            message = sentence(N_("This is not valid YAML: {problem}."), problem=str(error.problem))
        raise _broken(file, line, "yaml", message) from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        # A reader error has a position; an escape such as \UFFFFFFFF is a bare ValueError.
        line = text.count("\n", 0, getattr(error, "position", 0)) + first_line
        message = sentence(N_("This is not valid YAML: it has a character that cannot be shown."))
        raise _broken(file, line, "yaml", message) from None
    source.value = None if node is None else _build(source, node, (), shift)
    return source


def parse_yaml(text: str) -> yaml.Node | None:
    """The nodes of a document that `read_yaml` accepts, each with its place in the text."""
    node: yaml.Node | None = _PlainLoader(text).get_single_node()
    return node


def field_offsets(text: str) -> dict[str, tuple[int, int, yaml.Node]]:
    """Each field of a mapping that `read_yaml` accepts: the offsets of its key and its value's end, and its value."""
    node = parse_yaml(text)
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    return {str(key.value): (key.start_mark.index, node_end(value), value) for key, value in pairs}


def node_end(node: yaml.Node) -> int:
    """The offset of a value's end. PyYAML ends a block list at the next key, so this is the end of its last item."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return node_end(last[1] if isinstance(last, tuple) else last)
    end: int = node.end_mark.index
    return end


def _broken(file: str, line: int, rule: str, message: Sentence) -> BrokenPrompts:
    return BrokenPrompts([Finding.of(file, line, rule, "error", message)])


class _PlainLoader(Composer, yaml.CSafeLoader):
    """Raises BrokenPrompts at the first anchor, alias, tag, or deep nesting.

    libyaml parses, many times as fast as Python; the Python composer sees every event.
    """

    def __init__(self, text: str, file: str = "", first_line: int = 1) -> None:
        yaml.CSafeLoader.__init__(self, text)
        Composer.__init__(self)
        self.file, self.first_line, self.depth = file, first_line, 0

    def get_event(self) -> Any:
        event = super().get_event()
        line = (event.start_mark.line if event and event.start_mark else 0) + self.first_line
        self.depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        tag = getattr(event, "tag", None)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            message = sentence(N_("Write the value out: & and * are not used here."))
            raise _broken(self.file, line, "yaml-reference", message)
        if tag:
            raise _broken(
                self.file, line, "yaml-tag", sentence(N_("Remove {tag}: tags are not used here."), tag=str(tag))
            )
        if self.depth > _DEEPEST:
            message = sentence(N_("This is nested more than {most} deep: write it flat."), most=_DEEPEST)
            raise _broken(self.file, line, "yaml", message)
        return event


def _build(source: Source, node: yaml.Node, path: Path, shift: int) -> Any:
    source.lines[path] = node.start_mark.line + 1 + shift
    if isinstance(node, yaml.MappingNode):
        return _mapping(source, node, path, shift)
    if isinstance(node, yaml.SequenceNode):
        return [_build(source, item, (*path, index), shift) for index, item in enumerate(node.value)]
    value = _scalar(node)
    if isinstance(value, str) and UNSPEAKABLE.search(value):
        message = sentence(N_("This value has a character that no voice can say, such as \\x07: remove it."))
        raise _broken(source.file, source.lines[path], "not-text", message)
    return value


def _mapping(source: Source, node: yaml.MappingNode, path: Path, shift: int) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1 + shift
        if not isinstance(key_node, yaml.ScalarNode):
            raise _broken(source.file, line, "yaml", sentence(N_("A key is a single word here, not a list.")))
        key = str(key_node.value)
        if key in values:
            message = sentence(N_("`{key}` appears twice: keep one of them."), key=key)
            raise _broken(source.file, line, "yaml-double", message)
        values[key] = _build(source, value_node, (*path, key), shift)
        source.lines[(*path, key)] = line
    return values


def _scalar(node: yaml.Node) -> Any:
    """Only null, true, false and integers are special: 21:00 and `no` stay strings."""
    text = str(node.value)
    if getattr(node, "style", None) in ("'", '"', "|", ">"):
        return text
    if text.lower() in _LITERALS:
        return _LITERALS[text.lower()]
    return int(text) if _INTEGER.fullmatch(text) else text


def decode_text(file: str, data: bytes, largest: int = LARGEST_TEXT) -> str:
    """Decode UTF-8, drop a byte-order mark, and convert any line endings to `\\n`.

    Raises BrokenPrompts for more than `largest` bytes, another encoding, or a control character.
    """
    if len(data) > largest:
        message = sentence(N_("This file has {count} bytes: the limit is {most}."), count=len(data), most=largest)
        raise _broken(file, 0, "not-text", message)
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _broken(file, line, "not-text", sentence(N_("Save this file as text in UTF-8."))) from None
    unspeakable = UNSPEAKABLE.search(text)
    if unspeakable:
        line = text.count("\n", 0, unspeakable.start()) + 1
        message = sentence(
            N_("This line has a character that no voice can say: remove it, and save the file as text in UTF-8.")
        )
        raise _broken(file, line, "not-text", message)
    return text
