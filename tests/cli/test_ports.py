"""A port that is taken: the program that holds it, and a free one. The line and the simulator each have the code."""

from __future__ import annotations

import os
import re
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import ivr.cli.run.ports
import simulator.ports
from ivr.cli.processes import _port_in_use
from simulator.__main__ import server
from simulator.settings import Settings, SettingsError

MODULES = [ivr.cli.run.ports, simulator.ports]


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that this process listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def _lsof(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Put a program named lsof on the path that runs a line of Python."""
    program = folder / "lsof"
    program.write_text(f"#!{sys.executable}\nimport sys\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="this system has no /proc")
@pytest.mark.parametrize("ports", MODULES, ids=lambda module: module.__name__)
def test_the_program_that_holds_a_port_is_named(ports: ModuleType, taken: int) -> None:
    assert f"(process {os.getpid()})" in ports.holder_of(taken)
    assert ports.holder_of(0) is None


@pytest.mark.parametrize("ports", MODULES, ids=lambda module: module.__name__)
@pytest.mark.parametrize(("free", "found"), [({8013, 8014}, 8013), ({8009, 8010}, None), ({9999}, None)], ids=str)
def test_the_next_port_that_is_free_is_found(
    ports: ModuleType, taken: int, monkeypatch: pytest.MonkeyPatch, free: set[int], found: int | None
) -> None:
    assert not ports.port_is_free(taken)
    monkeypatch.setattr(ports, "port_is_free", lambda port: port in free)
    assert ports.next_free_port(8010) == found


@pytest.mark.parametrize("ports", MODULES, ids=lambda module: module.__name__)
def test_without_proc_lsof_names_the_program(
    ports: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = "-nP -iTCP:8010 -sTCP:LISTEN -Fpc"
    _lsof(
        tmp_path,
        monkeypatch,
        f"print('p4711\\ncnode\\nf21\\np4712\\ncother') if sys.argv[1:] == {asked.split()} else 0",
    )
    assert ports.holder_of(8010, tmp_path / "proc") == "node (process 4711)"


@pytest.mark.parametrize("ports", MODULES, ids=lambda module: module.__name__)
@pytest.mark.parametrize("script", ["sys.exit(1)", "print('p4711')", None], ids=["nothing", "half", "no lsof"])
def test_a_system_that_does_not_say_names_no_program(
    ports: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str | None
) -> None:
    _lsof(tmp_path, monkeypatch, script or "")
    if script is None:
        (tmp_path / "lsof").unlink()
    assert ports.holder_of(8010, tmp_path / "proc") is None


def test_a_simulator_whose_port_is_taken_names_the_program_and_a_free_port(taken: int) -> None:
    with pytest.raises(SettingsError) as raised:
        server(Settings(port=taken))
    sentence = str(raised.value)
    assert f"(process {os.getpid()}) already uses it." in sentence
    assert re.search(r"Choose another with SIMULATOR_PORT=\d+\.$", sentence)


def test_a_web_process_whose_port_is_taken_names_the_program_and_a_free_port(taken: int) -> None:
    sentence = _port_in_use(taken)
    assert f"Port {taken} is in use by " in sentence
    assert f"(process {os.getpid()}): stop that program, " in sentence
    assert re.search(r"choose another port with --port \d+\.$", sentence)


@pytest.mark.parametrize(("holder", "used"), [(None, "or reserved"), ("x (process 1)", "by x (process 1)")])
def test_a_port_without_a_free_one_near_it_gets_a_sentence_too(
    monkeypatch: pytest.MonkeyPatch, holder: str | None, used: str
) -> None:
    monkeypatch.setattr(ivr.cli.run.ports, "holder_of", lambda _port: holder)
    assert (
        _port_in_use(65_535) == f"Port 65535 is in use {used}: stop that program, or choose another port with --port."
    )
