"""Texts as people, phones and other programs send them, with the shipped prompts: what they ask for, if anything."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.line.content.keyword_rules import RED_FLAGS
from ivr.line.content.loader import read_content, read_folder
from ivr.line.nlu.matcher import Matcher
from ivr.people.inbound.outcome import decide_outcome, parse_text
from tests.support.matching import matcher_of
from tests.support.paths import ROOT

HERE = Path(__file__).parent
# Characters that nobody sees: joiners, a soft hyphen, marks of direction, a variation selector.
UNSEEN = "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\u202a\u202e\ufe0f\ufeff"
LOOK_ALIKES = {"s": "sSѕЅＳ𝗦𝐬", "t": "tTтТτΤ𝗧", "o": "oOоОοΟ𝗢", "p": "pPрРρΡ𝗣"}


@cache
def shipped_content():
    return read_content(read_folder(ROOT / "prompts"))


@cache
def matcher() -> Matcher:
    return matcher_of(shipped_content())


def outcome_of(context: str, text: str, language: str | None = None) -> tuple[str, str]:
    """The outcome and the language. context: none, reminded (the last reminder asks for C or R), or opted-out."""
    parsed = parse_text(matcher(), text, "", False, language)
    decided = decide_outcome(parsed, opted_out=context == "opted-out", reminder_asks=context == "reminded")
    return decided, parsed.match.language


def table(path: Path) -> list[list[str]]:
    rows = csv.reader(path.read_text().splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
    return [[cell.replace("\\n", "\n") for cell in row] for row in rows]


@pytest.mark.parametrize(("context", "text", "outcome"), table(HERE / "texts.tsv")[1:])
def test_a_text_is_read_as_its_sender_means_it(context: str, text: str, outcome: str) -> None:
    read = outcome_of(context, text)[0]
    assert read != "start" if outcome == "not-start" else read == outcome


@pytest.mark.parametrize("text", [text for (text,) in table(HERE / "never-stop.tsv")])
def test_fear_and_questions_never_opt_out(text: str) -> None:
    parsed = parse_text(matcher(), text, "", False, None)
    assert (parsed.opts_out, parsed.match.topic == "stop", parsed.match.also_stop) == (False, False, False)


@pytest.mark.parametrize(("opts_out", "text"), table(HERE / "beside-red-flag.tsv"))
def test_beside_a_red_flag_only_words_about_the_texts_opt_out(opts_out: str, text: str) -> None:
    match = parse_text(matcher(), text, "", False, None).match
    assert match.topic in RED_FLAGS
    assert match.also_stop == (opts_out == "yes")


@pytest.mark.parametrize(("outcome", "text"), table(HERE / "requests.tsv"))
def test_missing_texts_a_new_number_and_a_plain_opt_out_are_told_apart(outcome: str, text: str) -> None:
    assert outcome_of("none", text)[0] == outcome


@pytest.mark.parametrize("text", [row[0] for row in table(HERE / "offered-stop.tsv")])
def test_what_somebody_else_wants_gets_what_to_do_in_an_emergency_and_how_to_stop(text: str) -> None:
    parsed = parse_text(matcher(), text, "", False, None)
    assert (parsed.match.topic == "stop", parsed.match.also_stop) == (False, False)
    assert parsed.match.topic == "urgent" or parsed.match.may_be_red_flag
    assert "stop" in parsed.match.possible


@pytest.mark.parametrize("text", [row[0] for row in table(HERE / "despair.tsv")])
def test_despair_and_calls_for_help_get_what_to_do_in_an_emergency(text: str) -> None:
    parsed = parse_text(matcher(), text, "", False, None)
    assert parsed.match.topic == "urgent" or parsed.match.may_be_red_flag


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("text", ["NO", "no", "K", "C", "R"])
def test_a_reply_that_exists_in_both_languages_keeps_the_senders(text: str, language: str) -> None:
    assert outcome_of("reminded", text, language)[1] == language


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("uno", "es"), ("responda cuatro", "es"), ("opcion 3", "es"), ("la seis", "es"), ("2 o 3", "es"), ("six", "en"),
        ("I pick 3", "en"), ("EN", "en"), ("ES", "es"), ("no Spanish", "en"), ("no English", "es"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("conversation", [None, "en", "es"])
def test_the_words_around_a_number_or_a_language_decide_the_language(
    text: str, language: str, conversation: str | None
) -> None:
    assert outcome_of("none", text, conversation)[1] == language


@pytest.mark.parametrize("language", ["en", "es"])
def test_a_bare_number_keeps_the_language_of_the_conversation(language: str) -> None:
    assert outcome_of("none", "3", language) == ("more-pictures", language)


@given(
    st.tuples(*(st.sampled_from(LOOK_ALIKES[letter]) for letter in "stop")),
    st.tuples(*(st.text(UNSEEN, max_size=2) for _ in range(5))),
)
def test_any_spelling_of_stop_with_look_alike_and_unseen_characters_opts_out(
    letters: tuple[str, ...], unseen: tuple[str, ...]
) -> None:
    text = unseen[0] + "".join(letter + mark for letter, mark in zip(letters, unseen[1:], strict=True))
    assert outcome_of("none", text)[0] == "stop"
