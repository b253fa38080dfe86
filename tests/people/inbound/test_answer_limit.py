"""The limit of answers to all senders together."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from ivr.people.inbound.answer_limit import PERIOD, AnswerLimit

NOW = datetime(2026, 12, 1, 15, tzinfo=UTC)


@given(st.integers(1, 5), st.lists(st.integers(0, 1800), max_size=60))
def test_no_hour_ever_has_more_answers_than_the_limit(per_hour: int, gaps: list[int]) -> None:
    limit, now, admitted = AnswerLimit(per_hour), NOW, list[datetime]()
    for gap in gaps:
        now += timedelta(seconds=gap)
        within = [at for at in admitted if at > now - PERIOD]
        is_admitted = limit.admit(now)
        assert is_admitted == (len(within) < per_hour)
        admitted += [now] if is_admitted else []


def test_that_the_limit_was_reached_is_reported_once() -> None:
    limit = AnswerLimit(1)
    assert (limit.admit(NOW), limit.was_reached()) == (True, False)
    assert (limit.admit(NOW), limit.was_reached(), limit.was_reached()) == (False, True, False)
