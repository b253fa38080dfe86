"""What is in the database and in the carrier's log after all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from sqlalchemy import func, select
from sqlalchemy import text as sql

from ivr.ledger.tables import appointment, callback, person, text_move
from ivr.reminders.alarms import raised
from tests.chaos.test_chaos import wait_for
from tests.cluster.load import CALLBACK, STOP, TEXT, Callers
from tests.cluster.machines import Cluster
from tests.support.reminder_states import reminder_states, sent_count

ANSWERS = {"C": "confirmed", "R": "change"}


class Report:
    """What is in the database and in the carrier's log."""

    def __init__(self, cluster: Cluster) -> None:
        self._clinic, self._processes = cluster.clinic, cluster.processes

    def states(self) -> Counter[str]:
        """How many reminders are in each state."""
        return reminder_states(self._clinic.ledger)

    def sent_count(self) -> int:
        return sent_count(self._clinic.ledger)

    def schema(self) -> str:
        with self._clinic.ledger.read() as connection:
            return str(connection.execute(sql("SELECT version_num FROM alembic_version")).scalar_one())

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
            return set(connection.execute(query).scalars())

    def callbacks(self) -> Counter[str]:
        query = select(person.c.phone_hash).join(callback, callback.c.person_id == person.c.id)
        with self._clinic.ledger.read() as connection:
            return Counter(connection.execute(query).scalars())

    def hashes(self, numbers: Iterable[str]) -> set[str]:
        return {self._clinic.vault.hash(number) for number in numbers}

    def recipients(self) -> Counter[str]:
        return Counter(self._processes.sent())


def tracebacks(outputs: str) -> list[str]:
    """The lines of logs with an exception, except those of SQLAlchemy's pool about a session that the server ended."""
    lines = [line for line in outputs.splitlines() if "Traceback" in line]
    return [line for line in lines if '"logger": "sqlalchemy.pool' not in line]


def assert_all_is_recorded(report: Report, calling: Callers, words: Mapping[str, str]) -> None:
    """What patients wrote and what callers asked for is in the database, and the texts that were promised went out."""
    expected = {number: ANSWERS[word] for number, word in words.items() if word in ANSWERS}
    hashed = {hash_: expected[number] for number in expected for hash_ in report.hashes([number])}
    stopped = {number for number, word in words.items() if word == "STOP"} | calling.of(STOP, "stopped")
    # What a machine kept on its disk while the database was away is entered when it is back.
    wait_for(lambda: report.answers() == hashed and report.opted_out() == report.hashes(stopped), 30)
    assert report.callbacks() == Counter(report.hashes(calling.of(CALLBACK, "saved")))
    sent = report.recipients()
    assert {number for number in calling.of(TEXT, "sent") if sent[number] != 1} == set()
    assert {number for number in calling.of(TEXT, "refused") if sent[number]} == set()
