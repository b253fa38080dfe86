"""A real web process whose SQLite file another process has locked: no opt-out is lost, and order is kept."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

import pytest
from sqlalchemy import func, select
from twilio.request_validator import RequestValidator

from ivr.ledger.tables import person
from tests.support.clinic import Clinic
from tests.support.network import TOKEN
from tests.support.paths import ROOT
from tests.support.processes import environment, free_port, wait_until

pytestmark = pytest.mark.processes

TEXTS, SENDERS = 1_000, 50
LINE = "+16035550100"
LOCK = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.read()
"""


class Web:
    """A web process on the clinic's database."""

    def __init__(self, clinic: Clinic) -> None:
        self.port = free_port()
        address = {"PORT": self.port, "PUBLIC_URL": f"http://127.0.0.1:{self.port}", "KEYWORDS_ANSWERED_BY": "line"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ivr.cli", "web"], cwd=ROOT, env=environment(clinic.folder, **address),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        wait_until(lambda: self.status("GET", "/readyz") == 200)

    def status(self, method: str, path: str, body: str | None = None, **headers: str) -> int:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, headers)
            return connection.getresponse().status
        except OSError:
            return 0
        finally:
            connection.close()

    def text(self, sender: str, body: str, sid: str) -> int:
        fields = {"From": sender, "To": LINE, "Body": body, "NumMedia": "0", "MessageSid": sid}
        signature = RequestValidator(TOKEN).compute_signature(f"http://127.0.0.1:{self.port}/sms", fields)
        headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": signature}
        return self.status("POST", "/sms", urlencode(fields), **headers)


@pytest.fixture
def web(clinic: Clinic) -> Iterator[Web]:
    web = Web(clinic)
    yield web
    web.process.terminate()
    web.process.wait()


@pytest.fixture
def lock(clinic: Clinic) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that holds the database until its input is closed."""
    path = str(clinic.ledger.engine.url.database)
    with subprocess.Popen([sys.executable, "-c", LOCK, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline()
        yield process


def unlock(process: subprocess.Popen[bytes]) -> None:
    process.communicate()


def spooled(clinic: Clinic) -> list[Path]:
    folder = clinic.folder / "var" / "kept"
    return [path for path in folder.iterdir() if not path.name.startswith(".")] if folder.is_dir() else []


def test_no_opt_out_is_lost_while_the_database_is_locked(clinic: Clinic, web: Web, lock) -> None:
    senders = [f"+1603555{number:04d}" for number in range(101, 151)]
    bodies = ["please stop texting me", "STOP"]
    # Each number opts out, in, and out again; the numbers are texted by many threads at once.
    rounds = [bodies[0], "START", *(bodies[number % 2] for number in range(TEXTS // len(senders) - 2))]

    def conversation(sender: str) -> list[int]:
        return [web.text(sender, body, f"SM{sender[1:]}{number:021d}") for number, body in enumerate(rounds)]

    with ThreadPoolExecutor(SENDERS) as pool:
        statuses = [status for statuses in pool.map(conversation, senders) for status in statuses]
    assert statuses == [200] * TEXTS
    unlock(lock)
    wait_until(lambda: not spooled(clinic))
    with clinic.ledger.read() as connection:
        opted_out = select(func.count()).where(person.c.opted_out_at.is_not(None))
        assert connection.execute(opted_out).scalar() == len(senders)


def test_the_last_of_stop_and_start_wins_even_if_the_first_waits_for_the_database(
    clinic: Clinic, web: Web, lock
) -> None:
    senders = [f"+1603555{number:04d}" for number in range(101, 141)]
    with ThreadPoolExecutor(2 * len(senders)) as pool:
        stops = [pool.submit(web.text, sender, "STOP", f"SM{sender[1:]}{0:021d}") for sender in senders]
        # The first texts wait for the database in all slots.
        wait_until(lambda: bool(spooled(clinic)))
        starts = [pool.submit(web.text, sender, "START", f"SM{sender[1:]}{1:021d}") for sender in senders]
        assert {answer.result() for answer in (*stops, *starts)} == {200}
    unlock(lock)
    wait_until(lambda: not spooled(clinic))
    with clinic.ledger.read() as connection:
        assert connection.execute(select(func.count()).where(person.c.opted_out_at.is_not(None))).scalar() == 0
        assert connection.execute(select(func.count()).select_from(person)).scalar() == len(senders)
