"""`infoline hl7` killed between the commit and the acknowledgment: nothing is lost, and nothing is applied twice."""

from __future__ import annotations

from contextlib import closing, suppress
from datetime import timedelta

import pytest

from ivr.ledger.tables import appointment, batch, hl7_message
from tests.feeds.hl7.messages import siu
from tests.feeds.hl7.sending import Process, Sender
from tests.support.clinic import NOW, row
from tests.support.processes import free_port, wait_until

KILLS = 20
NUMBERS = range(1, KILLS + 1)


@pytest.fixture
def clinic(clinic_on_each_database):
    return clinic_on_each_database


@pytest.fixture
def process(clinic, ledger_url):
    """A process that never acknowledges what is new."""
    started = Process(clinic.folder, free_port(), "tests.feeds.hl7.stalled", DATABASE_URL=ledger_url)
    yield started
    started.kill()


def kill_before_the_acknowledgment(clinic, process, number: int) -> None:
    """Send a message, and kill the process once it is committed."""
    sender = Sender(process.port)
    sender.send(siu(number))
    wait_until(lambda: clinic.all(hl7_message, hl7_message.c.appointment_id == f"A{number}"))
    process.kill()
    with closing(sender.socket), suppress(ConnectionError):
        assert sender.socket.recv(65536) == b"", "it was acknowledged"


def acknowledged(process, *messages: bytes) -> list[str]:
    sender = Sender(process.port)
    sender.send(*messages)
    with closing(sender.socket):
        return sender.codes(len(messages))


def states(clinic) -> list[str]:
    return [message.state for message in clinic.all(hl7_message)]


@pytest.mark.processes
def test_twenty_kills_between_commit_and_acknowledgment_apply_each_message_exactly_once(clinic, process):
    for number in NUMBERS:
        kill_before_the_acknowledgment(clinic, process, number)
        process.start()
        # As every sender does that got no acknowledgment.
        assert acknowledged(process, siu(number)) == ["AA"]
    wait_until(lambda: states(clinic) == ["applied"] * KILLS)
    names = [f"A{number}" for number in NUMBERS]
    assert [found.appointment_id for found in clinic.all(appointment)] == names
    assert [clinic.changes(name) for name in names] == [[]] * KILLS
    assert {found.filename for found in clinic.all(batch)} == {"HL7 RADIS"}
    # A message that is applied a second time would undo what came after it.
    clinic.import_rows(
        *(row(number, "2026-12-10 10:30", site="elliot") for number in NUMBERS), now=NOW + timedelta(hours=1)
    )
    assert acknowledged(process, *map(siu, NUMBERS)) == ["AA"] * KILLS
    assert states(clinic) == ["applied"] * KILLS
    assert {found.starts_at.day for found in clinic.all(appointment)} == {10}
