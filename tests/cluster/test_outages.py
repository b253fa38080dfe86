"""Two machines while everything restarts, fails over, or is cut off: no turn of a call, text, or answer is lost.

`make test-cluster` prints the counts. Texts are counted in the carrier's log, not in our database.
"""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import cycle
from pathlib import Path

import pytest
from sqlalchemy import func, select

from ivr.ledger import LedgerUnavailable, Vault
from ivr.ledger.tables import appointment, callback, person, text, text_move
from ivr.line.content.loader import read_content, read_folder
from ivr.releases.models import ModelStore
from ivr.releases.store import publish_release
from ivr.reminders.alarms import raised
from ivr.reminders.outbox.text_states import TextState
from tests.chaos.test_chaos import phones
from tests.cluster.load import CALLBACK, STOP, TEXT, TWILIO_SECONDS, Callers, Patients, Phones
from tests.cluster.machines import Cluster
from tests.cluster.servers import postgres_binaries
from tests.support.clinic import NOW, at, csv_text
from tests.support.processes import KEY, wait_until

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(postgres_binaries() is None, reason="initdb and pg_ctl are not installed"),
]
TEXTS, CALLS, PACE = 2_000, 200, 25
CUT_SECONDS = 20
CALL_EVERY = 0.6
SENT = {TextState.HANDED_OVER, TextState.DELIVERED}
ROLES = (("web", 1), ("web", 2), ("worker", 1), ("worker", 1), ("worker", 2), ("clock", 1), ("clock", 2))
# One in ten patients answers.
WORDS = ("C", "C", "C", "R", "STOP")
ANSWERS = {"C": "confirmed", "R": "change"}


class Report:
    """What is in the database and in the carrier's log."""

    def __init__(self, cluster: Cluster) -> None:
        self._clinic, self._processes = cluster.clinic, cluster.processes

    def states(self) -> Counter[str]:
        """How many reminders are in each state."""
        query = select(text.c.state, func.count()).where(text.c.step == "2d").group_by(text.c.state)
        while True:
            with suppress(LedgerUnavailable), self._clinic.ledger.read() as connection:
                return Counter({state: count for state, count in connection.execute(query)})
            time.sleep(0.2)

    def sent_count(self) -> int:
        return sum(count for state, count in self.states().items() if state in SENT)

    def expired_leases(self) -> int:
        expired = select(func.count()).select_from(text_move).where(text_move.c.reason == "lease_expired")
        with self._clinic.ledger.read() as connection:
            return int(connection.execute(expired).scalar_one())

    def alarms(self) -> list[str]:
        with self._clinic.ledger.read() as connection:
            return sorted(raised(connection))

    def answers(self) -> dict[str, str]:
        """{hash of the number: answer} of the patients who answered a reminder."""
        query = select(person.c.phone_hash, appointment.c.answer).join(person, person.c.id == appointment.c.person_id)
        with self._clinic.ledger.read() as connection:
            return {hash_: answer for hash_, answer in connection.execute(query) if answer}

    def opted_out(self) -> set[str]:
        query = select(person.c.phone_hash).where(person.c.opted_out_at.is_not(None))
        with self._clinic.ledger.read() as connection:
            return set(
                connection.execute(select(person.c.phone_hash).where(person.c.opted_out_at.is_not(None))).scalars()
            )

    def callbacks(self) -> Counter[str]:
        query = select(person.c.phone_hash).join(callback, callback.c.person_id == person.c.id)
        with self._clinic.ledger.read() as connection:
            return Counter(connection.execute(query).scalars())

    def hashes(self, numbers: Iterable[str]) -> set[str]:
        return {self._clinic.vault.hash(number) for number in numbers}

    def recipients(self) -> Counter[str]:
        return Counter(self._processes.sent())


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
    rows = [{"appointment_id": f"A{n}", "phone": phone, "starts_at": at(2, -1)} for n, phone in enumerate(patients)]
    file = cluster.folder / "appointments.csv"
    file.write_text(csv_text(rows))
    cluster.run("reminders", "import", str(file))
    words = dict(zip(patients[::10], cycle(WORDS), strict=False))
    answering = Patients(network, words)
    took: dict[str, float] = {}
    for name, outage in OUTAGES:
        before = report.sent_count()
        assert before < TEXTS, f"no text was left to send at the {name}"
        since = time.monotonic()
        outage(cluster)
        # Texts go out again before the next outage.
        wait_until(lambda before=before: report.sent_count() >= min(before + 20, TEXTS), 90)
        took[name] = time.monotonic() - since
    wait_until(lambda: report.sent_count() == TEXTS, 180)
    answering.finish()
    calling.finish()
    wait_until(lambda: report.alarms() == [], 60)
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
    assert "Traceback" not in cluster.processes.outputs()
    assert not re.search(r"555-?01\d\d", cluster.processes.outputs())


def assert_all_is_recorded(report: Report, calling: Callers, words: dict[str, str]) -> None:
    """What patients wrote and what callers asked for is in the database, and the texts that were promised went out."""
    expected = {number: ANSWERS[word] for number, word in words.items() if word in ANSWERS}
    hashed = {hash_: expected[number] for number in expected for hash_ in report.hashes([number])}
    stopped = {number for number, word in words.items() if word == "STOP"} | calling.of(STOP, "stopped")
    # What a machine kept on its disk while the database was away is entered when it is back.
    wait_until(lambda: report.answers() == hashed and report.opted_out() == report.hashes(stopped), 30)
    assert report.callbacks() == Counter(report.hashes(calling.of(CALLBACK, "saved")))
    sent = report.recipients()
    assert {number for number in calling.of(TEXT, "sent") if sent[number] != 1} == set()
    assert {number for number in calling.of(TEXT, "refused") if sent[number]} == set()
