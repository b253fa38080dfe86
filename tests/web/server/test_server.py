"""The server over real connections: slow, silent and hostile clients, and complete requests."""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import structlog

from ivr import log
from ivr.web.routes import MAX_BODY
from ivr.web.server.lanes import SIZES, Lane
from ivr.web.webhooks.at_once import AT_ONCE, WITHOUT_DATABASE, WouldWait
from tests.support.network import wait_for
from tests.support.serving import Client, Serving, http_request, serving

SIGNED = {"X_Twilio_Signature": "any"}
# More than the buffers of the operating system hold.
LARGE = b"x" * 30_000_000


class App:
    """A WSGI app that repeats what it received. hang: until it is set, /sms and /metrics do not answer."""

    def __init__(self) -> None:
        self.hang = threading.Event()
        self.hang.set()
        self.seen: list[dict[str, Any]] = []
        self.waits: Callable[[], object] = lambda: None

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        self.seen.append(environ)
        path, body = environ["PATH_INFO"], environ["wsgi.input"].read()
        if path == "/fails":
            raise RuntimeError
        if path == "/voice/waits" and AT_ONCE in environ:
            raise WouldWait
        if path in ("/sms", "/metrics", "/voice/waits") and WITHOUT_DATABASE not in environ:
            assert self.hang.wait(30)
        body = LARGE if path == "/audio/large" else body or b"none"
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
        return [body]


@pytest.fixture
def app() -> App:
    return App()


@pytest.fixture
def served(app: App, tmp_path: Path) -> Iterator[Serving]:
    with serving(app, tmp_path) as running:
        yield running


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SIZES, Lane.DATABASE, SIZES[Lane.DATABASE]._replace(wait=0.5))
    monkeypatch.setattr("ivr.web.server.server.SWEEP_SECONDS", 0.05)


def call(body: bytes = b"a=1", **headers: object) -> bytes:
    return http_request("/voice", body, **{**SIGNED, **headers})


def counted(served: Serving) -> dict[tuple[str, str, str], int]:
    return dict(served.counts.totals().requests)


REFUSED_BEFORE_THE_BODY = [
    ("a declared body of 10 GB", call(b"abc", Content_Length=10**10), 413, ("voice", "413", "too_large")),
    ("a declared body of one byte too many", call(b"abc", Content_Length=MAX_BODY + 1), 413, None),
    ("no signature", http_request("/voice", b"abc", Content_Length=60_000), 403, ("voice", "403", "unsigned")),
    ("no signature on a text", http_request("/sms", b"abc", Content_Length=60_000), 403, ("sms", "403", "unsigned")),
    ("no signature on a receipt", http_request("/receipts/text/1", b"", Content_Length=9), 403, None),
    ("no signature, in chunks", http_request("/voice", Content_Length=None, Transfer_Encoding="chunked"), 403, None),
    ("an encoded path without a signature", http_request("/%76oice", b"abc", Content_Length=60_000), 403, None),
    ("a malformed request", b"POST /voice HTTP/1.1\r\nHost\r\n\r\n", 400, ("other", "400", "malformed")),
    ("endless headers", b"POST /voice HTTP/1.1\r\n" + b"A: b\r\n" * 5000, 431, None),
]


@pytest.mark.parametrize(
    ("label", "request_", "status", "key"), REFUSED_BEFORE_THE_BODY, ids=[case[0] for case in REFUSED_BEFORE_THE_BODY]
)
def test_a_request_is_refused_before_its_body_arrives(
    served: Serving, app: App, label: str, request_: bytes, status: int, key: tuple[str, str, str] | None
) -> None:
    with served.connect() as client:
        client.send(request_)
        assert client.response()[0] == status
        assert client.is_closed_by_server()
    assert not app.seen
    if key:
        assert counted(served) == {key: 1}


def test_a_refused_client_that_keeps_sending_still_gets_the_response(served: Serving) -> None:
    with served.connect() as client:
        client.send(call(b"x" * 50_000, Content_Length=10**10))
        client.send(b"x" * 50_000)
        assert client.response()[0] == 413


def test_a_body_in_chunks_is_read_to_its_end_and_no_further(served: Serving, app: App) -> None:
    head = http_request("/voice", **SIGNED, Content_Length=None, Transfer_Encoding="chunked")
    assert served.ask(head + b"3\r\na=1\r\n2\r\n&b\r\n0\r\n\r\n")[::2] == (200, b"a=1&b")
    assert app.seen[0]["CONTENT_LENGTH"] == "5"
    assert served.ask(head + b"%x\r\n" % (MAX_BODY + 1) + b"x" * (MAX_BODY + 1))[0] == 413


@pytest.mark.parametrize("size", [1, 7, 100])
def test_a_request_may_arrive_in_any_number_of_pieces(served: Serving, size: int) -> None:
    request = call(b"a=1&b=2" * 20)
    with served.connect() as client:
        for start in range(0, len(request), size):
            client.send(request[start : start + size])
        assert client.response()[::2] == (200, b"a=1&b=2" * 20)


def test_a_connection_is_used_again(served: Serving) -> None:
    with served.connect() as client:
        for number in range(5):
            # Some clients send an empty line after a body.
            client.send(call(b"%d" % number) + b"\r\n")
            assert client.response()[::2] == (200, b"%d" % number)
        client.send(call(b"last", Connection="close"))
        assert client.response()[1]["connection"] == "close"
        assert client.is_closed_by_server()


def test_a_head_request_is_answered_without_a_body(served: Serving) -> None:
    with served.connect() as client:
        client.send(http_request("/healthz", method="HEAD"))
        status, headers, _ = client.response(to_head=True)
        assert (status, headers["content-length"]) == (200, "4")
        client.send(http_request("/healthz", method="GET"))
        assert client.response()[::2] == (200, b"none")


def test_a_client_that_waits_for_permission_to_send_gets_it(served: Serving) -> None:
    request = call(b"a=1", Expect="100-continue")
    with served.connect() as client:
        client.send(request[:-3])
        assert client.response()[0] == 100
        client.send(request[-3:])
        assert client.response()[::2] == (200, b"a=1")


def test_a_second_request_before_the_first_response_is_left_to_be_sent_again(served: Serving, app: App) -> None:
    with served.connect() as client:
        client.send(call(b"first") + call(b"second"))
        status, headers, body = client.response()
        assert (status, headers["connection"], body) == (200, "close", b"first")
        assert client.is_closed_by_server()
    assert len(app.seen) == 1


def test_the_app_sees_the_path_as_it_was_sent(served: Serving, app: App) -> None:
    served.ask(http_request("/%76oice/a%2Fb;c//d?q=%20+x", **SIGNED))
    assert app.seen[0]["RAW_URI"] == "/%76oice/a%2Fb;c//d?q=%20+x"
    assert (app.seen[0]["PATH_INFO"], app.seen[0]["QUERY_STRING"]) == ("/voice/a/b;c//d", "q=%20+x")


def test_an_unexpected_error_is_a_500_without_details_and_is_counted(
    served: Serving, capsys: pytest.CaptureFixture[str]
) -> None:
    log.configure()
    status, _, body = served.ask(http_request("/fails", method="GET"))
    assert (status, body) == (500, b"500 Internal Server Error\n")
    structlog.reset_defaults()
    assert "request_failed" in capsys.readouterr().err
    assert counted(served) == {("other", "500", "failed"): 1}


HALF_SENT = [
    ("half a body", call(b"abc", Content_Length=60_000), 408),
    ("half the headers", b"POST /voice HTTP/1.1\r\nHost", 408),
    ("nothing", b"", None),
    ("empty lines", b"\r\n\r\n", None),
]


def shorten_deadlines(monkeypatch: pytest.MonkeyPatch, seconds: float = 0.3) -> None:
    for name in ("server.connection.HEAD_SECONDS", "routes.BODY_SECONDS"):
        monkeypatch.setattr(f"ivr.web.{name}", seconds)


@pytest.mark.parametrize(("label", "data", "status"), HALF_SENT, ids=[case[0] for case in HALF_SENT])
def test_a_client_that_sends_too_slowly_is_disconnected(
    served: Serving, monkeypatch: pytest.MonkeyPatch, label: str, data: bytes, status: int | None
) -> None:
    shorten_deadlines(monkeypatch)
    with served.connect() as client:
        client.send(data)
        if status:
            assert client.response()[0] == status
        assert client.is_closed_by_server()
    if status:
        assert counted(served) == {("other", "408", "timeout"): 1}


@pytest.mark.parametrize("start", [call(b"", Content_Length=60_000), b"POST /voice HTTP/1.1\r\n", b"\r\n"])
def test_a_client_that_sends_byte_by_byte_gets_no_more_time(
    served: Serving, monkeypatch: pytest.MonkeyPatch, start: bytes
) -> None:
    shorten_deadlines(monkeypatch, 0.5)
    with served.connect() as client:
        client.send(start)
        ended = threading.Event()

        def drip() -> None:
            try:
                while not ended.wait(0.05):
                    client.send(b"\r" if start == b"\r\n" else b"A")
            except OSError:
                return

        thread = threading.Thread(target=drip)
        thread.start()
        if start != b"\r\n":
            assert client.response()[0] == 408
        assert client.is_closed_by_server()
        ended.set()
        thread.join()


def test_an_idle_connection_is_closed(served: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ivr.web.server.connection.IDLE_SECONDS", 0.3)
    with served.connect() as client:
        client.send(call())
        assert client.response()[0] == 200
        assert client.is_closed_by_server()


def test_calls_are_answered_while_clients_hold_half_sent_requests_and_idle_connections(served: Serving) -> None:
    with ExitStack() as held:
        for number in range(400):
            client = held.enter_context(served.connect())
            if number % 4 == 0:
                client.send(call(b"abc", Content_Length=60_000))
        for _ in range(20):
            assert served.ask(call())[0] == 200
            assert served.ask(http_request("/sms", b"a", **SIGNED))[0] == 200
            assert served.ask(http_request("/healthz", method="GET"))[0] == 200


def test_a_client_that_does_not_read_holds_no_thread_and_is_disconnected(
    served: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ivr.web.server.connection.WRITE_SECONDS", 1.0)
    with ExitStack() as held:
        clients = [held.enter_context(served.connect()) for _ in range(20)]
        for client in clients:
            client.send(http_request("/audio/large", method="GET"))
        assert served.ask(http_request("/audio/small", method="GET"))[0] == 200
        wait_for(lambda: not len(served.server.connections))
        with pytest.raises(ConnectionError):
            clients[0].response()


def test_a_large_response_arrives_complete(served: Serving) -> None:
    with served.connect() as client:
        for _ in range(2):
            client.send(http_request("/audio/large", method="GET"))
            assert client.response()[2] == LARGE


def test_calls_and_operations_are_answered_while_all_texts_hang(served: Serving, app: App) -> None:
    app.hang.clear()
    threads = SIZES[Lane.DATABASE][0]
    text, health = http_request("/sms", b"a", **SIGNED), http_request("/readyz", method="GET")
    with ThreadPoolExecutor(threads + 1) as senders:
        texts = [senders.submit(served.ask, text) for _ in range(threads)]
        wait_for(lambda: len(app.seen) == threads)
        assert served.ask(text)[0] == 200
        assert WITHOUT_DATABASE in app.seen[-1]
        status, headers, _ = served.ask(http_request("/receipts/text/1", b"a", **SIGNED))
        assert (status, headers["retry-after"]) == (503, "1")
        assert counted(served)["receipts", "503", "busy"] == 1
        assert served.ask(call())[0] == 200
        assert served.ask(health)[0] == 200
        app.hang.set()
        assert {sent.result()[0] for sent in texts} == {200}
    assert served.ask(text)[0] == 200


def test_texts_are_answered_while_all_scrapes_hang(served: Serving, app: App) -> None:
    app.hang.clear()
    scrape = http_request("/metrics", method="GET")
    with ExitStack() as held:
        for _ in range(64):
            held.enter_context(served.connect()).send(scrape)
        wait_for(lambda: len(app.seen) == SIZES[Lane.OPERATIONS][0])
        for _ in range(5):
            assert served.ask(http_request("/receipts/text/1", b"a", **SIGNED))[0] == 200
            assert served.ask(call())[0] == 200
        app.hang.set()


def test_more_texts_at_once_than_threads_wait_for_one(served: Serving, app: App) -> None:
    app.hang.clear()
    with ThreadPoolExecutor(40) as senders:
        texts = [senders.submit(served.ask, http_request("/sms", b"a", **SIGNED)) for _ in range(40)]
        wait_for(lambda: len(app.seen) == SIZES[Lane.DATABASE][0])
        app.hang.set()
        assert {text.result()[0] for text in texts} == {200}


def test_a_turn_that_must_wait_is_answered_on_a_thread_and_delays_no_other_call(served: Serving, app: App) -> None:
    app.hang.clear()
    with served.connect() as slow:
        slow.send(http_request("/voice/waits", b"a=1", **SIGNED))
        wait_for(lambda: len(app.seen) == 2)
        assert served.ask(call())[0] == 200
        app.hang.set()
        assert slow.response()[::2] == (200, b"a=1")


def test_an_address_may_have_so_many_connections_and_no_more(app: App, tmp_path: Path) -> None:
    with serving(app, tmp_path, per_address=5) as served, ExitStack() as held:
        first = [held.enter_context(served.connect()) for _ in range(5)]
        wait_for(lambda: len(served.server.connections) == 5)
        assert held.enter_context(served.connect()).is_closed_by_server()
        wait_for(lambda: counted(served) == {("other", "429", "too_many_connections"): 1})
        first[0].send(call(Connection="close"))
        assert first[0].response()[0] == 200
        assert first[0].is_closed_by_server()
        wait_for(lambda: len(served.server.connections) == 4)
        assert served.ask(call())[0] == 200


def test_the_limit_per_address_does_not_apply_to_a_trusted_proxy(app: App, tmp_path: Path) -> None:
    proxies = (ipaddress.ip_network("127.0.0.0/8"),)
    with serving(app, tmp_path, per_address=5, proxies=proxies) as served, ExitStack() as held:
        for _ in range(20):
            held.enter_context(served.connect())
        assert served.ask(call())[0] == 200


def test_when_there_are_too_many_connections_the_one_that_waited_longest_is_closed(
    app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ivr.web.server.server.connection_limit", lambda: 10)
    app.hang.clear()
    with serving(app, tmp_path) as served, ExitStack() as held:
        busy = held.enter_context(served.connect())
        busy.send(http_request("/sms", b"a=1", **SIGNED))
        wait_for(lambda: app.seen)
        oldest = held.enter_context(served.connect())
        wait_for(lambda: len(served.server.connections) == 2)
        for _ in range(30):
            held.enter_context(served.connect())
        assert served.ask(call())[0] == 200
        assert oldest.is_closed_by_server()
        app.hang.set()
        assert busy.response()[::2] == (200, b"a=1")


def test_a_stopping_server_finishes_the_requests_in_flight(served: Serving, app: App) -> None:
    app.hang.clear()
    with served.connect() as client, served.connect() as idle:
        client.send(http_request("/sms", b"a=1", **SIGNED))
        wait_for(lambda: app.seen)
        stopping = threading.Thread(target=served.stop)
        stopping.start()
        assert idle.is_closed_by_server()
        with pytest.raises(OSError, match="refused"):
            Client(served.port)
        app.hang.set()
        status, headers, body = client.response()
        assert (status, headers["connection"], body) == (200, "close", b"a=1")
        stopping.join()


def test_a_client_that_disconnects_before_the_response_ends_nothing_else(served: Serving, app: App) -> None:
    app.hang.clear()
    with served.connect() as client:
        client.send(http_request("/sms", b"a=1", **SIGNED))
        wait_for(lambda: app.seen)
    app.hang.set()
    wait_for(lambda: not len(served.server.connections))
    assert served.ask(call())[0] == 200


def test_a_client_that_has_sent_everything_still_gets_its_response(served: Serving, app: App) -> None:
    with socket.create_connection(("127.0.0.1", served.port), timeout=20) as client:
        client.sendall(http_request("/sms", b"a=1", **SIGNED))
        client.shutdown(socket.SHUT_WR)
        time.sleep(0.05)
        assert client.recv(65536).startswith(b"HTTP/1.1 200 OK")
