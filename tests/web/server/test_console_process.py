"""The console's requests, which a process of their own answers on the port where callers are answered."""

from __future__ import annotations

import os
import signal
import socket
import threading
from functools import partial
from pathlib import Path

import pytest

from ivr.web.server.console_process import ConsoleProcess, receive_connections
from tests.support.processes import wait_until
from tests.support.serving import Client, http_request
from tests.web.server.test_process import Start, Web, lasting, start

__all__ = ["lasting", "start"]

pytestmark = pytest.mark.processes
SIGN_IN = http_request("/console/login", method="GET")


def ask(web: Web, *parts: bytes) -> tuple[int, dict[str, str], bytes]:
    with Client(web.port) as client:
        for part in parts:
            client.send(part)
        return client.response()


def answers(web: Web) -> bool:
    try:
        return ask(web, SIGN_IN)[0] == 200
    except ConnectionError:
        return False


def console_pids(web: Web) -> list[int]:
    return [int(str(line["pid"])) for line in web.lines() if line["event"] == "console_process_started"]


def is_running(pid: int) -> bool:
    try:
        # A process that has ended but was not waited for is no longer running.
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


@pytest.fixture
def web(start: Start) -> Web:
    return start().wait()


@pytest.fixture(scope="module")
def prepared(lasting: Web) -> Web:
    """A process whose console has started before anybody asked for it, for tests that leave both as they were."""
    wait_until(lambda: console_pids(lasting))
    return lasting


def test_pages_and_calls_share_a_port_and_not_a_process(web: Web) -> None:
    status, headers, body = ask(web, SIGN_IN)
    assert (status, headers["connection"]) == (200, "close")
    assert b"<form" in body
    assert web.call() == 200
    (console,) = console_pids(web)
    assert console not in (web.process.pid, os.getpid())
    # Their counts are one: the other process's are up to a second old.
    for route in ("console", "voice"):
        sample = f'infoline_requests_total{{reason="",route="{route}",status="200"}} 1.0'
        wait_until(lambda sample=sample: sample in web.metrics())


def test_the_console_is_ready_before_anybody_asks_for_it(prepared: Web) -> None:
    assert ask(prepared, SIGN_IN)[0] == 200
    assert len(console_pids(prepared)) == 1


def test_a_request_is_passed_on_however_it_arrives(prepared: Web) -> None:
    web = prepared
    # Large, in pieces, after another request on the same connection, and with what it announces still to come.
    assert ask(web, *(SIGN_IN[at : at + 20] for at in range(0, len(SIGN_IN), 20)))[0] == 200
    form = http_request("/console/login", b"x=" + b"y" * 1_000_000, Content_Type="application/x-www-form-urlencoded")
    assert ask(web, form)[0] == 400
    assert ask(web, form[:500], form[500:])[0] == 400
    with Client(web.port) as client:
        client.send(http_request("/healthz", method="GET"))
        assert client.response()[0] == 200
        client.send(SIGN_IN)
        assert client.response()[0] == 200
        assert client.is_closed_by_server()
    too_large = http_request("/console/login", Content_Length=30_000_000)
    assert ask(web, too_large + b"x" * 100)[0] in (400, 413)


def test_a_console_that_dies_is_started_again_while_calls_go_on(web: Web) -> None:
    assert ask(web, SIGN_IN)[0] == 200
    (first,) = console_pids(web)
    os.kill(first, signal.SIGKILL)
    assert web.call() == 200
    # What reaches a process while it dies is lost with it, as a browser sees it.
    wait_until(lambda: answers(web))
    assert len(console_pids(web)) == 2
    assert "console_process_died" in web.events()


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL], ids=lambda ending: ending.name)
def test_the_console_ends_with_the_web_process(web: Web, ending: signal.Signals) -> None:
    assert ask(web, SIGN_IN)[0] == 200
    (console,) = console_pids(web)
    web.process.send_signal(ending)
    web.process.wait(30)
    wait_until(lambda: not is_running(console))
    wait_until(lambda: not web._listens())


def test_a_console_that_cannot_start_is_answered_with_503(monkeypatch: pytest.MonkeyPatch) -> None:
    def cannot_start(_console: ConsoleProcess) -> None:
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(ConsoleProcess, "_start", cannot_start)
    console = ConsoleProcess(lambda *_arguments: None, 0, 0)
    ours, theirs = socket.socketpair()
    ours.settimeout(20)
    with ours:
        console.pass_on(theirs, SIGN_IN)
        assert ours.recv(65536).startswith(b"HTTP/1.1 503 Service Unavailable")
    console.close(5)


def starts_forever(started: Path, _channel: socket.socket, _port: int, _number: int) -> None:
    started.touch()
    threading.Event().wait()


def test_a_console_without_requests_does_not_delay_the_end_of_the_web_process(tmp_path: Path) -> None:
    started = tmp_path / "started"
    console = ConsoleProcess(partial(starts_forever, started), 0, 0)
    ours, theirs = socket.socketpair()
    with ours:
        console.pass_on(theirs, b"")
        wait_until(started.exists)
    closing = threading.Thread(target=console.close, args=(3600,), daemon=True)
    closing.start()
    closing.join(60)
    assert not closing.is_alive()


def test_connections_arrive_whole_and_in_order() -> None:
    channel, theirs = socket.socketpair()
    arrived: list[bytes] = []
    closed = threading.Event()
    receive_connections(theirs, lambda sock, received: (sock.close(), arrived.append(received))[1], closed.set)
    sent = [b"short", b"x" * 300_000, b"", b"last"]
    for received in sent:
        with socket.socket() as sock:
            socket.send_fds(channel, [len(received).to_bytes(4)], [sock.fileno()])
            channel.sendall(received)
    channel.close()
    assert closed.wait(20)
    # Nothing asks for an answer to an empty one: it only starts the process.
    assert arrived == [received for received in sent if received]
