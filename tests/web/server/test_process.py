"""`infoline web` as a process: clients that hold connections, several processes, and a graceful end."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlencode

import pytest
from twilio.request_validator import RequestValidator

from ivr.ledger import open_ledger
from ivr.web.server.server import connection_limit
from tests.support.network import TOKEN
from tests.support.paths import ROOT
from tests.support.processes import environment, free_port, process_parents, wait_until
from tests.support.serving import Client, http_request

pytestmark = pytest.mark.processes

CALL = {"CallSid": "CA" + "2" * 32, "From": "+16035550123", "To": "+16035550100", "CallStatus": "ringing"}


class Web:
    """The process, and its log."""

    def __init__(self, folder: Path, **more: object) -> None:
        self.port = int(str(more.pop("PORT", free_port())))
        self.log = folder / f"web-{len(list(folder.glob('web-*')))}.log"
        address = {"PORT": self.port, "PUBLIC_URL": f"http://127.0.0.1:{self.port}"}
        self.env = environment(folder, CLOCK_SHIFT_SECONDS=0, **address, **more)
        open_ledger(self.env["DATABASE_URL"]).upgrade()
        with self.log.open("wb") as output:
            command = [sys.executable, "-m", "ivr.cli", "web"]
            self.process = subprocess.Popen(command, cwd=ROOT, env=self.env, stdout=output, stderr=output)

    def wait(self, processes: int = 1) -> Web:
        wait_until(lambda: self.events().count("process_started") >= processes, 180)
        wait_until(self._listens)
        return self

    def _listens(self) -> bool:
        try:
            Client(self.port).__exit__()
        except OSError:
            return False
        return True

    def lines(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]

    def events(self) -> list[object]:
        return [line["event"] for line in self.lines()]

    def call(self, token: str = TOKEN) -> int:
        with Client(self.port) as client:
            client.send(self.signed("/voice", token))
            return client.response()[0]

    def answer(self, path: str, **fields: str) -> str:
        """The TwiML that a webhook is answered with."""
        with Client(self.port) as client:
            client.send(self.signed(path, **fields))
            status, _, body = client.response()
        assert status == 200
        return body.decode()

    def signed(self, path: str, token: str = TOKEN, **fields: str) -> bytes:
        fields = CALL | fields
        signature = RequestValidator(token).compute_signature(f"http://127.0.0.1:{self.port}{path}", fields)
        headers = {"Content_Type": "application/x-www-form-urlencoded", "X_Twilio_Signature": signature}
        return http_request(path, urlencode(fields).encode(), **headers)

    def metrics(self) -> str:
        with Client(self.port) as client:
            client.send(http_request("/metrics", method="GET"))
            return client.response()[2].decode()

    def children(self) -> list[int]:
        return [child for child, parent in process_parents() if parent == self.process.pid]

    def kill(self) -> None:
        for pid in [self.process.pid, *self.children()]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.process.wait()


Start = Callable[..., Web]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[Web] = []

    def start_web(**more: object) -> Web:
        started.append(Web(tmp_path, **more))
        return started[-1]

    yield start_web
    for web in started:
        web.kill()


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """A process for all tests of a module that leave it as it was: each start takes seconds."""
    web = Web(tmp_path_factory.mktemp("lasting"))
    yield web.wait()
    web.kill()


def test_signed_calls_are_answered_while_strangers_hold_a_thousand_connections_and_a_hundred_half_sent_bodies(
    lasting: Web,
) -> None:
    if connection_limit() < 1200:
        pytest.skip("this system permits too few open files")
    web = lasting
    half = http_request("/voice", b"abc", X_Twilio_Signature="any", Content_Length=60_000)
    with ExitStack() as held:
        for number in range(1100):
            client = held.enter_context(Client(web.port))
            if number < 100:
                client.send(half)
        assert [web.call() for _ in range(20)] == [200] * 20


def test_the_start_is_logged_without_secrets(lasting: Web) -> None:
    (line,) = [line for line in lasting.lines() if line["event"] == "process_started"]
    expected = ("web", "127.0.0.1", lasting.port, "sqlite")
    assert (line["process"], line["bind"], line["port"], line["database"]) == expected
    assert line["version"]
    assert line["release"]
    for name in ("TWILIO_AUTH_TOKEN", "PHONE_KEY"):
        assert lasting.env[name] not in lasting.log.read_text()


def test_a_refused_signature_is_logged_and_counted_even_across_a_restart(start: Start) -> None:
    web = start().wait()
    assert [web.call("wrong") for _ in range(3)] == [403] * 3
    wait_until(lambda: "requests_refused" in web.events())
    (line,) = [line for line in web.lines() if line["event"] == "requests_refused"]
    assert (line["reason"], line["routes"]) == ("wrong_signature", ["voice"])
    assert "603" not in web.log.read_text()
    sample = 'infoline_requests_total{reason="wrong_signature",route="voice",status="403"} 3.0'
    assert sample in web.metrics()
    web.process.terminate()
    assert web.process.wait(30) == 0
    again = start(PORT=web.port).wait()
    assert sample in again.metrics()
    assert "requests_refused" not in again.events()


def test_sigterm_lets_a_request_in_flight_finish(start: Start) -> None:
    web = start().wait()
    message = web.signed("/voice")
    with Client(web.port) as client:
        client.send(message[:-5])
        # Once this call is answered, the other request has begun.
        assert web.call() == 200
        web.process.terminate()
        wait_until(lambda: not web._listens())
        client.send(message[-5:])
        assert client.response()[0] == 200
    assert web.process.wait(30) == 0


def test_several_processes_share_the_port_and_the_counts_and_a_dead_one_is_replaced(start: Start) -> None:
    web = start(WEB_WORKERS=2).wait(2)
    assert [web.call() for _ in range(10)] == [200] * 10
    sample = 'infoline_requests_total{reason="",route="voice",status="200"} 10.0'
    # Another process's counts are up to a second old.
    wait_until(lambda: all(sample in web.metrics() for _ in range(5)))
    started = 'infoline_calls_total{reason="",state="started"} 10.0'
    wait_until(lambda: all(started in web.metrics() for _ in range(5)))
    serving = {int(line["pid"]) for line in web.lines() if line["event"] == "process_started"}  # type: ignore[call-overload]
    os.kill(serving.pop(), signal.SIGKILL)
    wait_until(lambda: web.events().count("process_started") == 3)
    assert "web_process_died" in web.events()
    assert web.call() == 200
    web.process.terminate()
    assert web.process.wait(30) == 0
    assert not web._listens()


def test_processes_end_when_the_one_that_started_them_is_killed(start: Start) -> None:
    web = start(WEB_WORKERS=2).wait(2)
    web.process.kill()
    wait_until(lambda: not web._listens())


CANNOT_LISTEN = [
    ("a port in use", {}, "stop that program, or choose another port with --port"),
    ("an address of another machine", {"BIND_HOST": "192.0.2.1"}, "192.0.2.1: change BIND_HOST."),
]


@pytest.mark.parametrize(("label", "more", "message"), CANNOT_LISTEN, ids=[case[0] for case in CANNOT_LISTEN])
def test_an_address_that_cannot_be_used_is_one_sentence_and_exit_status_2(
    start: Start, label: str, more: dict[str, str], message: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        web = start(PORT=other.getsockname()[1], **more)
        assert web.process.wait(60) == 2
    (line,) = web.log.read_text().splitlines()
    assert message in line
