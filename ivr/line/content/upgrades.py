"""Open releases that other versions of this code published.

A stored release that today's code cannot read is upgraded in memory. Its stored files and its digest never change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import yaml

from ivr.line.content.config import read_config
from ivr.line.content.findings import BrokenPrompts
from ivr.line.content.front_matter import read_fields, replace_fields
from ivr.line.content.loader import LINE_FILE, Content, Files, content_digest, read_content, read_folder
from ivr.line.content.prompt import Prompt, read_prompt
from ivr.line.content.required_prompts import required_prompts
from ivr.line.content.text_files import decode_text
from ivr.line.content.yaml_source import read_yaml
from ivr.shipped import shipped_prompts

REMOVED = object()
"""The result of an upgrade for a key that is no longer used."""
# Sections that can be added to a prompt. A menu's choices follow its keys, so they cannot be borrowed.
_ADDABLE = ("Spoken", "Texted")


@dataclass(frozen=True)
class Upgrade:
    """A value that a former version of this code accepted and today's does not.

    where: line.yaml, or the front matter of each prompt. path: `*` is any key, or each item of a list.
    mend: returns the value as today's code accepts it, or REMOVED.
    """

    where: Literal["line.yaml", "fields"]
    path: tuple[str, ...]
    mend: Callable[[Any], Any]


# Add a row when you retire a key or accept fewer values: releases of the last year must open.
# A renamed front-matter field goes into `RENAMED_FIELDS` of prompt.py instead, since drafts may use it too.
UPGRADES: tuple[Upgrade, ...] = (
    # Until November 2026, a prompt that no menu shows could have an empty title.
    Upgrade("fields", ("title",), lambda value: value if str(value).strip() else REMOVED),
)


def open_release(files: Files, prompts_dir: Path) -> Content:
    """Read a stored release; what it lacks comes from the prompts shipped with the code, or else from prompts_dir.

    Raises BrokenPrompts if it cannot be upgraded, as a release of a newer version may be.
    """
    try:
        return read_content(files)
    except BrokenPrompts:
        content = read_content(upgrade_files(files, _shipped_files(prompts_dir)))
        return replace(content, digest=content_digest(files), files=dict(files))


def _shipped_files(prompts_dir: Path) -> Files:
    try:
        return read_folder(shipped_prompts() if (shipped_prompts() / LINE_FILE).is_file() else prompts_dir)
    except BrokenPrompts:
        return {}


def upgrade_files(files: Files, shipped: Files) -> dict[str, bytes]:
    """The files as today's code can read them. A file that cannot be upgraded stays unchanged."""
    upgraded = {name: _upgrade_values(name, data) for name, data in files.items()}
    with suppress(BrokenPrompts):
        upgraded |= dict(_missing_prompts(upgraded, shipped))
    return upgraded


def _upgrade_values(name: str, data: bytes) -> bytes:
    """A file after the upgrades that apply; the same bytes if none does."""
    where = "line.yaml" if name == LINE_FILE else "fields"
    upgrades = [upgrade for upgrade in UPGRADES if upgrade.where == where]
    if not upgrades or not name.endswith((LINE_FILE, ".md")):
        return data
    try:
        before = read_yaml(name, decode_text(name, data)).value if name == LINE_FILE else read_fields(data)[0]
    except BrokenPrompts:
        return data
    values = deepcopy(before)
    for upgrade in upgrades:
        _mend(values, upgrade.path, upgrade.mend)
    if values == before:
        return data
    if name == LINE_FILE:
        return yaml.safe_dump(values, allow_unicode=True, sort_keys=False).encode()
    return replace_fields(data, values)


def _mend(value: Any, path: tuple[str, ...], mend: Callable[[Any], Any]) -> None:
    name, *rest = path
    if isinstance(value, list):
        keys: list[Any] = list(range(len(value))) if name == "*" else []
    else:
        keys = [key for key in value if name in ("*", key)] if isinstance(value, dict) else []
    for key in reversed(keys):
        if rest:
            _mend(value[key], tuple(rest), mend)
            continue
        value[key] = mend(value[key])
        if value[key] is REMOVED:
            del value[key]


def _missing_prompts(files: Files, shipped: Files) -> Iterator[tuple[str, bytes]]:
    """The prompts and sections that today's code needs and these files lack, with the text shipped with the code.

    A language that is not shipped borrows from the first one that is: a sentence in English is better than a call
    that ends.
    """
    config = read_config(read_yaml(LINE_FILE, decode_text(LINE_FILE, files.get(LINE_FILE, b""))))
    for name, headings in required_prompts(config).items():
        for language in config.languages:
            file = f"{language}/{name}.md"
            prompt, spare = _read(file, files), _shipped_prompt(language, name, shipped)
            if spare is None or (prompt is None and file in files):
                continue
            if prompt is None:
                yield file, shipped[spare.file]
                continue
            missing = [heading for heading in headings if heading in _ADDABLE and not _text(prompt, heading)]
            added = [f"\n\n## {heading}\n\n{text}\n" for heading in missing if (text := _text(spare, heading))]
            if added:
                yield file, files[file] + "".join(added).encode()


def _shipped_prompt(language: str, name: str, shipped: Files) -> Prompt | None:
    same = f"{language}/{name}.md"
    others = sorted(file for file in shipped if file.endswith(f"/{name}.md") and file != same)
    return next(filter(None, (_read(file, shipped) for file in (same, *others))), None)


def _read(file: str, files: Files) -> Prompt | None:
    try:
        return read_prompt(file, files[file]) if file in files else None
    except BrokenPrompts:
        return None


def _text(prompt: Prompt, heading: str) -> str:
    section = prompt.texted if heading == "Texted" else next(iter(prompt.spoken), None)
    return section.words if section else ""
