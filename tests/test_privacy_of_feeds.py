"""What feeds, uploads, and requests bring stays out of every process's output, Redis, and the files of the line.

Each way in gets one item that can be imported and one that cannot.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from sqlalchemy import delete

from bench.console.browser import Browser, session_cookie
from bench.console.data import add_users
from ivr import clock
from ivr.ledger.tables import appointment as booked
from ivr.ledger.tables import mark
from ivr.staff.api_keys import add_api_key
from ivr.staff.users import Role
from tests.feeds.fhir.servers import LOCATION, FakeServer, appointment, bundle, patient, running
from tests.feeds.hl7.messages import siu
from tests.feeds.hl7.sending import Sender
from tests.support.clinic import Clinic, at, csv_text, row
from tests.support.paths import ROOT
from tests.support.processes import Processes, wait_until
from tests.support.stored import RESTORE, back_up, stored
from tests.test_privacy import CALLER, KEYED, NAME, PATIENT, STRANGER, Monitor, expanded, leaks
from tests.worker.test_processes import responds

pytestmark = pytest.mark.processes

SECRET_KEY = "k3y-of-a-console-" * 3
# A time that nobody can read is a value of the file, which may be anything.
WRONG = "quokka o'clock"
COMMANDS = (
    ("reminders", "import", "faulty.csv"),
    ("reminders", "import", "faulty.csv", "--dry-run"),
    ("reminders", "status"),
    ("reminders", "person", "call me at a walrus"),
    ("hl7", "items"),
    ("audit",),
    ("doctor",),
    ("retention", "--dry-run"),
)


def file_of(number: int, phone: str) -> str:
    """A file with a row that is imported, and one whose number, name, and time are not."""
    cells = {"first_name": NAME, "site": "elliot"}
    return csv_text(
        [row(number, at(5), **cells, phone=phone), row(number + 1, WRONG, **cells, phone=phone)]
        + [row(number + 2, at(5), **cells, phone=f"{phone}{phone}")]
    )


def messages_come_in(processes: Processes) -> None:
    personal = {"phone": f"({PATIENT[:3]}){PATIENT[3:6]}-{PATIENT[6:]}"}
    good = siu(1, **personal).replace(b"Garcia^Maria", b"Walrus^" + NAME.encode())
    unread = good.replace(b"202612081030", WRONG.encode()).replace(b"|A1|", b"|A2|").replace(b"M1-S12", b"M2-S12")
    # The name of the sender is kept as it is: it names a system.
    refused = f"MSH|^~\\&|RADIS|ELLIOT\rPID|1|{STRANGER}|walrus\r".encode()
    sender = Sender(int(processes.env["HL7_PORT"]))
    with closing(sender.socket):
        for message, code in ((good, "AA"), (unread, "AE"), (refused, "AR")):
            sender.send(message)
            assert sender.answers()[0].count(f"MSA|{code}") == 1, message


def files_come_in(folder: Path) -> None:
    for name, text in (("good.csv", file_of(10, CALLER)), ("bad.csv", f"nothing,{NAME}\n{KEYED},{WRONG}\n")):
        (folder / name).write_text(text)
        # As if it had been there for an hour, so that nothing waits for its end.
        os.utime(folder / name, (time.time() - 3600,) * 2)
    wait_until(lambda: {path.parent.name for path in folder.glob("*/*.csv")} == {"done", "failed"}, 120)


def records() -> FakeServer:
    entries = [appointment(20), appointment(21, start=WRONG), patient(20), patient(21), LOCATION]
    for entry in entries[2:4]:
        entry["resource"]["telecom"][0]["value"] = KEYED
        entry["resource"]["name"] = [{"given": [NAME], "family": "Walrus"}]
    return FakeServer(lambda _query: bundle(*entries), needs_token=False)


def a_file_is_uploaded(processes: Processes, clinic: Clinic) -> None:
    browser = Browser(processes.web_port, session_cookie(SECRET_KEY, add_users(clinic.ledger)[0]))
    path = "/console/reminders/upload"
    answer = browser.post_file(path, "upload.csv", file_of(30, PATIENT).encode(), browser.token(path))
    assert answer.status == 303, answer.text
    location = answer.headers["location"]
    wait_until(lambda: 'hx-trigger="every 1s"' not in browser.get(location).text)
    assert browser.get(location).text.count("603") >= 1


def requests_come_in(processes: Processes, clinic: Clinic) -> None:
    with clinic.ledger.write() as connection:
        key = add_api_key(connection, "Epic", Role.SCHEDULER, clock.now()).text
    base = f"{processes.env['PUBLIC_URL']}/api/v1"
    wrong = {"phone": STRANGER, "starts_at": WRONG, "first_name": NAME, NAME: PATIENT}
    for method, path, kind, body, status in (
        ("POST", "/batches", "text/csv", file_of(40, STRANGER), 201),
        ("POST", "/batches", "application/json", json.dumps({"appointments": [wrong]}), 422),
        ("PUT", f"/appointments/{NAME}", "application/json", json.dumps(wrong), 422),
        ("POST", "/opt-outs", "application/json", json.dumps({"phone": f"{KEYED}-walrus", "reason": NAME}), 422),
        ("GET", f"/appointments/{NAME}?phone={PATIENT}", "text/plain", "", 404),
    ):
        headers = {"Authorization": f"Bearer {key}", "Content-Type": kind}
        request = Request(base + path, body.encode() or None, headers, method=method)
        try:
            found = urlopen(request, timeout=60).status
        except HTTPError as error:
            found = error.code
        assert found == status, (path, found)


@pytest.fixture
def clinic(clinic_on_each_database: Clinic) -> Clinic:
    return clinic_on_each_database


@pytest.fixture
def processes(clinic: Clinic, ledger_url: str, queue_url: str) -> Iterator[Processes]:
    opened = Processes(clinic, queue_url, DATABASE_URL=ledger_url, SECRET_KEY=SECRET_KEY)
    yield opened
    opened.end()


@contextmanager
def everything_runs(processes: Processes, folder: Path) -> Iterator[None]:
    folder.mkdir()
    with running(records()) as server:
        processes.start("-m", "ivr.cli", "web")
        processes.start("-m", "worker")
        processes.start("-m", "worker", "clock")
        processes.start("-m", "ivr.cli", "hl7")
        processes.start("-m", "ivr.cli", "reminders", "watch", str(folder), "--every", "0.2")
        processes.start("-m", "ivr.cli", "reminders", "pull", "--fhir", server.url)
        wait_until(lambda: responds(processes.env["PUBLIC_URL"] + "/healthz"), 120)
        wait_until(lambda: processes.outputs().count('"process_started"') >= 5, 120)
        # The console is a process of its own, which comes up after the line answers callers.
        wait_until(lambda: '"console_process_started"' in processes.outputs(), 300)
        yield


def stop_everything(processes: Processes, clinic: Clinic) -> None:
    """Stop all but the carrier, as if a minute ago."""
    for process in processes._started[1:]:
        if process.poll() is None:
            processes.kill(process)
    with clinic.ledger.write() as connection:
        connection.execute(delete(mark).where(mark.c.name == "clock"))
    clinic.ledger.close()


def test_nothing_personal_leaves_the_encrypted_columns_whichever_way_it_comes_in(
    clinic: Clinic, processes: Processes, queue_url: str, tmp_path: Path
) -> None:
    monitor = Monitor(queue_url)
    with everything_runs(processes, tmp_path / "incoming"):
        messages_come_in(processes)
        files_come_in(tmp_path / "incoming")
        a_file_is_uploaded(processes, clinic)
        requests_come_in(processes, clinic)
        wait_until(lambda: {row.appointment_id for row in clinic.all(booked)} >= {"A1", "A10", "A20", "A40"}, 120)
        (tmp_path / "faulty.csv").write_text(file_of(50, PATIENT))
        for command in COMMANDS:
            words = [str(tmp_path / word) if word.endswith(".csv") else word for word in command]
            assert processes.start("-m", "ivr.cli", *words).wait(120) in (0, 1, 2), command

    made = back_up(processes)
    stop_everything(processes, clinic)
    restoring = processes.start(RESTORE, str(made), "--replace", PYTHONPATH=ROOT, REDIS_URL="")
    assert restoring.wait(120) == 0, processes.outputs()[-1000:]

    for number, process in enumerate(processes._started[1:], 1):
        assert leaks(processes.output(number).encode()) == [], process.args
    assert leaks(b"\n".join(map(expanded, monitor.commands))) == []
    kept = stored(tmp_path, "*infoline.db*")
    assert any("/database." in path for path in kept)
    assert {path: found for path, data in kept.items() if (found := leaks(data))} == {}
