"""Checks across the files of prompts/: every name exists, and all languages have the same parts.

Content that passes can be compiled: no caller reaches a missing prompt, part, or choice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from ivr.i18n import N_, sentence
from ivr.line.content.config import LINE_COMMANDS, Config
from ivr.line.content.findings import Finding
from ivr.line.content.prompt import Prompt
from ivr.line.content.required_prompts import (
    NUMBERS,
    OUTCOMES,
    SPOKEN_ANSWERS,
    WITH_REPLY_WORD,
    required_prompts,
)
from ivr.line.content.yaml_source import Path, Source

Prompts = Mapping[tuple[str, str], Prompt]
# The words that the carrier or the line already answers: https://help.twilio.com/articles/223134027
_RESERVED = """
STOP STOPALL UNSUBSCRIBE CANCEL END QUIT OPTOUT REVOKE START YES UNSTOP HELP INFO AYUDA BAJA ALTO MENU ESPANOL ENGLISH
INGLES SPANISH EN ES NO SI OK
"""
RESERVED_WORDS = frozenset(_RESERVED.split())
# Keys 2 and 3 play them.
MOST_OFFERS = 2


def find_cross_reference_errors(config: Config, source: Source, prompts: Prompts) -> Iterator[Finding]:
    """Every error within line.yaml, between it and the prompts, and between two languages."""
    for check_line in (_references, _repeated_next, _missing_names, _duplicates, _library, _reply_words):
        yield from check_line(config, source)
    for check in (_missing_prompts, _unknown_languages, _part_counts, _wrong_choices, _unused_phrases):
        yield from check(config, prompts)


def _references(config: Config, source: Source) -> Iterator[Finding]:
    entries = {entry.id for entry in config.directory}
    targets = set(config.menus) | {topic.id for topic in config.topics} | entries
    for path, name in directory_references(config):
        if name not in entries:
            yield source.fault(path, "reference", N_("`{name}` is not in the directory."), name=name)
    for menu_name, menu in config.menus.items():
        for key, target in menu.choices.items():
            if target not in targets:
                template = N_("`{name}` is not a menu, a topic or in the directory.")
                yield source.fault(("menus", menu_name, "choices", key), "reference", template, name=target)
    for outcome in config.answers:
        if outcome not in SPOKEN_ANSWERS:
            template = N_("`{name}` has no spoken answer; the outcomes that have one are {names}.")
            values = {"name": outcome, "names": ", ".join(SPOKEN_ANSWERS)}
            yield source.fault(("answers", outcome), "reference", template, **values)
    if NUMBERS not in {topic.id for topic in config.topics}:
        template = N_("There is no topic `{name}`, whose text message lists the phone numbers.")
        yield source.fault(("topics",), "reference", template, name=NUMBERS)
    if "welcome" not in config.menus:
        yield source.fault(("menus",), "reference", N_("There is no menu `welcome`, with which every call begins."))


def directory_references(config: Config) -> Iterator[tuple[Path, str]]:
    """Every path in line.yaml that names a directory entry, and that name."""
    for name, menu in config.menus.items():
        yield ("menus", name, "person"), menu.person
    for index, topic in enumerate(config.topics):
        yield ("topics", index, "person"), topic.person
    for index, answer in enumerate(config.library):
        yield ("library", index, "person"), answer.person
    for index, entry in enumerate(config.directory):
        for n, name in enumerate(entry.next):
            yield ("directory", index, "next", n), name
    for outcome, name in config.answers.items():
        yield ("answers", outcome), name
    for index, site in enumerate(config.sites):
        yield ("sites", index, "directory"), site.directory


def _repeated_next(config: Config, source: Source) -> Iterator[Finding]:
    for index, entry in enumerate(config.directory):
        for n, name in enumerate(entry.next):
            if name in (entry.id, *entry.next[:n]):
                template = N_("`{name}` is called twice for {entry}: remove it here.")
                yield source.fault(("directory", index, "next", n), "reference", template, name=name, entry=entry.id)


def _library(config: Config, source: Source) -> Iterator[Finding]:
    """Offers after subjects that do not exist or have too many."""
    subjects = {subject.id for subject in config.subjects}
    offers: Counter[str] = Counter()
    for index, answer in enumerate(config.library):
        path: Path = ("library", index)
        for language in config.languages:
            if answer.after and not answer.about.get(language, "").strip():
                template = N_("`about` is missing in `{code}`: it says what this answer is about in the offer.")
                yield source.fault((*path, "after"), "translation", template, code=language)
        if answer.after and answer.after not in subjects - {answer.id}:
            template = N_("`{name}` is not a topic or another answer.")
            yield source.fault((*path, "after"), "reference", template, name=answer.after)
        if answer.after and not answer.offered:
            template = N_("An answer with `offered: false` cannot be offered after `{topic}`: remove one of the two.")
            yield source.fault((*path, "after"), "library", template, topic=answer.after)
        offers[answer.after or ""] += bool(answer.after)
        if offers[answer.after or ""] > MOST_OFFERS:
            template = N_("More than {most} answers are offered after `{topic}`: remove `after` here.")
            yield source.fault((*path, "after"), "library", template, most=MOST_OFFERS, topic=answer.after or "")


def _reply_words(config: Config, source: Source) -> Iterator[Finding]:
    """Reply words that are missing, or that mean something else."""
    for name in config.reply_words:
        if name not in WITH_REPLY_WORD:
            template = N_("`{name}` can have no reply word; the outcomes that can are {names}.")
            values = {"name": name, "names": ", ".join(WITH_REPLY_WORD)}
            yield source.fault(("reply_words", name), "reference", template, **values)
    paths = config.word_paths
    owners: dict[tuple[str, str], str] = {}
    for answer, words in config.words.items():
        path = paths[answer]
        for language in config.languages:
            word = words.get(language, "")
            owner = owners.setdefault((language, word), answer)
            if not word:
                yield source.fault(path, "translation", N_("The word in `{code}` is missing."), code=language)
            elif word in RESERVED_WORDS:
                template = N_("`{word}` already means something else on this line: choose another word for {answer}.")
                yield source.fault(path, "double", template, word=word, answer=answer)
            elif owner != answer:
                template = N_("`{word}` already means {owner}: choose another word for {answer}.")
                yield source.fault(path, "double", template, word=word, owner=owner, answer=answer)


def _missing_names(config: Config, source: Source) -> Iterator[Finding]:
    named: list[tuple[Path, Mapping[str, str]]] = [(("hospital",), config.hospital)]
    for index, entry in enumerate(config.directory):
        named += [(("directory", index, "name"), entry.name), (("directory", index, "for"), entry.purpose)]
    named += [(("sites", index, "name"), site.name) for index, site in enumerate(config.sites)]
    for path, names in named:
        for language in config.languages:
            if not names.get(language, "").strip():
                yield source.fault(path, "translation", N_("The text in `{code}` is missing."), code=language)


def _duplicates(config: Config, source: Source) -> Iterator[Finding]:
    topics, entries = [topic.id for topic in config.topics], [entry.id for entry in config.directory]
    library = [answer.id for answer in config.library]
    lists: tuple[tuple[Path, str, Sequence[object]], ...] = (
        (("topics",), "id", topics),
        (("topics",), "number", [topic.number for topic in config.topics]),
        (("library",), "id", library),
        (("directory",), "id", entries),
        (("sites",), "id", [site.id for site in config.sites]),
        (("reminders", "plan"), "id", [step.id for step in config.reminders.plan]),
    )
    for path, field, values in lists:
        for index, value in enumerate(values):
            if value in values[:index]:
                template = N_("`{value}` appears twice under {place}.")
                yield source.fault((*path, index, field), "double", template, value=str(value), place=path[-1])
    taken = {"hospital", *topics, *library, *config.menus, *OUTCOMES, *LINE_COMMANDS}
    for index, name in enumerate(library):
        if name in {*topics, *config.menus, *OUTCOMES, *LINE_COMMANDS}:
            template = N_("`{name}` is already the name of something else: rename this answer.")
            yield source.fault(("library", index, "id"), "double", template, name=name)
    for index, name in enumerate(entries):
        if name in taken:
            template = N_("`{name}` is already the name of something else: rename this entry.")
            yield source.fault(("directory", index, "id"), "double", template, name=name)


def _missing_prompts(config: Config, prompts: Prompts) -> Iterator[Finding]:
    for name, headings in required_prompts(config).items():
        for language in config.languages:
            prompt = prompts.get((language, name))
            if prompt is None:
                message = sentence(N_("This file is missing: write it, or translate it from another language."))
                yield Finding.of(f"{language}/{name}.md", 0, "translation", "error", message)
                continue
            sections = {"Spoken": prompt.spoken, "Choices": prompt.choices, "Texted": prompt.texted}
            for heading in headings:
                if not sections[heading]:
                    template = N_("`## {heading}` is missing: the line uses this section.")
                    message = sentence(template, heading=heading)
                    yield Finding.of(prompt.file, 1, "missing-part", "error", message)
            if name in config.offerable and not prompt.title:
                message = sentence(N_("`title:` is missing: the line shows it when it asks which answer is meant."))
                yield Finding.of(prompt.file, 1, "missing-part", "error", message)


def _unknown_languages(config: Config, prompts: Prompts) -> Iterator[Finding]:
    """Language folders that line.yaml does not list. Each is reported once, at its first file."""
    for language in sorted({language for language, _ in prompts} - set(config.languages)):
        first = min(prompt.file for prompt in prompts.values() if prompt.language == language)
        template = N_("`{code}` is not one of the languages in line.yaml: add it there, or remove this folder.")
        message = sentence(template, code=language)
        yield Finding.of(first, 0, "translation", "error", message)


def _part_counts(config: Config, prompts: Prompts) -> Iterator[Finding]:
    first, *others = config.languages
    for topic in config.subjects:
        source = prompts.get((first, topic.id))
        for language in others:
            prompt = prompts.get((language, topic.id))
            if source and prompt and len(prompt.spoken) != len(source.spoken):
                template = N_("`{code}` has {count} spoken parts, and this file has {own}: make them equal.")
                message = sentence(template, code=first, count=len(source.spoken), own=len(prompt.spoken))
                yield Finding.of(prompt.file, 1, "translation", "error", message)


def _wrong_choices(config: Config, prompts: Prompts) -> Iterator[Finding]:
    for name, menu in config.menus.items():
        for language in config.languages:
            prompt = prompts.get((language, name))
            if prompt and prompt.listed and set(prompt.choices) != set(menu.choices):
                template = N_("`## Choices` must have the keys of this menu in line.yaml: {keys}.")
                message = sentence(template, keys=", ".join(menu.choices))
                yield Finding.of(prompt.file, prompt.listed.line, "menu-choices", "error", message)


def _unused_phrases(config: Config, prompts: Prompts) -> Iterator[Finding]:
    known = OUTCOMES | {subject.id for subject in config.subjects}
    for prompt in prompts.values():
        if prompt.phrases and prompt.name not in known:
            message = sentence(N_("No question leads to this prompt: remove its phrases."))
            yield Finding.of(prompt.file, prompt.phrase_lines[0], "phrase", "error", message)
