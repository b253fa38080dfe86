"""Events are sent signed, to allowed hosts, and never to an address in the private network."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.server
import ipaddress
import json
import socket
import ssl
import threading
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ivr.ledger import LedgerUnavailable
from ivr.ledger.tables import webhook_delivery
from ivr.people.replies import record_reply
from ivr.people.webhooks import GIVEN_UP_AFTER, LEASE, EventKind, add_webhook, claim_deliveries
from ivr.setting_rules import webhook_problem
from ivr.settings import Settings
from ivr.staff.api_keys import add_api_key
from ivr.staff.users import Role
from tests.support.clinic import NOW, at, row
from worker import webhooks
from worker.webhooks import EventSender, NotAllowed, is_public, public_address


@contextmanager
def receiver(status=204, context=None, headers=()):
    """A server that keeps what it receives: (port, [(path, headers, body), ...])."""
    received = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append((self.path, dict(self.headers), body))
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server.server_port, received
        server.shutdown()


@pytest.fixture
def send(clinic, monkeypatch):
    """A function that sends one event to a URL: (delivered, its row, the webhook's secret)."""
    monkeypatch.setattr(webhooks.clock, "now", lambda: NOW)
    with clinic.ledger.write() as connection:
        add_api_key(connection, "Epic", Role.SCHEDULER, NOW)
    clinic.import_rows(row(1, at(7), site="elliot"))

    def send_one(url, public_url="http://127.0.0.1:8000", hosts=None):
        hosts = urlsplit(url).netloc if hosts is None else hosts
        settings = Settings(public_url=public_url, webhook_hosts=hosts)
        with clinic.ledger.write() as connection:
            _, secret = add_webhook(connection, clinic.vault, 1, url, [EventKind.CONFIRMED], NOW)
            record_reply(connection, clinic.vault, "+16035550101", NOW, "confirmed")
        [delivery] = claim_deliveries(clinic.ledger, clinic.vault, NOW, 1)
        delivered = EventSender(clinic.ledger, settings).send(delivery)
        return delivered, clinic.all(webhook_delivery)[0], secret

    return send_one


def test_an_event_is_signed_so_that_its_receiver_can_check_it(send):
    with receiver() as (port, received):
        delivered, stored, secret = send(f"http://127.0.0.1:{port}/events?from=line")
    assert (delivered, stored.outcome, stored.next_try_at) == (True, "status 204", None)
    [(path, headers, body)] = received
    assert path == "/events?from=line"
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    expected = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert headers["webhook-id"] == stored.event
    assert int(headers["webhook-timestamp"]) == int(NOW.timestamp())
    assert json.loads(body) == {
        "type": "appointment.confirmed",
        "timestamp": NOW.isoformat(),
        "data": {"appointment_id": "A1"},
    }


@pytest.mark.parametrize("status", [301, 400, 410, 500])
def test_any_other_status_is_tried_again_and_no_redirect_is_followed(send, status):
    with receiver(status, headers=[("Location", "http://127.0.0.1:1/elsewhere")]) as (port, received):
        delivered, stored, _ = send(f"http://127.0.0.1:{port}/")
    assert (delivered, stored.outcome, len(received)) == (False, f"status {status}", 1)
    assert stored.next_try_at > NOW


def test_a_receiver_that_does_not_answer_is_tried_again(send):
    delivered, stored, _ = send("http://127.0.0.1:1/")
    assert (delivered, stored.outcome) == (False, "NewConnectionError")


def test_a_public_line_does_not_send_to_its_own_machine(send):
    with receiver() as (port, received):
        delivered, stored, _ = send(f"https://localhost:{port}/", public_url="https://line.example.org")
    assert (delivered, stored.outcome, received) == (False, "address_not_public", [])


def test_a_host_that_is_no_longer_allowed_gets_nothing(send):
    with receiver() as (port, received):
        delivered, stored, _ = send(f"http://127.0.0.1:{port}/", hosts="ehr.example.org")
    assert (delivered, stored.outcome, received) == (False, "host_not_allowed", [])


class Killed(BaseException):
    """Ends the job as a kill would: no code catches it."""


def test_a_worker_killed_before_it_records_the_answer_repeats_the_event_once_with_the_same_id(
    clinic, send, monkeypatch
):
    def die(*_arguments, **_more):
        raise Killed

    with receiver() as (port, received):
        with monkeypatch.context() as patch:
            patch.setattr(webhooks, "record_delivery", die)
            with pytest.raises(Killed):
                send(f"http://127.0.0.1:{port}/")
        settings = Settings(public_url="http://127.0.0.1:8000", webhook_hosts=f"127.0.0.1:{port}")
        sender = EventSender(clinic.ledger, settings)
        for now in (NOW + LEASE, NOW + 2 * LEASE, NOW + GIVEN_UP_AFTER):
            monkeypatch.setattr(webhooks.clock, "now", lambda now=now: now)
            for delivery in claim_deliveries(clinic.ledger, clinic.vault, now, 10):
                assert sender.send(delivery)
    assert len(received) == 2
    assert len({headers["webhook-id"] for _, headers, _ in received}) == 1
    assert len({body for _, _, body in received}) == 1


def test_an_accepted_event_is_recorded_once_the_database_is_back(send, monkeypatch):
    fails = iter([True, True])
    real = webhooks.record_delivery

    def record(*arguments, **more):
        if next(fails, False):
            raise LedgerUnavailable
        real(*arguments, **more)

    monkeypatch.setattr(webhooks, "record_delivery", record)
    monkeypatch.setattr(webhooks, "_RECORD_AGAIN_SECONDS", 0.01)
    with receiver() as (port, received):
        delivered, stored, _ = send(f"http://127.0.0.1:{port}/")
    assert (delivered, stored.outcome, stored.next_try_at, len(received)) == (True, "status 204", None, 1)


def test_nothing_is_sent_when_another_worker_may_have_the_event_soon(send, monkeypatch):
    def slow_look_up(*arguments, **more):
        monkeypatch.setattr(webhooks.clock, "now", lambda: NOW + LEASE - timedelta(seconds=10))
        return found(*arguments, **more)

    found = webhooks.socket.getaddrinfo
    monkeypatch.setattr(webhooks.socket, "getaddrinfo", slow_look_up)
    with receiver() as (port, received):
        delivered, stored, _ = send(f"http://127.0.0.1:{port}/")
    assert (delivered, received, stored.outcome, stored.next_try_at) == (False, [], None, NOW + LEASE)


def test_a_receiver_that_answers_byte_by_byte_is_cut_off(send, monkeypatch):
    monkeypatch.setattr(webhooks, "SECONDS", 0.3)
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def drip():
            connection, _ = listener.accept()
            with connection, suppress(OSError):
                connection.sendall(b"HTTP/1.1 4")
                while not stop.wait(0.1):
                    connection.sendall(b"0")

        thread = threading.Thread(target=drip)
        thread.start()
        delivered, stored, _ = send(f"http://127.0.0.1:{listener.getsockname()[1]}/")
        stop.set()
        thread.join()
    assert not delivered
    assert stored.next_try_at > NOW


def tls(folder, name):
    """A server's TLS context with a new certificate for a name, and the certificate's file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now - timedelta(1)).not_valid_after(now + timedelta(9))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    certificate = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    file = folder / f"{name}.pem"
    file.write_bytes(certificate)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / f"{name}.key").write_bytes(private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, folder / f"{name}.key")
    return context, file


@pytest.mark.parametrize(
    ("certified", "trusted", "delivered"),
    [("localhost", True, True), ("localhost", False, False), ("other.example.org", True, False)],
)
def test_the_certificate_must_be_trusted_and_name_the_host(send, tmp_path, monkeypatch, certified, trusted, delivered):
    context, file = tls(tmp_path, certified)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(file))
    with receiver(context=context) as (port, received):
        assert send(f"https://localhost:{port}/")[0] is delivered
    assert len(received) == delivered


PRIVATE = (
    "127.0.0.1 10.0.0.1 172.16.0.1 192.168.1.1 169.254.169.254 100.64.0.1 0.0.0.0 224.0.0.1 255.255.255.255 ::1 :: "
    "fe80::1 fc00::1 ff02::1 ::ffff:10.0.0.1 ::ffff:8.8.8.8 64:ff9b::a00:1 2002:a00:1:: 2001:0:1::"
)


@pytest.mark.parametrize("address", PRIVATE.split())
def test_an_address_that_is_not_public_is_refused_whatever_name_it_has(monkeypatch, address):
    assert not is_public(ipaddress.ip_address(address))
    found = [(0, 0, 0, "", ("8.8.8.8", 443)), (0, 0, 0, "", (address, 443))]
    monkeypatch.setattr(webhooks.socket, "getaddrinfo", lambda *_arguments, **_options: found)
    with pytest.raises(NotAllowed):
        public_address(urlsplit("https://ehr.example.org/"), local=False)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700:4700::1111"])
def test_a_public_address_is_used(address):
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    ("url", "local", "allowed"),
    [
        ("https://ehr.example.org/x", False, True),
        ("https://EHR.example.org/x", False, True),
        ("https://ehr.example.org:443/x", False, True),
        ("https://ehr.example.org:8443/x", False, True),
        ("https://ehr.example.org:9000/x", False, False),
        ("http://ehr.example.org/x", False, False),
        ("http://ehr.example.org/x", True, False),
        ("http://127.0.0.1:9/x", True, True),
        ("http://127.0.0.1:9/x", False, False),
        ("https://other.example.org/", False, False),
        ("https://ehr.example.org.evil.example/", False, False),
        ("https://ehr.example.org@evil.example/", False, False),
        ("https://user:word@ehr.example.org/", False, False),
        ("https://ehr.example.org\r\n/", False, False),
        ("https://ehr.example.org/a b", False, False),
        ("https://ehr.example.org:x/", False, False),
        ("https://[::1/", False, False),
        ("ftp://ehr.example.org/", False, False),
        ("//ehr.example.org/", False, False),
        ("", False, False),
    ],
)
def test_only_https_urls_of_allowed_hosts_are_accepted(url, local, allowed):
    hosts = ("ehr.example.org", "ehr.example.org:8443", "127.0.0.1:9")
    assert (webhook_problem(url, hosts, local=local) == "") is allowed
