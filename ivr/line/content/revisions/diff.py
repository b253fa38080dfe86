"""The differences between two versions of prompts/: by file, by section or key, and by word."""

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
# Words that are in both versions (=), only in the old one (-), or only in the new one (+).
DiffRun = tuple[Literal["=", "-", "+"], str]
# The number of unchanged words shown on either side of a change.
_CONTEXT = 5
# Above this many pairs of words, frequent words are not matched: the comparison would take too long.
_MANY_PAIRS = 1_000_000
_PROMPT = re.compile(r"([a-z]{2})/([a-z0-9-]+)\.md")
_TEXT = (".md", ".yaml", ".tsv")
_FIELD = re.compile(r"([a-z_]+):")


@dataclass(frozen=True)
class ChangedPart:
    """A part that changed, such as `Spoken 2`, `phrases` or `directory.central-scheduling.number`, and its text."""

    name: str
    runs: tuple[DiffRun, ...]

    def as_json(self) -> dict[str, Any]:
        return {"place": self.name, "words": [{"sign": mark, "words": text} for mark, text in self.runs]}


@dataclass(frozen=True)
class Change:
    """The change of one file. Only text files that are in both versions have parts."""

    file: str
    kind: ChangeKind
    parts: tuple[ChangedPart, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {"file": self.file, "kind": self.kind, "places": [part.as_json() for part in self.parts]}


def changed_files(before: Mapping[str, object], after: Mapping[str, object]) -> list[tuple[str, ChangeKind]]:
    """The files that differ, line.yaml first. The values may be bytes or digests."""
    names = sorted(before.keys() | after.keys(), key=lambda name: (name != LINE_FILE, name))
    return [
        (name, "added" if name not in before else "removed" if name not in after else "changed")
        for name in names
        if before.get(name) != after.get(name)
    ]


def diff_files(before: Files, after: Files) -> list[Change]:
    """Every file that differs, with the parts that differ."""
    return [
        Change(name, kind, tuple(_changed_parts(name, before[name], after[name])) if kind == "changed" else ())
        for name, kind in changed_files(before, after)
    ]


def summarize_changes(changed: Iterable[tuple[str, ChangeKind]]) -> str:
    """One line for all changes: `cancer (en, es), line.yaml, recordings/en/keys.mp3 added`."""
    languages: dict[tuple[str, ChangeKind], list[str]] = defaultdict(list)
    for name, kind in changed:
        match = _PROMPT.fullmatch(name)
        languages[match[2] if match else name, kind] += [match[1]] if match else []
    summary = []
    for (name, kind), codes in languages.items():
        where = f" ({', '.join(codes)})" if codes else ""
        summary.append(f"{name}{where}" + (f" {kind}" if kind != "changed" else ""))
    return ", ".join(summary) or "nothing"


def _changed_parts(name: str, before: bytes, after: bytes) -> Iterator[ChangedPart]:
    if not name.endswith(_TEXT):
        return
    old, new = (data.decode("utf-8-sig", "replace") for data in (before, after))
    try:
        yield from _changed_keys(name, old, new) if name == LINE_FILE else _changed_lines(name, old, new)
    except BrokenPrompts:
        yield from _changed_lines(name, old, new)


def _changed_keys(name: str, old: str, new: str) -> Iterator[ChangedPart]:
    """The values in line.yaml that differ, by path."""
    before, after = (dict(_flatten(read_yaml(name, text).value)) for text in (old, new))
    for path in dict.fromkeys([*before, *after]):
        if before.get(path) != after.get(path):
            yield ChangedPart(path, _diff_words(before.get(path, "").split(), after.get(path, "").split()))


def _flatten(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, list) and value and all(isinstance(item, dict) and "id" in item for item in value):
        value = {str(item["id"]): item for item in value}
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _flatten(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        yield path, ", ".join(map(str, value)) or "[]"
    else:
        yield path, "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _changed_lines(name: str, old: str, new: str) -> Iterator[ChangedPart]:
    """The lines that differ; in a prompt, named by their heading or field."""
    before, after = old.splitlines(), new.splitlines()
    headings = [_headings(lines) if name.endswith(".md") else [""] * len(lines) for lines in (before, after)]
    for kind, a, b, c, d in SequenceMatcher(None, before, after).get_opcodes():
        if kind != "equal":
            runs = _diff_words(" ".join(before[a:b]).split(), " ".join(after[c:d]).split())
            if runs:
                yield ChangedPart(headings[1][c] if c < d else headings[0][a], runs)


def _headings(lines: Sequence[str]) -> list[str]:
    """The field or heading that each line of a prompt belongs to."""
    headings, counts, current, in_fields = [], Counter[str](), "", True
    for number, line in enumerate(lines):
        if in_fields and number and line.rstrip() == "---":
            in_fields, current = False, ""
        elif in_fields and (field := _FIELD.match(line)):
            current = field[1]
        elif not in_fields and line.startswith("## "):
            heading = line[3:].strip()
            counts[heading] += 1
            current = f"{heading} {counts[heading]}" if counts[heading] > 1 else heading
        headings.append(current)
    return headings


def _diff_words(before: Sequence[str], after: Sequence[str]) -> tuple[DiffRun, ...]:
    """The words of both versions in order; empty if no word differs."""
    if before == after:
        return ()
    runs: list[DiffRun] = []
    is_long = len(before) * len(after) > _MANY_PAIRS
    codes = SequenceMatcher(None, before, after, autojunk=is_long).get_opcodes()
    for number, (kind, a, b, c, d) in enumerate(codes):
        if kind == "equal":
            runs.append(("=", _context(before[a:b], first=number == 0, last=number == len(codes) - 1)))
            continue
        if a < b:
            runs.append(("-", " ".join(before[a:b])))
        if c < d:
            runs.append(("+", " ".join(after[c:d])))
    return tuple(runs)


def _context(words: Sequence[str], *, first: bool, last: bool) -> str:
    """The unchanged words next to a change, with an ellipsis for the rest."""
    head, tail = (0 if first else _CONTEXT), (0 if last else _CONTEXT)
    if len(words) <= head + tail:
        return " ".join(words)
    return " ".join([*words[:head], "…", *words[len(words) - tail :]])
