"""A complete line as `infoline run` starts it, and a fluent caller and sender for tests."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.conftest import LINE_ENV
from tests.support.paths import ROOT
from tests.support.processes import free_port

WAIT_SECONDS = 40.0
# Starting all processes takes long on a busy machine.
START_SECONDS = 180.0
INFOLINE = [sys.executable, "-m", "ivr.cli"]
# Short timings keep the tests fast; no test measures time.
QUICK = {
    "CLOCK_SECONDS": "0.3",
    "RECONCILE_SECONDS": "1",
    "RETRY_SECONDS": "0.5",
    "LEASE_SECONDS": "3",
    "SIMULATOR_RECEIPT_SECONDS": "0.05",
    # The first words of a test are understood.
    "START_UNTRAINED": "0",
    # One telephone makes all the calls.
    "CALLS_PER_NUMBER": "100000",
}


def until(condition: Callable[[], Any], description: str, seconds: float = WAIT_SECONDS) -> Any:
    """Wait until `condition()` is true, and return its value."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError(f"{seconds} s passed without {description}")


@dataclass
class RunningLine:
    """A running `infoline run`: its process, environment and addresses."""

    process: subprocess.Popen[str]
    environment: dict[str, str]
    var_dir: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.environment['PORT']}"

    @property
    def simulator(self) -> str:
        return self.environment["SIMULATOR_URL"]

    def infoline(self, *arguments: str | Path, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run another command in the same environment."""
        return subprocess.run(
            [*INFOLINE, *map(str, arguments)],
            env=self.environment,
            cwd=ROOT,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def json(self, *arguments: str | Path) -> Any:
        result = self.infoline(*arguments, "--json")
        assert result.stdout, f"no output, but: {result.stderr}"
        return json.loads(result.stdout)

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """A request to the phone network."""
        request = urllib.request.Request(
            self.simulator + path, json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            received: dict[str, Any] = json.load(answer)
            return received

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.simulator + path, timeout=30) as answer:
            return json.load(answer)

    def readyz(self) -> dict[str, Any]:
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=5) as answer:
                status: dict[str, Any] = json.load(answer)
                return status
        except OSError:
            return {}

    def carrier_log(self) -> list[dict[str, Any]]:
        """The reminders that the carrier accepted, without replies to incoming texts."""
        return [text for text in self.get("/simulator/log") if text["direction"] == "outbound-api"]

    def call(self, caller: str = "+16035550123") -> Call:
        return Call(self, caller)

    def text(self, words: str, sender: str = "+16035550123") -> list[str]:
        replies: list[str] = self.post("/simulator/texts", {"from": sender, "body": words})["replies"]
        return replies

    def children(self) -> dict[str, int]:
        """The child processes: command line to process id."""
        listed = subprocess.run(["ps", "-A", "-o", "ppid=,pid=,args="], capture_output=True, text=True, check=True)
        rows = (row.split(None, 2) for row in listed.stdout.splitlines())
        return {args: int(pid) for ppid, pid, args in rows if int(ppid) == self.process.pid}


@dataclass
class Call:
    """A caller: `line.call().presses("1").hears("…").is_transferred_to("603-663-2180")`."""

    line: RunningLine
    caller: str
    turn: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.turn = self.line.post("/simulator/calls", {"from": self.caller})
        self.sid = self.turn["call"]

    def _send(self, **caller_input: Any) -> Call:
        self.turn = self.line.post(f"/simulator/calls/{self.sid}/heard", caller_input)
        assert not self.turn.get("error"), self.turn["error"]
        return self

    def presses(self, *keys: str) -> Call:
        for key in keys:
            self._send(keys=key)
        return self

    def says(self, words: str) -> Call:
        return self._send(speech=words)

    def says_nothing(self, times: int = 1) -> Call:
        for _ in range(times):
            self._send(silence=True)
        return self

    def transfer_ends(self, how: str) -> Call:
        return self._send(dial=how)

    @property
    def said(self) -> str:
        return " ".join(self.turn["said"])

    def hears(self, words: str) -> Call:
        assert words in self.said, f"{words!r} was not said; instead: {self.said}"
        return self

    def does_not_hear(self, words: str) -> Call:
        assert words not in self.said, f"{words!r} was said: {self.said}"
        return self

    def is_transferred_to(self, number: str) -> Call:
        assert self.turn["waits"] == "transfer", f"no transfer, but {self.turn}"
        assert self.turn["dial"] == ["+1" + number.replace("-", "")]
        return self

    def is_still_helped(self) -> Call:
        assert self.turn["waits"] in ("keys", "transfer"), self.turn
        return self

    def is_over(self) -> Call:
        assert self.turn["waits"] == "over", self.turn
        return self


@contextlib.contextmanager
def running_line(var_dir: Path, *arguments: str, clinic: bool = False, **environment: str) -> Iterator[RunningLine]:
    """Start `infoline run` on free ports; stop it with Ctrl-C. clinic: with the made-up clinic."""
    clean = {name: value for name, value in os.environ.items() if name not in LINE_ENV}
    settings = {
        **clean,
        **QUICK,
        "VAR_DIR": str(var_dir),
        "PORT": str(free_port()),
        "SIMULATOR_URL": f"http://127.0.0.1:{free_port()}",
        **environment,
    }
    # What a test stored before stays.
    if not clinic and not (var_dir / "infoline.db").exists() and "--empty" not in arguments:
        arguments = (*arguments, "--empty")
    process = subprocess.Popen(
        [*INFOLINE, "run", *arguments],
        env=settings,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    line = RunningLine(process, settings, var_dir)
    try:
        until(lambda: line.readyz().get("voice") or process.poll() is not None, "the line to come up", START_SECONDS)
        assert process.poll() is None, f"`infoline run` ended: {process.communicate()[0]}"
        until(lambda: _answers(line.simulator), "the phone network")
        until(lambda: has_release(line), "a release", START_SECONDS)
        yield line
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.communicate(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                raise


def has_release(line: RunningLine) -> bool:
    """Whether the prompts are published, which follows the first answer.

    Read from the database: a command takes as much of the CPU as the processes that it would wait for.
    """
    try:
        with contextlib.closing(sqlite3.connect(f"file:{line.var_dir / 'infoline.db'}?mode=ro", uri=True)) as database:
            return database.execute("SELECT 1 FROM release").fetchone() is not None
    except sqlite3.OperationalError:
        return False


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
