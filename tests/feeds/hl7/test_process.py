"""`infoline hl7` as a process: over TCP and TLS, killed at the worst moment, and next to a database that is gone."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager

import hl7
import pytest

from ivr.feeds.hl7.mllp import END, START, FrameReader
from ivr.feeds.hl7.process import tls_context
from ivr.feeds.hl7.receiver import Receiver
from ivr.ledger.tables import hl7_message
from tests.feeds.hl7.messages import on_the_wire, siu
from tests.support.certificates import certificate_for
from tests.support.network import wait_for
from tests.support.paths import ROOT
from tests.support.processes import environment, free_port, wait_until

KILLS = 20


class Sender:
    """One connection of a scheduling system."""

    def __init__(self, port: int, tls: ssl.SSLContext | None = None) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname="127.0.0.1")
        self._frames = FrameReader()

    def send(self, *messages: bytes) -> None:
        self.socket.sendall(on_the_wire(*messages))

    def answers(self, count: int = 1) -> list[str]:
        found: list[str] = []
        while len(found) < count:
            data = self.socket.recv(65536)
            assert data, "the connection was closed"
            found += [frame.data.decode() for frame in self._frames.feed(data)]
        return found

    def codes(self, count: int = 1) -> list[str]:
        return [hl7.parse(answer)["MSA.1"] for answer in self.answers(count)]


def ask(port: int, message: bytes, tls: ssl.SSLContext | None = None) -> list[str]:
    """The acknowledgment of one message on a connection of its own."""
    sender = Sender(port, tls)
    sender.send(message)
    with closing(sender.socket):
        return sender.codes()


class Process:
    def __init__(self, folder, port: int, **more: object) -> None:
        self.log = folder / "hl7.log"
        self.env = environment(folder, HL7_PORT=port, **more)
        self.start()

    def start(self) -> None:
        with self.log.open("wb") as output:
            command = [sys.executable, "-m", "ivr.cli", "hl7"]
            self.process = subprocess.Popen(command, cwd=ROOT, env=self.env, stdout=output, stderr=output)
        wait_for(lambda: re.search(r"process_started", self.log.read_text()), 60)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def port():
    return free_port()


@pytest.fixture
def process(clinic, port):
    started = Process(clinic.folder, port)
    yield started
    started.process.kill()
    started.process.wait()


@pytest.mark.processes
def test_a_killed_process_applies_each_message_once(clinic, process, port):
    lost = 0
    for number in range(1, KILLS + 1):
        sender = Sender(port)
        sender.send(siu(number))
        key = hl7_message.c.appointment_id == f"A{number}"
        while not clinic.all(hl7_message, key):
            os.sched_yield()
        process.kill()
        with closing(sender.socket):
            sender.socket.setblocking(False)
            try:
                lost += not sender.socket.recv(65536)
            except (BlockingIOError, ConnectionError):
                lost += 1
        process.start()
        again = Sender(port)
        again.send(siu(number))
        assert again.codes() == ["AA"]
        again.socket.close()
    wait_until(lambda: [row.state for row in clinic.all(hl7_message)] == ["applied"] * KILLS)
    assert len({clinic.appointment(f"A{number}").id for number in range(1, KILLS + 1)}) == KILLS
    # Otherwise the test would not have killed it before the acknowledgment.
    assert lost > 0


@pytest.mark.processes
def test_a_process_ends_in_order_and_needs_no_database_to_start(clinic, tmp_path):
    port = free_port()
    process = Process(clinic.folder, port, DATABASE_URL=f"sqlite:///{tmp_path}/none/infoline.db")
    sender = Sender(port)
    sender.send(siu(1))
    assert sender.codes() == ["AR"]
    sender.socket.close()
    process.process.send_signal(signal.SIGTERM)
    assert process.process.wait(30) == 0
    assert "Traceback" not in process.log.read_text()
    assert "0101" not in process.log.read_text()


@contextmanager
def receiver(read, store, tls=None):
    """A receiver on a thread; yields its port."""
    ready, ports, stop, loop = threading.Event(), [], asyncio.Event(), asyncio.new_event_loop()

    def bound(number: int) -> None:
        ports.append(number)
        ready.set()

    serve = Receiver(read, store).serve("127.0.0.1", 0, tls, stop, bound)
    thread = threading.Thread(target=loop.run_until_complete, args=(serve,))
    thread.start()
    assert ready.wait(10)
    try:
        yield ports[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


@pytest.fixture
def feed(clinic, monkeypatch):
    from ivr.feeds.hl7.process import Feed
    from ivr.settings import Settings
    from tests.support.clinic import NOW

    monkeypatch.setattr("ivr.clock.now", lambda: NOW)
    return Feed(Settings(), clinic.ledger, clinic.vault, clinic.content)


def test_one_connection_carries_good_and_bad_messages(clinic, feed):
    with receiver(feed.read, feed.store) as port:
        sender = Sender(port)
        sender.send(siu(1), b"nonsense", siu(2, phone="1"), siu(3))
        assert sender.codes(4) == ["AA", "AR", "AE", "AA"]
        sender.socket.sendall(START + siu(4)[:80] + on_the_wire(siu(5)))
        assert sender.codes(2) == ["AE", "AA"]
        sender.socket.sendall(START + siu(6)[:50] + b"x" * 10_000_000 + END + on_the_wire(siu(7)))
        assert sender.codes(2) == ["AR", "AA"]
        sender.socket.sendall(START + siu(8)[:200])
        sender.socket.close()
        wait_until(lambda: len(clinic.all(hl7_message, hl7_message.c.fault == "cut_off")) == 2, 10)
    waiting = [row.appointment_id for row in clinic.all(hl7_message, hl7_message.c.state == "waiting")]
    assert waiting == ["A1", "A3", "A5", "A7"]


def test_a_connection_that_falls_silent_within_a_message_is_answered_and_closed(clinic, feed, monkeypatch):
    monkeypatch.setattr("ivr.feeds.hl7.receiver._PART_SECONDS", 0.2)
    with receiver(feed.read, feed.store) as port:
        sender = Sender(port)
        sender.send(siu(1))
        assert sender.codes() == ["AA"]
        # Between two messages, it may be silent for longer.
        time.sleep(0.4)
        sender.socket.sendall(START + siu(2)[:200])
        assert sender.codes() == ["AE"]
        assert sender.socket.recv(1) == b""
    assert [row.fault for row in clinic.all(hl7_message, hl7_message.c.state == "unread")] == ["cut_off"]


def test_a_message_that_cannot_be_stored_keeps_no_other_one_out(feed):
    def store(group):
        if any(each.cells["appointment_id"] == "A2" for each in group):
            raise ValueError("a fault of the database")
        return feed.store(group)

    with receiver(feed.read, store) as port:
        senders = [Sender(port) for _ in range(3)]
        for number, sender in enumerate(senders, start=1):
            sender.send(siu(number))
        answers = [sender.codes() for sender in senders]
        for sender in senders:
            sender.socket.close()
    assert [answers[0], answers[2]] == [["AA"], ["AA"]]
    assert answers[1] != ["AA"]


def test_applying_goes_on_after_a_failure(clinic, feed, monkeypatch):
    stop, tries = threading.Event(), []

    def apply():
        tries.append(1)
        if len(tries) == 1:
            raise ValueError("a fault")
        stop.set()
        return 0

    monkeypatch.setattr(feed, "apply", apply)
    thread = threading.Thread(target=feed.apply_until, args=(stop,))
    thread.start()
    thread.join(10)
    assert len(tries) == 2


def test_a_batch_is_answered_with_a_batch(clinic, feed):
    with receiver(feed.read, feed.store) as port:
        sender = Sender(port)
        sender.send(b"BHS|^~\\&|RADIS\r" + siu(1) + siu(2, phone="1") + b"BTS|2\r")
        [answer] = sender.answers()
        sender.socket.close()
    lines = answer.split("\r")
    assert lines[0].startswith("BHS|^~\\&")
    assert [line.split("|")[1] for line in lines if line.startswith("MSA")] == ["AA", "AE"]
    assert lines[-2] == "BTS|2"


def test_the_answer_to_a_batch_says_what_did_not_come_and_an_empty_batch_gets_an_empty_one(clinic, feed):
    with receiver(feed.read, feed.store) as port:
        sender = Sender(port)
        sender.send(b"BHS|^~\\&|RADIS\r" + siu(1) + b"BTS|2\r", b"BHS|^~\\&|RADIS\rBTS|0\r")
        answers = [answer.split("\r") for answer in sender.answers(2)]
        sender.socket.close()
    assert [line.split("|")[1] for line in answers[0] if line.startswith("MSA")] == ["AA"]
    assert answers[0][-2] == "BTS|1|The batch says that it holds 2, but 1 came: send what is missing."
    assert [line[:5] for line in answers[1] if line] == ["BHS|^", "BTS|0"]


def test_only_a_sender_with_a_certificate_gets_in(clinic, feed, tmp_path):
    own, client, other = (
        certificate_for("127.0.0.1", 1, tmp_path / name) if not (tmp_path / name).mkdir() else None
        for name in ("own", "client", "other")
    )
    server = tls_context(own.certificate, own.key, client.certificate)
    with receiver(feed.read, feed.store, server) as port:
        trusted = ssl.create_default_context(cafile=own.certificate)
        trusted.load_cert_chain(client.certificate, client.key)
        sender = Sender(port, trusted)
        sender.send(siu(1))
        assert sender.codes() == ["AA"]
        sender.socket.close()
        stranger = ssl.create_default_context(cafile=own.certificate)
        stranger.load_cert_chain(other.certificate, other.key)
        for tls in (stranger, None):
            with pytest.raises((ssl.SSLError, ConnectionError, AssertionError)):
                ask(port, siu(2), tls)
    assert [row.appointment_id for row in clinic.all(hl7_message)] == ["A1"]
