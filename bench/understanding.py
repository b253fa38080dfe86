"""How well and how fast free words are understood: accuracy, microseconds a question, start-up and memory.

`known.tsv` is what the phrases were taken from: it is judged by cross-validation, each fifth without its own
wordings. `aside.tsv` was written by others and set aside: only its totals are printed, and nothing is tuned on it.
"""

from __future__ import annotations

import argparse
import csv
import random
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from ivr.line.content.keyword_rules import RED_FLAGS, STOP
from ivr.line.content.loader import Content, read_content, read_folder
from ivr.line.content.prompt import Prompt
from ivr.line.nlu.matcher import Matcher, MatchResult, normalize
from ivr.shipped import ROOT

QUESTIONS = ROOT / "tests" / "questions"
MEDICAL = frozenset(("what-they-are", "cancer", "more-pictures", "next-steps", "skin-products", "the-visit"))
FLAGS = frozenset(RED_FLAGS)
FOLDS = 5
LOADS = 7
Ask = Callable[[str], MatchResult]


@dataclass(frozen=True)
class Question:
    """A question, its language, and the outcomes that are right or a fair alternative."""

    language: str
    expected: frozenset[str]
    words: str


def questions(name: str) -> list[Question]:
    with (QUESTIONS / name).open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [Question(row["lang"], frozenset(row["expected"].split("|")), row["text"]) for row in rows]


def judged(asked: Iterable[Question], ask: Ask) -> Counter[str]:
    """How many questions there are, and how many were answered in each way, well or badly."""
    totals: Counter[str] = Counter()
    for question in asked:
        totals.update(("questions", *_marks(question, ask(question.words))))
    return totals


def _marks(question: Question, understood: MatchResult) -> list[str]:
    expected = question.expected
    led = frozenset(understood.between or (understood.topic,))
    stops = STOP in led or understood.also_stop
    marks = {
        "right": bool(led & expected),
        "wrong medical topic": bool(led & MEDICAL) and not led & expected,
        "asked which of two": bool(understood.between),
        "not understood": led == {"none"} and "none" not in expected,
        "red flag": expected <= FLAGS,
        "red flag missed": expected <= FLAGS and not led & FLAGS,
        "false alarm": bool(led & FLAGS) and not expected & FLAGS,
        "stop missed": expected == {STOP} and not stops,
        "false stop": stops and STOP not in expected,
        "other language": understood.language != question.language and "language" not in expected,
    }
    return [mark for mark, holds in marks.items() if holds]


def cross_validated(content: Content, asked: list[Question]) -> Counter[str]:
    """Each fifth of the questions, asked of a matcher that has not seen their wordings."""
    totals: Counter[str] = Counter()
    shuffled = list(asked)
    random.Random(1).shuffle(shuffled)  # noqa: S311 - the same folds each time
    for fold in range(FOLDS):
        part = shuffled[fold::FOLDS]
        unseen = {normalize(question.words) for question in part}
        prompts = {key: _without(prompt, unseen) for key, prompt in content.prompts.items()}
        questions = tuple(question for question in content.questions if normalize(question.words) not in unseen)
        totals += judged(part, Matcher(replace(content, prompts=prompts, questions=questions)).think)
    return totals


def _without(prompt: Prompt, unseen: set[str]) -> Prompt:
    kept = [
        (phrase, line)
        for phrase, line in zip(prompt.phrases, prompt.phrase_lines, strict=True)
        if normalize(phrase) not in unseen
    ]
    return replace(prompt, phrases=tuple(phrase for phrase, _ in kept), phrase_lines=tuple(line for _, line in kept))


def main(_options: argparse.Namespace) -> int:
    content = read_content(read_folder(ROOT / "prompts"))
    matcher = Matcher(content)
    known, aside = questions("known.tsv"), questions("aside.tsv")
    phrases = sum(len(prompt.phrases) for prompt in content.prompts.values())
    print(f"\nunderstanding: {phrases:,} phrases and {len(content.questions):,} questions")
    _print_times(content, matcher, [question.words for question in known])
    print(f"memory of a matcher {_megabytes():.0f} MB")
    _print_totals("known, cross-validated", cross_validated(content, known))
    for language in ("", *content.config.languages):
        chosen = [question for question in aside if language in ("", question.language)]
        _print_totals(f"aside {language}".strip(), judged(chosen, matcher.think))
    return 0


def _print_times(content: Content, matcher: Matcher, asked: list[str]) -> None:
    loads = []
    for _ in range(LOADS):
        started = time.perf_counter()
        Matcher(content)
        loads.append(time.perf_counter() - started)
    seconds = []
    for words in asked:
        started = time.perf_counter()
        matcher.think(words)
        seconds.append(time.perf_counter() - started)
    cut = statistics.quantiles(seconds, n=100)
    print(f"start-up {1000 * statistics.median(loads):.0f} ms, p50 {1e6 * cut[49]:.0f} us, p99 {1e6 * cut[98]:.0f} us")


def _megabytes() -> float:
    """What a matcher adds to a process that has read the prompts."""
    measured = subprocess.run(
        [sys.executable, "-m", "bench.understanding"], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return float(measured.stdout)


def _resident() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024


def _print_totals(name: str, totals: Counter[str]) -> None:
    asked = totals.pop("questions")
    flags = totals.pop("red flag", 0)
    right = totals.pop("right")
    told = ", ".join(f"{mark} {count}" for mark, count in sorted(totals.items()))
    print(f"{name}: {asked} questions, {flags} red flags; right or fair {100 * right / asked:.1f} %; {told}")


if __name__ == "__main__":
    shipped = read_content(read_folder(ROOT / "prompts"))
    before = _resident()
    kept = Matcher(shipped)
    print(_resident() - before)
