"""Large bodies of requests: stored on disk while they arrive, and deleted whatever happens."""

from __future__ import annotations

import hashlib
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from ivr.web.body_files import MAX_FILES, BodyFile, BodyFolder
from ivr.web.routes import MAX_API_FILE
from ivr.web.server.bodies import SPOOL_BYTES
from tests.support.network import wait_for
from tests.support.paths import ROOT
from tests.support.serving import Client, Serving, http_request, serving

BATCHES = "/api/v1/batches"
KEY = {"Authorization": "Bearer any"}
BODY = os.urandom(3_000_000)
UPLOADS = 20


class App:
    """Answers with the digest of what it received."""

    def __init__(self) -> None:
        self.inputs: list[Any] = []
        self.modes: list[int] = []

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        body = environ["wsgi.input"]
        self.inputs.append(body)
        if isinstance(body, BodyFile):
            self.modes.append(body.path.stat().st_mode & 0o777)
        digested = hashlib.sha256()
        while part := body.read(1 << 16):
            digested.update(part)
        answer = digested.hexdigest().encode()
        if environ["QUERY_STRING"] == "fails":
            raise RuntimeError
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [answer]


@pytest.fixture
def app() -> App:
    return App()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "bodies"


@pytest.fixture
def served(app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serving]:
    monkeypatch.setattr("ivr.web.server.server.SWEEP_SECONDS", 0.05)
    with serving(app, tmp_path, bodies=BodyFolder(tmp_path)) as running:
        yield running


def upload(body: bytes = BODY, path: str = BATCHES, **headers: object) -> bytes:
    return http_request(path, body, **{**KEY, **headers})


def in_chunks(body: bytes, size: int) -> bytes:
    parts = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def is_empty(folder: Path) -> bool:
    return not folder.is_dir() or not list(folder.iterdir())


def digest(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest().encode()


@pytest.mark.parametrize("path", [BATCHES, "/api/v1/fhir", "/console/reminders/new"])
def test_a_large_body_reaches_the_app_as_a_private_file_and_is_deleted_after_the_answer(
    served: Serving, app: App, folder: Path, path: str
) -> None:
    assert served.ask(upload(path=path))[::2] == (200, digest(BODY))
    assert app.modes == [0o600]
    wait_for(lambda: is_empty(folder))


def test_a_large_body_in_chunks_is_the_same(served: Serving, app: App, folder: Path) -> None:
    head = upload(b"", Content_Length=None, Transfer_Encoding="chunked")
    assert served.ask(head + in_chunks(BODY, 100_001))[::2] == (200, digest(BODY))
    assert app.modes == [0o600]
    wait_for(lambda: is_empty(folder))


@pytest.mark.parametrize("size", [SPOOL_BYTES - 1, SPOOL_BYTES, SPOOL_BYTES + 1, 2 * SPOOL_BYTES, MAX_API_FILE])
def test_no_byte_is_lost_around_the_threshold(served: Serving, app: App, size: int) -> None:
    body = os.urandom(size)
    assert served.ask(upload(body))[::2] == (200, digest(body))
    assert isinstance(app.inputs[0], BodyFile) is (size > SPOOL_BYTES)


def test_a_connection_is_used_again_after_a_large_body(served: Serving) -> None:
    with served.connect() as client:
        for body in (BODY, b"small", BODY[1:]):
            client.send(upload(body))
            assert client.response()[::2] == (200, digest(body))


def test_a_file_is_deleted_when_the_app_fails(served: Serving, folder: Path) -> None:
    assert served.ask(upload(path=f"{BATCHES}?fails"))[0] == 500
    wait_for(lambda: is_empty(folder))


def test_a_file_is_deleted_when_the_client_leaves_halfway(served: Serving, app: App, folder: Path) -> None:
    with served.connect() as client:
        client.send(upload()[:2_000_000])
        wait_for(lambda: not is_empty(folder))
    wait_for(lambda: is_empty(folder))
    assert not app.inputs


def test_a_file_is_deleted_when_the_client_takes_too_long(
    served: Serving, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ivr.web.routes.CONSOLE_BODY_SECONDS", 0.5)
    with served.connect() as client:
        client.send(upload()[:2_000_000])
        assert client.response()[0] == 408
    wait_for(lambda: is_empty(folder))


def test_a_file_is_deleted_when_chunks_exceed_the_limit(served: Serving, app: App, folder: Path) -> None:
    with served.connect() as client:
        client.send(upload(b"", Content_Length=None, Transfer_Encoding="chunked"))
        client.send(b"%x\r\n" % (MAX_API_FILE + 1) + bytes(MAX_API_FILE + 1))
        assert client.response()[0] == 413
    wait_for(lambda: is_empty(folder))
    assert not app.inputs


REFUSED = [
    ("no key", upload(Authorization=None)[:1_000_000], 401),
    ("a body that is too large", upload(Content_Length=MAX_API_FILE + 1)[:1_000_000], 413),
    ("a path that takes no files", upload(path="/api/v1/opt-outs")[:1_000_000], 413),
    ("a webhook", http_request("/voice", BODY, X_Twilio_Signature="any")[:1_000_000], 413),
]


@pytest.mark.parametrize(("label", "request_", "status"), REFUSED, ids=[case[0] for case in REFUSED])
def test_nothing_is_written_of_a_request_that_its_headers_refuse(
    served: Serving, folder: Path, label: str, request_: bytes, status: int
) -> None:
    with served.connect() as client:
        client.send(request_)
        assert client.response()[0] == status
    assert not folder.exists()


def test_a_body_that_cannot_be_stored_is_refused_and_small_ones_go_on(served: Serving, app: App, folder: Path) -> None:
    folder.write_text("not a folder")
    with served.connect() as client:
        client.send(upload()[:2_000_000])
        assert client.response()[0] == 503
    assert served.counts.totals().requests == {("other", "503", "disk"): 1}
    assert served.ask(upload(b"small"))[0] == 200


def test_only_so_many_bodies_are_stored_at_once(served: Serving, folder: Path) -> None:
    with ExitStack() as held:
        for _ in range(MAX_FILES):
            held.enter_context(served.connect()).send(upload()[:600_000])
        wait_for(lambda: len(list(folder.iterdir())) == MAX_FILES)
        with served.connect() as client:
            client.send(upload()[:600_000])
            assert client.response()[0] == 503
    wait_for(lambda: is_empty(folder))
    assert served.ask(upload())[0] == 200


@pytest.mark.processes
def test_a_start_deletes_the_files_of_a_killed_process_and_of_no_other(tmp_path: Path, folder: Path) -> None:
    code = (
        "import sys, pathlib; from ivr.web.body_files import BodyFolder\n"
        "file = BodyFolder(pathlib.Path(sys.argv[1])).create(); file.write(b'x'); file.flush(); print(flush=True)\n"
        "input()"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, **pipes) as process:  # type: ignore[call-overload]
        process.stdout.readline()
        own = BodyFolder(tmp_path).create()
        assert BodyFolder(tmp_path).remove_leftovers() == 0
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert BodyFolder(tmp_path).remove_leftovers() == 1
    assert list(folder.iterdir()) == [own.path]
    own.remove()


def resident() -> int:
    """Bytes of memory of this process, which has the server."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="this system does not show a process's memory")
def test_memory_does_not_grow_by_the_sizes_of_uploads(served: Serving, folder: Path) -> None:
    body = memoryview(BODY * 7)[:MAX_API_FILE]
    head = upload(b"", Content_Length=MAX_API_FILE)

    def send(client: Client) -> None:
        client.send(head)
        client.send(body[:-1])

    with ExitStack() as held, ThreadPoolExecutor(4) as threads:
        clients = [held.enter_context(served.connect()) for _ in range(UPLOADS)]
        before = resident()
        list(threads.map(send, clients))
        stored = UPLOADS * (MAX_API_FILE - 1 - 2 * SPOOL_BYTES)
        wait_for(lambda: sum(path.stat().st_size for path in folder.iterdir()) >= stored)
        grown = [resident() - before]
        for client in clients:
            client.send(body[-1:])
            assert client.response()[0] == 200
        grown.append(resident() - before)
    print(f"{UPLOADS} uploads of {MAX_API_FILE:,} bytes: memory grew by {grown}")
    assert max(grown) < UPLOADS * MAX_API_FILE / 8
    wait_for(lambda: is_empty(folder))
