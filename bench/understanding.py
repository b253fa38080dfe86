"""Accuracy, time per question, start-up time and memory of the matcher.

`known.tsv` contains the questions that the phrases come from. It is cross-validated: each fifth is evaluated with a
matcher that has not seen its wordings. `aside.tsv` is held out: other authors wrote it, only its totals are printed,
and nothing is tuned on it.
"""

from __future__ import annotations

import argparse
import csv
import os
import random
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from bench.machine import megabytes
from ivr.line.content.keyword_rules import RED_FLAGS, STOP
from ivr.line.content.loader import Content, read_content, read_folder
from ivr.line.content.prompt import Prompt
from ivr.line.nlu.matcher import Matcher, MatchResult
from ivr.line.text.normalize import normalize
from ivr.shipped import ROOT

QUESTIONS = ROOT / "tests" / "questions"
MEDICAL = frozenset(("what-they-are", "cancer", "more-pictures", "next-steps", "skin-products", "the-visit"))
FLAGS = frozenset(RED_FLAGS)
FOLDS = 5
LOADS = 7
Match = Callable[[str], MatchResult]


@dataclass(frozen=True)
class Question:
    """A question, its language, and the outcomes that are acceptable."""

    language: str
    expected: frozenset[str]
    words: str


def read_questions(name: str) -> list[Question]:
    with (QUESTIONS / name).open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [Question(row["lang"], frozenset(row["expected"].split("|")), row["text"]) for row in rows]


def evaluate(questions: Iterable[Question], match: Match) -> Counter[str]:
    """The number of questions, and how many got each mark, good or bad."""
    totals: Counter[str] = Counter()
    for question in questions:
        totals.update(("questions", *_marks(question, match(question.words))))
    return totals


def _marks(question: Question, result: MatchResult) -> list[str]:
    expected = question.expected
    topics = frozenset(result.between or (result.topic,))
    stops = STOP in topics or result.also_stop
    marks = {
        "right": bool(topics & expected),
        "wrong medical topic": bool(topics & MEDICAL) and not topics & expected,
        "ambiguous": bool(result.between),
        "not understood": topics == {"none"} and "none" not in expected,
        "red flag": expected <= FLAGS,
        "red flag missed": expected <= FLAGS and not topics & FLAGS,
        "false alarm": bool(topics & FLAGS) and not expected & FLAGS,
        "stop missed": expected == {STOP} and not stops,
        "false stop": stops and STOP not in expected,
        "other language": result.language != question.language and "language" not in expected,
    }
    return [mark for mark, applies in marks.items() if applies]


def cross_validate(content: Content, questions: list[Question]) -> Counter[str]:
    """Evaluate each fifth of the questions with a matcher that has not seen its wordings."""
    totals: Counter[str] = Counter()
    shuffled = list(questions)
    random.Random(1).shuffle(shuffled)  # noqa: S311 - the same folds each time
    for fold in range(FOLDS):
        part = shuffled[fold::FOLDS]
        unseen = {normalize(question.words) for question in part}
        prompts = {key: _without(prompt, unseen) for key, prompt in content.prompts.items()}
        rest = tuple(question for question in content.questions if normalize(question.words) not in unseen)
        totals += evaluate(part, Matcher(replace(content, prompts=prompts, questions=rest)).match_uncached)
    return totals


def _without(prompt: Prompt, unseen: set[str]) -> Prompt:
    rest = [
        (phrase, line)
        for phrase, line in zip(prompt.phrases, prompt.phrase_lines, strict=True)
        if normalize(phrase) not in unseen
    ]
    return replace(prompt, phrases=tuple(phrase for phrase, _ in rest), phrase_lines=tuple(line for _, line in rest))


def main(_options: argparse.Namespace) -> int:
    content = read_content(read_folder(ROOT / "prompts"))
    matcher = Matcher(content)
    known, held_out = read_questions("known.tsv"), read_questions("aside.tsv")
    phrases = sum(len(prompt.phrases) for prompt in content.prompts.values())
    print(f"\nunderstanding: a matcher of {phrases:,} phrases and {len(content.questions):,} questions")
    _print_costs(content, matcher, [question.words for question in known])
    columns = {"known (1)": cross_validate(content, known)}
    for language in ("", *content.config.languages):
        chosen = [question for question in held_out if language in ("", question.language)]
        columns[f"held out {language}".strip()] = evaluate(chosen, matcher.match_uncached)
    _print_accuracy(columns)
    return 0


def _print_costs(content: Content, matcher: Matcher, messages: list[str]) -> None:
    loads = []
    for _ in range(LOADS):
        started = time.perf_counter()
        Matcher(content)
        loads.append(time.perf_counter() - started)
    seconds = []
    for message in messages:
        started = time.perf_counter()
        matcher.match_uncached(message)
        seconds.append(time.perf_counter() - started)
    percentiles = statistics.quantiles(seconds, n=100)
    print(f"{'start-up':24}{1000 * statistics.median(loads):10.0f} ms")
    print(f"{'question, p50':24}{1e6 * percentiles[49]:10.0f} us")
    print(f"{'question, p99':24}{1e6 * percentiles[98]:10.0f} us")
    print(f"{'memory of a matcher':24}{_matcher_megabytes():10.0f} MB")


def _matcher_megabytes() -> float:
    """The resident memory that a matcher adds to a process that has read the prompts."""
    command = [sys.executable, "-m", "bench.understanding"]
    return float(subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout)


def _print_accuracy(columns: dict[str, Counter[str]]) -> None:
    print(f"\n{'':24}" + "".join(f"{name:>14}" for name in columns))
    marks = sorted(set().union(*columns.values()) - {"questions", "red flag", "right"})
    for mark, label in {"questions": "questions", "red flag": "of these, red flags"}.items():
        print(f"{label:24}" + "".join(f"{totals[mark]:14,}" for totals in columns.values()))
    shares = (100 * totals["right"] / totals["questions"] for totals in columns.values())
    print(f"{'right or fair':24}" + "".join(f"{share:13.1f}%" for share in shares))
    for mark in marks:
        print(f"{mark:24}" + "".join(f"{totals[mark]:14,}" for totals in columns.values()))
    print(f"(1) cross-validated in {FOLDS} folds")


if __name__ == "__main__":
    shipped = read_content(read_folder(ROOT / "prompts"))
    memory_before = megabytes(os.getpid())
    shipped_matcher = Matcher(shipped)
    print(megabytes(os.getpid()) - memory_before)
