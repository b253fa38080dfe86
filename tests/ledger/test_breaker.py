"""The circuit breaker: after one failure, one request in each pause tries the database again."""

from __future__ import annotations

from ivr.ledger.breaker import CircuitBreaker


def test_all_requests_are_admitted_until_the_database_fails() -> None:
    assert [CircuitBreaker(60).admits() for _ in range(3)] == [True, True, True]


def test_after_a_failure_no_request_waits_until_the_pause_is_over() -> None:
    breaker = CircuitBreaker(60)
    breaker.trip()
    assert [breaker.admits(), breaker.admits()] == [False, False]


def test_after_the_pause_requests_are_admitted_one_at_a_time_until_one_succeeds() -> None:
    breaker = CircuitBreaker(0)
    breaker.trip()
    assert breaker.admits()
    breaker._pause = 60
    assert [breaker.admits(), breaker.admits()] == [True, False]
    breaker.reset()
    assert [breaker.admits(), breaker.admits()] == [True, True]
