"""The text that asks which answer is meant, and says so if the line may have none."""

from __future__ import annotations

import pytest

from ivr.line.nlu.matcher import MatchResult
from ivr.line.nlu.replies import MOST_SEGMENTS, choice_reply
from ivr.line.text.gsm7 import count_segments, fold_to_gsm7
from ivr.line.twiml.release import CompiledLine


def test_a_question_between_two_answers_names_their_numbers_or_reply_words(line: CompiledLine) -> None:
    reply = choice_reply(line.content, MatchResult("ambiguous", "en", {}, between=("cancer", "biopsy")))
    assert "2 Is it cancer?" in reply
    assert "BIOPSY What a biopsy is" in reply


@pytest.mark.parametrize(
    ("language", "between", "lines"),
    [
        ("en", ("results",), ["RESULTS How you get results"]),
        ("en", ("cancer", "scheduling"), ["2 Is it cancer?", "APPOINTMENT Whom to call about visits"]),
        ("es", ("help", "dcis"), ["LINEA Qué es esta linea", "DCIS La palabra DCIS"]),
    ],
)
def test_where_there_may_be_no_answer_the_reply_says_so_lists_what_may_help_and_whom_to_call(
    line: CompiledLine, language: str, between: tuple[str, ...], lines: list[str]
) -> None:
    reply = choice_reply(line.content, MatchResult("ambiguous", language, {}, between=between, or_none=True))
    assert reply.splitlines()[1:-1] == lines
    assert "not sure" in reply or "No sé si" in reply
    assert "603-668-3067" in reply
    assert "911" in reply


@pytest.mark.parametrize("language", ["en", "es"])
def test_a_question_between_three_answers_lists_each_on_a_line_and_fits_a_text(
    line: CompiledLine, language: str
) -> None:
    config = line.content.config
    words = {name: by_language[language] for name, by_language in config.words.items()}
    names = [*words, *(topic.id for topic in config.topics)]
    lengths = {name: len(words.get(name, "1")) + len(line.content.prompt(language, name).title) for name in names}
    longest = tuple(sorted(names, key=lambda name: lengths[name])[-3:])
    titles = [fold_to_gsm7(line.content.prompt(language, name).title) for name in longest]
    for or_none in (False, True):
        reply = choice_reply(line.content, MatchResult("ambiguous", language, {}, between=longest, or_none=or_none))
        rows_of_answers = reply.splitlines()[1:-1] if or_none else reply.splitlines()[1:]
        assert [row.partition(" ")[2] for row in rows_of_answers] == titles
        assert count_segments(reply).segments <= MOST_SEGMENTS
