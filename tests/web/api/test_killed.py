"""The real web process is killed with SIGKILL at points around an effect and its answer, and the client repeats."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from ivr import clock
from ivr.ledger import Ledger
from ivr.ledger.tables import batch, opt_out_event, staged_change
from ivr.staff.api_keys import add_api_key
from ivr.staff.users import Role
from tests.support.kill_once import KillOnce
from tests.support.processes import wait_until
from tests.support.serving import Client, http_request
from tests.web.api.conftest import booking
from tests.web.server.test_process import Start, Web, start

__all__ = ["start"]

pytestmark = pytest.mark.processes

BEFORE_ANSWER = "ivr.web.api.repeated:store_answer"
ONCE_LIVE = "ivr.reminders.imports.staging:ImportStage._apply_all"
OPT_OUT = {"phone": "603-555-0101", "state": "out", "reason": "Asked at the desk"}
BATCH = {"appointments": [booking(1), booking(2), booking(3, phone="x")]}
OPTED_OUT = {"state": "out", "changed": True}
IMPORTED = {"batch": 1, "rows": 3, "accepted": 2, "updated": 0, "unchanged": 0, "rejected": 1}


class System:
    """A system with a key, which asks a web process."""

    def __init__(self, web: Web, ledger: Ledger) -> None:
        self._port = web.port
        with ledger.write() as connection:
            self._key = add_api_key(connection, "Epic", Role.SCHEDULER, clock.now()).text

    def wait(self) -> System:
        """Wait until the process of the API answers: it starts with the first request."""
        wait_until(self._is_answered, 180)
        return self

    def _is_answered(self) -> bool:
        try:
            with Client(self._port) as client:
                client.send(http_request("/api/v1/health", method="GET"))
                return client.response()[0] == 200
        except (ConnectionError, TimeoutError):
            return False

    def post(self, path: str, body: Any) -> tuple[int, bytes]:
        headers = {"Authorization": f"Bearer {self._key}", "Content_Type": "application/json"}
        with Client(self._port) as client:
            request = http_request(f"/api/v1{path}", json.dumps(body).encode(), Idempotency_Key="1", **headers)
            client.send(request)
            status, _, answer = client.response()
            return status, answer


@pytest.mark.parametrize(
    ("point", "path", "body", "expected"),
    [
        (BEFORE_ANSWER, "/opt-outs", OPT_OUT, OPTED_OUT),
        (ONCE_LIVE, "/batches", BATCH, IMPORTED),
        (BEFORE_ANSWER, "/batches", BATCH, IMPORTED),
    ],
)
def test_a_request_whose_process_is_killed_takes_effect_once_and_is_answered_the_same(
    start: Start, ledger: Ledger, ledger_url: str, tmp_path: Path, point: str, path: str, body: Any, expected: Any
) -> None:
    kill = KillOnce(tmp_path, point)
    web = start(DATABASE_URL=ledger_url, **kill.settings).wait()
    system = System(web, ledger).wait()
    kill.arm()
    with pytest.raises(ConnectionError):
        system.post(path, body)
    assert kill.has_killed
    system.wait()
    answers = [system.post(path, body) for _ in range(2)]
    assert answers[0] == answers[1]
    answer = json.loads(answers[0][1])
    assert {name: answer.get(name) for name in expected} == expected
    counted = {opt_out_event: path == "/opt-outs", batch: path == "/batches", staged_change: False}
    with ledger.read() as connection:
        for table, count in counted.items():
            assert connection.execute(select(func.count()).select_from(table)).scalar_one() == count
    assert {"console_process_died", "console_process_unavailable"} & set(web.events())
