"""Requests that arrive together are answered by one thread, and a slow one holds none of the others up."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest
from twilio.request_validator import RequestValidator

from ivr.ledger.tables import opt_out_event
from ivr.web.server import lanes
from ivr.web.server.lanes import BUSY, Size, ThreadLane
from ivr.web.server.wsgi import Response, plain_response
from tests.web.test_voice import BASE, LINE, TOKEN, count, make_app
from tests.web.test_voice_limits import hold

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


def test_the_next_thread_answers_what_came_with_a_request_that_waits_in_its_order(monkeypatch):
    monkeypatch.setattr(lanes, "SLOW_SECONDS", 60.0)
    go_on, done = threading.Event(), []

    def wait() -> None:
        lanes.expect_wait()
        go_on.wait(15)

    async def scenario(lane):
        before = submitted(lane, lambda: done.append("before"))
        slow = submitted(lane, wait)
        behind = [submitted(lane, lambda number=number: done.append(number)) for number in range(6)]
        assert await asyncio.gather(before, *behind) == [OK] * 7
        # Also those that arrive later.
        assert await submitted(lane, lambda: done.append("later")) == OK
        assert not slow.done()
        go_on.set()
        assert await slow == OK
        assert await submitted(lane, lambda: done.append("after")) == OK

    run(Size(4, 10.0, together=16), scenario)
    assert done == ["before", *range(6), "later", "after"]


def test_only_one_request_at_a_time_is_left_waiting_by_itself(monkeypatch):
    monkeypatch.setattr(lanes, "SLOW_SECONDS", 60.0)
    events, begun, done = [threading.Event(), threading.Event()], [], []

    def wait(number: int) -> None:
        lanes.expect_wait()
        begun.append(number)
        events[number].wait(15)

    async def scenario(lane):
        first, second = (submitted(lane, lambda number=number: wait(number)) for number in range(2))
        behind = submitted(lane, lambda: done.append("behind"))
        while begun != [0, 1]:
            await asyncio.sleep(0.01)
        # The loop has been told by both by now.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not done
        events[1].set()
        assert await asyncio.gather(second, behind) == [OK] * 2
        assert not first.done()
        events[0].set()
        assert await first == OK

    run(Size(4, 10.0, together=16), scenario)


def test_outside_a_lane_nothing_is_told():
    lanes.expect_wait()


def test_a_text_that_is_written_holds_up_none_that_arrive_with_it(tmp_path, monkeypatch, ledger_url):
    monkeypatch.setattr(lanes, "SLOW_SECONDS", 60.0)
    app = make_app(tmp_path, monkeypatch, DATABASE_URL=ledger_url)
    committed = hold(app, "commit")

    def text(body: str, sender: str) -> str:
        fields = {"MessageSid": f"SM{sender}", "From": sender, "To": LINE, "Body": body, "NumMedia": "0"}
        signature = RequestValidator(TOKEN).compute_signature(f"{BASE}/sms", fields)
        return app.test_client().post("/sms", data=fields, headers={"X-Twilio-Signature": signature}).text

    answers: dict[str, str] = {}

    async def scenario(lane):
        stop = submitted(lane, lambda: answers.update(stop=text("STOP", "+16035550141")))
        other = submitted(lane, lambda: answers.update(other=text("6", "+16035550142")))
        assert await other == OK
        assert not stop.done()
        committed.set()
        assert await stop == OK

    run(Size(4, 10.0, together=16), scenario)
    assert "<Message" in answers["other"]
    assert count(app, opt_out_event) == 1


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
