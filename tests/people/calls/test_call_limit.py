"""Limits on new calls, counted in memory that processes share."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from ivr.people.calls import call_limit
from ivr.people.calls.call_limit import ACTIVE_SECONDS, CallLimit

NOW = 1_796_140_800.0
HOUR_SECONDS = 3600.0
CALLER = "+16035550123"


def hashed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def admitted(limit: CallLimit, calls: int, caller: str = "", now: float = NOW, first: int = 0) -> list[str | None]:
    return [limit.admit(f"CA{number}", caller, now) for number in range(first, first + calls)]


def test_calls_at_once_are_limited_and_an_ended_one_makes_room(tmp_path: Path) -> None:
    limit = CallLimit(tmp_path, 2, 100, hashed)
    assert admitted(limit, 3) == [None, None, "at_once"]
    limit.end("CA0")
    limit.end("CA7")
    assert admitted(limit, 2, first=3) == [None, "at_once"]


def test_a_call_without_a_turn_for_two_minutes_makes_room_and_one_that_goes_on_does_not(tmp_path: Path) -> None:
    limit = CallLimit(tmp_path, 2, 100, hashed)
    admitted(limit, 2)
    limit.touch("CA0", NOW + ACTIVE_SECONDS / 2)
    assert admitted(limit, 2, now=NOW + ACTIVE_SECONDS, first=2) == [None, "at_once"]


def test_calls_from_before_the_clock_was_set_back_make_room(tmp_path: Path) -> None:
    limit = CallLimit(tmp_path, 1, 1, hashed)
    assert admitted(limit, 1, CALLER) == [None]
    assert admitted(limit, 1, CALLER, NOW - 2 * HOUR_SECONDS, first=1) == [None]


def test_a_number_may_begin_so_many_calls_in_an_hour(tmp_path: Path) -> None:
    limit = CallLimit(tmp_path, 100, 2, hashed)
    assert admitted(limit, 3, CALLER) == [None, None, "number"]
    assert admitted(limit, 1, "+16035550124", first=3) == [None]
    assert admitted(limit, 1, CALLER, NOW + HOUR_SECONDS - 1, first=4) == ["number"]
    assert admitted(limit, 2, CALLER, NOW + HOUR_SECONDS + 60, first=5) == [None, None]


def test_withheld_numbers_are_limited_together_only(tmp_path: Path) -> None:
    assert admitted(CallLimit(tmp_path, 5, 1, hashed), 6) == [None] * 5 + ["at_once"]


def test_a_repeated_request_for_a_call_does_not_count_twice(tmp_path: Path) -> None:
    limit = CallLimit(tmp_path, 1, 1, hashed)
    assert [limit.admit("CA1", CALLER, NOW) for _ in range(3)] == [None] * 3


def test_processes_share_both_limits(tmp_path: Path) -> None:
    one, other = (CallLimit(tmp_path, 4, 2, hashed) for _ in range(2))
    assert admitted(one, 1, CALLER) + admitted(other, 2, CALLER, first=1) == [None, None, "number"]
    assert admitted(other, 2, first=3) + admitted(one, 1, first=5) == [None, None, "at_once"]
    # Turns and the end of a call go to any of them.
    other.end("CA0")
    assert admitted(one, 1, first=6) == [None]


def test_that_a_limit_was_reached_is_reported_once(tmp_path: Path) -> None:
    limit = CallLimit(tmp_path, 1, 1, hashed)
    assert not limit.was_reached()
    admitted(limit, 2)
    assert [limit.was_reached(), limit.was_reached()] == [True, False]


def test_the_memory_for_callers_is_bounded_and_the_latest_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_limit, "_CALLER_SETS", 1)
    limit = CallLimit(tmp_path, 1000, 1, hashed)
    size = (tmp_path / "callers").stat().st_size
    for number in range(50):
        assert limit.admit(f"CA{number}", f"+1603555{number:04}", NOW + 60 * number) is None
    assert limit.admit("CA50", "+16035550049", NOW + 3000) == "number"
    assert limit.admit("CA51", "+16035550000", NOW + 3000) is None
    assert (tmp_path / "callers").stat().st_size == size


def test_a_damaged_memory_ends_no_call(tmp_path: Path) -> None:
    admitted(CallLimit(tmp_path, 3, 1, hashed), 1)
    for path in tmp_path.iterdir():
        path.write_bytes(b"\xff" * path.stat().st_size)
    limit = CallLimit(tmp_path, 3, 1, hashed)
    limit.touch("CA0", NOW)
    limit.end("CA0")
    assert set(admitted(limit, 9, CALLER)) <= {None, "number", "at_once"}


def test_no_number_is_in_the_files(tmp_path: Path) -> None:
    admitted(CallLimit(tmp_path, 3, 1, hashed), 1, CALLER)
    assert all(b"555" not in path.read_bytes() for path in tmp_path.iterdir())
