"""Requests that arrive together are answered by one thread, and a slow one holds none of the others up."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from ivr.web.server import lanes
from ivr.web.server.lanes import BUSY, Size, ThreadLane
from ivr.web.server.wsgi import Response, plain_response

OK = plain_response("200 OK")


def run(size: Size, scenario: Callable[[ThreadLane], object]) -> None:
    async def main() -> None:
        lane = ThreadLane("lane", size)
        try:
            await asyncio.wait_for(scenario(lane), 20)
        finally:
            lane.close()

    asyncio.run(main())


def submitted(lane: ThreadLane, work: Callable[[], object]) -> asyncio.Future[Response]:
    done: asyncio.Future[Response] = asyncio.get_running_loop().create_future()

    def answer() -> Response:
        work()
        return OK

    lane.submit(answer, done.set_result)
    return done


def test_what_arrives_together_is_answered_by_one_thread_in_its_order(monkeypatch):
    monkeypatch.setattr(lanes, "SLOW_SECONDS", 10.0)
    done: list[tuple[int, str]] = []

    async def scenario(lane):
        jobs = [
            submitted(lane, lambda number=number: done.append((number, threading.current_thread().name)))
            for number in range(5)
        ]
        assert await asyncio.gather(*jobs) == [OK] * 5

    run(Size(4, 10.0, together=16), scenario)
    assert [number for number, _ in done] == list(range(5))
    assert len({name for _, name in done}) == 1


def test_more_than_a_thread_takes_together_goes_to_the_next_turn(monkeypatch):
    monkeypatch.setattr(lanes, "SLOW_SECONDS", 10.0)
    done: list[int] = []

    async def scenario(lane):
        await asyncio.gather(*[submitted(lane, lambda number=number: done.append(number)) for number in range(10)])

    run(Size(2, 10.0, together=3), scenario)
    assert done == list(range(10))


def test_others_do_what_a_slow_thread_has_left_and_each_request_is_answered_once():
    go_on, done = threading.Event(), []

    async def scenario(lane):
        slow = submitted(lane, lambda: go_on.wait(15))
        others = [submitted(lane, lambda number=number: done.append(number)) for number in range(6)]
        assert await asyncio.gather(*others) == [OK] * 6
        assert not slow.done()
        go_on.set()
        assert await slow == OK

    run(Size(4, 10.0, together=16), scenario)
    assert sorted(done) == list(range(6))


@pytest.mark.parametrize("together", [1, 16])
def test_a_request_that_no_thread_takes_in_time_is_busy_and_never_done(together):
    go_on, done = threading.Event(), []

    async def scenario(lane):
        slow = [submitted(lane, lambda: go_on.wait(15)) for _ in range(2)]
        waiting = submitted(lane, lambda: done.append("waited"))
        assert await waiting == BUSY
        go_on.set()
        await asyncio.gather(*slow)
        await submitted(lane, lambda: done.append("next"))

    run(Size(2, 0.2, together=together), scenario)
    assert done == ["next"]
