"""Changes single values and items of a YAML document and leaves all else, comments included, as it was typed."""

from __future__ import annotations

import yaml

from ivr.line.content.yaml_source import Path, node_end, parse_yaml


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


def append_item(text: str, path: Path, value: str) -> str:
    """The document with `value` as the last item of the list at a path.

    value: YAML, of several lines only if the list is not written in brackets. Raises KeyError if there is no such list.
    """
    items = _list_at(text, path)
    if items.flow_style:
        if "\n" in value:
            raise KeyError(path)
        end = items.end_mark.index - 1
        separator = ", " if items.value and not text[:end].rstrip().endswith(",") else ""
        return text[:end] + separator + value + text[end:]
    before, _, after = text[node_end(items) :].partition("\n")
    indent = " " * int(items.start_mark.column)
    lines = value.replace("\n", f"\n{indent}  ")
    return f"{text[: node_end(items)]}{before}\n{indent}- {lines}\n{after}"


def remove_item(text: str, path: Path, index: int) -> str:
    """The document without an item of the list at a path. Raises KeyError if there is none, or if it is the only one.

    Comments above it stay.
    """
    items = _list_at(text, path)
    nodes = items.value
    if index >= len(nodes) or len(nodes) == 1:
        raise KeyError(path)
    start, end = nodes[index].start_mark.index, node_end(nodes[index])
    if not items.flow_style:
        # The mark of the item is on the same line, or on one above.
        line = text.rfind("\n", 0, text.rfind("-", 0, start)) + 1
        return text[:line] + text[end:].partition("\n")[2]
    if index + 1 < len(nodes):
        return text[:start] + text[nodes[index + 1].start_mark.index :]
    return text[: node_end(nodes[index - 1])] + text[end:]


def _list_at(text: str, path: Path) -> yaml.SequenceNode:
    node = parse_yaml(text)
    for step in path:
        node = _child(node, step)
    if not isinstance(node, yaml.SequenceNode):
        raise KeyError(path)
    return node


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
