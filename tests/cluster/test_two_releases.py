"""The former release and this one run side by side on tables that this one has upgraded, as in every upgrade."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import pytest

from ivr.ledger import Vault
from tests.chaos.test_chaos import phones, wait_for
from tests.cluster.load import Callers, Patients, Phones
from tests.cluster.machines import Cluster, Service, prepare_prompts
from tests.cluster.report import Report, assert_all_is_recorded, tracebacks
from tests.cluster.servers import postgres_binaries
from tests.support.former_release import VERSIONS, extract_former, former_schema, has_history, newest_migration
from tests.support.paths import ROOT
from tests.support.processes import KEY

TEXTS, CALLS, PACE = 300, 60, 10
CALL_EVERY = 1.0


pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(postgres_binaries() is None, reason="initdb and pg_ctl are not installed"),
    pytest.mark.skipif(not has_history(), reason="this clone has no history: the former release is not in it"),
]


@pytest.fixture
def former(tmp_path: Path) -> Path:
    """The source of the former release, with its own prompts."""
    folder = extract_former(tmp_path, "ivr", "worker", "prompts")
    # Another pace makes them another release, even if no words have changed.
    prepare_prompts(folder / "prompts", PACE + 1)
    return folder


@pytest.fixture
def cluster(content, tmp_path: Path) -> Iterator[Cluster]:
    cluster = Cluster(content, Vault([KEY]), tmp_path, PACE)
    yield cluster
    cluster.end()


def test_the_former_release_and_this_one_serve_callers_and_send_texts_side_by_side(
    cluster: Cluster, former: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    began, report = time.monotonic(), Report(cluster)
    cluster.run("db", "upgrade", source=former)
    cluster.run("release", source=former)
    assert report.schema() == former_schema()
    start_all(cluster, 1, former)
    published = releases_served(cluster)
    numbers = ["+1" + phone.replace("-", "") for phone in phones(TEXTS + 500)]
    network = Phones(cluster.processes.carrier_url)
    calling = Callers(network, numbers[TEXTS:], CALLS, CALL_EVERY)
    words = dict(zip(numbers[:TEXTS:5], cycle(("C", "R", "STOP")), strict=False))
    answering = Patients(network, words)
    quarter = TEXTS // 4
    cluster.import_due("former", numbers[: 2 * quarter], former)
    wait_for_more(report)

    # Migrations run under the former processes, which go on; then this release joins them.
    cluster.run("db", "upgrade")
    assert report.schema() == newest_migration([str(path) for path in (ROOT / VERSIONS).iterdir()])
    wait_for_more(report)
    start_all(cluster, 2, ROOT)
    cluster.import_due("current", numbers[2 * quarter : 3 * quarter])
    cluster.run("release")
    wait_for(lambda: len(releases_served(cluster) - published) == len(releases_served(cluster)) == 1, 60)
    calling.hear_new_words()
    # A former process that dies during the upgrade is started again on the new tables.
    for service in cluster.services:
        if service.source == former:
            cluster.kill(service)
    (worker,) = [service for service in cluster.of("worker") if service.source == ROOT]
    wait_for(lambda: has_sent(cluster, worker), 60)
    # The former worker sends on the new tables also after it was started again.
    cluster.stop(worker)
    # However long the starts took, some texts are left to it.
    cluster.import_due("last", numbers[3 * quarter : TEXTS])
    wait_for_more(report)
    cluster.start_again(worker)
    wait_for(lambda: report.sent_count() == TEXTS, 400)
    answering.finish()
    calling.finish()
    wait_for(lambda: report.alarms() == [], 60)
    recipients, answered = report.recipients(), cluster.balancer.answered
    lost = [to for to in numbers[:TEXTS] if not recipients[to]]
    repeated = [to for to, count in recipients.items() if count > 1]
    with capsys.disabled():
        print(f"\n{TEXTS} texts, {len(lost)} lost, {len(repeated)} repeated; webhooks by process {dict(answered)}")
        print(f"  {len(calling.calls)} calls, faults {calling.faults()}; {dict(calling.outcomes())}")
        print(f"  {len(answering.answered)} answers, {time.monotonic() - began:.0f} s in all")
    assert (lost, repeated) == ([], [])
    assert (calling.faults(), answering.errors) == ([], [])
    assert len(answered) == 2
    assert min(answered.values()) > CALLS
    assert tracebacks(cluster.processes.outputs()) == []
    assert_all_is_recorded(report, calling, words)


def start_all(cluster: Cluster, machine: int, source: Path) -> None:
    for role in ("web", "worker", "clock"):
        cluster.start(role, machine, source)
    cluster.wait_until_ready(cluster.of("web")[-1])


def wait_for_more(report: Report) -> None:
    before = report.sent_count()
    assert before < TEXTS
    wait_for(lambda: report.sent_count() > before + 10, 180)


def releases_served(cluster: Cluster) -> set[str]:
    """The digests of the prompts that the web processes speak."""
    served = set()
    for service in cluster.of("web"):
        with urllib.request.urlopen(f"http://127.0.0.1:{service.port}/readyz", timeout=5) as response:
            served.add(json.load(response)["release"])
    return served


def has_sent(cluster: Cluster, worker: Service) -> bool:
    """Whether a worker has sent a slice of texts since it was started last."""
    return '"job": "send_slice"' in cluster.processes.output_of(worker.process)
