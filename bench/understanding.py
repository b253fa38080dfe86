"""What the line understands: right and wrong outcomes, time per question, start-up time and memory.

Each file in tests/questions holds questions by people who had seen neither the prompts nor the code, with the outcomes
that are right and those that are fair. The files named `fresh` were looked at once; decision 25 has those
figures. Then red flags and opt-outs that were missed were learned. The others are older: examples and thresholds were
chosen with them in view. Only totals are printed. The examples that the model is
trained on are cross-validated: each fifth is evaluated with a model that has not seen it.
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
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from bench.support.machine import megabytes
from ivr.line.content.keyword_rules import RED_FLAGS, STOP
from ivr.line.content.loader import Content, read_content, read_folder
from ivr.line.content.prompt import Prompt
from ivr.line.nlu.matcher import AMBIGUOUS, NONE, PRACTICAL, Matcher, MatchResult
from ivr.line.nlu.models import trained_model
from ivr.line.nlu.topic_model import read_model
from ivr.line.text.normalize import normalize
from ivr.shipped import ROOT

QUESTIONS = ROOT / "tests" / "questions"
FLAGS = frozenset(RED_FLAGS)
# Outcomes that say nothing about medicine, so that giving one by mistake misinforms nobody.
NOT_MEDICAL = PRACTICAL | {"scheduling", "results", "wrong-number", "stop", "start", "help", "menu", "language"}
NOT_MEDICAL |= {"confirm", "change", "none", AMBIGUOUS}
# What is asked of questions that nobody has tuned to.
ASKED = {
    "right or fair": "   asked: at least 96%, of real patients 85%",
    "wrong medical answer": "   asked: at most 1%, of real patients none",
    "red flag missed": "   asked: none of 400",
    "false alarm": "   asked: at most 2%",
    "false opt-out": "   asked: none of 1,000",
    "opt-out missed": "   asked: none of 200",
}
# What a mark is a share of; the others are shares of all questions.
BASES = {
    "red flag missed": "red flag",
    "red flag beside an answer": "red flag",
    "false alarm": "harmless",
    "needless caution": "harmless",
    "opt-out offered": "opt-out",
    "opt-out missed": "opt-out",
    "false opt-out": "not an opt-out",
}
SIZES = ("questions", "red flag", "harmless", "opt-out", "not an opt-out")
PRINTED = (
    *SIZES,
    "right",
    "right or fair",
    "asks which one",
    "no answer",
    "wrong medical answer",
    "asks about others",
    "wrong, not medical",
    "other language",
    "red flag missed",
    "red flag beside an answer",
    "false alarm",
    "needless caution",
    "opt-out missed",
    "opt-out offered",
    "false opt-out",
    "false opt-in",
    "false wrong number",
)
FOLDS = 5
LOADS = 7
Match = Callable[[str], MatchResult]


@dataclass(frozen=True)
class Question:
    """A question, its language, and the outcomes that are right and fair."""

    language: str
    right: frozenset[str]
    fair: frozenset[str]
    words: str


def read_questions(name: str) -> list[Question]:
    """Read a file of tests/questions: lang, right, fair, text; several outcomes are separated by |."""
    with (QUESTIONS / name).open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [Question(row["lang"], _outcomes(row["right"]), _outcomes(row["fair"]), row["text"]) for row in rows]


def _outcomes(cell: str) -> frozenset[str]:
    return frozenset(filter(None, cell.split("|")))


def evaluate(questions: Iterable[Question], match: Match) -> Counter[str]:
    """The number of questions, and how many got each mark, good or bad."""
    totals: Counter[str] = Counter()
    for question in questions:
        totals.update(("questions", *marks(question, match(question.words))))
    return totals


def marks(question: Question, result: MatchResult) -> list[str]:
    """The marks of one answer. A question between answers is fair if one of them is right or fair.

    If it also says that the line may have no answer, `none` counts as one of them.
    """
    given = frozenset((*(result.between or (result.topic,)), *([NONE] if result.or_none else ())))
    acceptable = question.right | question.fair
    stops = STOP in given or result.also_stop
    cautious = result.may_be_red_flag
    is_wrong = not given & acceptable
    applies = {
        "right": bool(given & question.right) and not result.between,
        "right or fair": bool(given & acceptable),
        "wrong medical answer": is_wrong and bool(given - NOT_MEDICAL) and not result.between,
        # Asks about others, at least one of them medical: the patient sees that none is meant.
        "asks about others": is_wrong and bool(given - NOT_MEDICAL) and bool(result.between),
        # Misinforms nobody, but does not help either.
        "wrong, not medical": is_wrong and given != {NONE} and given <= NOT_MEDICAL,
        "asks which one": bool(result.between),
        "no answer": given == {"none"} and "none" not in acceptable,
        "red flag": question.right <= FLAGS,
        # Not missed, but second to another answer: the text begins with what to do in an emergency and whom to call.
        "red flag beside an answer": question.right <= FLAGS and not given & FLAGS and cautious,
        "red flag missed": question.right <= FLAGS and not given & FLAGS and not cautious,
        "harmless": not acceptable & FLAGS,
        "needless caution": cautious and not acceptable & FLAGS,
        "false alarm": bool(given & FLAGS) and not acceptable & FLAGS,
        "opt-out": question.right == {STOP},
        "not an opt-out": STOP not in acceptable,
        # The answer ends with how to stop the texts.
        "opt-out offered": question.right == {STOP} and not stops and STOP in result.possible,
        "opt-out missed": question.right == {STOP} and not stops and STOP not in result.possible,
        "false opt-out": stops and STOP not in acceptable,
        "false opt-in": "start" in given - acceptable,
        "false wrong number": "wrong-number" in given - acceptable,
        "other language": result.language != question.language and not acceptable & {"language", "interpreter"},
    }
    return [mark for mark, holds in applies.items() if holds]


def cross_validate(content: Content) -> Counter[str]:
    """Evaluate each fifth of the phrases and questions with a matcher that has not seen their wordings."""
    known = {(prompt.language, phrase): prompt.name for prompt in content.prompts.values() for phrase in prompt.phrases}
    known |= {(item.language, item.words): item.outcome for item in content.questions()}
    examples = [Question(language, frozenset({name}), frozenset(), words) for (language, words), name in known.items()]
    random.Random(1).shuffle(examples)
    totals: Counter[str] = Counter()
    for fold in range(FOLDS):
        part = examples[fold::FOLDS]
        unseen = {normalize(question.words) for question in part}
        prompts = {key: _without(prompt, unseen) for key, prompt in content.prompts.items()}
        partial = replace(content, prompts=prompts, files={**content.files, **_questions_without(content, unseen)})
        totals += evaluate(part, Matcher(partial, trained_model(partial)).match_uncached)
    return totals


def _questions_without(content: Content, unseen: set[str]) -> dict[str, bytes]:
    """The question files without some wordings."""
    rest: dict[str, list[str]] = defaultdict(list)
    for question in content.questions():
        if normalize(question.words) not in unseen:
            rest[f"{question.language}/questions.tsv"].append(f"{question.outcome}\t{question.words}")
    return {file: "\n".join(lines).encode() for file, lines in rest.items()}


def _without(prompt: Prompt, unseen: set[str]) -> Prompt:
    rest = [
        (phrase, line)
        for phrase, line in zip(prompt.phrases, prompt.phrase_lines, strict=True)
        if normalize(phrase) not in unseen
    ]
    return replace(prompt, phrases=tuple(phrase for phrase, _ in rest), phrase_lines=tuple(line for _, line in rest))


def main(_options: argparse.Namespace) -> int:
    content = read_content(read_folder(ROOT / "prompts"))
    phrases = sum(len(prompt.phrases) for prompt in content.prompts.values())
    print(f"\nunderstanding: a model of {phrases:,} phrases and {sum(1 for _ in content.questions()):,} questions")
    started = time.perf_counter()
    model = trained_model(content)
    print(f"{'training':26}{time.perf_counter() - started:10.1f} s")
    matcher = Matcher(content, model)
    # As a process reads it from the disk.
    _print_costs(content, matcher, model.to_bytes(compressed=False))
    for file in sorted(QUESTIONS.glob("*.tsv")):
        questions = read_questions(file.name)
        columns = {"all": evaluate(questions, matcher.match_uncached)}
        for language in content.config.languages:
            chosen = [question for question in questions if question.language == language]
            columns[language] = evaluate(chosen, matcher.match_uncached)
        _print_totals(file.stem, columns)
    _print_totals(f"examples, cross-validated in {FOLDS} folds", {"all": cross_validate(content)})
    return 0


def _print_costs(content: Content, matcher: Matcher, data: bytes) -> None:
    loads = []
    for _ in range(LOADS):
        started = time.perf_counter()
        Matcher(content, read_model(data))
        loads.append(time.perf_counter() - started)
    seconds = []
    for file in sorted(QUESTIONS.glob("*.tsv")):
        for question in read_questions(file.name):
            started = time.perf_counter()
            matcher.match_uncached(question.words)
            seconds.append(time.perf_counter() - started)
    percentiles = statistics.quantiles(seconds, n=100)
    lines = sum(len(data.splitlines()) for name, data in content.files.items() if name.endswith((".md", ".yaml")))
    print(f"{'start-up':26}{1000 * statistics.median(loads):10.0f} ms, asked: at most 150")
    print(f"{'question, p50':26}{1e6 * percentiles[49]:10.0f} us, asked: at most 1,000")
    print(f"{'question, p99':26}{1e6 * percentiles[98]:10.0f} us, asked: at most 3,000")
    print(f"{'memory of a matcher':26}{_matcher_megabytes(data):10.0f} MB, asked: at most 40")
    print(f"{'model on disk':26}{len(data) / 1e6:10.1f} MB")
    rules = sum(len(prompt.keyword_rules) for prompt in content.prompts.values())
    print(f"{'lines of prompts/':26}{lines:10,} (without questions.tsv), {rules:,} of them keyword rules")


def _matcher_megabytes(data: bytes) -> float:
    """The resident memory that a matcher adds to a process that has read the prompts."""
    command = [sys.executable, "-m", "bench.understanding"]
    return float(subprocess.run(command, input=data, capture_output=True, check=True, cwd=ROOT).stdout)


def _print_totals(title: str, columns: dict[str, Counter[str]]) -> None:
    print(f"\n{title:32}" + "".join(f"{name:>14}" for name in columns))
    for mark in PRINTED:
        cells = "".join(_cell(totals, mark) for totals in columns.values())
        base = f" of {BASES[mark]}" if mark in BASES else ""
        print(f"{mark:32}{cells}{base}{ASKED.get(mark, '')}")


def _cell(totals: Counter[str], mark: str) -> str:
    if mark in SIZES:
        return f"{totals[mark]:14,}"
    share = share_of(totals, mark)
    return f"{totals[mark]:7,} {'' if share is None else f'{share:.1f}%':>6}"


def share_of(totals: Counter[str], mark: str) -> float | None:
    """The percentage of a mark, of what it can apply to; None if there is none of that."""
    size = totals[BASES.get(mark, "questions")]
    return 100 * totals[mark] / size if size else None


if __name__ == "__main__":
    shipped = read_content(read_folder(ROOT / "prompts"))
    stored = sys.stdin.buffer.read()
    memory_before = megabytes(os.getpid())
    shipped_matcher = Matcher(shipped, read_model(stored))
    print(megabytes(os.getpid()) - memory_before)
