"""Real questions with their correct outcomes: `questions.tsv` in each language folder.

The classifier learns from them and from all phrases. A phrase always leads to its prompt; a question only adds weight.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from ivr.i18n import N_, sentence
from ivr.line.content.findings import BrokenPrompts, Finding
from ivr.line.content.yaml_source import decode_text

LARGEST_QUESTIONS = 10_000_000
# A file of another kind would otherwise have a finding for each of its lines.
_MOST_FINDINGS = 100
_UNKNOWN_OUTCOME = N_("`{outcome}` is not a topic or outcome: write the name of a prompt, a tab, and the question.")
_NOT_A_QUESTION = N_("A tab or the question is missing: write the name of a prompt, a tab, and the question.")
_FILE = re.compile(r"([a-z]{2})/questions\.tsv")


@dataclass(frozen=True, slots=True)
class TrainingQuestion:
    """A question as a patient asked it, and the name of the prompt that answers it."""

    words: str
    outcome: str
    language: str


def is_question_file(file: str) -> bool:
    return _FILE.fullmatch(file) is not None


def read_questions(file: str, data: bytes) -> Iterator[TrainingQuestion]:
    """The questions of a file without findings, such as `en/questions.tsv`."""
    language = file.partition("/")[0]
    for line in decode_text(file, data, LARGEST_QUESTIONS).split("\n"):
        outcome, _, question = line.partition("\t")
        if question.strip():
            yield TrainingQuestion(question.strip(), outcome, language)


# The draft, the live release and the folder mostly have the same questions.
@lru_cache(maxsize=8)
def question_findings(file: str, data: bytes, outcomes: frozenset[str]) -> tuple[Finding, ...]:
    """What is wrong in a file that should have an outcome, a tab and a question per line."""
    try:
        lines = decode_text(file, data, LARGEST_QUESTIONS).split("\n")
    except BrokenPrompts as broken:
        return tuple(broken.findings)
    findings: list[Finding] = []
    for number, line in enumerate(lines, start=1):
        outcome, tab, question = line.partition("\t")
        is_whole = tab and question.strip()
        if line.strip() and not (is_whole and outcome in outcomes):
            message = sentence(_UNKNOWN_OUTCOME, outcome=outcome[:40]) if is_whole else sentence(_NOT_A_QUESTION)
            findings.append(Finding.of(file, number, "question", "error", message))
            if len(findings) == _MOST_FINDINGS:
                break
    return tuple(findings)
