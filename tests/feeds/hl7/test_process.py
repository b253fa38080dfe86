"""`infoline hl7` as a process: over TCP and TLS, and next to a database that is gone."""

from __future__ import annotations

import asyncio
import signal
import ssl
import threading
import time
from contextlib import contextmanager

import pytest
from click.testing import CliRunner

from ivr.cli import main
from ivr.feeds.hl7.mllp import END, START
from ivr.feeds.hl7.process import tls_context
from ivr.feeds.hl7.receiver import Receiver
from ivr.ledger.tables import hl7_message
from tests.feeds.hl7.messages import on_the_wire, siu
from tests.feeds.hl7.sending import Process, Sender, ask
from tests.support.certificates import certificate_for
from tests.support.processes import free_port, wait_until


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


@pytest.mark.processes
def test_the_settings_of_the_certificates_let_only_a_sender_with_one_in(clinic, tmp_path):
    own, client = (certificate_for("127.0.0.1", 1, folder) for folder in (tmp_path, clinic.folder))
    port = free_port()
    settings = {"HL7_CERTIFICATE": own.certificate, "HL7_KEY": own.key, "HL7_CLIENT_CA": client.certificate}
    process = Process(clinic.folder, port, **settings)
    try:
        trusted = ssl.create_default_context(cafile=own.certificate)
        stranger = ssl.create_default_context(cafile=own.certificate)
        trusted.load_cert_chain(client.certificate, client.key)
        assert ask(port, siu(1), trusted) == ["AA"]
        for tls in (stranger, None):
            with pytest.raises((ssl.SSLError, ConnectionError, AssertionError)):
                ask(port, siu(2), tls)
        assert [message.appointment_id for message in clinic.all(hl7_message)] == ["A1"]
        process.process.send_signal(signal.SIGTERM)
        assert process.process.wait(60) == 0
    finally:
        process.kill()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"HL7_CERTIFICATE": "own.pem"}, "set both"),
        ({"HL7_KEY": "own.key"}, "set both"),
        ({"HL7_CLIENT_CA": "own.pem"}, "set both"),
        ({"HL7_CERTIFICATE": "own.pem", "HL7_KEY": "none.key"}, "check HL7_CERTIFICATE, HL7_KEY and HL7_CLIENT_CA"),
        ({"HL7_CERTIFICATE": "own.key", "HL7_KEY": "own.key"}, "check HL7_CERTIFICATE, HL7_KEY and HL7_CLIENT_CA"),
    ],
)
def test_certificates_that_cannot_be_used_are_told_by_their_settings(tmp_path, monkeypatch, settings, words):
    own = certificate_for("127.0.0.1", 1, tmp_path)
    files = {"own.pem": own.certificate, "own.key": own.key}
    monkeypatch.setenv("VAR_DIR", str(tmp_path / "var"))
    for name, file in settings.items():
        monkeypatch.setenv(name, str(files.get(file, tmp_path / file)))
    result = CliRunner().invoke(main, ["hl7", "--port", "0"])
    assert (result.exit_code, words in " ".join(result.output.split())) == (2, True), result.output


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
