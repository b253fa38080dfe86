"""Outages while texts go out: no process ends, and each text goes out exactly once.

OUTAGE_ROUNDS sets how often each outage is repeated; `make test-chaos` repeats it twice.
"""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import time
from collections import Counter

import pytest
from redis import Redis
from sqlalchemy import make_url

from tests.chaos.test_chaos import Chaos, chaos, phones, wait_for
from tests.support.clinic import at, csv_text

__all__ = ["chaos"]
pytestmark = pytest.mark.chaos
ROUNDS = int(os.environ.get("OUTAGE_ROUNDS", "2"))
TEXTS_PER_ROUND = 150
# Texts a second: a busy machine must find some of a round unsent when the outage begins.
PACE = 40
# Beside the pause until the queue server has started again.
AWAY_SECONDS = (5, 12)


def kill_and_restart(chaos: Chaos, _generator: random.Random) -> None:
    _kill_queue(chaos)
    chaos.start_queue()


def stay_away(chaos: Chaos, generator: random.Random) -> None:
    _kill_queue(chaos)
    time.sleep(generator.uniform(*AWAY_SECONDS))
    chaos.start_queue()


def lock_or_cut_database(chaos: Chaos, generator: random.Random) -> None:
    """Hold SQLite's write lock, or break all connections to PostgreSQL."""
    if chaos.proxy is not None:
        chaos.proxy.cut()
        time.sleep(generator.uniform(*AWAY_SECONDS))
        chaos.proxy.restore()
        return
    path = make_url(chaos.processes.env["DATABASE_URL"]).database
    connection = sqlite3.connect(str(path), isolation_level=None, timeout=30)
    connection.execute("BEGIN IMMEDIATE")
    time.sleep(generator.uniform(*AWAY_SECONDS))
    connection.execute("ROLLBACK")
    connection.close()


def _kill_queue(chaos: Chaos) -> None:
    with Redis(port=chaos.queue_port) as connection:
        os.kill(connection.info("server")["process_id"], signal.SIGKILL)
    time.sleep(0.3)


@pytest.mark.parametrize("outage", [kill_and_restart, stay_away, lock_or_cut_database], ids=lambda item: item.__name__)
def test_no_process_ends_and_no_text_is_lost_or_repeated(chaos: Chaos, outage, store: str, record_property):
    generator = random.Random(14)
    chaos.start_web()
    clocks = [chaos.processes.start("-m", "worker", "clock") for _ in range(2)]
    workers = [chaos.processes.start("-m", "worker") for _ in range(3)]
    total, interrupted = 0, Counter[str]()
    for number in range(ROUNDS):
        due = [
            {"appointment_id": f"A{number}-{index}", "phone": phone, "starts_at": at(2, -1)}
            for index, phone in enumerate(phones(TEXTS_PER_ROUND * (number + 1))[TEXTS_PER_ROUND * number :])
        ]
        file = chaos.folder / f"appointments-{number}.csv"
        file.write_text(csv_text(due))
        assert chaos.import_file(file).wait(120) == 0
        wait_for(lambda some=total + TEXTS_PER_ROUND // 10: chaos.sent_count() > some, 60, interval=0.05)
        assert chaos.sent_count() < total + TEXTS_PER_ROUND, "no job was in progress"
        outage(chaos, generator)
        total += TEXTS_PER_ROUND
        wait_for(lambda total=total: chaos.sent_count() == total, 120)
        assert [process.poll() for process in (*clocks, *workers, chaos.web)] == [None] * 6
    time.sleep(6)
    sent = Counter(chaos.processes.sent())
    output = chaos.processes.outputs()
    for event in ("worker_interrupted", "worker_resumed", "clock_interrupted", "clock_resumed"):
        interrupted[event] = output.count(f'"{event}"')
    lost, repeated = total - len(sent), [phone for phone, count in sent.items() if count > 1]
    record_property(
        "found",
        f"{store}: {outage.__name__} {ROUNDS}x, {total} texts, {lost} lost, {len(repeated)} repeated\n"
        f"  {dict(interrupted)}",
    )
    assert (lost, repeated) == (0, [])
    assert interrupted["worker_interrupted"] == interrupted["worker_resumed"] <= 3 * ROUNDS
    assert interrupted["clock_interrupted"] == interrupted["clock_resumed"] <= 2 * ROUNDS
    assert "Traceback" not in output
