"""Adding an office to the directory, and removing one to which nothing leads."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence

from ivr.line.content.config import Config, LibraryAnswer, Topic
from ivr.line.content.cross_references import directory_references
from ivr.line.content.front_matter import quote
from ivr.line.content.loader import Content
from ivr.line.content.prompt import PLACEHOLDER
from ivr.line.content.required_prompts import OUTCOMES
from ivr.line.content.yaml_edit import append_item, remove_item, replace_value
from ivr.line.text.normalize import normalize
from ivr.web.console.prompts.line.hours_form import MOST_NAME, number_problem, read_hours
from ivr.web.console.prompts.tree import title_of
from ivr.web.console.words import gettext

MOST_PURPOSE = 120
# Of what callers call an office, in characters. Shorter wordings would be found in sentences about something else.
MOST_SAID, MOST_WORDINGS, FEWEST_LETTERS = 200, 10, 5
_LONGEST_ID = 30
_NO_WORDS = re.compile(r"[^a-z0-9]+")


def errors_of_office(config: Config, fields: Mapping[str, str]) -> dict[str, str]:
    """A sentence for each field that is wrong. The check of line.yaml finds the rest."""
    errors: dict[str, str] = {}
    for language in config.languages:
        for name, limit in ((f"name-{language}", MOST_NAME), (f"purpose-{language}", MOST_PURPOSE)):
            value = fields.get(name, "").strip()
            if not 0 < len(value) <= limit or not value.isprintable():
                errors[name] = gettext("Enter the words as callers hear them, up to %(limit)s characters.", limit=limit)
        if not _wordings(fields, language):
            errors[f"said-{language}"] = gettext(
                "Enter what callers call it, with commas between, each of at least %(least)s letters.",
                least=FEWEST_LETTERS,
            )
        elif known := {phrase for entry in config.directory for phrase in map(normalize, entry.said.get(language, ()))}:
            taken = [phrase for phrase in _wordings(fields, language) if normalize(phrase) in known]
            if taken:
                errors[f"said-{language}"] = gettext("“%(words)s” already leads to another office.", words=taken[0])
    name = fields.get(f"name-{config.default_language}", "").strip() or gettext("the new office")
    if problem := number_problem(config, fields.get("number", "").strip(), name):
        errors["number"] = problem
    if read_hours(fields.get("opens", ""), fields.get("closes", "")) is None:
        errors["opens"] = gettext("Enter from when to when it is open, such as 08:00 and 12:00.")
    return errors


def _wordings(fields: Mapping[str, str], language: str) -> list[str]:
    """What callers call an office; empty if one of the wordings cannot be used."""
    items = [" ".join(item.split()) for item in fields.get(f"said-{language}", "").split(",") if item.strip()]
    usable = all(item.isprintable() and len(normalize(item)) >= FEWEST_LETTERS for item in items)
    return items if usable and len(items) <= MOST_WORDINGS and sum(map(len, items)) <= MOST_SAID else []


def with_office(text: str, config: Config, fields: Mapping[str, str]) -> str:
    """line.yaml with the office of a form, whose fields have no errors. Raises KeyError if it cannot be edited."""
    hours = read_hours(fields["opens"], fields["closes"])
    assert hours is not None
    values = {
        "id": _new_id(config, fields[f"name-{config.default_language}"]),
        "name": _by_language(config, fields, "name"),
        "number": quote(fields["number"].strip()),
        "for": _by_language(config, fields, "purpose"),
        "said": f"{{{', '.join(_said(config, fields))}}}",
        "hours": f"{{Mon-Fri: {hours[0]:%H:%M}-{hours[1]:%H:%M}}}",
        # The hospital has to confirm them, like those of any office.
        "confirmed": "false",
        "holidays": "closed",
    }
    return append_item(text, ("directory",), "\n".join(f"{name}: {value}" for name, value in values.items()))


def _by_language(config: Config, fields: Mapping[str, str], name: str) -> str:
    values = (f"{language}: {quote(fields[f'{name}-{language}'].strip())}" for language in config.languages)
    return f"{{{', '.join(values)}}}"


def _said(config: Config, fields: Mapping[str, str]) -> Iterator[str]:
    for language in config.languages:
        yield f"{language}: [{', '.join(map(quote, _wordings(fields, language)))}]"


def _new_id(config: Config, name: str) -> str:
    """An id that nothing else has, made of a name: "front-desk"."""
    plain = unicodedata.normalize("NFKD", name.lower()).encode("ascii", "ignore").decode()
    stem = _NO_WORDS.sub("-", plain).strip("-").removeprefix("the-")[:_LONGEST_ID].strip("-") or "office"
    taken = {"hospital", *config.menus, *OUTCOMES, *(entry.id for entry in config.directory)}
    taken |= {subject.id for subject in config.subjects}
    candidates = (stem if number < 2 else f"{stem}-{number}" for number in range(1, len(taken) + 2))
    return next(candidate for candidate in candidates if candidate not in taken)


def uses_of(content: Content, entry_id: str) -> list[str]:
    """What leads to an office or names its number, in words: the office can be removed if this is empty."""
    return list(dict.fromkeys(_uses(content, entry_id)))


def _uses(content: Content, entry_id: str) -> Iterator[str]:
    config = content.config
    for (area, place, *_), name in directory_references(config):
        if name != entry_id or area == "directory":
            continue
        if area == "sites":
            yield gettext("the site %(name)s", name=config.sites[int(place)].name[config.default_language])
        else:
            lists: dict[str, Sequence[Topic | LibraryAnswer]] = {"topics": config.topics, "library": config.library}
            prompt_name = lists[str(area)][int(place)].id if area in lists else str(place)
            yield gettext("the prompt “%(title)s”", title=title_of(content, prompt_name))
    for menu, choices in config.menus.items():
        if entry_id in choices.choices.values():
            yield gettext("the prompt “%(title)s”", title=title_of(content, menu))
    for prompt in content.prompts.values():
        if any(entry_id in PLACEHOLDER.findall(section.words) for section in prompt.sections()):
            yield gettext("the prompt “%(title)s”", title=title_of(content, prompt.name))


def without_office(text: str, config: Config, entry_id: str) -> str:
    """line.yaml without an office, also where others lead to it. Raises KeyError if it cannot be edited."""
    for index, entry in enumerate(config.directory):
        if entry_id in entry.next:
            others = [name for name in entry.next if name != entry_id]
            text = replace_value(text, ("directory", index, "next"), f"[{', '.join(others)}]")
    index = next(index for index, entry in enumerate(config.directory) if entry.id == entry_id)
    return remove_item(text, ("directory",), index)
