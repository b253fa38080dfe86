"""A release that was published before today's code needs more, or takes less, mended as it is read.

Its files stay as they were stored, and so does its digest: only what is read from them is mended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Literal

import yaml

from ivr.line.content.config import read_config
from ivr.line.content.findings import BrokenPrompts
from ivr.line.content.loader import LINE_FILE, Content, Files, content_digest, read_content
from ivr.line.content.prompt import Prompt, decode_text, read_prompt, split_front_matter
from ivr.line.content.required_prompts import required_prompts
from ivr.line.content.yaml_source import read_yaml

REMOVED = object()
"""What a mend returns for a key that is no longer of use."""
# What can be said beside what is there already; a menu's choices follow its keys, and are its own.
_ADDABLE = ("Spoken", "Texted")


@dataclass(frozen=True)
class Upgrade:
    """A value that an earlier version of this code took and today's does not.

    where: line.yaml, or the fields on top of each prompt. path: `*` is any key, or each item of a list.
    mend: the value as today's code takes it, or GONE.
    """

    where: Literal["line.yaml", "fields"]
    path: tuple[str, ...]
    mend: Callable[[Any], Any]


# Add a row when you retire a key, or take less of one: releases of the last year must open.
UPGRADES: tuple[Upgrade, ...] = (
    # Until November 2026 a prompt that no menu shows could have an empty title.
    Upgrade("fields", ("title",), lambda value: value if str(value).strip() else REMOVED),
)


def read_release(files: Files, spare: Files) -> Content:
    """Read a stored release; spare: the words shipped with this code, for what it needs and the release lacks.

    Raises BrokenPrompts for what no table mends, as a release of a newer version than this code may be.
    """
    try:
        return read_content(files)
    except BrokenPrompts:
        content = read_content(mended(files, spare))
        return replace(content, digest=content_digest(files), files=dict(files))


def mended(files: Files, spare: Files) -> dict[str, bytes]:
    """The files as today's code can read them. What cannot be mended stays as it is."""
    upgraded = {name: _upgraded(name, data) for name, data in files.items()}
    with suppress(BrokenPrompts):
        for name, data in _lacking(upgraded, spare):
            upgraded[name] = data
    return upgraded


def _upgraded(name: str, data: bytes) -> bytes:
    """A file with its retired values mended; the same bytes when it has none."""
    where = "line.yaml" if name == LINE_FILE else "fields"
    mends = [upgrade for upgrade in UPGRADES if upgrade.where == where]
    if not mends or not name.endswith((LINE_FILE, ".md")):
        return data
    try:
        words = decode_text(name, data)
        fields, body, _ = (words, "", 0) if name == LINE_FILE else split_front_matter(name, words)
        value, before = (read_yaml(name, fields).value for _ in range(2))
    except BrokenPrompts:
        return data
    for upgrade in mends:
        _mend(value, upgrade.path, upgrade.mend)
    if value == before:
        return data
    written = yaml.safe_dump(value, allow_unicode=True, sort_keys=False)
    return (written if name == LINE_FILE else f"---\n{written}---\n{body}").encode()


def _mend(value: Any, path: tuple[str, ...], mend: Callable[[Any], Any]) -> None:
    key, *rest = path
    if isinstance(value, list):
        found: list[Any] = list(range(len(value))) if key == "*" else []
    else:
        found = [name for name in value if key in ("*", name)] if isinstance(value, dict) else []
    for name in reversed(found):
        if rest:
            _mend(value[name], tuple(rest), mend)
            continue
        value[name] = mend(value[name])
        if value[name] is REMOVED:
            del value[name]


def _lacking(files: Files, spare: Files) -> Iterator[tuple[str, bytes]]:
    """The prompts and parts that today's code needs and these files lack, in the words shipped with the code.

    A language that the code does not ship is helped out in the first one that it does: a sentence in English is better
    than a call that ends.
    """
    config = read_config(read_yaml(LINE_FILE, decode_text(LINE_FILE, files.get(LINE_FILE, b""))))
    for name, parts in required_prompts(config).items():
        for language in config.languages:
            file = f"{language}/{name}.md"
            held, shipped = _read(file, files.get(file)), _shipped(language, name, spare)
            if shipped is None or (held is None and file in files):
                continue
            if held is None:
                yield file, spare[shipped.file]
                continue
            missing = [part for part in parts if part in _ADDABLE and not _part(held, part)]
            added = [f"\n\n## {part}\n\n{words}\n" for part in missing if (words := _part(shipped, part))]
            if added:
                yield file, files[file] + "".join(added).encode()


def _shipped(language: str, name: str, spare: Files) -> Prompt | None:
    own = f"{language}/{name}.md"
    others = sorted(file for file in spare if file.endswith(f"/{name}.md") and file != own)
    return next(filter(None, (_read(file, spare.get(file)) for file in (own, *others))), None)


def _read(file: str, data: bytes | None) -> Prompt | None:
    try:
        return None if data is None else read_prompt(file, data)
    except BrokenPrompts:
        return None


def _part(prompt: Prompt, part: str) -> str:
    if part == "Texted":
        return prompt.texted.words if prompt.texted else ""
    return prompt.spoken[0].words if prompt.spoken else ""
