"""Limits on new calls, counted in memory."""

from __future__ import annotations

from ivr.people.calls import call_limit
from ivr.people.calls.call_limit import ACTIVE_SECONDS, HOUR_SECONDS, CallLimit


def admitted(limit: CallLimit, calls: int, caller: str = "", now: float = 0.0, first: int = 0) -> list[str | None]:
    return [limit.admit(f"CA{number}", caller, now) for number in range(first, first + calls)]


def test_calls_at_once_are_limited_and_an_ended_one_makes_room() -> None:
    limit = CallLimit(at_once=2, per_number=100)
    assert admitted(limit, 3) == [None, None, "at_once"]
    limit.end("CA0")
    assert admitted(limit, 2, first=3) == [None, "at_once"]


def test_a_call_without_a_turn_for_two_minutes_makes_room_and_one_that_goes_on_does_not() -> None:
    limit = CallLimit(at_once=2, per_number=100)
    admitted(limit, 2)
    limit.touch("CA0", ACTIVE_SECONDS / 2)
    assert admitted(limit, 2, now=ACTIVE_SECONDS, first=2) == [None, "at_once"]


def test_a_number_may_begin_so_many_calls_in_an_hour() -> None:
    limit = CallLimit(at_once=100, per_number=2)
    assert admitted(limit, 3, "+16035550123") == [None, None, "number"]
    assert admitted(limit, 1, "+16035550124", first=3) == [None]
    assert admitted(limit, 2, "+16035550123", HOUR_SECONDS, first=4) == [None, None]


def test_withheld_numbers_are_limited_together_only() -> None:
    assert admitted(CallLimit(at_once=5, per_number=1), 6) == [None] * 5 + ["at_once"]


def test_a_repeated_request_for_a_call_does_not_count_twice() -> None:
    limit = CallLimit(at_once=1, per_number=1)
    assert [limit.admit("CA1", "+16035550123", 0.0) for _ in range(3)] == [None] * 3


def test_several_processes_share_the_limit_of_a_number() -> None:
    assert admitted(CallLimit(at_once=9, per_number=5, processes=2), 4, "+16035550123") == [None] * 3 + ["number"]


def test_that_a_limit_was_reached_is_reported_once() -> None:
    limit = CallLimit(at_once=1, per_number=1)
    assert not limit.was_reached()
    admitted(limit, 2)
    assert [limit.was_reached(), limit.was_reached()] == [True, False]


def test_the_memory_for_callers_is_bounded(monkeypatch) -> None:
    monkeypatch.setattr(call_limit, "MOST_CALLERS", 10)
    limit = CallLimit(at_once=1000, per_number=1)
    for number in range(50):
        limit.admit(f"CA{number}", f"+1603555{number:04}", 0.0)
    assert len(limit._callers) == 10
