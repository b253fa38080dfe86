"""Giving a choice of a menu another key, in line.yaml and in what callers hear, in every language."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from ivr.line.content.findings import BrokenPrompts
from ivr.line.content.loader import LINE_FILE, Content
from ivr.line.content.prompt import read_prompt
from ivr.line.content.revisions.translations import mark_up_to_date, source_prompt, text_digest
from ivr.line.content.yaml_source import Path
from ivr.web.console.prompts.editing.editor_form import sentences_of
from ivr.web.console.prompts.editing.sections import fields_of, rebuild
from ivr.web.console.prompts.line.line_file import LineFile, Refused
from ivr.web.console.words import gettext, reason_of

_CHOICE = re.compile(r"(\s*)([0-9])(\.\s+)(.*)")


def moved(line: LineFile, content: Content, menu: str, key: str, to: str) -> dict[str, bytes]:
    """All files that change when the choice of a key gets another one, and those between move up. Raises Refused."""
    choices = line.config.menus[menu].choices
    keys = sorted(choices)
    order = [each for each in keys if each != key]
    order.insert(keys.index(to), key)
    moves = {new: old for new, old in zip(keys, order, strict=True) if new != old}
    values: dict[Path, str] = {("menus", menu, "choices", new): choices[old] for new, old in moves.items()}
    return {LINE_FILE: line.changed(values), **dict(_prompts(line, content, menu, moves))}


def _prompts(line: LineFile, content: Content, menu: str, moves: Mapping[str, str]) -> Iterator[tuple[str, bytes]]:
    """The files of a menu. moves: the former key of a choice by its new one."""
    files, changed = line.draft.files, dict[str, bytes]()
    for language in line.config.languages:
        file = f"{language}/{menu}.md"
        data = _move_words(files.get(file, b""), moves)
        prompt = content.prompts[language, menu]
        source = source_prompt(content, prompt)
        if source is not None and prompt.made_from == text_digest(source):
            # Both languages change in the same way, so the translation stays up to date.
            data = mark_up_to_date(data, text_digest(read_prompt(source.file, changed[source.file])))
        changed[file] = data
        yield file, data


def _move_words(data: bytes, moves: Mapping[str, str]) -> bytes:
    fields = fields_of(data)
    index = next((i for i, part in enumerate(fields.parts) if part.heading == "Choices"), None) if fields else None
    refusal = Refused(gettext("The choices of this menu have an error. Open its prompt, and fix it first."))
    if fields is None or index is None:
        raise refusal
    part = fields.parts[index]
    lines = part.words.split("\n")
    found = {match[2]: (number, match) for number, text in enumerate(lines) if (match := _CHOICE.fullmatch(text))}
    if not moves.keys() <= found.keys():
        raise refusal
    for new, old in moves.items():
        number, match = found[new]
        lines[number] = f"{match[1]}{new}{match[3]}{found[old][1][4]}"
    parts = (*fields.parts[:index], replace(part, words="\n".join(lines)), *fields.parts[index + 1 :])
    try:
        return rebuild(data, replace(fields, parts=parts)).data
    except BrokenPrompts as broken:
        raise Refused(sentences_of(broken.findings)) from None
    except ValueError as refused:
        raise Refused(reason_of(refused)) from None
