"""What changed between two versions of prompts/: file by file, place by place, word by word."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Literal

from ivr.line.content.findings import BrokenPrompts
from ivr.line.content.loader import LINE_FILE, Files
from ivr.line.content.yaml_source import read_yaml

ChangeKind = Literal["added", "removed", "changed"]
# "=" stands in both, "-" only before, "+" only after.
DiffMark = Literal["=", "-", "+"]
DiffRun = tuple[DiffMark, str]
# Words that stay the same are shown so far around those that do not.
_AROUND = 5
# Pairs of words. Beyond, words that stand everywhere are no landmarks: each would be compared with all others.
_MANY = 1_000_000
_PROMPT = re.compile(r"([a-z]{2})/([a-z0-9-]+)\.md")
_TEXT = (".md", ".yaml", ".tsv")
_FIELD = re.compile(r"([a-z]+):")


@dataclass(frozen=True)
class ChangedPart:
    """One place that changed: `Spoken 2`, `phrases`, `directory.central-scheduling.number`, and its words."""

    name: str
    pieces: tuple[DiffRun, ...]

    def as_json(self) -> dict[str, Any]:
        return {"place": self.name, "words": [{"sign": sign, "words": words} for sign, words in self.pieces]}


@dataclass(frozen=True)
class Change:
    """What became of one file. A file that is new or gone, and a recording, has no places."""

    file: str
    kind: ChangeKind
    places: tuple[ChangedPart, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {"file": self.file, "kind": self.kind, "places": [place.as_json() for place in self.places]}


def changed_files(before: Mapping[str, object], after: Mapping[str, object]) -> list[tuple[str, ChangeKind]]:
    """The files that differ, line.yaml first; the values may be contents, or whatever stands for them."""
    names = sorted(before.keys() | after.keys(), key=lambda name: (name != LINE_FILE, name))
    kinds = ((name, _kind(before.get(name), after.get(name))) for name in names)
    return [(name, kind) for name, kind in kinds if kind]


def _kind(before: object, after: object) -> ChangeKind | None:
    if before == after:
        return None
    return "added" if before is None else "removed" if after is None else "changed"


def diff_files(before: Files, after: Files) -> list[Change]:
    """Every file that differs, with what differs in it."""
    return [
        Change(name, kind, tuple(_places(name, before[name], after[name])) if kind == "changed" else ())
        for name, kind in changed_files(before, after)
    ]


def summarize_changes(changed: Iterable[tuple[str, ChangeKind]]) -> str:
    """One line for many files: `cancer (en, es), line.yaml, recordings/en/keys.mp3 added`."""
    languages: dict[tuple[str, ChangeKind], list[str]] = defaultdict(list)
    for name, kind in changed:
        match = _PROMPT.fullmatch(name)
        languages[match[2] if match else name, kind] += [match[1]] if match else []
    told = []
    for (name, kind), found in languages.items():
        where = f" ({', '.join(found)})" if found else ""
        told.append(f"{name}{where}" + (f" {kind}" if kind != "changed" else ""))
    return ", ".join(told) or "nothing"


def _places(name: str, before: bytes, after: bytes) -> Iterator[ChangedPart]:
    if not name.endswith(_TEXT):
        return
    old, new = (data.decode("utf-8-sig", "replace") for data in (before, after))
    try:
        yield from _keys(name, old, new) if name == LINE_FILE else _lines(name, old, new)
    except BrokenPrompts:
        yield from _lines(name, old, new)


def _keys(name: str, old: str, new: str) -> Iterator[ChangedPart]:
    """The values of a YAML document that differ, by their paths."""
    before, after = (dict(_flat(read_yaml(name, words).value)) for words in (old, new))
    for path in dict.fromkeys([*before, *after]):
        if before.get(path) != after.get(path):
            yield ChangedPart(path, _pieces(before.get(path, "").split(), after.get(path, "").split()))


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, list) and value and all(isinstance(one, dict) and "id" in one for one in value):
        value = {str(one["id"]): one for one in value}
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _flat(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        yield path, ", ".join(map(str, value)) or "[]"
    else:
        yield path, "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _lines(name: str, old: str, new: str) -> Iterator[ChangedPart]:
    """The lines that differ; those of a prompt by the heading or field under which they stand."""
    before, after = old.splitlines(), new.splitlines()
    where = [_headings(lines) if name.endswith(".md") else [""] * len(lines) for lines in (before, after)]
    for kind, a, b, c, d in SequenceMatcher(None, before, after).get_opcodes():
        if kind != "equal":
            pieces = _pieces(" ".join(before[a:b]).split(), " ".join(after[c:d]).split())
            if pieces:
                yield ChangedPart(where[1][c] if c < d else where[0][a], pieces)


def _headings(lines: Sequence[str]) -> list[str]:
    """For each line of a prompt, the field or the heading to which it belongs."""
    found, seen, here, in_fields = [], Counter[str](), "", True
    for at, line in enumerate(lines):
        if in_fields and at and line.rstrip() == "---":
            in_fields, here = False, ""
        elif in_fields and (field := _FIELD.match(line)):
            here = field[1]
        elif not in_fields and line.startswith("## "):
            heading = line[3:].strip()
            seen[heading] += 1
            here = f"{heading} {seen[heading]}" if seen[heading] > 1 else heading
        found.append(here)
    return found


def _pieces(before: Sequence[str], after: Sequence[str]) -> tuple[DiffRun, ...]:
    """The words of both, in order; empty when no word differs."""
    if before == after:
        return ()
    pieces: list[DiffRun] = []
    is_long = len(before) * len(after) > _MANY
    codes = SequenceMatcher(None, before, after, autojunk=is_long).get_opcodes()
    for at, (kind, a, b, c, d) in enumerate(codes):
        if kind == "equal":
            pieces.append(("=", _near(before[a:b], first=at == 0, last=at == len(codes) - 1)))
            continue
        if a < b:
            pieces.append(("-", " ".join(before[a:b])))
        if c < d:
            pieces.append(("+", " ".join(after[c:d])))
    return tuple(pieces)


def _near(words: Sequence[str], *, first: bool, last: bool) -> str:
    """The words next to a change; an ellipsis for the others."""
    head, tail = (0 if first else _AROUND), (0 if last else _AROUND)
    if len(words) <= head + tail:
        return " ".join(words)
    return " ".join([*words[:head], "…", *words[len(words) - tail :]])
