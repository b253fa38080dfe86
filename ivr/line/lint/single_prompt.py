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
from ivr.line.content.cross_references import disagreements
from ivr.line.content.findings import BrokenPrompts, Finding
from ivr.line.content.keyword_rules import RED_FLAGS
from ivr.line.content.loader import LINE_FILE, Content, is_prompt, misnamed, outcomes_of
from ivr.line.content.prompt import Prompt, Section, decode, read_prompt
from ivr.line.content.recordings import is_recording, recording_faults
from ivr.line.content.training_questions import is_questions, read_questions
from ivr.line.content.translations import late_translation
from ivr.line.content.yaml_source import read_yaml
from ivr.line.lint import limits
from ivr.line.lint.folder_rules import FOLDER_RULES
from ivr.line.lint.menu_rules import MENU_RULES
from ivr.line.lint.runner import of_prompt
from ivr.line.nlu.phrase_index import Meanings
from ivr.line.text import gsm7, readability

# Drafts whose phrases and signs are kept ready: a draft is proved at each pause in the typing.
_KEPT = 4


@dataclass(frozen=True)
class Spoken:
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
class Texted:
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
class Proof:
    """What is known of a file as it was typed. Without sections where it cannot be read."""

    file: str
    sections: tuple[Spoken, ...] = ()
    text: Texted | None = None
    findings: tuple[Finding, ...] = ()

    def as_json(self) -> dict[str, object]:
        return asdict(self)


def prove(content: Content, file: str, data: bytes) -> Proof:
    """Prove one file of a draft as it was typed. Never raises, whatever the bytes are.

    content: the draft as it was last read; what is found is found in the draft with this file in it.
    """
    try:
        if is_prompt(file):
            return _prove_prompt(content, read_prompt(file, data))
        found: Iterable[Finding] = _found_in(content, file, data)
    except BrokenPrompts as broken:
        found = broken.findings
    return Proof(file, findings=_worst_first(found))


def prepare(content: Content) -> None:
    """Have ready what all proofs of a draft need, so that nobody waits for it at the first key."""
    for language in content.config.languages:
        file = content.prompt(language, RED_FLAGS[0]).file
        prove(content, file, content.files[file])


def _prove_prompt(content: Content, prompt: Prompt) -> Proof:
    draft = replace(content, prompts={**content.prompts, (prompt.language, prompt.name): prompt})
    found = set(disagreements(content.config, content.source, draft.prompts))
    if not found:
        # What was wrong with another file before is told when that file is written.
        before = {finding for finding in _of_menus(content) if finding.file != prompt.file}
        found = _of_menus(draft) - before
    if prompt.language not in content.config.languages:
        return Proof(prompt.file, findings=_worst_first(found))
    found.update(of_prompt(draft, _meanings(content), prompt))
    for other in content.config.languages:
        if (other, prompt.name) in draft.prompts:
            found.update(late_translation(draft, draft.prompts[other, prompt.name]))
    sections = tuple(_spoken(draft, prompt, part, section) for part, section in prompt.parts())
    return Proof(prompt.file, sections, _texted(draft, prompt), _worst_first(found))


def _of_menus(content: Content) -> set[Finding]:
    speech = Speech(content, Graph(content))
    return {finding for rule in MENU_RULES for finding in rule(speech)}


def _spoken(content: Content, prompt: Prompt, part: str, section: Section) -> Spoken:
    words = limits.filled(content, prompt, section)
    is_said = section is not prompt.texted
    return Spoken(
        part=part,
        line=section.line,
        seconds=round(limits.seconds(content, prompt, section), 1) if is_said else None,
        most_seconds=limits.most_seconds(prompt) if part == "Spoken" else None,
        grade=round(grade, 1) if (grade := limits.grade(prompt, words)) is not None else None,
        mean_sentence=round(readability.average_sentence_length(words), 1),
        longest_sentence=max((len(readability.words(one)) for one in readability.sentences(words)), default=0),
    )


def _texted(content: Content, prompt: Prompt) -> Texted | None:
    if prompt.texted is None:
        return None
    written = limits.longest(content, prompt, prompt.texted)
    text = limits.sent(prompt, written)
    counted = gsm7.segments(text)
    return Texted(
        line=prompt.texted.line,
        encoding=counted.encoding,
        segments=counted.segments,
        most_segments=limits.most_segments(content, prompt),
        characters=counted.characters,
        left=gsm7.left(text),
        dear=gsm7.dear_characters(written),
        keeps_accents=prompt.keeps_accents,
    )


def _found_in(content: Content, file: str, data: bytes) -> Iterable[Finding]:
    """What is wrong with a file that is no prompt."""
    if file == LINE_FILE:
        source = read_yaml(LINE_FILE, decode(LINE_FILE, data))
        config = read_config(source)
        faults = set(disagreements(config, source, content.prompts))
        draft = replace(content, config=config, files={**content.files, LINE_FILE: data})
        # What does not agree cannot be judged any further.
        return faults or {finding for rule in FOLDER_RULES for finding in rule(draft)}
    if is_questions(file):
        read_questions(file, data, outcomes_of(content.files))
        return ()
    if is_recording(file):
        prompts = {name: b"" for name in content.files if is_prompt(name)}
        return recording_faults(content.config, content.prompts, {**prompts, file: data})
    return [misnamed(file)]


_ready: OrderedDict[str, Meanings] = OrderedDict()


def _meanings(content: Content) -> Meanings:
    """The phrases and signs of a draft, kept while it is worked on."""
    meanings = _ready.pop(content.digest, None) or Meanings(content)
    _ready[content.digest] = meanings
    while len(_ready) > _KEPT:
        _ready.popitem(last=False)
    return meanings


def _worst_first(found: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(set(found), key=lambda finding: (finding.level, finding)))
