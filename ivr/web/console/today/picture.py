"""The picture of the line with the number of callers on its branches, and the table that says the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from markupsafe import Markup

from ivr.line.content.loader import Content
from ivr.line.diagram.menu_tree import MenuNode, MenuTree, build_menu_tree, with_callers
from ivr.line.diagram.svg import draw_tree
from ivr.people.calls.branches import BranchCounts

_trees: dict[tuple[str, str], MenuTree] = {}


@dataclass(frozen=True)
class Row:
    """A row of the table. path: the keys from the first menu. callers: None before they are counted.

    spoken: how many asked for it in their own words; None for what cannot be asked for.
    """

    path: str
    depth: int
    title: str
    callers: int | None
    spoken: int | None


def menu_tree(content: Content, language: str) -> MenuTree:
    """The menus of a release, which takes a while to build and never changes."""
    key = (content.digest, language)
    if key not in _trees:
        # Few languages of the live release; those of earlier ones are not needed anymore.
        for old in [other for other in _trees if other[0] != content.digest]:
            _trees.pop(old, None)
        _trees[key] = build_menu_tree(content, language)
    return _trees[key]


def draw(tree: MenuTree, language: str, counts: BranchCounts | None) -> Markup:
    """The picture. All its words are escaped, since it is built as an XML tree."""
    if counts is not None:
        tree = with_callers(tree, counts.calls, counts.by_key)
    return Markup(draw_tree(tree, language))  # noqa: S704


def rows(tree: MenuTree, counts: BranchCounts | None) -> list[Row]:
    """The branches in the order of the picture."""
    if counts is not None:
        tree = with_callers(tree, counts.calls, counts.by_key)
    spoken = counts.spoken if counts else {}
    return list(_rows(tree.root, "", 0, spoken))


def _rows(node: MenuNode, path: str, depth: int, spoken: dict[str, int]) -> Iterator[Row]:
    path = f"{path} {node.key}".strip()
    asked = spoken.get(node.name, 0) if node.kind in ("menu", "topic") else None
    yield Row(path, depth, node.title, node.callers, asked)
    for child in node.children:
        yield from _rows(child, path, depth + 1, spoken)
