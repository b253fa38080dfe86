"""The limit of answers to all senders together."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from ivr.people.inbound.answer_limit import AnswerLimit

NOW = datetime(2026, 12, 1, 15, 0, 40, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


@given(st.integers(1, 5), st.lists(st.integers(0, 1800), max_size=60))
def test_no_hour_ever_has_more_answers_than_the_limit(per_hour: int, gaps: list[int]) -> None:
    now, admitted = NOW, list[datetime]()
    with TemporaryDirectory() as folder:
        # Each answer is given by the other process.
        limits = [AnswerLimit(Path(folder), per_hour) for _ in range(2)]
        for index, gap in enumerate(gaps):
            now += timedelta(seconds=gap)
            within = [at for at in admitted if at > now - HOUR]
            is_admitted = limits[index % 2].admit(now)
            if is_admitted:
                assert len(within) < per_hour
            else:
                assert sum(at > now - HOUR - MINUTE for at in admitted) >= per_hour
            admitted += [now] if is_admitted else []


def test_that_the_limit_was_reached_is_reported_once(tmp_path: Path) -> None:
    limit = AnswerLimit(tmp_path, 1)
    assert (limit.admit(NOW), limit.was_reached()) == (True, False)
    assert (limit.admit(NOW), limit.was_reached(), limit.was_reached()) == (False, True, False)
