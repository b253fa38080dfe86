"""One text proved while it is written: what it comes to in seconds, grade and segments, and what is wrong with it.

The rules are those of `infoline prompts check` that concern one text; the walk over the call graph is left to it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace

from ivr.line.callflow.graph import Graph
from ivr.line.callflow.speech import Speech
from ivr.line.content.config import read_config
from ivr.line.content.cross_references import find_cross_reference_errors
from ivr.line.content.findings import BrokenPrompts, Finding
from ivr.line.content.keyword_rules import RED_FLAGS
from ivr.line.content.loader import LINE_FILE, Content, is_prompt, misnamed_file, outcomes_of
from ivr.line.content.prompt import Prompt, Section, read_prompt
from ivr.line.content.recordings import find_recording_errors, is_in_recordings_folder
from ivr.line.content.text_files import decode_text
from ivr.line.content.training_questions import is_question_file, read_questions
from ivr.line.content.translations import check_translation
from ivr.line.content.yaml_source import read_yaml
from ivr.line.lint import limits
from ivr.line.lint.folder_rules import FOLDER_RULES
from ivr.line.lint.menu_rules import MENU_RULES
from ivr.line.lint.runner import check_prompt
from ivr.line.nlu.phrase_index import PhraseIndex
from ivr.line.text import gsm7, readability

# Drafts whose phrases and signs are kept ready: a draft is proved at each pause in the typing.
_KEPT = 4


@dataclass(frozen=True)
class SpokenMeasure:
    """What one section comes to. part: Spoken, Choices or Texted; line: where its words begin."""

    part: str
    line: int
    seconds: float | None
    """How long it takes to say; None for what is only texted."""
    most_seconds: float | None
    grade: float | None
    """The US school grade, in English alone."""
    mean_sentence: float
    """In words; so is the longest."""
    longest_sentence: int


@dataclass(frozen=True)
class TextMeasure:
    """What the text takes as it goes out, with the longest values that its placeholders can take."""

    line: int
    encoding: str
    segments: int
    most_segments: int
    characters: int
    left: int
    """How many more letters fit before the next segment begins."""
    dear: tuple[str, ...]
    """The signs that GSM-7 does not have: with `accents: keep` they make the text dear, else they are replaced."""
    keeps_accents: bool


@dataclass(frozen=True)
class PromptProof:
    """What is known of a file as it was typed. Without sections where it cannot be read."""

    file: str
    sections: tuple[SpokenMeasure, ...] = ()
    text: TextMeasure | None = None
    findings: tuple[Finding, ...] = ()

    def as_json(self) -> dict[str, object]:
        return asdict(self)


def prove_prompt(content: Content, file: str, data: bytes) -> PromptProof:
    """Prove one file of a draft as it was typed. Never raises, whatever the bytes are.

    content: the draft as it was last read; what is found is found in the draft with this file in it.
    """
    try:
        if is_prompt(file):
            return _prove_prompt(content, read_prompt(file, data))
        found: Iterable[Finding] = _found_in(content, file, data)
    except BrokenPrompts as broken:
        found = broken.findings
    return PromptProof(file, findings=_worst_first(found))


def preload_proof(content: Content) -> None:
    """Have ready what all proofs of a draft need, so that nobody waits for it at the first key."""
    for language in content.config.languages:
        file = content.prompt(language, RED_FLAGS[0]).file
        prove_prompt(content, file, content.files[file])


def _prove_prompt(content: Content, prompt: Prompt) -> PromptProof:
    draft = replace(content, prompts={**content.prompts, (prompt.language, prompt.name): prompt})
    found = set(find_cross_reference_errors(content.config, content.source, draft.prompts))
    if not found:
        # What was wrong with another file before is told when that file is written.
        before = {finding for finding in _of_menus(content) if finding.file != prompt.file}
        found = _of_menus(draft) - before
    if prompt.language not in content.config.languages:
        return PromptProof(prompt.file, findings=_worst_first(found))
    found.update(check_prompt(draft, _meanings(content), prompt))
    for other in content.config.languages:
        if (other, prompt.name) in draft.prompts:
            found.update(check_translation(draft, draft.prompts[other, prompt.name]))
    sections = tuple(_spoken(draft, prompt, part, section) for part, section in prompt.parts())
    return PromptProof(prompt.file, sections, _texted(draft, prompt), _worst_first(found))


def _of_menus(content: Content) -> set[Finding]:
    speech = Speech(content, Graph(content))
    return {finding for rule in MENU_RULES for finding in rule(speech)}


def _spoken(content: Content, prompt: Prompt, part: str, section: Section) -> SpokenMeasure:
    words = limits.fill_with_samples(content, prompt, section)
    is_said = section is not prompt.texted
    return SpokenMeasure(
        part=part,
        line=section.line,
        seconds=round(limits.seconds_to_say(content, prompt, section), 1) if is_said else None,
        most_seconds=limits.most_seconds(prompt) if part == "Spoken" else None,
        grade=round(grade, 1) if (grade := limits.reading_grade(prompt, words)) is not None else None,
        mean_sentence=round(readability.average_sentence_length(words), 1),
        longest_sentence=max((len(readability.words(one)) for one in readability.sentences(words)), default=0),
    )


def _texted(content: Content, prompt: Prompt) -> TextMeasure | None:
    if prompt.texted is None:
        return None
    written = limits.longest_text(content, prompt, prompt.texted)
    text = limits.as_sent(prompt, written)
    counted = gsm7.count_segments(text)
    return TextMeasure(
        line=prompt.texted.line,
        encoding=counted.encoding,
        segments=counted.segments,
        most_segments=limits.most_segments(content, prompt),
        characters=counted.characters,
        left=gsm7.characters_left(text),
        dear=gsm7.non_gsm7_characters(written),
        keeps_accents=prompt.keeps_accents,
    )


def _found_in(content: Content, file: str, data: bytes) -> Iterable[Finding]:
    """What is wrong with a file that is no prompt."""
    if file == LINE_FILE:
        source = read_yaml(LINE_FILE, decode_text(LINE_FILE, data))
        config = read_config(source)
        faults = set(find_cross_reference_errors(config, source, content.prompts))
        draft = replace(content, config=config, files={**content.files, LINE_FILE: data})
        # What does not agree cannot be judged any further.
        return faults or {finding for rule in FOLDER_RULES for finding in rule(draft)}
    if is_question_file(file):
        read_questions(file, data, outcomes_of(content.files))
        return ()
    if is_in_recordings_folder(file):
        prompts = {name: b"" for name in content.files if is_prompt(name)}
        return find_recording_errors(content.config, content.prompts, {**prompts, file: data})
    return [misnamed_file(file)]


_ready: OrderedDict[str, PhraseIndex] = OrderedDict()


def _meanings(content: Content) -> PhraseIndex:
    """The phrases and signs of a draft, kept while it is worked on."""
    meanings = _ready.pop(content.digest, None) or PhraseIndex(content)
    _ready[content.digest] = meanings
    while len(_ready) > _KEPT:
        _ready.popitem(last=False)
    return meanings


def _worst_first(found: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(set(found), key=lambda finding: (finding.level, finding)))
