"""Whether the parts of prompts/ agree: each name leads somewhere, and each language says the same things.

What passes here can be compiled: no caller ever meets a prompt, a piece or a choice that is not there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ivr.line.content.config import COMMANDS, Config
from ivr.line.content.findings import Finding
from ivr.line.content.prompt import Prompt
from ivr.line.content.required_prompts import ANSWERED_ALOUD, NUMBERS, OUTCOMES, required_prompts
from ivr.line.content.yaml_source import Path, Source

Prompts = Mapping[tuple[str, str], Prompt]


def find_cross_reference_errors(config: Config, source: Source, prompts: Prompts) -> Iterator[Finding]:
    """Every fault between line.yaml and itself, between it and the prompts, and between two languages."""
    yield from _references(config, source)
    yield from _chains(config, source)
    yield from _names(config, source)
    yield from _doubles(config, source)
    yield from _missing(config, prompts)
    yield from _foreign(config, prompts)
    yield from _uneven_pieces(config, prompts)
    yield from _choices(config, prompts)
    yield from _answerless(config, prompts)


def _references(config: Config, source: Source) -> Iterator[Finding]:
    entries = {entry.id for entry in config.directory}
    targets = set(config.menus) | {topic.id for topic in config.topics} | entries
    for path, name in _persons(config):
        if name not in entries:
            yield source.fault(path, "reference", f"`{name}` is not in the directory.")
    for menu_name, menu in config.menus.items():
        for key, target in menu.choices.items():
            if target not in targets:
                message = f"`{target}` is not a menu, a topic or in the directory."
                yield source.fault(("menus", menu_name, "choices", key), "reference", message)
    for outcome in config.answers:
        if outcome not in ANSWERED_ALOUD:
            message = f"`{outcome}` has no answer of its own: known are {', '.join(ANSWERED_ALOUD)}."
            yield source.fault(("answers", outcome), "reference", message)
    if NUMBERS not in {topic.id for topic in config.topics}:
        message = f"There is no topic `{NUMBERS}`, whose text gives the numbers when nobody answers."
        yield source.fault(("topics",), "reference", message)
    if "welcome" not in config.menus:
        yield source.fault(("menus",), "reference", "There is no menu `welcome`, where every call begins.")


def _persons(config: Config) -> Iterator[tuple[Path, str]]:
    """Every place in line.yaml that names an entry of the directory."""
    for name, menu in config.menus.items():
        yield ("menus", name, "person"), menu.person
    for at, topic in enumerate(config.topics):
        yield ("topics", at, "person"), topic.person
    for at, entry in enumerate(config.directory):
        for n, name in enumerate(entry.next):
            yield ("directory", at, "next", n), name
    for outcome, name in config.answers.items():
        yield ("answers", outcome), name
    for at, site in enumerate(config.sites):
        yield ("sites", at, "directory"), site.directory


def _chains(config: Config, source: Source) -> Iterator[Finding]:
    for at, entry in enumerate(config.directory):
        for n, name in enumerate(entry.next):
            if name in (entry.id, *entry.next[:n]):
                message = f"`{name}` is tried twice for {entry.id}: take it away here."
                yield source.fault(("directory", at, "next", n), "reference", message)


def _names(config: Config, source: Source) -> Iterator[Finding]:
    named: list[tuple[Path, Mapping[str, str]]] = [(("hospital",), config.hospital)]
    for at, entry in enumerate(config.directory):
        named += [(("directory", at, "name"), entry.name), (("directory", at, "for"), entry.purpose)]
    named += [(("sites", at, "name"), site.name) for at, site in enumerate(config.sites)]
    for path, names in named:
        for language in config.languages:
            if not names.get(language, "").strip():
                yield source.fault(path, "translation", f"The words in `{language}` are missing.")


def _doubles(config: Config, source: Source) -> Iterator[Finding]:
    topics = [topic.id for topic in config.topics]
    entries = [entry.id for entry in config.directory]
    lists: tuple[tuple[Path, str, Sequence[object]], ...] = (
        (("topics",), "id", topics),
        (("topics",), "number", [topic.number for topic in config.topics]),
        (("directory",), "id", entries),
        (("sites",), "id", [site.id for site in config.sites]),
        (("reminders", "plan"), "id", [step.id for step in config.reminders.plan]),
    )
    for path, field, values in lists:
        for at, value in enumerate(values):
            if value in values[:at]:
                message = f"`{value}` stands here twice under {path[-1]}."
                yield source.fault((*path, at, field), "double", message)
    taken = {"hospital", *topics, *config.menus, *OUTCOMES, *COMMANDS}
    for at, name in enumerate(entries):
        if name in taken:
            message = f"`{name}` is the name of something else already: give this entry another."
            yield source.fault(("directory", at, "id"), "double", message)


def _missing(config: Config, prompts: Prompts) -> Iterator[Finding]:
    for name, parts in required_prompts(config).items():
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
            if config.topic(name) and not prompt.title:
                message = "`title:` is missing: the menu of topics shows it."
                yield Finding(prompt.file, 1, "missing-part", "error", message)


def _foreign(config: Config, prompts: Prompts) -> Iterator[Finding]:
    """A folder in no language of the line; told once, at its first file."""
    for language in sorted({language for language, _ in prompts} - set(config.languages)):
        first = min(prompt.file for prompt in prompts.values() if prompt.language == language)
        message = f"`{language}` is not among the languages in line.yaml: add it there, or take this folder away."
        yield Finding(first, 0, "translation", "error", message)


def _uneven_pieces(config: Config, prompts: Prompts) -> Iterator[Finding]:
    first, *others = config.languages
    for topic in config.topics:
        written = prompts.get((first, topic.id))
        for language in others:
            prompt = prompts.get((language, topic.id))
            if written and prompt and len(prompt.spoken) != len(written.spoken):
                message = (
                    f"`{first}` has {len(written.spoken)} spoken pieces and this file {len(prompt.spoken)}:"
                    " make them equal."
                )
                yield Finding(prompt.file, 1, "translation", "error", message)


def _choices(config: Config, prompts: Prompts) -> Iterator[Finding]:
    for name, menu in config.menus.items():
        for language in config.languages:
            prompt = prompts.get((language, name))
            if prompt and prompt.listed and set(prompt.choices) != set(menu.choices):
                message = f"`## Choices` must have the keys {', '.join(menu.choices)}, as line.yaml says for this menu."
                yield Finding(prompt.file, prompt.listed.line, "menu-choices", "error", message)


def _answerless(config: Config, prompts: Prompts) -> Iterator[Finding]:
    known = OUTCOMES | {topic.id for topic in config.topics}
    for prompt in prompts.values():
        if prompt.phrases and prompt.name not in known:
            message = "Nobody can ask for this prompt in words of her own: take its phrases away."
            yield Finding(prompt.file, prompt.phrase_lines[0], "phrase", "error", message)
