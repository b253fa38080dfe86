"""YAML as operators may write it: plain values, each with its line; nothing that runs, repeats or explodes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.composer import Composer

from ivr.line.content.findings import BrokenPrompts, Finding

_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,8})")
_WORDS: dict[str, Any] = {"": None, "~": None, "null": None, "true": True, "false": False}
# What XML 1.0 cannot hold, escaped or not: a voice document with one of these would end the call.
# https://www.w3.org/TR/xml/#charsets
UNSPEAKABLE = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_DEEPEST = 20
Path = tuple[str | int, ...]


@dataclass
class Source:
    """A read YAML document: its values, and the line on which each of them stands."""

    file: str
    value: Any = None
    lines: dict[Path, int] = field(default_factory=dict)

    def line(self, path: Path) -> int:
        """The line of a value, or of the nearest thing around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def fault(self, path: Path, rule: str, message: str) -> Finding:
        return Finding(self.file, self.line(path), rule, "error", message)


def read_yaml(file: str, words: str, first_line: int = 1) -> Source:
    """Read YAML; first_line is the line of the file on which `words` begins.

    Raises BrokenPrompts for what is not YAML, for doubled keys, for anchors, aliases and tags, and for what is
    nested too deep to be a list of settings.
    """
    source = Source(file)
    shift = first_line - 1
    try:
        node = _PlainLoader(words).get_single_node()
    except _Refused as refused:
        raise _broken(file, refused.line + shift, refused.rule, refused.message) from None
    except yaml.MarkedYAMLError as error:
        line = (error.problem_mark.line + 1 if error.problem_mark else 1) + shift
        began = f", in what begins on line {error.context_mark.line + 1 + shift}" if error.context_mark else ""
        raise _broken(file, line, "yaml", f"This is not valid YAML: {error.problem}{began}.") from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        # The reader names a position; an escape such as \UFFFFFFFF is a bare ValueError.
        line = words.count("\n", 0, getattr(error, "position", 0)) + first_line
        raise _broken(file, line, "yaml", "This is not valid YAML: a sign stands here that cannot be shown.") from None
    source.value = None if node is None else _build(source, node, (), shift)
    return source


def field_offsets(words: str) -> dict[str, tuple[int, int, int]]:
    """Where each field of a YAML document stands: the offsets of its name, and of the two ends of its value.

    Only for what `read_yaml` reads, and for fields in one document.
    """
    node = _PlainLoader(words).get_single_node()
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    return {str(key.value): (key.start_mark.index, value.start_mark.index, _end(value)) for key, value in pairs}


def _end(node: yaml.Node) -> int:
    """A list in lines of its own says that it ends where the next thing begins; its last value says it exactly."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end(last[1] if isinstance(last, tuple) else last)
    end: int = node.end_mark.index
    return end


def _broken(file: str, line: int, rule: str, message: str) -> BrokenPrompts:
    return BrokenPrompts([Finding(file, line, rule, "error", message)])


class _Refused(Exception):
    """What YAML allows and prompts do not. line counts from the first line of the words."""

    def __init__(self, line: int, rule: str, message: str) -> None:
        self.line, self.rule, self.message = line, rule, message


class _PlainLoader(Composer, yaml.CSafeLoader):
    """Reads YAML, and stops at the first reference, tag, or nesting that has no end.

    libyaml tells what stands there, many times as fast as Python would; Python puts it together, and so sees all of it.
    """

    depth = 0

    def __init__(self, words: str) -> None:
        yaml.CSafeLoader.__init__(self, words)
        Composer.__init__(self)

    def get_event(self) -> Any:
        event = super().get_event()
        line = (event.start_mark.line if event and event.start_mark else 0) + 1
        self.depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        tag = getattr(event, "tag", None)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _Refused(line, "yaml-reference", "Write the value out: & and * are not used here.")
        if tag:
            raise _Refused(line, "yaml-tag", f"Take away {tag}: tags are not used here.")
        if self.depth > _DEEPEST:
            raise _Refused(line, "yaml", f"This is nested more than {_DEEPEST} deep: write it flat.")
        return event


def _build(source: Source, node: yaml.Node, path: Path, shift: int) -> Any:
    source.lines[path] = node.start_mark.line + 1 + shift
    if isinstance(node, yaml.MappingNode):
        return _mapping(source, node, path, shift)
    if isinstance(node, yaml.SequenceNode):
        return [_build(source, item, (*path, index), shift) for index, item in enumerate(node.value)]
    value = _scalar(node)
    if isinstance(value, str) and UNSPEAKABLE.search(value):
        message = "A sign stands here that no voice can say, such as \\x07: take it away."
        raise _broken(source.file, source.lines[path], "not-text", message)
    return value


def _mapping(source: Source, node: yaml.MappingNode, path: Path, shift: int) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1 + shift
        if not isinstance(key_node, yaml.ScalarNode):
            raise _broken(source.file, line, "yaml", "A name is one word here, not a list.")
        key = str(key_node.value)
        if key in values:
            raise _broken(source.file, line, "yaml-double", f"`{key}` stands here twice: keep one.")
        values[key] = _build(source, value_node, (*path, key), shift)
        source.lines[(*path, key)] = line
    return values


def _scalar(node: yaml.Node) -> Any:
    """Only null, true, false and whole numbers are special: 21:00 stays 21:00, and `no` stays a word."""
    words = str(node.value)
    if getattr(node, "style", None) in ("'", '"', "|", ">"):
        return words
    if words.lower() in _WORDS:
        return _WORDS[words.lower()]
    return int(words) if _INTEGER.fullmatch(words) else words
