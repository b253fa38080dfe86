"""The clock."""

from datetime import timedelta

from ivr import clock


def test_a_shift_moves_the_clock_by_its_seconds() -> None:
    before = clock.now()
    clock.set_shift(3600)
    assert timedelta(minutes=59) < clock.now() - before < timedelta(minutes=61)


def test_the_current_time_is_aware_and_in_utc() -> None:
    assert clock.now().utcoffset() == timedelta(0)
