"""Proofs one file of a draft as it is edited: its seconds, grade and segments, and its findings.

It applies the rules of `infoline prompts check` that concern one file, and does not explore the call graph.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Hashable
from dataclasses import asdict, dataclass, replace

from ivr.line.callflow.graph import Graph
from ivr.line.callflow.speech import Speech
from ivr.line.content.cross_references import find_cross_reference_errors
from ivr.line.content.findings import BrokenPrompts, Finding
from ivr.line.content.keyword_rules import RED_FLAGS
from ivr.line.content.loader import LINE_FILE, Content, is_prompt, misnamed_file, outcomes_of, read_line_file
from ivr.line.content.prompt import Prompt, Section, read_prompt
from ivr.line.content.recordings import find_recording_errors, is_in_recordings_folder
from ivr.line.content.revisions.translations import check_translation
from ivr.line.content.training_questions import is_question_file, question_findings
from ivr.line.lint import limits
from ivr.line.lint.folder_rules import FOLDER_RULES
from ivr.line.lint.menu_rules import MENU_RULES
from ivr.line.lint.runner import check_prompt, errors_first
from ivr.line.nlu.phrase_index import PhraseIndex
from ivr.line.text import gsm7, readability

# The number of drafts whose phrase index is cached, because a draft is proofed at each pause in typing.
_CACHED_DRAFTS = 4


@dataclass(frozen=True)
class SpokenMeasure:
    """The measures of one section. part: Spoken, Choices or Texted; line: where its text begins."""

    part: str
    line: int
    seconds: float | None
    """How long the section takes to say; None if it is only texted."""
    most_seconds: float | None
    grade: float | None
    """The school grade; None in languages without a formula for it."""
    mean_sentence: float
    """In words, like longest_sentence."""
    longest_sentence: int


@dataclass(frozen=True)
class TextMeasure:
    """The measures of a text message as it is sent, with the longest values that its placeholders can take."""

    line: int
    encoding: str
    segments: int
    most_segments: int
    characters: int
    left: int
    """How many more characters fit in the last segment."""
    dear: tuple[str, ...]
    """The characters outside GSM-7. They are replaced; with `accents: keep`, they make the message cost more."""
    keeps_accents: bool


@dataclass(frozen=True)
class PromptProof:
    """The proof of one file. An unreadable file has no sections."""

    file: str
    sections: tuple[SpokenMeasure, ...] = ()
    text: TextMeasure | None = None
    findings: tuple[Finding, ...] = ()

    def as_json(self) -> dict[str, object]:
        return {**asdict(self), "findings": tuple(finding.as_json() for finding in self.findings)}


def proof_prompt(content: Content, file: str, data: bytes) -> PromptProof:
    """Proof one file of a draft, given the draft as last read. Never raises, whatever the bytes are."""
    try:
        if is_prompt(file):
            return _proof_prompt(content, read_prompt(file, data), data)
        findings = _check_other_file(content, file, data)
    except BrokenPrompts as broken:
        findings = broken.findings
    return PromptProof(file, findings=errors_first(findings))


def preload_proof(content: Content) -> None:
    """Build what all proofs of a draft share, so that the first proof is not slow."""
    for language in content.config.languages:
        file = content.prompt(language, RED_FLAGS[0]).file
        proof_prompt(content, file, content.files[file])


def _proof_prompt(content: Content, prompt: Prompt, data: bytes) -> PromptProof:
    prompts = {**content.prompts, (prompt.language, prompt.name): prompt}
    draft = replace(content, prompts=prompts, files={**content.files, prompt.file: data})
    findings = set(find_cross_reference_errors(content.config, content.source, draft.prompts))
    if not findings:
        # Existing findings of other files are reported when those files are edited.
        before = {finding for finding in _check_menus(content) if finding.file != prompt.file}
        findings = _check_menus(draft) - before
    if prompt.language not in content.config.languages:
        return PromptProof(prompt.file, findings=errors_first(findings))
    findings.update(check_prompt(draft, _phrase_index(content), prompt))
    for other in content.config.languages:
        if (other, prompt.name) in draft.prompts:
            findings.update(check_translation(draft, draft.prompts[other, prompt.name]))
    sections = tuple(_measure_section(draft, prompt, part, section) for part, section in prompt.parts())
    return PromptProof(prompt.file, sections, _measure_text(draft, prompt), errors_first(findings))


def _check_menus(content: Content) -> set[Finding]:
    speech = Speech(content, Graph(content))
    return {finding for rule in MENU_RULES for finding in rule(speech)}


def _measure_section(content: Content, prompt: Prompt, part: str, section: Section) -> SpokenMeasure:
    text = limits.fill_with_samples(content, prompt, section)
    is_spoken = section is not prompt.texted
    return SpokenMeasure(
        part=part,
        line=section.line,
        seconds=round(limits.seconds_to_say(content, prompt, section), 1) if is_spoken else None,
        most_seconds=limits.most_seconds(prompt) if part == "Spoken" else None,
        grade=round(grade, 1) if (grade := limits.reading_grade(prompt, text)) is not None else None,
        mean_sentence=round(readability.average_sentence_length(text), 1),
        longest_sentence=max((len(readability.words(item)) for item in readability.sentences(text)), default=0),
    )


def _measure_text(content: Content, prompt: Prompt) -> TextMeasure | None:
    if prompt.texted is None:
        return None
    longest = limits.longest_text(content, prompt, prompt.texted)
    sent = limits.as_sent(prompt, longest)
    counted = gsm7.count_segments(sent)
    return TextMeasure(
        line=prompt.texted.line,
        encoding=counted.encoding,
        segments=counted.segments,
        most_segments=limits.most_segments(content, prompt),
        characters=counted.characters,
        left=gsm7.characters_left(sent),
        dear=gsm7.non_gsm7_characters(longest),
        keeps_accents=prompt.keeps_accents,
    )


def _check_other_file(content: Content, file: str, data: bytes) -> Collection[Finding]:
    """The findings of a file that is not a prompt."""
    if file == LINE_FILE:
        config, source = read_line_file(data)
        errors = set(find_cross_reference_errors(config, source, content.prompts))
        draft = replace(content, config=config, files={**content.files, LINE_FILE: data})
        # The rules assume that all references resolve.
        return errors or {finding for rule in FOLDER_RULES for finding in rule(draft)}
    if is_question_file(file):
        return question_findings(file, data, outcomes_of(content.files))
    if is_in_recordings_folder(file):
        prompts = {name: b"" for name in content.files if is_prompt(name)}
        return list(find_recording_errors(content.config, content.prompts, {**prompts, file: data}))
    return [misnamed_file(file)]


_indexes: OrderedDict[Hashable, PhraseIndex] = OrderedDict()


def _phrase_index(content: Content) -> PhraseIndex:
    """The phrase index of a draft, cached by what it is made of: most edits change other parts of a prompt."""
    words = tuple((name, *sorted(by_language.items())) for name, by_language in content.config.words.items())
    key = (words, *((prompt.file, prompt.phrases, prompt.keyword_rules) for prompt in content.prompts.values()))
    index = _indexes.pop(key, None) or PhraseIndex(content)
    _indexes[key] = index
    while len(_indexes) > _CACHED_DRAFTS:
        _indexes.popitem(last=False)
    return index
