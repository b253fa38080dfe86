"""A prompt: a Markdown file with front matter and the sections `## Spoken`, `## Choices` and `## Texted`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ivr.i18n import N_, Sentence, sentence
from ivr.line.content.findings import BrokenPrompts, Finding
from ivr.line.content.front_matter import split_front_matter
from ivr.line.content.keyword_rules import KeywordRule, parse_keyword_rule, split_keyword_rules
from ivr.line.content.yaml_source import Source, decode_text, read_yaml

FIELDS = ("title", "sources", "made_from", "reviewed", "accents", "phrases", "keyword_rules")
RENAMED_FIELDS = {"signs": "keyword_rules"}
"""Former field names, which releases and drafts in the ledger still use, and their present names."""
ACCENTS = ("replace", "keep")
SECTIONS = ("Spoken", "Choices", "Texted")
# A value that ends in "p.m." at the end of a sentence makes two periods; an ellipsis is kept.
_TWO_PERIODS = re.compile(r"(?<!\.)\.\.(?!\.)")
PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
MOST_PROMPT_WORDS = 10_000
_CHOICE = re.compile(r"([0-9])\.\s+(\S.*)")


@dataclass(frozen=True)
class Section:
    """A section's text as written, and the line on which it begins (or its heading's if it is empty)."""

    words: str
    line: int

    @property
    def paragraphs(self) -> tuple[str, ...]:
        parts = re.split(r"\n\s*\n", self.words)
        return tuple(" ".join(part.split()) for part in parts if part.strip())


@dataclass(frozen=True)
class Prompt:
    """A prompt file. Several `## Spoken` sections are the parts of a topic, in order."""

    name: str
    language: str
    file: str
    title: str
    sources: tuple[str, ...]
    reviewed_by: str | None
    reviewed_on: str | None
    reviewed_digest: str | None
    """The digest of the text at sign-off."""
    made_from: str | None
    """The digest of the source text at translation."""
    field_lines: Mapping[str, int]
    phrases: tuple[str, ...]
    phrase_lines: tuple[int, ...]
    keyword_rules: tuple[KeywordRule, ...]
    spoken: tuple[Section, ...]
    listed: Section | None
    choices: dict[str, str]
    texted: Section | None
    keeps_accents: bool
    """Whether its text message is sent as written instead of folded to GSM-7."""

    def sections(self) -> tuple[Section, ...]:
        """All spoken and texted sections, including a menu's choices."""
        return tuple(section for _, section in self.parts())

    def parts(self) -> tuple[tuple[str, Section], ...]:
        """The sections, each with its heading: Spoken, Choices or Texted."""
        parts = [("Spoken", section) for section in self.spoken]
        parts += [("Choices", self.listed)] if self.listed else []
        parts += [("Texted", self.texted)] if self.texted else []
        return tuple(parts)


def fill_placeholders(text: str, values: dict[str, str]) -> str:
    """Replace {placeholders} with their values; one without a value is kept."""
    return _TWO_PERIODS.sub(".", PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]), text))


# Drafts and releases share most prompts, and each page of the console about a draft reads all of them.
@lru_cache(1_000)
def read_prompt(file: str, data: bytes) -> Prompt:
    """Read `en/cancer.md`. Raises BrokenPrompts with file and line."""
    text = decode_text(file, data)
    language, name = file.split("/", 1)[0], file.rsplit("/", 1)[1].removesuffix(".md")
    top, body, body_line = split_front_matter(file, text)
    if len(body.split()) > MOST_PROMPT_WORDS:
        template = N_("This prompt has more than {most} words: split it or shorten it.")
        message = sentence(template, most=f"{MOST_PROMPT_WORDS:,}")
        raise BrokenPrompts([Finding.of(file, body_line, "words", "error", message)])
    fields = read_yaml(file, top, first_line=2)
    findings = [*_rename_fields(fields), *_field_findings(fields)]
    if findings:
        raise BrokenPrompts(findings)
    values: dict[str, Any] = fields.value
    sections = _sections(file, body, body_line)
    listed = next((section for heading, section in sections if heading == "Choices"), None)
    reviewed, phrases = values["reviewed"], values.get("phrases", [])
    return Prompt(
        name=name,
        language=language,
        file=file,
        title=str(values.get("title", "")),
        sources=tuple(str(source) for source in values["sources"]),
        reviewed_by=reviewed.get("by"),
        reviewed_on=reviewed.get("on"),
        reviewed_digest=reviewed.get("words"),
        made_from=str(values["made_from"]) if "made_from" in values else None,
        field_lines={name: fields.line((name,)) for name in values},
        phrases=tuple(str(phrase) for phrase in phrases),
        phrase_lines=tuple(fields.line(("phrases", index)) for index in range(len(phrases))),
        keyword_rules=_keyword_rules(fields),
        spoken=tuple(section for heading, section in sections if heading == "Spoken"),
        listed=listed,
        choices=_choices(file, listed) if listed else {},
        texted=next((section for heading, section in sections if heading == "Texted"), None),
        keeps_accents=values.get("accents") == "keep",
    )


def _is_text(value: Any) -> bool:
    return isinstance(value, str | int) and bool(str(value).strip())


def _is_list_of_text(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _is_review(value: Any) -> bool:
    return isinstance(value, dict) and all(
        name in ("by", "on", "words") and isinstance(entry, str | None) for name, entry in value.items()
    )


_SHAPES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "title": (_is_text, N_("`{name}` must be text.")),
    "sources": (lambda value: _is_list_of_text(value) and bool(value), N_("`{name}` must be a list like [F1, F2].")),
    "made_from": (_is_text, N_("`{name}` is written by `infoline prompts in-step`: leave it out of a new file.")),
    "reviewed": (_is_review, N_("`{name}` must be {{by: name, on: date}}, or {{by: null, on: null}}.")),
    "accents": (
        ACCENTS.__contains__,
        N_("`{name}` must be `replace` (á is sent as a) or `keep` (costs more: see the check)."),
    ),
    "phrases": (_is_list_of_text, N_("`{name}` must be a list: one phrase per line, each after a dash.")),
    "keyword_rules": (_is_text, N_("`{name}` must be a block: `keyword_rules: |`, and below it one rule per line.")),
}


def _rename_fields(fields: Source) -> list[Finding]:
    """Rename former fields in place. Returns a finding if a file uses both names."""
    findings: list[Finding] = []
    for old, new in RENAMED_FIELDS.items():
        if not isinstance(fields.value, dict) or old not in fields.value:
            continue
        if new in fields.value:
            template = N_("`{old}` is the former name of `{new}`: put everything under `{new}`.")
            findings.append(fields.fault((old,), "fields", template, old=old, new=new))
        fields.lines.setdefault((new,), fields.line((old,)))
        fields.value.setdefault(new, fields.value.pop(old))
    return findings


def _field_findings(fields: Source) -> list[Finding]:
    if not isinstance(fields.value, dict):
        return [fields.fault((), "fields", N_("Write the fields as `name: value`, one per line."))]
    unknown, absent = N_("`{name}` is not a field; the fields are {names}."), N_("`{name}:` is missing.")
    findings = [
        fields.fault((name,), "fields", unknown, name=str(name), names=", ".join(FIELDS))
        for name in fields.value
        if name not in FIELDS
    ]
    missing = [name for name in ("sources", "reviewed") if name not in fields.value]
    findings += [fields.fault((), "fields", absent, name=name) for name in missing]
    for name, value in fields.value.items():
        is_valid, shape = _SHAPES.get(name, (lambda _value: True, ""))
        if not is_valid(value):
            findings.append(fields.fault((name,), "fields", shape, name=str(name)))
    return findings


def _keyword_rules(fields: Source) -> tuple[KeywordRule, ...]:
    rules: list[KeywordRule] = []
    findings: list[Finding] = []
    first_line = fields.line(("keyword_rules",)) + 1
    for number, line in split_keyword_rules(str(fields.value.get("keyword_rules", ""))):
        try:
            rules.append(parse_keyword_rule(line))
        except ValueError as error:
            template = N_(
                "`{rule}` is not a keyword rule: {error}. Write it like `chest + pain, hurt* but not machine`."
            )
            message = sentence(template, rule=line, error=sentence(str(error)))
            findings.append(Finding.of(fields.file, first_line + number, "sign", "error", message))
    if findings:
        raise BrokenPrompts(findings)
    return tuple(rules)


def _sections(file: str, body: str, first_line: int) -> list[tuple[str, Section]]:
    sections: list[tuple[str, Section]] = []
    heading, start, lines = "", first_line, list[str]()
    for number, line in enumerate([*body.split("\n"), "## "], start=first_line):
        if not line.startswith("#"):
            lines.append(line)
            continue
        text = "\n".join(lines).strip()
        if heading:
            sections.append((heading, Section(text, _first_text_line(lines, start))))
        elif text:
            raise BrokenPrompts([_heading_error(file, start, sentence(N_("There is text above the first heading")))])
        heading, start, lines = line.removeprefix("##").strip(), number, []
        if heading and (heading not in SECTIONS or not line.startswith("## ")):
            problem = sentence(N_("`{line}` is not a heading"), line=line.strip())
            raise BrokenPrompts([_heading_error(file, number, problem)])
    for name in ("Choices", "Texted"):
        repeated = [section.line for heading, section in sections if heading == name][1:]
        if repeated:
            problem = sentence(N_("`## {name}` appears twice"), name=name)
            raise BrokenPrompts([_heading_error(file, repeated[0], problem)])
    empty = [section.line for _, section in sections if not section.words]
    if empty or not sections:
        problem = sentence(N_("There is no text here"))
        raise BrokenPrompts([_heading_error(file, (empty or [first_line])[0], problem)])
    return sections


def _first_text_line(lines: list[str], heading: int) -> int:
    """The line number of the text below a heading, or of the heading if there is no text."""
    return next((number for number, line in enumerate(lines, start=heading + 1) if line.strip()), heading)


def _heading_error(file: str, line: int, problem: Sentence) -> Finding:
    template = N_("{problem}: write `## Spoken` or `## Texted` (in a menu also `## Choices`) above the text.")
    message = sentence(template, problem=problem)
    return Finding.of(file, line, "heading", "error", message)


def _choices(file: str, section: Section) -> dict[str, str]:
    choices: dict[str, str] = {}
    for number, line in enumerate(section.words.split("\n"), start=section.line):
        if not line.strip():
            continue
        match = _CHOICE.fullmatch(line.strip())
        if not match or match[1] in choices:
            message = sentence(N_("Write each choice on its own line, key first: `1. To learn more`."))
            if match:
                message = sentence(N_("Key {key} appears twice: give each choice its own key."), key=match[1])
            raise BrokenPrompts([Finding.of(file, number, "choices", "error", message)])
        choices[match[1]] = match[2].rstrip(" .")
    return choices
