"""The form of the editor: read from a request, and shown with what each part costs and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from werkzeug.datastructures import MultiDict

from ivr.line.content.findings import BrokenPrompts, Finding
from ivr.line.content.loader import Content
from ivr.line.content.prompt import SECTIONS, read_prompt
from ivr.line.lint import limits
from ivr.line.lint.single_prompt import SpokenMeasure, TextMeasure, proof_prompt
from ivr.web.console.prompts.editing.sections import PartField, PromptFields, fields_of, places_of_lines, rebuild
from ivr.web.console.words import gettext, reason_of, translated

MOST_CHARACTERS = 60_000
MOST_PARTS = 40
# Ids of the page: its form, and its field for a whole file.
FORM, WHOLE = "words-form", "whole"


class NotReadable(ValueError):
    """The fields cannot be put into the file. errors: why, by the id of the field on the page."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(" ".join(errors.values()))
        self.errors = errors


@dataclass(frozen=True)
class Remark:
    """A finding in words for the console. quote: the line that it is about."""

    level: str
    message: str
    quote: str = ""
    other_file: str = ""


@dataclass(frozen=True)
class PartView:
    """A part of the form. number: of spoken parts, from 1; 0 if there is only one, or it is not spoken."""

    field: PartField
    number: int = 0
    measure: SpokenMeasure | None = None
    remarks: tuple[Remark, ...] = ()


@dataclass(frozen=True)
class FormView:
    """The form. parts: None for a file that is edited as a whole. whole: its text then.

    text, bubble: of the text message, with the longest values that it can have.
    """

    data: bytes
    fields: PromptFields | None
    parts: tuple[PartView, ...] = ()
    whole: str = ""
    phrase_remarks: tuple[Remark, ...] = ()
    remarks: tuple[Remark, ...] = ()
    text: TextMeasure | None = None
    bubble: str = ""

    @property
    def count(self) -> int:
        return len(self.remarks) + len(self.phrase_remarks) + sum(len(part.remarks) for part in self.parts)


def read_form(form: MultiDict[str, str]) -> PromptFields | str:
    """The fields that were sent, or the text of a whole file. Raises NotReadable if some are missing."""
    if "whole" in form:
        return _lines(form["whole"])
    headings, words, places = form.getlist("heading"), form.getlist("words"), form.getlist("place")
    if not len(headings) == len(words) == len(places) or not 0 < len(words) <= MOST_PARTS:
        raise _incomplete()
    if any(heading not in SECTIONS for heading in headings):
        raise _incomplete()
    parts = (
        PartField(heading, _lines(text).strip(), int(place) if place.isascii() and place.isdecimal() else None)
        for heading, text, place in zip(headings, words, places, strict=True)
    )
    return PromptFields(
        " ".join(form.get("title", "").split()),
        tuple(_items(form.get("sources", "").replace(",", "\n"))),
        tuple(_items(form.get("phrases", ""))),
        tuple(parts),
    )


def _incomplete() -> NotReadable:
    return NotReadable({FORM: gettext("The form is not complete. Reload the page.")})


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _items(text: str) -> Sequence[str]:
    return list(dict.fromkeys(" ".join(line.split()) for line in _lines(text).split("\n") if line.strip()))


def written(data: bytes, sent: PromptFields | str) -> bytes:
    """The file with what was sent. Raises NotReadable."""
    before = fields_of(data)
    if errors := _errors(before, sent):
        raise NotReadable(errors)
    if isinstance(sent, str):
        return f"{sent.rstrip()}\n".encode()
    try:
        return rebuild(data, sent).data
    except BrokenPrompts as broken:
        sentence = sentences_of(broken.findings)
    except ValueError as refused:
        sentence = reason_of(refused)
    raise NotReadable({_refused_field(data, before, sent): sentence})


def _errors(before: PromptFields | None, sent: PromptFields | str) -> dict[str, str]:
    """What is missing or too long, by field."""
    sizes = {WHOLE: len(sent)} if isinstance(sent, str) else _sizes(sent)
    errors = {}
    if before and isinstance(sent, PromptFields):
        if before.title and not sent.title:
            errors["title"] = gettext("Enter a title: the line names the prompt by it.")
        if before.sources and not sent.sources:
            errors["sources"] = gettext("Name at least one source.")
    if sum(sizes.values()) > MOST_CHARACTERS:
        longest = max(sizes, key=lambda name: sizes[name])
        errors[longest] = gettext("This is more than one prompt can hold: shorten it.")
    return errors


def _sizes(sent: PromptFields) -> dict[str, int]:
    """The characters of each field."""
    words = {words_id(index): len(part.words) for index, part in enumerate(sent.parts)}
    lists = {"phrases": sent.phrases, "sources": sent.sources}
    return {"title": len(sent.title), **words, **{name: sum(map(len, items)) for name, items in lists.items()}}


def words_id(index: int) -> str:
    """The id of the field with the words of a part."""
    return f"words-{index}"


def first_field(sent: PromptFields | str) -> str:
    """The id of the field that an error belongs to if it belongs to none in particular."""
    return WHOLE if isinstance(sent, str) else words_id(0)


def _refused_field(data: bytes, before: PromptFields | None, sent: PromptFields) -> str:
    """The id of the field that cannot be changed in the file."""
    if before is None:
        return first_field(sent)
    for name in ("title", "sources", "phrases"):
        try:
            rebuild(data, replace(before, **{name: getattr(sent, name)}))
        except ValueError:
            return name
    return first_field(sent)


def view_of(content: Content, file: str, data: bytes, sent: PromptFields | str | None = None) -> FormView:
    """The form for a file, with the fields that were sent, or those of the file. Raises NotReadable."""
    if sent is None:
        sent = _loaded(data)
    changed = data if isinstance(sent, PromptFields) and sent == fields_of(data) else written(data, sent)
    proof = proof_prompt(content, file, changed)
    placed = _placed_remarks(file, changed, proof.findings)
    if isinstance(sent, str):
        return FormView(changed, None, (), sent, (), tuple(remark for _, remark in placed), proof.text)
    index_of = dict(enumerate(rebuild(data, sent).places))
    lines = places_of_lines(changed)
    measures = {index_of.get(lines.get(measure.line)): measure for measure in proof.sections}  # type: ignore[arg-type]
    parts = tuple(
        replace(
            view,
            measure=measures.get(index),
            remarks=tuple(each for place, each in placed if isinstance(place, int) and index_of.get(place) == index),
        )
        for index, view in enumerate(_unchecked_parts(sent))
    )
    return FormView(
        changed,
        sent,
        parts,
        "",
        tuple(remark for place, remark in placed if place == "phrases"),
        tuple(remark for place, remark in placed if isinstance(place, str) and place != "phrases"),
        proof.text,
        _bubble(content, file, changed),
    )


def _loaded(data: bytes) -> PromptFields | str:
    return fields_of(data) or data.decode("utf-8", "replace").replace("\r\n", "\n")


def unchecked_view(data: bytes, sent: PromptFields | str | None) -> FormView:
    """The form with fields that cannot be put into the file, so that nothing is known about them."""
    if sent is None:
        sent = _loaded(data)
    if isinstance(sent, str):
        return FormView(data, None, whole=sent)
    return FormView(data, sent, tuple(_unchecked_parts(sent)))


def _unchecked_parts(sent: PromptFields) -> list[PartView]:
    spoken = sum(part.heading == SECTIONS[0] for part in sent.parts)
    return [
        PartView(part, _number(sent.parts, index) if spoken > 1 and part.heading == SECTIONS[0] else 0)
        for index, part in enumerate(sent.parts)
    ]


def _number(parts: Sequence[PartField], index: int) -> int:
    return sum(part.heading == SECTIONS[0] for part in parts[: index + 1])


def _placed_remarks(file: str, data: bytes, findings: Sequence[Finding]) -> list[tuple[str | int, Remark]]:
    """Each finding with the part or field of its line. One about another file belongs to no line of this one."""
    places, lines = places_of_lines(data), data.decode("utf-8", "replace").splitlines()
    placed: list[tuple[str | int, Remark]] = []
    for finding in findings:
        is_here = finding.file == file and 0 < finding.line <= len(lines)
        quote = lines[finding.line - 1].strip() if is_here else ""
        place = places.get(finding.line, "") if is_here else ""
        message = sentence_of(finding)
        placed.append((place, Remark(finding.level, message, quote, "" if finding.file == file else finding.file)))
    return placed


def sentence_of(finding: Finding) -> str:
    """A finding, without the commands that a person in the console does not use."""
    sentences = {
        "behind": gettext(
            "The other language has changed since this was translated from it. Compare the two, change this one, and"
            " then say that it is up to date."
        ),
        "sign-off": gettext(
            "These words are not signed off as they are now. Ask a clinician to read them, and to sign them off below."
        ),
        "recording-behind": gettext(
            "The words have changed since this was recorded, and callers still hear the old ones. Record it again, or"
            " remove the recording."
        ),
    }
    return sentences.get(finding.rule) or " ".join(map(translated, finding.sentences)) or finding.message


def sentences_of(findings: Iterable[Finding]) -> str:
    """Several findings in one paragraph."""
    return " ".join(map(sentence_of, findings))


def _bubble(content: Content, file: str, data: bytes) -> str:
    """The text message as it is sent, with the longest values that it can have; empty if there is none."""
    try:
        prompt = read_prompt(file, data)
        if prompt.texted is None:
            return ""
        draft = replace(content, prompts={**content.prompts, (prompt.language, prompt.name): prompt})
        return limits.as_sent(prompt, limits.longest_text(draft, prompt, prompt.texted))
    except (BrokenPrompts, KeyError):
        return ""
