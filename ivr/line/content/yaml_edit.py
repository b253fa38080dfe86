"""Changes single values of a YAML document and leaves everything else, comments included, as it was typed."""

from __future__ import annotations

from collections.abc import Mapping

import yaml

from ivr.line.content.yaml_source import Path, parse_yaml


def set_value(text: str, path: Path, value: str) -> str:
    """The document with the scalar at a path replaced by `value`, as YAML writes it; a missing key is added.

    The document must be one that `read_yaml` accepts. Raises KeyError if the path leads through another scalar, to a
    list or mapping, or beyond the end of a list.
    """
    node = parse_yaml(text)
    for depth, step in enumerate(path):
        child = _child(node, step)
        if child is None:
            if not isinstance(node, yaml.MappingNode):
                raise KeyError(path)
            return _add(text, node, path[depth:], value)
        node = child
    if not isinstance(node, yaml.ScalarNode):
        raise KeyError(path)
    start: int = node.start_mark.index
    end: int = node.end_mark.index
    return text[:start] + value + text[end:]


def replace_value(text: str, path: Path, value: str) -> str:
    """The document with the value at a path replaced: a scalar, or a list or mapping that is written on one line.

    A missing key is added. Raises KeyError like `set_value`, and for a list or mapping in another style.
    """
    node = parse_yaml(text)
    for step in path:
        child = _child(node, step)
        if child is None:
            return set_value(text, path, value)
        node = child
    if isinstance(node, yaml.CollectionNode) and not node.flow_style:
        raise KeyError(path)
    assert node is not None
    start: int = node.start_mark.index
    end: int = node.end_mark.index
    return text[:start] + value + text[end:]


def append_item(text: str, path: Path, fields: Mapping[str, str]) -> str:
    """The document with a mapping at the end of a list of mappings, which is not empty and not written on one line.

    fields: the values as YAML writes them. Raises KeyError if there is no such list.
    """
    items = _items(text, path)
    column = int(items[-1].start_mark.column)
    lines = [f"{name}: {value}\n" for name, value in fields.items()]
    end = _line_end(text, items[-1])
    before = text[:end] if text[:end].endswith("\n") else f"{text[:end]}\n"
    return f"{before}{' ' * (column - 2)}- {(' ' * column).join(lines)}{text[end:]}"


def remove_item(text: str, path: Path, index: int) -> str:
    """The document without an item of a list of mappings, like that of `append_item`. Comments around it stay."""
    items = _items(text, path)
    if len(items) < 2 or index >= len(items):
        raise KeyError(path)
    start = text.rfind("\n", 0, int(items[index].start_mark.index)) + 1
    return text[:start] + text[_line_end(text, items[index]) :]


def _items(text: str, path: Path) -> list[yaml.Node]:
    node = parse_yaml(text)
    for step in path:
        node = _child(node, step)
    if not isinstance(node, yaml.SequenceNode) or node.flow_style or not node.value:
        raise KeyError(path)
    if any(not isinstance(item, yaml.MappingNode) or item.flow_style for item in node.value):
        raise KeyError(path)
    return list(node.value)


def _line_end(text: str, node: yaml.Node) -> int:
    """Where the last line of a node ends. The node itself ends after the comments that follow."""
    while isinstance(node, yaml.MappingNode) and not node.flow_style:
        node = node.value[-1][1]
    while isinstance(node, yaml.SequenceNode) and not node.flow_style:
        node = node.value[-1]
    end = text.find("\n", int(node.end_mark.index) - 1)
    return len(text) if end < 0 else end + 1


def _child(node: yaml.Node | None, step: str | int) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        return next((child for key, child in node.value if key.value == step), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        found: yaml.Node = node.value[step]
        return found
    return None


def _add(text: str, mapping: yaml.MappingNode, path: Path, value: str) -> str:
    for key in reversed(path[1:]):
        value = f"{{{key}: {value}}}"
    entry = f"{path[0]}: {value}"
    if mapping.flow_style or not mapping.value:
        end: int = mapping.end_mark.index - 1
        separator = ", " if mapping.value else ""
        return text[:end] + separator + entry + text[end:]
    # Before the first key, because a comment may follow the last value.
    first = mapping.value[0][0].start_mark
    start: int = first.index
    indent = " " * int(first.column)
    return f"{text[:start]}{entry}\n{indent}{text[start:]}"
