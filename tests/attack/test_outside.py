"""Everything that a stranger can send without an account, against the real processes, while others call."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from tests.attack.outside import FORGED, HEADERS, LARGE, PATHS, SLOW, SMUGGLED, Attack
from tests.attack.target import Served, Target
from tests.support.paths import ROOT

pytestmark = pytest.mark.processes


ATTACKS = [*FORGED, *SMUGGLED, *SLOW, *LARGE, *PATHS, *HEADERS]
# All attacks together may cost this much, in MB: bodies of 64 kB and heads of 16 kB are kept for some connections only.
MOST_MEMORY = 60


@dataclass
class Assault:
    """All attacks at the same time. faults: what each found."""

    faults: dict[str, str]
    served: Served
    grown: int
    changed: list[str]


@pytest.fixture(scope="module")
def assault(target: Target) -> Assault:
    before, memory = target.ledger_rows(), target.memory()
    with target.others_call() as served, ThreadPoolExecutor(12) as threads:
        faults = list(threads.map(lambda attack: attack.run(target.door), ATTACKS))
    after = target.ledger_rows()
    # The calls of others are logged.
    changed = [name for name in before if before[name] != after[name] and name != "call_turn"]
    return Assault(dict(zip(map(str, ATTACKS), faults, strict=True)), served, target.memory() - memory, changed)


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
def test_what_a_stranger_sends_is_refused(assault: Assault, attack: Attack) -> None:
    assert assault.faults[str(attack)] == ""


def test_callers_are_answered_during_all_attacks_and_nothing_is_written(target: Target, assault: Assault) -> None:
    assert set(assault.served.statuses) == {200}
    assert assault.served.slowest < 15, "Twilio waits 15 s"
    assert assault.changed == []
    assert assault.grown < MOST_MEMORY
    assert target.crashes() == []


def test_the_command_finds_the_line_safe(target: Target) -> None:
    command = [sys.executable, "-m", "tests.attack"]
    done = subprocess.run([*command, target.door.url], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "no findings." in done.stdout
    wrong = subprocess.run([*command, "http://127.0.0.1:1"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert wrong.returncode == 2
    assert "is not a line that answers" in wrong.stderr


def test_another_spelling_of_a_path_is_answered_by_the_same_process(target: Target) -> None:
    """Bodies of 22 MB are for the console's process, not for the one that takes calls."""
    for path in ("/console/login", "/%63onsole/login", "/%63%6f%6e%73%6f%6c%65/login"):
        status, page = target.ask("GET", path)
        assert (status, b"<form" in page) == (200, True), path
    assert target.ask("GET", "/%61pi/v1/appointments/A1")[0] == 401
