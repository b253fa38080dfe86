"""What `infoline run` sets up in the simulated phone network: the status callback, and strict TwiML."""

from __future__ import annotations

import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from ivr.cli import main
from ivr.ledger.tables import call_turn
from simulator.webhook import Webhook
from tests.e2e.running import RunningLine, until
from tests.support.network import Line, Network
from tests.support.processes import free_port, wait_until

pytestmark = pytest.mark.processes


def test_the_end_of_each_call_reaches_the_line(open_line: RunningLine) -> None:
    engine = sa.create_engine(f"sqlite:///{open_line.var_dir / 'infoline.db'}")
    ends = sa.select(sa.func.count()).where(call_turn.c.heard == "end:completed")

    def count() -> int:
        with engine.connect() as connection:
            return int(connection.scalar(ends) or 0)

    before = count()
    call = open_line.call().presses("1")
    open_line.post(f"/simulator/calls/{call.sid}/heard", {"hangup": True})
    until(lambda: count() > before, "the end of the call in the log")
    engine.dispose()


def test_the_line_keeps_to_the_grammar_of_twiml_exactly(open_line: RunningLine) -> None:
    open_line.call().presses("1", "1")
    warnings = [entry for entry in open_line.get("/simulator/errors") if entry["level"] == "warning"]
    assert warnings == []


@pytest.fixture
def fallback_server(tmp_path: Path) -> Iterator[str]:
    """The file of `infoline doctor --write-fallback`, on another server; its address."""
    result = CliRunner().invoke(main, ["doctor", "--write-fallback", str(tmp_path / "fallback.xml")])
    assert result.exit_code == 0, result.output

    port = free_port()
    # As docs/operations.md says.
    command = [sys.executable, "-m", "http.server", str(port)]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        url = f"http://127.0.0.1:{port}/fallback.xml"
        wait_until(lambda: _is_served(url))
        yield url
        server.terminate()


def _is_served(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except OSError:
        return False


def test_the_exported_fallback_answers_and_transfers_when_the_line_is_down(fallback_server: str) -> None:
    line = Line()
    line.close()
    network = Network(line, voice_fallback=Webhook(fallback_server, "GET"))
    turn = network.call()
    assert turn["error"] is None
    assert all("603-668-3067" in said for said in turn["said"][:2])
    assert len(turn["said"]) == 2
    assert (turn["waits"], turn["dial"]) == ("transfer", ["+16036632180"])
    network.close()
