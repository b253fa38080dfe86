"""YAML as operators may write it: plain values, each with its line; nothing that runs, repeats or explodes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from ivr.line.findings import BrokenPrompts, Finding

_INTEGER = re.compile(r"[-+]?(0|[1-9]\d*)$")
_WORDS: dict[str, Any] = {"": None, "~": None, "null": None, "true": True, "false": False}
_PLAIN_TAGS = ("tag:yaml.org,2002:", "!")
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

    Raises BrokenPrompts for what is not YAML, for doubled keys, and for anchors, aliases and tags.
    """
    source = Source(file)
    shift = first_line - 1
    try:
        _refuse_references(file, words, shift)
        node = yaml.compose(words, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = (error.problem_mark.line + 1 if error.problem_mark else 1) + shift
        raise _broken(file, line, "yaml", f"This is not valid YAML: {error.problem}.") from None
    except yaml.YAMLError as error:
        raise _broken(file, first_line, "yaml", f"This is not valid YAML: {error}.") from None
    source.value = None if node is None else _build(source, node, (), shift)
    return source


def _broken(file: str, line: int, rule: str, message: str) -> BrokenPrompts:
    return BrokenPrompts([Finding(file, line, rule, "error", message)])


def _refuse_references(file: str, words: str, shift: int) -> None:
    for event in yaml.parse(words, Loader=yaml.SafeLoader):
        line = (event.start_mark.line if event.start_mark else 0) + 1 + shift
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _broken(file, line, "yaml-reference", "Write the value out: & and * are not used here.")
        tag = getattr(event, "tag", None)
        if tag and not tag.startswith(_PLAIN_TAGS[0]) and tag != _PLAIN_TAGS[1]:
            raise _broken(file, line, "yaml-tag", f"Take away {tag}: tags are not used here.")


def _build(source: Source, node: yaml.Node, path: Path, shift: int) -> Any:
    source.lines[path] = node.start_mark.line + 1 + shift
    if isinstance(node, yaml.MappingNode):
        return _mapping(source, node, path, shift)
    if isinstance(node, yaml.SequenceNode):
        return [_build(source, item, (*path, index), shift) for index, item in enumerate(node.value)]
    return _scalar(node)


def _mapping(source: Source, node: yaml.MappingNode, path: Path, shift: int) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = str(key_node.value)
        line = key_node.start_mark.line + 1 + shift
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
    return int(words) if _INTEGER.match(words) else words
