"""Calls through the simulated phone network and the real web process."""

from __future__ import annotations

import json

import pytest

from tests.e2e.running import RunningLine

pytestmark = pytest.mark.processes

SCHEDULING, HEALTH_CENTER, DIAGNOSTIC_CENTER = "603-663-2180", "603-668-3067", "603-663-4490"


def test_a_caller_who_presses_1_and_1_hears_what_calcifications_are(open_line: RunningLine) -> None:
    open_line.call().presses("1", "1").hears("Calcifications are deposits of calcium")


def test_a_caller_who_presses_8_hears_it_in_spanish(open_line: RunningLine) -> None:
    open_line.call().presses("8", "1", "1").hears("calcio")


@pytest.mark.parametrize(
    ("keys", "number"),
    [
        ("0", SCHEDULING),
        ("2", SCHEDULING),
        ("41", SCHEDULING),
        ("42", HEALTH_CENTER),
        ("43", DIAGNOSTIC_CENTER),
        ("10", HEALTH_CENTER),
        ("120", HEALTH_CENTER),
        ("130", DIAGNOSTIC_CENTER),
        ("310", DIAGNOSTIC_CENTER),
        ("30", DIAGNOSTIC_CENTER),
        ("80", SCHEDULING),
    ],
)
def test_a_caller_who_asks_for_a_person_is_transferred_to_the_right_number(
    open_line: RunningLine, keys: str, number: str
) -> None:
    open_line.call().presses(*keys).is_transferred_to(number)


@pytest.mark.parametrize("outcome", ["busy", "no-answer", "failed"])
def test_a_failed_transfer_tries_the_next_number_and_then_offers_more_help(
    open_line: RunningLine, outcome: str
) -> None:
    call = open_line.call().presses("0").is_transferred_to(SCHEDULING)
    call.transfer_ends(outcome).is_transferred_to(HEALTH_CENTER)
    call.transfer_ends(outcome).is_still_helped().hears(SCHEDULING)


def test_an_answered_transfer_ends_with_a_goodbye(open_line: RunningLine) -> None:
    open_line.call().presses("0").transfer_ends("completed").hears("Thank you for calling").is_over()


def test_a_silent_caller_is_transferred_to_a_person(open_line: RunningLine) -> None:
    call = open_line.call()
    call.says_nothing().hears("did not hear").is_still_helped()
    call.says_nothing().is_still_helped()
    call.says_nothing().is_transferred_to(SCHEDULING)


def test_after_hours_a_silent_caller_hears_the_hours_and_the_number(closed_line: RunningLine) -> None:
    call = closed_line.call().says_nothing(3).is_still_helped()
    call.hears("should open again").hears("Monday to Friday").hears(SCHEDULING)


def test_after_hours_no_call_is_transferred(closed_line: RunningLine) -> None:
    call = closed_line.call().presses("4", "2").hears("should open again").hears(HEALTH_CENTER)
    assert call.turn["waits"] == "keys"


def test_a_wrong_key_and_silence_have_different_error_prompts(open_line: RunningLine) -> None:
    silent, wrong_key = open_line.call().says_nothing(), open_line.call().presses("7")
    assert silent.turn["said"][0] != wrong_key.turn["said"][0]
    wrong_key.is_still_helped()


def test_an_anonymous_caller_is_transferred_with_the_number_of_the_line(open_line: RunningLine) -> None:
    call = open_line.call("anonymous").presses("0").is_transferred_to(SCHEDULING)
    assert 'callerId="+16035550100"' in json.dumps(open_line.get(f"/simulator/calls/{call.sid}")).replace("\\", "")


def test_the_call_command_plays_keys_and_prints_one_object_per_turn(open_line: RunningLine) -> None:
    played = open_line.infoline("call", "--keys", "1,1,0,busy,completed", "--json")
    turns = [json.loads(line) for line in played.stdout.splitlines()]
    assert played.returncode == 0
    assert [turn["waits"] for turn in turns] == ["keys", "keys", "keys", "transfer", "transfer", "over"]
    assert turns[3]["dial"] == ["+16036683067"]
    assert set(turns[0]) == {"said", "waits", "dial"}


def test_the_call_command_takes_keys_and_words_that_are_typed_until_somebody_hangs_up(open_line: RunningLine) -> None:
    played = open_line.infoline("call", stdin="1\ncan i wear deodorant\n0\nnonsense\nbusy\nq\n")
    assert played.returncode == 0
    assert "In an emergency" in played.stdout
    assert "deodorant" in played.stdout
    assert "Ringing" in played.stdout
    assert "type busy" in played.stderr


def test_call_and_text_name_infoline_run_if_no_phone_network_answers(open_line: RunningLine) -> None:
    without_network = RunningLine(
        open_line.process, {**open_line.environment, "SIMULATOR_URL": "http://127.0.0.1:9"}, open_line.var_dir
    )
    for command in (("call",), ("text", "hello")):
        result = without_network.infoline(*command)
        assert result.returncode == 2
        assert "infoline run" in result.stderr


def test_star_after_a_skipped_topic_repeats_the_topic(open_line: RunningLine) -> None:
    first = open_line.call().presses("1", "2")
    again = open_line.call().presses("1", "2", "#", "*")
    assert again.turn["said"] == first.turn["said"]


def test_pressing_1_at_the_end_of_a_topic_returns_to_the_menu(open_line: RunningLine) -> None:
    menu = open_line.call().presses("1")
    assert open_line.call().presses("1", "1", "1", "1").turn["said"] == menu.turn["said"]


def test_opening_hours_at_the_end_of_a_sentence_have_one_period(closed_line: RunningLine) -> None:
    assert ".." not in closed_line.call().presses("8", "0").said


def test_the_text_command_refuses_a_phone_network_on_another_machine(open_line: RunningLine) -> None:
    without_network = {**open_line.environment, "SIMULATOR_URL": "http://192.0.2.1:8010"}
    result = RunningLine(open_line.process, without_network, open_line.var_dir).infoline("text", "hello")
    assert result.returncode == 2
    assert "on this machine" in result.stderr
