"""Text messages through the simulated phone network and the real web process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.running import RunningLine, until

pytestmark = pytest.mark.processes

ONE_PER_LINE = ("is it cancer", "5")
READ_AS_TEXTS = {
    "six": "the-visit",
    "number four": "next-steps",
    "Reply 6": "the-visit",
    "3 or 4": "ambiguous",
    "C": "confirmed",
    "❤️": "automatic",
    "STOP": "stop",
}
THANKS = ("thank you", "Thank you!", "no thank you", "gracias", "ok thank you")
WHO_IS_THIS = ("who is this?", "quién es usted")


@pytest.fixture(scope="module")
def asked(open_line: RunningLine) -> dict[str, dict[str, Any]]:
    """What `infoline ask` prints about each question: of one command, because each compiles the line again."""
    questions = [*ONE_PER_LINE, *READ_AS_TEXTS, *THANKS, *WHO_IS_THIS]
    result = open_line.infoline("ask", "-", stdin="\n".join(questions))
    assert result.returncode == 0, result.stderr
    return dict(zip(questions, map(json.loads, result.stdout.splitlines()), strict=True))


def test_a_question_is_answered_with_its_topic(open_line: RunningLine) -> None:
    assert "deodorant" in open_line.text("can I wear deodorant")[0]


def test_a_question_in_spanish_is_answered_in_spanish(open_line: RunningLine) -> None:
    assert "desodorante" in open_line.text("¿puedo usar desodorante?")[0]


@pytest.mark.parametrize("number", "1234567")
def test_a_menu_number_is_answered_with_its_topic(open_line: RunningLine, number: str) -> None:
    sender = f"+1202555012{number}"
    first, again = open_line.text(number, sender), open_line.text(f" {number}. ", sender)
    assert len(again) == 1
    assert again[0].startswith(first[0].split("\nTo go on")[0])


def test_only_the_first_reply_explains_how_to_switch_the_language(open_line: RunningLine) -> None:
    assert "ESPAÑOL" in open_line.text("hello", "+12025550130")[-1]
    assert "ESPAÑOL" not in open_line.text("is it cancer", "+12025550130")[-1]


def test_only_the_carrier_replies_to_stop(open_line: RunningLine) -> None:
    replies = open_line.text("STOP", "+16035550181")
    assert len(replies) == 1
    assert "unsubscribed" in replies[0]


def test_an_opt_out_in_free_words_is_confirmed_once(open_line: RunningLine, tmp_path) -> None:
    replies = open_line.text("please stop texting me", "+16035550182")
    assert "no more texts" in replies[0]
    assert open_line.text("stop texting me please", "+16035550182") == [], "confirmed once, not again"
    file = tmp_path / "late.csv"
    file.write_text("appointment_id,phone,starts_at\nSTOPPED-1,603-555-0182,2026-12-03 09:00\n")
    imported = open_line.json("reminders", "import", file)
    assert [warning["code"] for warning in imported["warnings"]] == ["opted_out", "absent_rows"]


def test_the_text_command_prints_the_reply(open_line: RunningLine) -> None:
    assert open_line.json("text", "can I wear deodorant", "--from", "+16035550183")["reply"][0].startswith("On the day")


def test_ask_prints_what_the_line_would_answer_and_why(open_line: RunningLine) -> None:
    answer = open_line.json("ask", "can I wear deodorant")
    assert answer["topic"] == "skin-products"
    assert answer["language"] == "en"
    assert open_line.text("can I wear deodorant", "+12025550131")[0].startswith(answer["reply"][0])
    assert answer["scores"]["skin-products"] > 50


def test_ask_reads_one_question_per_line(asked: dict[str, dict[str, Any]]) -> None:
    assert [asked[question]["topic"] for question in ONE_PER_LINE] == ["cancer", "skin-products"]


def test_ask_reads_numbers_reactions_and_confirmations_as_the_text_line_does(asked: dict[str, dict[str, Any]]) -> None:
    assert {question: asked[question]["topic"] for question in READ_AS_TEXTS} == READ_AS_TEXTS
    assert asked["❤️"]["reply"] == []


def test_a_chosen_language_is_remembered_for_the_number(open_line: RunningLine) -> None:
    sender = "+16035550184"
    assert "deodorant" in open_line.text("5", sender)[0]
    open_line.text("español", sender)
    assert "desodorante" in open_line.text("5", sender)[0]
    open_line.text("english", sender)
    assert "deodorant" in open_line.text("5", sender)[0]


def test_a_number_from_a_spanish_reminder_is_answered_in_spanish(open_line: RunningLine, tmp_path) -> None:
    file = tmp_path / "es.csv"
    file.write_text("appointment_id,phone,starts_at,language\nES-1,603-555-0185,2026-12-20 09:00,es\n")
    open_line.json("reminders", "import", file)
    assert "desodorante" in open_line.text("5", "+16035550185")[0]


def test_thanks_are_never_an_opt_out(asked: dict[str, dict[str, Any]]) -> None:
    assert "stop" not in {asked[words]["topic"] for words in THANKS}


@pytest.mark.parametrize("words", ["C", "c.", "C thank you", "I confirm", "yes, confirm", "confirmado"])
def test_a_polite_confirmation_counts(open_line: RunningLine, words: str) -> None:
    answer = open_line.text(words, "+16035550186")[0]
    assert ("No vemos una cita" if words == "confirmado" else "upcoming appointment") in answer


def test_a_yes_without_a_question_is_answered_with_the_menu(open_line: RunningLine) -> None:
    assert "Deodorant" in open_line.text("Yes, thank you", "+16035550189")[0]


def test_repeated_texts_get_a_last_warning_and_then_no_reply(open_line: RunningLine) -> None:
    sender = "+12025550132"
    answers = [open_line.text("beep boop", sender) for _ in range(6)]
    assert "will not answer for one hour" in answers[4][0]
    assert answers[5] == []
    assert "911" in open_line.text("chest pain", sender)[0], "a red flag is always answered"


def test_an_unknown_question_is_answered_with_the_menu_and_a_number(open_line: RunningLine) -> None:
    answer = open_line.text("zebra umbrella", "+12025550133")[0]
    assert "I have no answer to that" in answer
    assert "7 Phone numbers" in answer
    assert "603-663-2180" in answer


def test_asking_who_this_is_gets_help_and_does_not_opt_out(asked: dict[str, dict[str, Any]]) -> None:
    assert [asked[words]["topic"] for words in WHO_IS_THIS] == ["help", "help"]


def test_an_opt_out_with_a_red_flag_is_confirmed_after_the_emergency_reply(open_line: RunningLine) -> None:
    replies = open_line.text("stop texting me, I have chest pain", "+16035550187")
    assert "911" in replies[0]
    assert "no more texts" in replies[1]


def test_a_wrong_number_gets_no_more_texts_about_that_appointment(open_line: RunningLine, tmp_path: Path) -> None:
    file = tmp_path / "wrong.csv"
    file.write_text("appointment_id,phone,starts_at\nWRONG-1,603-555-0188,2026-12-20 09:00\n")
    batch = open_line.json("reminders", "import", file)["batch"]
    assert "stop the texts about that" in open_line.text("wrong number", "+16035550188")[0]
    assert open_line.json("reminders", "status", str(batch))["texts"]["planned"] == 0
    file.write_text("appointment_id,phone,starts_at\nWRONG-1,603-555-0188,2026-12-21 09:00\n")
    batch = open_line.json("reminders", "import", file)["batch"]
    until(
        lambda: open_line.json("reminders", "status", str(batch))["texts"]["planned"] == 0, "no text to a wrong number"
    )


def test_the_line_does_not_answer_itself(open_line: RunningLine) -> None:
    assert open_line.text("hello", "+16035550100") == []
