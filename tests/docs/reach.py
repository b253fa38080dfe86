"""The words that a test can reach: in it, and in the functions, fixtures, and constants of `tests` that it uses."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.support.paths import ROOT

Place = tuple[Path, str]
"""A module, and a name on its top level."""


def words_of(test: str) -> set[str]:
    """The words of `tests/…/test_x.py::test_y`, and of files of this project that it names. Raises LookupError."""
    file, _, name = test.partition("::")
    start = (ROOT / file, name)
    if not name.startswith("test_") or name not in _definitions(start[0]):
        raise LookupError(test)
    texts = {text for place in _reached(start) for text in _texts(place)}
    files = [ROOT / text for text in texts if text == "Procfile" or text.startswith(("docs/", "deploy/"))]
    texts |= {file.read_text() for file in files if file.is_file()}
    return {word.strip("`") for text in texts for word in text.split()}


def _reached(start: Place) -> set[Place]:
    found, waiting = {start}, [start]
    while waiting:
        new = {place for name in _names(waiting[-1]) if (place := _find(waiting[-1][0], name))} - found
        waiting.pop()
        found |= new
        waiting += new
    return found


def _find(module: Path, name: str) -> Place | None:
    """Where a name that a module uses is defined, if it is in `tests`; a fixture may be in a conftest.py."""
    if name in _definitions(module):
        return module, name
    if source := _imports(module).get(name):
        return source if source[1] in _definitions(source[0]) else None
    for folder in module.parents:
        conftest = folder / "conftest.py"
        if conftest.is_file() and name in _definitions(conftest):
            return conftest, name
        if folder == ROOT / "tests":
            break
    return None


@cache
def _tree(module: Path) -> ast.Module:
    return ast.parse(module.read_text())


@cache
def _definitions(module: Path) -> dict[str, ast.stmt]:
    found: dict[str, ast.stmt] = {}
    for node in _tree(module).body:
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                found[name] = node
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                found[name] = node
    return found


@cache
def _imports(module: Path) -> dict[str, Place]:
    found = {}
    for node in _tree(module).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tests."):
            source = ROOT / f"{str(node.module).replace('.', '/')}.py"
            if source.is_file():
                found |= {name.asname or name.name: (source, name.name) for name in node.names}
    return found


def _names(place: Place) -> Iterator[str]:
    for node in ast.walk(_definitions(place[0])[place[1]]):
        match node:
            case ast.Name(id=name) | ast.arg(arg=name):
                yield name


def _texts(place: Place) -> Iterator[str]:
    for node in ast.walk(_definitions(place[0])[place[1]]):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
