"""docs/feeds.md: its commands run as pasted, and its sample is the default."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ivr.feeds.hl7.mapping import FeedMapping, parse_mapping
from ivr.line.content.hl7_mapping import mapping_findings
from tests.docs.pages import blocks
from tests.feeds.fhir.servers import FakeServer, bundle, running
from tests.feeds.hl7.messages import siu
from tests.feeds.hl7.sending import ask
from tests.support.clinic import csv_text, row
from tests.support.paths import ROOT
from tests.support.processes import environment, free_port, wait_until

PAGE = ROOT / "docs/feeds.md"
FILE = "appointments.csv"


def test_the_mapping_on_the_page_is_valid_for_the_shipped_line(content):
    (sample,) = blocks(PAGE, "yaml")
    sites = [site.id for site in content.config.sites]
    assert list(mapping_findings(sample.encode(), sites)) == []
    assert parse_mapping(sample.encode()) != FeedMapping()


@pytest.fixture
def shell(tmp_path: Path) -> dict[str, str]:
    """The environment of a shell in which `infoline` is the one of this checkout, with a database and a file."""
    folder = tmp_path / "bin"
    folder.mkdir()
    command = folder / "infoline"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m ivr.cli "$@"\n')
    command.chmod(0o755)
    found = environment(tmp_path, PATH=f"{folder}:{os.environ['PATH']}", PYTHONPATH=ROOT)
    subprocess.run([command, "db", "upgrade"], env=found, cwd=tmp_path, check=True, capture_output=True)
    (tmp_path / "incoming").mkdir()
    file = tmp_path / "incoming" / FILE
    file.write_text(csv_text([row(20, "2026-12-08 10:30", site="elliot")]))
    # Complete for an hour.
    os.utime(file, (time.time() - 3600,) * 2)
    return found


@pytest.fixture
def fhir() -> Iterator[FakeServer]:
    with running(FakeServer(lambda _query: bundle(), needs_token=False)) as server:
        yield server


@pytest.mark.processes
@pytest.mark.skipif(not shutil.which("bash"), reason="no bash on this machine")
def test_the_commands_run_as_pasted(shell, fhir, tmp_path):
    listen, items, replay, watch, pull = blocks(PAGE, "console")
    port = free_port()
    substitutions = {"2575": str(port), "http://127.0.0.1:8090/fhir": fhir.url}

    def start(pasted: str) -> subprocess.Popen[str]:
        for shown, here in substitutions.items():
            pasted = pasted.replace(shown, here)
        command = ["bash", "-euo", "pipefail", "-c", pasted]
        return subprocess.Popen(
            command, env=shell, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def run(pasted: str) -> str:
        process = start(pasted)
        output, _ = process.communicate(timeout=300)
        assert process.returncode == 0, (pasted, output)
        return output

    # A signal to the shell reaches the feed: it is its last command.
    feed = start(f"exec {listen}")
    try:
        wait_until(lambda: _listens(port), 120)
        # The page shows the twelfth item.
        for number in range(1, 13):
            assert ask(port, siu(number, starts="209912081030")) == ["AE"]
    finally:
        feed.terminate()
        feed.communicate(timeout=60)
    assert "A12" in run(items)
    (tmp_path / "messages.hl7").write_bytes(siu(13))
    assert "1 accepted" in run(replay)
    run(watch)
    # With the time of the import before its name.
    assert list((tmp_path / "incoming" / "done").glob(f"*{FILE}"))
    run(pull)
    assert fhir.searches


def _listens(port: int) -> bool:
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", port)) == 0
