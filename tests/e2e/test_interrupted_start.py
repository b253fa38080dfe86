"""`infoline run` that is interrupted while it makes up the clinic, and started again."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
from pathlib import Path

import pytest

from ivr.demo.appointments import COMING, PAST
from tests.conftest import LINE_ENV
from tests.e2e.running import INFOLINE, RunningLine, running_line, until
from tests.support.paths import ROOT
from tests.support.processes import free_port

pytestmark = pytest.mark.processes
LET_IN = "SELECT count(*) FROM console_user WHERE password IS NOT NULL"


def number(database: Path, query: str) -> int:
    """What a query counts; 0 before the tables are there."""
    try:
        with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            return int(connection.execute(query).fetchone()[0])
    except sqlite3.OperationalError:
        return 0


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGINT], ids=["SIGKILL", "Ctrl-C"])
def test_a_clinic_that_was_interrupted_is_set_aside_and_made_up_anew(tmp_path: Path, sent: signal.Signals) -> None:
    var_dir, database = tmp_path / "var", tmp_path / "var" / "infoline.db"
    environment = {name: value for name, value in os.environ.items() if name not in LINE_ENV}
    environment |= {"VAR_DIR": str(var_dir), "SIMULATOR_URL": f"http://127.0.0.1:{free_port()}"}
    environment |= {"PORT": str(free_port())}
    process = subprocess.Popen([*INFOLINE, "run"], env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    line = RunningLine(process, environment, var_dir)
    until(lambda: number(database, "SELECT count(*) FROM appointment"), "the first appointments", 180)
    # The process must not get further while the test looks; a lock on the database would have to wait its turn.
    process.send_signal(signal.SIGSTOP)
    assert number(database, LET_IN) == 0, "the clinic was made up before it could be interrupted"
    children = list(line.children().values())
    process.send_signal(sent)
    process.send_signal(signal.SIGCONT)
    process.communicate(timeout=60)
    if sent == signal.SIGKILL:
        # As when the machine loses power: nothing stops the processes that were started.
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
                os.killpg(child, signal.SIGKILL)

    with running_line(var_dir, clinic=True) as line:
        assert line.json("reminders", "status")["appointments"] == PAST + COMING
        assert len(line.json("callbacks")["callbacks"]) == 3
        assert number(database, LET_IN) == 3
        (folder,) = var_dir.glob("set-aside-*")
        assert number(folder / "infoline.db", "SELECT count(*) FROM appointment") > 0
        line.process.send_signal(signal.SIGINT)
        printed = line.process.communicate(timeout=60)[0]
    assert "interrupted while it made up the clinic" in printed
    assert str(folder) in printed
