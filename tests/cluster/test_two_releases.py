"""The former release and this one run side by side on tables that this one has upgraded, as in every upgrade."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
import time
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import pytest

from ivr.ledger import Vault
from tests.chaos.test_chaos import phones, wait_for
from tests.cluster.load import Callers, Patients, Phones
from tests.cluster.machines import Cluster, prepare_prompts
from tests.cluster.report import Report, assert_all_is_recorded, tracebacks
from tests.cluster.servers import postgres_binaries
from tests.support.paths import ROOT
from tests.support.processes import KEY

# The last commit whose newest migration was 0013. The program has no release yet.
FORMER = "556eaa8de6e9e2f5f9847c5008806550e37a05d3"
FORMER_SCHEMA = "0013"
TEXTS, CALLS, PACE = 300, 60, 10
CALL_EVERY = 1.0


def _has_history() -> bool:
    found = ["git", "-C", str(ROOT), "cat-file", "-e", f"{FORMER}^{{commit}}"]
    return shutil.which("git") is not None and subprocess.run(found, capture_output=True, check=False).returncode == 0


pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(postgres_binaries() is None, reason="initdb and pg_ctl are not installed"),
    pytest.mark.skipif(not _has_history(), reason="this clone has no history: the former release is not in it"),
]


@pytest.fixture
def former(tmp_path: Path) -> Path:
    """The source of the former release."""
    archive, folder = tmp_path / "former.tar", tmp_path / "former"
    parts = ("ivr", "worker")
    subprocess.run(["git", "-C", str(ROOT), "archive", "-o", str(archive), FORMER, *parts], check=True)
    with tarfile.open(archive) as files:
        files.extractall(folder, filter="data")
    # Its own prompts at that commit could not be published. Another pace makes them another release.
    prompts = shutil.copytree(ROOT / "prompts", folder / "prompts")
    _forget_feeds(prompts)
    prepare_prompts(prompts, PACE + 1)
    return folder


@pytest.fixture
def cluster(content, tmp_path: Path) -> Iterator[Cluster]:
    cluster = Cluster(content, Vault([KEY]), tmp_path, PACE)
    # The former release knows no Sentinels.
    cluster.processes.env["REDIS_URL"] = cluster.redis.primary_url
    _forget_feeds(tmp_path / "prompts")
    yield cluster
    cluster.end()


def _forget_feeds(prompts: Path) -> None:
    """The former release refuses a folder with hl7.yaml, and goes on with the prompts that it had; here both have the
    same."""
    (prompts / "hl7.yaml").unlink()


def test_the_former_release_and_this_one_serve_callers_and_send_texts_side_by_side(
    cluster: Cluster, former: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    began, report = time.monotonic(), Report(cluster)
    cluster.run("db", "upgrade", source=former)
    cluster.run("release", source=former)
    assert report.schema() == FORMER_SCHEMA
    start_all(cluster, 1, former)
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
    assert report.schema() > FORMER_SCHEMA
    wait_for_more(report)
    start_all(cluster, 2, ROOT)
    cluster.import_due("current", numbers[2 * quarter : 3 * quarter])
    cluster.run("release")
    # A former process that dies during the upgrade is started again on the new tables.
    for service in cluster.services:
        if service.source == former:
            cluster.kill(service)
    wait_for(lambda: sends_by_this_release(cluster) > 0, 60)
    # The former worker sends on the new tables also after it was started again.
    (worker,) = [service for service in cluster.of("worker") if service.source == ROOT]
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


def sends_by_this_release(cluster: Cluster) -> int:
    """How many slices workers of this release have sent. The former one logs none."""
    return cluster.processes.outputs().count('"job": "send_slice"')
