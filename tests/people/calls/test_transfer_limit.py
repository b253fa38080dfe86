"""Limits on transfers, counted in memory that processes share."""

from __future__ import annotations

from pathlib import Path

from ivr.people.calls.transfer_limit import TransferLimit
from tests.people.calls.test_call_limit import CALLER, HOUR_SECONDS, NOW, hashed

OTHER = "+16035550124"


def test_a_number_is_transferred_so_often_in_an_hour_and_others_still_are(tmp_path: Path) -> None:
    limit = TransferLimit(tmp_path, 2, 100, hashed)
    assert [limit.admit(CALLER, NOW + second) for second in range(3)] == [None, None, "transfers_number"]
    assert limit.admit(OTHER, NOW) is None
    assert limit.admit(CALLER, NOW + HOUR_SECONDS + 60) is None


def test_all_transfers_are_limited_together_also_of_forged_and_withheld_numbers(tmp_path: Path) -> None:
    limit = TransferLimit(tmp_path, 2, 3, hashed)
    callers = [CALLER, OTHER, "", "", "+16035550125"]
    assert [limit.admit(caller, NOW) for caller in callers] == [None, None, None, "transfers_hour", "transfers_hour"]


def test_processes_share_the_limits(tmp_path: Path) -> None:
    one, other = (TransferLimit(tmp_path, 1, 2, hashed) for _ in range(2))
    assert [one.admit(CALLER, NOW), other.admit(CALLER, NOW), other.admit("", NOW)] == [None, "transfers_number", None]
    assert one.admit("", NOW) == "transfers_hour"


def test_that_a_limit_was_reached_is_reported_once(tmp_path: Path) -> None:
    limit = TransferLimit(tmp_path, 1, 1, hashed)
    limit.admit(CALLER, NOW)
    assert not limit.was_reached()
    limit.admit(CALLER, NOW)
    assert [limit.was_reached(), limit.was_reached()] == [True, False]


def test_a_folder_that_cannot_be_used_is_reported_and_the_limits_still_hold(tmp_path: Path) -> None:
    (tmp_path / "limits").write_text("not a folder")
    limit = TransferLimit(tmp_path / "limits", 1, 1, hashed)
    assert limit.error
    assert [limit.admit(CALLER, NOW), limit.admit(CALLER, NOW)] == [None, "transfers_number"]


def test_no_number_is_in_the_files(tmp_path: Path) -> None:
    TransferLimit(tmp_path, 1, 1, hashed).admit(CALLER, NOW)
    assert all(b"555" not in path.read_bytes() for path in tmp_path.iterdir())
