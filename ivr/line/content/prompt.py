"""One thing said: a Markdown file with a few fields on top and `## Spoken`, `## Choices`, `## Texted` below."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ivr.line.content.findings import BrokenPrompts, Finding
from ivr.line.content.keyword_rules import KeywordRule, parse_keyword_rule, split_keyword_rules
from ivr.line.content.yaml_source import UNSPEAKABLE, Source, read_yaml

FIELDS = ("title", "sources", "made_from", "reviewed", "accents", "phrases", "signs")
ACCENTS = ("replace", "keep")
SECTIONS = ("Spoken", "Choices", "Texted")
# Hours that end in "p.m." at the end of a sentence; an ellipsis stays.
_TWO_STOPS = re.compile(r"(?<!\.)\.\.(?!\.)")
PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
LARGEST = 100_000
MOST_WORDS = 10_000
_CHOICE = re.compile(r"([0-9])\.\s+(\S.*)")


@dataclass(frozen=True)
class Section:
    """A piece of a prompt: its words as written, paragraphs apart by an empty line, from line `line` on.

    Without words, `line` is its heading's.
    """

    words: str
    line: int

    @property
    def paragraphs(self) -> tuple[str, ...]:
        parts = re.split(r"\n\s*\n", self.words)
        return tuple(" ".join(part.split()) for part in parts if part.strip())


@dataclass(frozen=True)
class Prompt:
    """What one file says. Several `## Spoken` sections are the pieces of a topic, in order."""

    name: str
    language: str
    file: str
    title: str
    sources: tuple[str, ...]
    reviewed_by: str | None
    reviewed_on: str | None
    reviewed_words: str | None
    """The digest of the words that were signed off."""
    made_from: str | None
    """The digest of the words that this is a translation of."""
    field_lines: Mapping[str, int]
    phrases: tuple[str, ...]
    phrase_lines: tuple[int, ...]
    signs: tuple[KeywordRule, ...]
    spoken: tuple[Section, ...]
    listed: Section | None
    choices: dict[str, str]
    texted: Section | None
    keeps_accents: bool
    """Whether its text goes out letter by letter as it stands, and not in the letters that cost least."""

    def sections(self) -> tuple[Section, ...]:
        """All that is said or texted, a menu's choices too."""
        return tuple(section for _, section in self.parts())

    def parts(self) -> tuple[tuple[str, Section], ...]:
        """The same, each with its heading: Spoken, Choices or Texted."""
        parts = [("Spoken", section) for section in self.spoken]
        parts += [("Choices", self.listed)] if self.listed else []
        parts += [("Texted", self.texted)] if self.texted else []
        return tuple(parts)


def fill_placeholders(words: str, values: dict[str, str]) -> str:
    """Put values into {placeholders}; one without a value stays as it stands."""
    return _TWO_STOPS.sub(".", PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]), words))


def read_prompt(file: str, data: bytes) -> Prompt:
    """Read `en/cancer.md`. Raises BrokenPrompts with file and line."""
    words = decode_text(file, data)
    language, name = file.split("/", 1)[0], file.rsplit("/", 1)[1].removesuffix(".md")
    top, body, body_line = split_front_matter(file, words)
    if len(body.split()) > MOST_WORDS:
        message = f"This says more than {MOST_WORDS:,} words: nobody listens so long. Part it, or shorten it."
        raise BrokenPrompts([Finding(file, body_line, "words", "error", message)])
    fields = read_yaml(file, top, first_line=2)
    findings = _field_findings(fields)
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
        reviewed_words=reviewed.get("words"),
        made_from=str(values["made_from"]) if "made_from" in values else None,
        field_lines={name: fields.line((name,)) for name in values},
        phrases=tuple(str(phrase) for phrase in phrases),
        phrase_lines=tuple(fields.line(("phrases", index)) for index in range(len(phrases))),
        signs=_signs(fields),
        spoken=tuple(section for heading, section in sections if heading == "Spoken"),
        listed=listed,
        choices=_choices(file, listed) if listed else {},
        texted=next((section for heading, section in sections if heading == "Texted"), None),
        keeps_accents=values.get("accents") == "keep",
    )


def decode_text(file: str, data: bytes, largest: int = LARGEST) -> str:
    """Bytes of a file as text; a byte-order mark and the line ends of any system do no harm."""
    if len(data) > largest:
        message = f"This file has {len(data)} bytes: it needs no more than {largest}."
        raise BrokenPrompts([Finding(file, 0, "not-text", "error", message)])
    try:
        words = data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BrokenPrompts([Finding(file, line, "not-text", "error", "Save this file as text in UTF-8.")]) from None
    unspeakable = UNSPEAKABLE.search(words)
    if unspeakable:
        line = words.count("\n", 0, unspeakable.start()) + 1
        message = "A sign stands here that no voice can say: take it away, and save the file as text in UTF-8."
        raise BrokenPrompts([Finding(file, line, "not-text", "error", message)])
    return words


def split_front_matter(file: str, words: str) -> tuple[str, str, int]:
    """The fields on top, what stands below them, and the line on which that begins. Raises BrokenPrompts."""
    lines = words.split("\n")
    closing = next((at for at, line in enumerate(lines) if at and line.rstrip() == "---"), None)
    if lines[0].rstrip() != "---" or closing is None:
        message = "Begin the file with its fields between two lines of `---`, as the other files do."
        raise BrokenPrompts([Finding(file, 1, "fields", "error", message)])
    return "\n".join(lines[1:closing]), "\n".join(lines[closing + 1 :]), closing + 2


def _are_words(value: Any) -> bool:
    return isinstance(value, str | int) and bool(str(value).strip())


def _is_list_of_words(value: Any) -> bool:
    return isinstance(value, list) and all(map(_are_words, value))


def _is_review(value: Any) -> bool:
    return isinstance(value, dict) and all(
        name in ("by", "on", "words") and isinstance(told, str | None) for name, told in value.items()
    )


_SHAPES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "title": (_are_words, "is a few words"),
    "sources": (lambda value: _is_list_of_words(value) and bool(value), "is a list like [F1, F2]"),
    "made_from": (_are_words, "is what `infoline prompts in-step` writes there: leave it out at first"),
    "reviewed": (_is_review, "is written {by: name, on: date}, or {by: null, on: null}"),
    "accents": (lambda value: value in ACCENTS, "is `replace` (a is texted for á) or `keep` (dearer: see the check)"),
    "phrases": (_is_list_of_words, "is a list, one phrase a line, each after a dash"),
    "signs": (_are_words, "is written `signs: |`, and below it one sign a line"),
}


def _field_findings(fields: Source) -> list[Finding]:
    if not isinstance(fields.value, dict):
        return [fields.fault((), "fields", "The fields on top are written `name: value`, one a line.")]
    findings = [
        fields.fault((name,), "fields", f"`{name}` is not a field: known are {', '.join(FIELDS)}.")
        for name in fields.value
        if name not in FIELDS
    ]
    findings += [
        fields.fault((), "fields", f"`{name}:` is missing.")
        for name in ("sources", "reviewed")
        if name not in fields.value
    ]
    for name, value in fields.value.items():
        fits, shape = _SHAPES.get(name, (lambda _value: True, ""))
        if not fits(value):
            findings.append(fields.fault((name,), "fields", f"`{name}` {shape}."))
    return findings


def _signs(fields: Source) -> tuple[KeywordRule, ...]:
    signs: list[KeywordRule] = []
    findings: list[Finding] = []
    first = fields.line(("signs",)) + 1
    for at, line in split_keyword_rules(str(fields.value.get("signs", ""))):
        try:
            signs.append(parse_keyword_rule(line))
        except ValueError as error:
            message = f"`{line}` is not a sign: {error}. Write it like `chest + pain, hurt* but not machine`."
            findings.append(Finding(fields.file, first + at, "sign", "error", message))
    if findings:
        raise BrokenPrompts(findings)
    return tuple(signs)


def _sections(file: str, body: str, first_line: int) -> list[tuple[str, Section]]:
    sections: list[tuple[str, Section]] = []
    heading, start, kept = "", first_line, list[str]()
    for at, line in enumerate([*body.split("\n"), "## "], start=first_line):
        if not line.startswith("#"):
            kept.append(line)
            continue
        words = "\n".join(kept).strip()
        if heading:
            sections.append((heading, Section(words, _first_line(kept, start))))
        elif words:
            raise BrokenPrompts([_heading(file, start, "Words stand above the first heading")])
        heading, start, kept = line.removeprefix("##").strip(), at, []
        if heading and (heading not in SECTIONS or not line.startswith("## ")):
            raise BrokenPrompts([_heading(file, at, f"`{line.strip()}` is not a heading")])
    for name in ("Choices", "Texted"):
        twice = [section.line for heading, section in sections if heading == name]
        if len(twice) > 1:
            raise BrokenPrompts([_heading(file, twice[1], f"`## {name}` stands here twice")])
    empty = [section.line for _, section in sections if not section.words]
    if empty or not sections:
        raise BrokenPrompts([_heading(file, (empty or [first_line])[0], "Nothing stands here")])
    return sections


def _first_line(lines: list[str], heading: int) -> int:
    """The line on which the words below a heading begin; the heading's own when there are none."""
    return next((at for at, line in enumerate(lines, start=heading + 1) if line.strip()), heading)


def _heading(file: str, line: int, what: str) -> Finding:
    message = f"{what}: write `## Spoken` or `## Texted` (in a menu also `## Choices`) above its words."
    return Finding(file, line, "heading", "error", message)


def _choices(file: str, section: Section) -> dict[str, str]:
    choices: dict[str, str] = {}
    for at, line in enumerate(section.words.split("\n"), start=section.line):
        match = _CHOICE.fullmatch(line.strip())
        if not match and line.strip():
            message = "Write each choice on a line of its own, its key first: `1. To learn more`."
            raise BrokenPrompts([Finding(file, at, "choices", "error", message)])
        if match and match[1] in choices:
            message = f"Key {match[1]} stands here twice: give each choice a key of its own."
            raise BrokenPrompts([Finding(file, at, "choices", "error", message)])
        if match:
            choices[match[1]] = match[2].rstrip(" .")
    return choices
