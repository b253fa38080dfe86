"""The numbers that the README and the changelog state are those of the code."""

from __future__ import annotations

import re
from collections import Counter

from bench.understanding import evaluate, read_questions
from ivr.line.content.loader import Content
from ivr.line.nlu.training import examples_of
from ivr.line.twiml.release import CompiledLine
from tests.support.paths import ROOT


def words(page: str) -> str:
    return " ".join((ROOT / page).read_text().split())


def numbers(page: str, sentence: str) -> list[int]:
    found = re.search(sentence.replace("N", r"([\d,]+)"), words(page))
    assert found, f"{page} no longer says: {sentence}"
    return [int(number.replace(",", "")) for number in found.groups()]


def of_100(totals: Counter[str], mark: str) -> int:
    return round(100 * totals[mark] / totals["questions"])


def test_the_readme_says_how_many_questions_are_understood(line: CompiledLine) -> None:
    totals = evaluate(read_questions("fresh-general.tsv"), line.matcher.match)
    asked, fair, wrong = numbers(
        "README.md",
        "Of N new questions, N of 100 get a right or fair answer or a choice that includes one, "
        "and N of 100 a medical answer to something else",
    )
    assert (asked, fair, wrong) == (
        totals["questions"],
        of_100(totals, "right or fair"),
        of_100(totals, "wrong medical answer"),
    )


def test_the_readme_says_how_many_messages_of_patients_are_understood(line: CompiledLine) -> None:
    totals = evaluate(read_questions("fresh-real.tsv"), line.matcher.match)
    asked, fair, wrong = numbers("README.md", "of N messages by real patients, N and N.")
    assert (asked, fair, wrong) == (
        totals["questions"],
        of_100(totals, "right or fair"),
        of_100(totals, "wrong medical answer"),
    )


def test_the_readme_says_how_many_red_flags_are_missed(line: CompiledLine) -> None:
    totals = evaluate(read_questions("fresh-safety.tsv"), line.matcher.match)
    sentence = (
        "Of N new messages with a red flag, it missed two at first sight; it now misses N and mentions "
        "N beside another answer. Of N harmless ones, many with words of a red flag, N get the answer to one"
    )
    marks = ("red flag", "red flag missed", "red flag beside an answer", "harmless", "false alarm")
    assert numbers("README.md", sentence) == [totals[mark] for mark in marks]


def test_the_changelog_says_how_many_examples_the_topics_are_learned_from(content: Content) -> None:
    assert numbers("CHANGELOG.md", "learned from N phrases and questions") == [len(list(examples_of(content)))]


def test_the_readme_says_how_large_the_library_is(content: Content) -> None:
    assert numbers("README.md", "N more answers") == [len(content.config.library)]


def test_the_changelog_names_each_migration_since_0008() -> None:
    text = words("CHANGELOG.md")
    named = {int(number) for number in re.findall(r"\b(00\d\d)\b", text)}
    for first, last in re.findall(r"migrations (00\d\d) to (00\d\d)", text):
        named |= set(range(int(first), int(last) + 1))
    versions = (ROOT / "ivr/ledger/migrations/versions").glob("00*.py")
    assert {int(path.name[:4]) for path in versions if path.name >= "0008"} <= named
