"""All of prompts/ as one value: the configuration, every prompt by language and name, and the digest."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ivr.line.config import Config, read_config
from ivr.line.findings import BrokenPrompts, Finding
from ivr.line.needed import needed_prompts
from ivr.line.prompt import Prompt, decode, fill, read_prompt
from ivr.line.source import Source, read_yaml

LINE_FILE = "line.yaml"
_PROMPT_FILE = re.compile(r"[a-z]{2}/[a-z0-9]+(-[a-z0-9]+)*\.md$")
Files = Mapping[str, bytes]


@dataclass(frozen=True)
class Content:
    """What one release says. `files` are the bytes that it was read from."""

    digest: str
    config: Config
    prompts: Mapping[tuple[str, str], Prompt]
    files: Files

    def prompt(self, language: str, name: str) -> Prompt:
        return self.prompts[language, name]

    @cached_property
    def _values(self) -> dict[str, dict[str, str]]:
        numbers = {entry.id: entry.number for entry in self.config.directory}
        return {language: {"hospital": self.config.hospital[language], **numbers} for language in self.config.languages}

    def values(self, language: str) -> dict[str, str]:
        """What the placeholders that every prompt may use stand for: {hospital} and the numbers."""
        return self._values[language]

    def texted(self, language: str, name: str, /, **values: str) -> str:
        """The words of a prompt's text, filled in."""
        section = self.prompt(language, name).texted
        if section is None:
            raise KeyError(f"{language}/{name}.md has no words under ## Texted")
        return fill(section.words, {**self.values(language), **values})


def read_folder(folder: Path) -> dict[str, bytes]:
    """The files of a prompts folder by their path in it, without what editors leave behind.

    Raises BrokenPrompts when there is no such folder.
    """
    if not (folder / LINE_FILE).is_file():
        message = f"There is no {LINE_FILE} in {folder}: name the folder that holds the prompts."
        raise BrokenPrompts([Finding(LINE_FILE, 0, "folder", "error", message)])
    found = (path for path in sorted(folder.rglob("*")) if path.is_file())
    files = {path.relative_to(folder).as_posix(): path for path in found}
    return {
        name: path.read_bytes()
        for name, path in files.items()
        if not any(part.startswith((".", "~")) for part in name.split("/")) and not name.endswith(("~", ".bak"))
    }


def digest(files: Files) -> str:
    """The first 12 hex digits of the content's digest: the same files, the same digest, on any machine."""
    total = hashlib.sha256()
    for name in sorted(files):
        data = files[name]
        total.update(f"{name}\n{len(data)}\n".encode())
        total.update(data)
    return total.hexdigest()[:12]


def read_content(files: Files) -> Content:
    """Read and cross-check all files. Raises BrokenPrompts with every fault found, not only the first."""
    findings: list[Finding] = []
    config, source = _read_line(files, findings)
    prompts: dict[tuple[str, str], Prompt] = {}
    for file in sorted(files):
        if file == LINE_FILE:
            continue
        if not _PROMPT_FILE.match(file):
            message = "A prompt stands in a folder named by its language, its name in small letters: en/cancer.md."
            findings.append(Finding(file, 0, "file-name", "error", message))
            continue
        try:
            prompt = read_prompt(file, files[file])
            prompts[prompt.language, prompt.name] = prompt
        except BrokenPrompts as broken:
            findings += broken.findings
    if config is not None:
        findings += _reference_findings(config, source)
    if findings or config is None:
        raise BrokenPrompts(findings)
    findings += _missing(config, prompts)
    if findings:
        raise BrokenPrompts(findings)
    return Content(digest(files), config, prompts, dict(files))


def _read_line(files: Files, findings: list[Finding]) -> tuple[Config | None, Source]:
    try:
        source = read_yaml(LINE_FILE, decode(LINE_FILE, files.get(LINE_FILE, b"")))
        return read_config(source), source
    except BrokenPrompts as broken:
        findings += broken.findings
        return None, Source(LINE_FILE)


def _reference_findings(config: Config, source: Source) -> Iterator[Finding]:
    entries = {entry.id for entry in config.directory}
    targets = set(config.menus) | {topic.id for topic in config.topics} | entries
    wanted: list[tuple[tuple[str | int, ...], str, set[str], str]] = []
    for name, menu in config.menus.items():
        wanted.append((("menus", name, "person"), menu.person, entries, "in the directory"))
        wanted += [
            (("menus", name, "choices", key), target, targets, "a menu, a topic or in the directory")
            for key, target in menu.choices.items()
        ]
    for at, topic in enumerate(config.topics):
        wanted.append((("topics", at, "person"), topic.person, entries, "in the directory"))
    for at, entry in enumerate(config.directory):
        wanted += [
            (("directory", at, "next", n), name, entries, "in the directory") for n, name in enumerate(entry.next)
        ]
    for at, site in enumerate(config.sites):
        wanted.append((("sites", at, "directory"), site.directory, entries, "in the directory"))
    for path, name, known, where in wanted:
        if name not in known:
            yield source.fault(path, "reference", f"`{name}` is not {where}.")
    if "welcome" not in config.menus:
        yield source.fault(("menus",), "reference", "There is no menu `welcome`, where every call begins.")
    yield from _language_findings(config, source)


def _language_findings(config: Config, source: Source) -> Iterator[Finding]:
    named = [(("hospital",), config.hospital)]
    named += [(("directory", at, "name"), entry.name) for at, entry in enumerate(config.directory)]  # type: ignore[misc]
    named += [(("directory", at, "for"), entry.purpose) for at, entry in enumerate(config.directory)]  # type: ignore[misc]
    named += [(("sites", at, "name"), site.name) for at, site in enumerate(config.sites)]  # type: ignore[misc]
    for path, names in named:
        for language in config.languages:
            if not names.get(language):
                yield source.fault(path, "translation", f"The words in `{language}` are missing.")
    for what, ids in (
        ("topics", [topic.id for topic in config.topics]),
        ("topics", [topic.number for topic in config.topics]),
        ("directory", [entry.id for entry in config.directory]),
        ("sites", [site.id for site in config.sites]),
        ("reminders", [step.id for step in config.reminders.plan]),
    ):
        for doubled in sorted({str(name) for name in ids if ids.count(name) > 1}):  # type: ignore[arg-type]
            yield source.fault((what,), "double", f"`{doubled}` stands here twice under {what}.")


def _missing(config: Config, prompts: Mapping[tuple[str, str], Prompt]) -> Iterator[Finding]:
    for name, parts in needed_prompts(config).items():
        for language in config.languages:
            prompt = prompts.get((language, name))
            if prompt is None:
                message = "This file is missing: write it, or translate it from the other language."
                yield Finding(f"{language}/{name}.md", 0, "translation", "error", message)
                continue
            held = {"Spoken": prompt.spoken, "Choices": prompt.choices, "Texted": prompt.texted}
            for part in parts:
                if not held[part]:
                    message = f"`## {part}` is missing: the line says this prompt so."
                    yield Finding(prompt.file, 1, "missing-part", "error", message)
