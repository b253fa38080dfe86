"""Opens releases that another version of this code published.

A release that this version cannot read is upgraded in memory; its stored files and its digest never change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml

from ivr.line.content.findings import BrokenPrompts
from ivr.line.content.front_matter import read_fields, replace_fields
from ivr.line.content.loader import (
    LINE_FILE,
    Content,
    Files,
    content_digest,
    read_content,
    read_folder,
    read_line_file,
)
from ivr.line.content.prompt import Prompt, read_prompt
from ivr.line.content.required_prompts import CAUTION, CAUTION_SYMPTOM, required_prompts
from ivr.line.content.yaml_source import decode_text, read_yaml
from ivr.shipped import shipped_prompts

REMOVED = object()
"""What an upgrade returns for a key that is no longer used."""
# Sections that can be borrowed from another prompt. A menu's choices depend on its keys, so they cannot.
_BORROWABLE = ("Spoken", "Texted")
# Prompts that a release has in place of a missing one, in the hospital's own words.
_FORMER = {CAUTION_SYMPTOM: CAUTION}


@dataclass(frozen=True)
class Upgrade:
    """A value that a former version of this code accepted and this one does not.

    where: line.yaml, or the front matter of each prompt. path: `*` is any key, or each item of a list.
    convert: returns the value in its present form, or REMOVED.
    """

    where: Literal["line.yaml", "fields"]
    path: tuple[str, ...]
    convert: Callable[[Any], Any]


# Add a row when you retire a key or accept fewer values: releases of the last year must open.
# A renamed front-matter field belongs in `RENAMED_FIELDS` of prompt.py instead, since drafts may use it too.
UPGRADES: tuple[Upgrade, ...] = (
    # Until November 2026, a prompt that no menu shows could have an empty title.
    Upgrade("fields", ("title",), lambda value: value if str(value).strip() else REMOVED),
)


def open_release(files: Files, prompts_dir: Path) -> Content:
    """Read a stored release. Missing text is taken from the shipped prompts, or from prompts_dir if there are none.

    Raises BrokenPrompts if the release cannot be upgraded, for example because it is from a newer version.
    """
    try:
        return read_content(files, checks_questions=False)
    except BrokenPrompts:
        shipped: Files = {}
        with suppress(BrokenPrompts):
            shipped = read_folder(shipped_prompts() if (shipped_prompts() / LINE_FILE).is_file() else prompts_dir)
        return replace(read_content(upgrade_files(files, shipped)), digest=content_digest(files), files=dict(files))


def add_required_prompts(files: Files) -> dict[str, bytes]:
    """The files of a release, with the prompts that this version requires and an earlier one did not, as shipped."""
    added: dict[str, bytes] = {}
    with suppress(BrokenPrompts):
        # Of most releases, nothing is missing, and the shipped folder need not be read.
        added |= _missing_prompts(files, cache(lambda: read_folder(shipped_prompts())))
    return {**files, **added}


def upgrade_files(files: Files, shipped: Files) -> dict[str, bytes]:
    """The files in a form that this version can read. A file that cannot be upgraded is unchanged."""
    upgraded = {name: _upgrade_values(name, data) for name, data in files.items()}
    with suppress(BrokenPrompts):
        upgraded |= dict(_missing_prompts(upgraded, lambda: shipped))
    return upgraded


def _upgrade_values(name: str, data: bytes) -> bytes:
    """A file after all applicable upgrades; the same bytes if there are none."""
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
        _convert(values, upgrade.path, upgrade.convert)
    if values == before:
        return data
    if name == LINE_FILE:
        return yaml.safe_dump(values, allow_unicode=True, sort_keys=False).encode()
    return replace_fields(data, values)


def _convert(value: Any, path: tuple[str, ...], convert: Callable[[Any], Any]) -> None:
    """Convert every value at a path, in place."""
    name, *rest = path
    if isinstance(value, list):
        keys: list[Any] = list(range(len(value))) if name == "*" else []
    else:
        keys = [key for key in value if name in ("*", key)] if isinstance(value, dict) else []
    for key in reversed(keys):
        if rest:
            _convert(value[key], tuple(rest), convert)
            continue
        value[key] = convert(value[key])
        if value[key] is REMOVED:
            del value[key]


def _missing_prompts(files: Files, read_shipped: Callable[[], Files]) -> Iterator[tuple[str, bytes]]:
    """The files to which a required prompt or section must be added, with its text from the shipped prompts.

    A language that is not shipped borrows from the first one that is: hearing English is better than a dropped call.
    """
    config, _ = read_line_file(files.get(LINE_FILE, b""))
    for name, headings in required_prompts(config).items():
        for language in config.languages:
            file = f"{language}/{name}.md"
            prompt = _read(file, files)
            missing = [
                heading for heading in headings if heading in _BORROWABLE and prompt and not _text(prompt, heading)
            ]
            if (prompt and not missing) or (prompt is None and file in files):
                continue
            former = f"{language}/{_FORMER.get(name)}.md"
            if prompt is None and former in files:
                yield file, files[former]
                continue
            shipped = read_shipped()
            others = sorted(other for other in shipped if other.endswith(f"/{name}.md") and other != file)
            substitute = next(filter(None, (_read(other, shipped) for other in (file, *others))), None)
            if substitute is None:
                continue
            if prompt is None:
                yield file, shipped[substitute.file]
                continue
            texts = {heading: _text(substitute, heading) for heading in missing}
            added = [f"\n\n## {heading}\n\n{text}\n" for heading, text in texts.items() if text]
            if added:
                yield file, files[file] + "".join(added).encode()


def _read(file: str, files: Files) -> Prompt | None:
    try:
        return read_prompt(file, files[file]) if file in files else None
    except BrokenPrompts:
        return None


def _text(prompt: Prompt, heading: str) -> str:
    section = prompt.texted if heading == "Texted" else next(iter(prompt.spoken), None)
    return section.words if section else ""
