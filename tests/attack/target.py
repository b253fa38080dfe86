"""A line under attack: its real processes, what they write, and whether others are still answered meanwhile."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from ivr.carrier.twilio.signature import compute_signature
from ivr.ledger.tables import metadata
from ivr.staff.api_keys import add_api_key
from ivr.staff.users import Role
from tests.attack.exchange import Door
from tests.support.clinic import NOW, Clinic, at, row
from tests.support.network import LINE, SID, TOKEN
from tests.support.processes import Processes, process_parents, wait_until

SECRET_KEY = "k3y-of-a-console-" * 3
FORM = "application/x-www-form-urlencoded"
# Of processes that say when they last lived, and of what came in.
CHANGES_BY_ITSELF = frozenset({"mark", "alarm", "topic_model"})
CALLER = "+16035550199"
Rows = dict[str, list[tuple[Any, ...]]]


@dataclass
class Served:
    """What became of other callers' turns during an attack. slowest: in seconds."""

    statuses: Counter[object] = field(default_factory=Counter)
    slowest: float = 0.0


class Target:
    """A web process with all doors, a phone network, and a key of the API. `start_worker` adds a worker."""

    def __init__(self, clinic: Clinic, queue_url: str, **more: object) -> None:
        self.clinic = clinic
        settings = {"SECRET_KEY": SECRET_KEY, "CLOCK_SECONDS": 0.2, "CALLS_PER_NUMBER": 1_000_000, **more}
        self.processes = Processes(clinic, queue_url, **settings)
        self.url = self.processes.env["PUBLIC_URL"]
        self.door = Door(self.url)
        with clinic.ledger.write() as connection:
            self.api_key = add_api_key(connection, "Epic", Role.SCHEDULER, NOW).text
        self.web = self.processes.start("-m", "ivr.cli", "web")
        wait_until(lambda: self.is_up("/readyz") and self.is_up("/console/login"), 600)

    def start_worker(self) -> None:
        self.processes.start("-m", "worker")
        self.processes.start("-m", "worker", "clock")

    def is_up(self, path: str) -> bool:
        try:
            return self.ask("GET", path)[0] == 200
        except OSError:
            return False

    def ask(
        self, method: str, path: str, body: bytes | str = b"", headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        """(status, body). Raises OSError."""
        connection = http.client.HTTPConnection(self.door.host, timeout=60)
        try:
            connection.request(method, path, body or None, headers or {})
            response = connection.getresponse()
            return response.status, response.read()
        except http.client.HTTPException as error:
            raise ConnectionError(str(error)) from error
        finally:
            connection.close()

    def webhook(self, path: str, fields: dict[str, str] | list[tuple[str, str]], **headers: str) -> tuple[int, bytes]:
        """Post a form that Twilio signed. headers: with underscores for hyphens."""
        pairs = list(fields.items()) if isinstance(fields, dict) else fields
        signature = compute_signature(self.url + path, pairs, TOKEN).decode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.ask(
            "POST", path, urlencode(pairs), {"Content-Type": FORM, "X-Twilio-Signature": signature, **named}
        )

    def text(self, body: str, sid: str, sender: str = CALLER, **more: str) -> tuple[int, bytes]:
        """A text that Twilio passes on."""
        return self.webhook("/sms", {"From": sender, "To": LINE, "Body": body, "MessageSid": sid, **more})

    def api(self, method: str, path: str, body: bytes = b"", kind: str = "application/json") -> tuple[int, bytes]:
        headers = {"Authorization": f"Bearer {self.api_key}", "Content-Type": kind}
        if method == "POST":
            headers["Idempotency-Key"] = f"attack-{time.monotonic_ns()}"
        return self.ask(method, f"/api/v1{path}", body, headers)

    def ledger_rows(self) -> Rows:
        """Everything in the database that a request may change."""
        with self.clinic.ledger.read() as connection:
            return {
                table.name: [tuple(each) for each in connection.execute(table.select())]
                for table in metadata.sorted_tables
                if table.name not in CHANGES_BY_ITSELF
            }

    def pids(self) -> list[int]:
        """The web process and all that it started."""
        found, parents = [self.web.pid], process_parents()
        for pid in found:
            found += [child for child, parent in parents if parent == pid]
        return found

    def memory(self) -> int:
        """The most that any process of the web process has had in memory, in MB."""
        return max(map(_peak, self.pids()))

    def log_lines(self) -> list[str]:
        return self.processes.outputs().replace(self.processes.output(0), "").splitlines()

    def events(self) -> list[dict[str, Any]]:
        """Fails if a line of the log is not one of ours."""
        events: list[dict[str, Any]] = [json.loads(line) for line in self.log_lines()]
        assert all("event" in event and "level" in event for event in events)
        return events

    def crashes(self) -> list[dict[str, Any]]:
        """What the log says about errors that nobody expected."""
        names = ("request_failed", "webhook_failed", "voice_turn_failed", "process_crashed", "web_process_died")
        names += ("console_failed", "console_process_died")
        return [event for event in self.events() if event["event"] in names]

    @contextmanager
    def others_call(self) -> Iterator[Served]:
        """Calls of other people, one after the other, while something happens."""
        served, stopping = Served(), threading.Event()

        def call_again_and_again() -> None:
            number = 0
            while not stopping.wait(0.05):
                number += 1
                fields = {"CallSid": f"CA{number:032x}", "AccountSid": SID, "From": CALLER, "To": LINE}
                began = time.monotonic()
                try:
                    status, body = self.webhook("/voice", {**fields, "CallStatus": "ringing"})
                    served.statuses[status if b"</Response>" in body else f"{status} without TwiML"] += 1
                except OSError as error:
                    served.statuses[type(error).__name__] += 1
                served.slowest = max(served.slowest, time.monotonic() - began)

        thread = threading.Thread(target=call_again_and_again, daemon=True)
        thread.start()
        try:
            yield served
        finally:
            stopping.set()
            thread.join(60)

    def end(self) -> None:
        self.processes.end()


def _peak(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) // 1024 for line in status.splitlines() if line.startswith("VmHWM")), 0)


def fill(clinic: Clinic) -> None:
    """Two appointments of one person, so that there is something to steal or to change."""
    clinic.import_rows(row(1, at(10)), row(2, at(11)))
