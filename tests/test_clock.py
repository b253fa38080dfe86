"""The clock."""

import threading
import time
from datetime import timedelta
from pathlib import Path

from ivr import clock


def test_a_shift_moves_the_clock_by_its_seconds() -> None:
    before = clock.now()
    clock.set_shift(3600)
    assert timedelta(minutes=59) < clock.now() - before < timedelta(minutes=61)


def test_the_current_time_is_aware_and_in_utc() -> None:
    assert clock.now().utcoffset() == timedelta(0)


def test_the_clock_follows_a_file_and_keeps_its_shift_while_the_file_is_damaged(tmp_path: Path) -> None:
    file, stop = tmp_path / "clock-shift", threading.Event()
    clock.follow(file, stop)
    try:
        file.write_text("86400")
        _wait_for_shift(86_400)
        file.write_text("soon")
        file.write_text("-3600.5")
        _wait_for_shift(-3600)
        file.unlink()
        assert clock.now() - clock.unshifted_now() < timedelta(hours=-1) + timedelta(seconds=1)
    finally:
        stop.set()


def _wait_for_shift(seconds: float) -> None:
    deadline = time.monotonic() + 10
    while abs((clock.now() - clock.unshifted_now()).total_seconds() - seconds) > 1:
        assert time.monotonic() < deadline, "the clock did not follow"
        time.sleep(0.02)
