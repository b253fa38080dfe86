"""How people really asked: questions with the outcome that is right for each, one file a language.

What is learned comes from them and from all phrases: a phrase always leads to its prompt, a question speaks for it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ivr.line.content.findings import BrokenPrompts, Finding
from ivr.line.content.prompt import decode_text

FILE_NAME = "questions.tsv"
LARGEST = 1_000_000
_FILE = re.compile(r"([a-z]{2})/questions\.tsv")


@dataclass(frozen=True)
class TrainingQuestion:
    """What somebody asked, and the name of the prompt that answers it."""

    words: str
    outcome: str
    language: str


def is_question_file(file: str) -> bool:
    return _FILE.fullmatch(file) is not None


def read_questions(file: str, data: bytes, outcomes: frozenset[str]) -> tuple[TrainingQuestion, ...]:
    """Read `en/questions.tsv`: the outcome, a tab, and the question, one a line. Raises BrokenPrompts."""
    language = file.partition("/")[0]
    questions: list[TrainingQuestion] = []
    findings: list[Finding] = []
    for number, line in enumerate(decode_text(file, data, LARGEST).split("\n"), start=1):
        outcome, tab, words = line.partition("\t")
        if outcome in outcomes and words.strip():
            questions.append(TrainingQuestion(words.strip(), outcome, language))
        elif line.strip():
            is_whole = tab and words.strip()
            what = f"`{outcome[:40]}` is no topic or outcome" if is_whole else "A tab or the question is missing"
            message = f"{what}: write a prompt's name, a tab, and the question."
            findings.append(Finding(file, number, "question", "error", message))
    if findings:
        raise BrokenPrompts(findings)
    return tuple(questions)
