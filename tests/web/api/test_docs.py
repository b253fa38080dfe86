"""docs/api.md: its commands run as pasted, with the answers shown, and its receiver checks signatures."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime

import pytest

from ivr import clock, create_app
from ivr.people.webhooks import LEASE, Delivery
from ivr.settings import Settings, load, shift_file
from tests.support.clinic import NOW
from tests.support.paths import ROOT
from tests.support.processes import free_port, wait_until
from tests.support.serving import serving
from worker import webhooks
from worker.webhooks import EventSender

pytestmark = pytest.mark.processes
DOCUMENT = (ROOT / "docs/api.md").read_text()
_BLOCK = re.compile(r"```(bash|json|text)\n(.*?)```", re.DOTALL)
_MARK = "=== the output of a block ends here"


def steps() -> list[tuple[str, str, str]]:
    """(commands, the kind of what is shown below them, what is shown), in order."""
    found: list[tuple[str, str, str]] = []
    for kind, text in _BLOCK.findall(DOCUMENT):
        if kind == "bash":
            found.append((text, "", ""))
        else:
            found[-1] = (found[-1][0], kind, text)
    return found


@pytest.fixture
def line(clinic_for_commands, tmp_path, monkeypatch):
    """A line on a free port at NOW, for this process and for commands: (its port, the environment of commands)."""
    monkeypatch.setenv("WEBHOOK_HOSTS", "127.0.0.1:9000")
    shift = (NOW - datetime.now(UTC)).total_seconds()
    shift_file(tmp_path).write_text(str(shift))
    monkeypatch.setattr(clock, "unshifted_now", lambda: NOW)
    # So that `infoline` is the one of this checkout.
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin" / "infoline"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m ivr.cli "$@"\n')
    command.chmod(0o755)
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    environment = {"PATH": path, "VAR_DIR": str(tmp_path), "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)}
    with serving(create_app(load()).wsgi_app, tmp_path / "served") as running:
        yield running.port, environment


@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("bash")), reason="no curl or bash on this machine")
def test_the_commands_run_as_pasted_and_print_what_is_shown(line, tmp_path):
    port, environment = line
    shown = steps()
    assert len(shown) >= 10
    script = "".join(f"{commands}\necho\necho '{_MARK}'\n" for commands, _, _ in shown)
    script = script.replace("http://127.0.0.1:8000", f"http://127.0.0.1:{port}")
    ran = subprocess.run(
        ["bash", "-euo", "pipefail"],
        input=script,
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    outputs = ran.stdout.split(f"{_MARK}\n")
    for (commands, kind, expected), output in zip(shown, outputs, strict=False):
        if kind == "text":
            assert output.strip() == expected.strip(), commands
        elif kind == "json":
            printed = json.loads(output)
            wanted = json.loads(expected)
            assert {name: printed.get(name) for name in wanted} == wanted, (commands, printed)


def receiver_source(port: int) -> str:
    source = re.search(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)[1]
    return source.replace("9000", str(port))


def test_the_receiver_prints_signed_events_and_refuses_others(tmp_path, monkeypatch, ledger, vault):
    port = free_port()
    (tmp_path / "receiver.py").write_text(receiver_source(port))
    monkeypatch.setattr(webhooks.clock, "now", lambda: datetime.now(UTC))
    environment = {**os.environ, "SECRET": "whsec_c2VjcmV0"}
    command = [sys.executable, str(tmp_path / "receiver.py")]
    settings = Settings(public_url="http://127.0.0.1:8000", webhook_hosts=f"127.0.0.1:{port}")
    sender = EventSender(ledger, settings)

    def delivery(secret: bytes, event: str = "e1") -> Delivery:
        url = f"http://127.0.0.1:{port}/events"
        data = {"appointment_id": "A1"}
        return Delivery(1, url, secret, event, "appointment.confirmed", data, NOW, 1, datetime.now(UTC) + LEASE)

    with subprocess.Popen(
        command, env=environment, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as receiver:
        try:
            wait_until(lambda: sender.send(delivery(b"secret")))
            assert json.loads(receiver.stdout.readline()) == json.loads(
                re.search(r"```json-event\n(.*?)```", DOCUMENT, re.DOTALL)[1]
            )
            # A repeat is accepted and dropped; the next line is that of another event.
            assert sender.send(delivery(b"secret"))
            assert sender.send(delivery(b"secret", "e2"))
            assert receiver.stdout.readline()
            assert not sender.send(delivery(b"another", "e3"))
            old = time.time() - 301
            monkeypatch.setattr(webhooks.clock, "now", lambda: datetime.fromtimestamp(old, UTC))
            assert not sender.send(delivery(b"secret", "e4"))
        finally:
            receiver.terminate()
        assert receiver.stdout.read() == b""
