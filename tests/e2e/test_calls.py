"""Callers, through the simulated phone network and the real web process."""

from __future__ import annotations

import json

import pytest

from tests.e2e.running import RunningLine

SCHEDULING, HEALTH_CENTER, DIAGNOSTIC_CENTER = "603-663-2180", "603-668-3067", "603-663-4490"


def test_a_caller_who_presses_1_and_1_hears_what_calcifications_are(open_line: RunningLine) -> None:
    open_line.call().presses("1", "1").hears("Calcifications are deposits of calcium")


def test_a_caller_who_presses_8_hears_it_in_spanish(open_line: RunningLine) -> None:
    open_line.call().presses("8", "1", "1").hears("calcio")


@pytest.mark.parametrize(
    ("keys", "number"),
    [
        ("0", SCHEDULING),
        ("4", SCHEDULING),
        ("51", SCHEDULING),
        ("52", HEALTH_CENTER),
        ("53", DIAGNOSTIC_CENTER),
        ("10", HEALTH_CENTER),
        ("120", HEALTH_CENTER),
        ("130", DIAGNOSTIC_CENTER),
        ("20", DIAGNOSTIC_CENTER),
        ("30", DIAGNOSTIC_CENTER),
        ("80", SCHEDULING),
    ],
)
def test_who_asks_for_a_person_is_transferred_to_the_right_number(
    open_line: RunningLine, keys: str, number: str
) -> None:
    open_line.call().presses(*keys).is_transferred_to(number)


@pytest.mark.parametrize("outcome", ["busy", "no-answer", "failed"])
def test_a_transfer_that_fails_goes_on_to_the_next_number_and_then_to_an_offer(
    open_line: RunningLine, outcome: str
) -> None:
    call = open_line.call().presses("0").is_transferred_to(SCHEDULING)
    call.transfer_ends(outcome).is_transferred_to(HEALTH_CENTER)
    call.transfer_ends(outcome).is_still_helped().hears(SCHEDULING)


def test_a_call_that_was_answered_ends_kindly(open_line: RunningLine) -> None:
    open_line.call().presses("0").transfer_ends("completed").hears("Thank you for calling").is_over()


def test_who_says_nothing_is_not_hung_up_on_but_put_through(open_line: RunningLine) -> None:
    call = open_line.call()
    call.says_nothing().hears("did not hear").is_still_helped()
    call.says_nothing().is_still_helped()
    call.says_nothing().is_transferred_to(SCHEDULING)


def test_when_closed_silence_ends_in_the_opening_hours_and_the_number(closed_line: RunningLine) -> None:
    call = closed_line.call().says_nothing(3).is_still_helped()
    call.hears("closed").hears("Monday to Friday").hears(SCHEDULING)


def test_when_closed_nobody_is_rung(closed_line: RunningLine) -> None:
    call = closed_line.call().presses("5", "2").hears("closed").hears(HEALTH_CENTER)
    assert call.turn["waits"] == "keys"


def test_a_wrong_key_is_told_in_other_words_than_silence(open_line: RunningLine) -> None:
    silent, wrong = open_line.call().says_nothing(), open_line.call().presses("7")
    assert silent.turn["said"][0] != wrong.turn["said"][0]
    wrong.is_still_helped()


def test_a_caller_who_withholds_her_number_is_helped_and_shown_as_the_line(open_line: RunningLine) -> None:
    call = open_line.call("anonymous").presses("0").is_transferred_to(SCHEDULING)
    assert 'callerId="+16035550100"' in json.dumps(open_line.get(f"/simulator/calls/{call.sid}")).replace("\\", "")


def test_the_phone_in_the_terminal_plays_keys_and_prints_one_object_a_turn(open_line: RunningLine) -> None:
    played = open_line.infoline("call", "--keys", "1,1,0,busy,completed", "--json")
    turns = [json.loads(line) for line in played.stdout.splitlines()]
    assert played.returncode == 0
    assert [turn["waits"] for turn in turns] == ["keys", "keys", "keys", "transfer", "transfer", "over"]
    assert turns[3]["dial"] == ["+16036683067"]
    assert set(turns[0]) == {"said", "waits", "dial"}


def test_the_phone_says_where_to_begin_when_nothing_runs(open_line: RunningLine) -> None:
    elsewhere = RunningLine(
        open_line.process, {**open_line.environment, "SIMULATOR_URL": "http://127.0.0.1:9"}, open_line.var_dir
    )
    for command in (("call",), ("text", "hello")):
        tried = elsewhere.infoline(*command)
        assert tried.returncode == 2
        assert "infoline run" in tried.stderr


def test_star_after_a_skipped_topic_says_the_topic_again(open_line: RunningLine) -> None:
    first = open_line.call().presses("1", "2")
    again = open_line.call().presses("1", "2", "#", "*")
    assert again.turn["said"] == first.turn["said"]


def test_one_key_1_too_many_at_the_end_of_a_topic_leads_back_to_the_menu(open_line: RunningLine) -> None:
    menu = open_line.call().presses("1")
    assert open_line.call().presses("1", "1", "1", "1").turn["said"] == menu.turn["said"]


def test_hours_that_end_a_sentence_end_it_once(closed_line: RunningLine) -> None:
    assert ".." not in closed_line.call().presses("8", "0").said


def test_the_phone_calls_nobody_outside_this_machine(open_line: RunningLine) -> None:
    elsewhere = {**open_line.environment, "SIMULATOR_URL": "http://192.0.2.1:8010"}
    tried = RunningLine(open_line.process, elsewhere, open_line.var_dir).infoline("text", "hello")
    assert tried.returncode == 2
    assert "on this machine" in tried.stderr
