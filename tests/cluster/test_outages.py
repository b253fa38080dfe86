"""Two machines while everything restarts, fails over, or is cut off: no turn of a call, text, or answer is lost.

`make test-cluster` prints the counts. Texts are counted in the carrier's log, not in our database.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path

import pytest

from ivr.ledger import Vault
from ivr.line.content.loader import read_content, read_folder
from ivr.releases.models import ModelStore
from ivr.releases.store import publish_release
from tests.chaos.test_chaos import phones, wait_for
from tests.cluster.load import TWILIO_SECONDS, Callers, Patients, Phones
from tests.cluster.machines import Cluster
from tests.cluster.report import Report, assert_all_is_recorded, tracebacks
from tests.cluster.servers import postgres_binaries
from tests.support.clinic import NOW
from tests.support.processes import KEY
from tests.support.reminder_states import SENT

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(postgres_binaries() is None, reason="initdb and pg_ctl are not installed"),
]
TEXTS, CALLS, PACE = 2_000, 200, 25
CUT_SECONDS = 20
CALL_EVERY = 0.8
ROLES = (("web", 1), ("web", 2), ("worker", 1), ("worker", 1), ("worker", 2), ("clock", 1), ("clock", 2))
# One in ten patients answers.
WORDS = ("C", "C", "C", "R", "STOP")


@pytest.fixture
def cluster(content, tmp_path: Path) -> Iterator[Cluster]:
    cluster = Cluster(content, Vault([KEY]), tmp_path, PACE)
    yield cluster
    cluster.end()


def rolling_restart(role: str) -> Callable[[Cluster], None]:
    def restart(cluster: Cluster) -> None:
        for service in cluster.of(role):
            cluster.restart(service)

    return restart


def kill_one(role: str) -> Callable[[Cluster], None]:
    return lambda cluster: cluster.kill(cluster.of(role)[0])


def cut_database(cluster: Cluster) -> None:
    cluster.database.cut()
    time.sleep(CUT_SECONDS)
    cluster.database.restore()


def suspend_redis(cluster: Cluster) -> None:
    cluster.redis.suspend()
    time.sleep(CUT_SECONDS)
    cluster.redis.resume()


OUTAGES: tuple[tuple[str, Callable[[Cluster], object]], ...] = (
    ("rolling restart of the web processes", rolling_restart("web")),
    ("rolling restart of the workers", rolling_restart("worker")),
    ("rolling restart of the clocks", rolling_restart("clock")),
    ("kill -9 of a web process", kill_one("web")),
    ("kill -9 of a worker", kill_one("worker")),
    ("kill -9 of a clock", kill_one("clock")),
    ("PostgreSQL cut off", cut_database),
    ("restart of Redis with its AOF", lambda cluster: cluster.redis.kill_and_restart_primary()),
    ("restart of PostgreSQL", lambda cluster: cluster.postgres.restart()),
    ("failover of Redis by Sentinel", lambda cluster: cluster.redis.fail_over()),
    ("Redis cut off", suspend_redis),
)


def start_everything(cluster: Cluster) -> None:
    cluster.clinic.ledger.upgrade()
    content = read_content(read_folder(cluster.prompts))
    publish_release(cluster.clinic.ledger, content, NOW, "cluster", "", "folder")
    # Trained once for all tests, and not by each of the web processes.
    ModelStore(None, Path(os.environ["MODEL_DIR"])).model_of(content)
    for role, machine in ROLES:
        cluster.start(role, machine)
    for service in cluster.of("web"):
        cluster.wait_until_ready(service)


def test_no_turn_text_or_answer_is_lost_while_everything_restarts_and_fails(cluster: Cluster, capsys) -> None:
    began, report = time.monotonic(), Report(cluster)
    start_everything(cluster)
    numbers = ["+1" + phone.replace("-", "") for phone in phones(TEXTS + 1_000)]
    patients, callers = numbers[:TEXTS], numbers[TEXTS:]
    network = Phones(cluster.processes.carrier_url)
    calling = Callers(network, callers, CALLS, CALL_EVERY)
    cluster.import_due("appointments", patients)
    words = dict(zip(patients[::10], cycle(WORDS), strict=False))
    answering = Patients(network, words)
    took: dict[str, float] = {}
    for name, outage in OUTAGES:
        before = report.sent_count()
        assert before < TEXTS, f"no text was left to send at the {name}"
        since = time.monotonic()
        outage(cluster)
        # Texts go out again before the next outage.
        wait_for(lambda before=before: report.sent_count() >= min(before + 20, TEXTS), 90)
        took[name] = time.monotonic() - since
    wait_for(lambda: report.sent_count() == TEXTS, 500)
    answering.finish()
    calling.finish()
    wait_for(lambda: report.alarms() == [], 60)
    recipients = report.recipients()
    lost, repeated = [to for to in patients if not recipients[to]], [to for to, n in recipients.items() if n > 1]
    with capsys.disabled():
        print(f"\n{TEXTS} texts, {len(lost)} lost, {len(repeated)} repeated; states {dict(report.states())};", end=" ")
        print(f"{report.expired_leases()} expired leases")
        faults = calling.faults()
        print(
            f"{len(calling.calls)} calls, {sum(len(call.turns) for call in calling.calls)} turns, {len(faults)} faults;"
        )
        print(f"  the slowest turn {network.slowest:.1f} s; {dict(calling.outcomes())};", end=" ")
        print(f"{cluster.balancer.repeated} requests went to the other web process")
        print(f"{len(answering.answered)} answers, {len(answering.errors)} without an answer of the line")
        print("  " + "; ".join(f"{name} {seconds:.0f} s" for name, seconds in took.items()))
        print(f"  {time.monotonic() - began:.0f} s in all")
    assert (lost, repeated) == ([], [])
    assert faults == []
    assert network.slowest < TWILIO_SECONDS
    assert len(calling.calls) >= CALLS
    assert (answering.errors, answering.answered) == ([], words)
    assert_all_is_recorded(report, calling, words)
    assert report.states().keys() <= SENT
    assert tracebacks(cluster.processes.outputs()) == []
    assert not re.search(r"555-?01\d\d", cluster.processes.outputs())
