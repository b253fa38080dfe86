"""Sends events to the webhooks of other systems: signed, to allowed hosts only, and never into the private network.

The signature is that of https://www.standardwebhooks.com, for which receivers find libraries.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import ipaddress
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from datetime import datetime, timedelta
from urllib.parse import SplitResult, urlsplit

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from ivr import clock, log
from ivr.ledger import Ledger, LedgerUnavailable
from ivr.people.webhooks import Delivery, claim_deliveries, record_delivery
from ivr.setting_rules import webhook_problem
from ivr.settings import Settings
from worker.context import job_context, shutdown

SECONDS = 5.0
"""For the answer, and as long again for the connection and for TLS."""
# An attempt that begins this long before its lease ends is over when another worker may make the next one.
_LONGEST_ATTEMPT = timedelta(seconds=4 * SECONDS)
_RECORD_AGAIN_SECONDS = 1.0
_THREADS = 8
# Addresses that stand for others, perhaps private ones: of NAT64 (https://www.rfc-editor.org/rfc/rfc6052).
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class LeaseEnded(Exception):
    """Too little of the lease is left: another worker sends the event."""


class NotAllowed(Exception):
    """The address must not be asked; the message says why, in a word."""


def deliver_events(limit: int) -> int:
    """Send up to `limit` events that are due. Returns how many were delivered."""
    context = job_context()
    claimed = claim_deliveries(context.ledger, context.vault, clock.now(), limit)
    sender = EventSender(context.ledger, context.settings)
    with ThreadPoolExecutor(_THREADS) as threads:
        return sum(threads.map(sender.send, claimed))


class EventSender:
    """Sends events, and records what came of each."""

    def __init__(self, ledger: Ledger, settings: Settings) -> None:
        self._ledger, self._settings = ledger, settings
        self._first_wait = timedelta(seconds=settings.retry_seconds)
        # SQLite has one writer at a time.
        self._lock = threading.Lock()

    def send(self, delivery: Delivery) -> bool:
        """Whether the receiver took the event. One that is left because of a shutdown is sent after its lease."""
        if shutdown.is_set():
            return False
        try:
            status = self._post(delivery)
            outcome, delivered = f"status {status}", 200 <= status < 300
        except LeaseEnded:
            return False
        except NotAllowed as error:
            outcome, delivered = str(error), False
        except (HTTPError, http.client.HTTPException, OSError) as error:
            outcome, delivered = type(error).__name__, False
        self._record(delivery, outcome, delivered=delivered)
        if not delivered:
            log.get_logger().warning("event_not_delivered", delivery=delivery.id, tries=delivery.tries, outcome=outcome)
        return delivered

    def _record(self, delivery: Delivery, outcome: str, *, delivered: bool) -> None:
        """Record an attempt. Of a delivery, as soon as the database is back: otherwise the event would go out again.

        Raises LedgerUnavailable.
        """
        while True:
            try:
                with self._lock:
                    record_delivery(
                        self._ledger, delivery, outcome, clock.now(), delivered=delivered, first_wait=self._first_wait
                    )
            except LedgerUnavailable:
                if not delivered or clock.now() >= delivery.leased_until or shutdown.wait(_RECORD_AGAIN_SECONDS):
                    raise
            else:
                return

    def _post(self, delivery: Delivery) -> int:
        """The status of the answer. The connection goes to the address that was checked, whatever the name says later.

        Raises LeaseEnded, NotAllowed, and the errors of urllib3 and http.client.
        """
        if webhook_problem(delivery.url, self._settings.webhook_host_list, local=self._settings.loopback):
            raise NotAllowed("host_not_allowed")
        url = urlsplit(delivery.url)
        body = json.dumps(
            {"type": delivery.kind, "timestamp": delivery.created_at.isoformat(), "data": delivery.data}
        ).encode()
        address = public_address(url, local=self._settings.loopback)
        # After the look-up of the name, which may take any time.
        now = clock.now()
        if now > delivery.leased_until - _LONGEST_ATTEMPT:
            raise LeaseEnded
        headers = {"Host": url.netloc, "Content-Type": "application/json", **signed_headers(delivery, body, now)}
        target = f"{url.path or '/'}{'?' + url.query if url.query else ''}"
        with closing(_connection(url, address)) as connection, _cut_off(connection):
            connection.request("POST", target, body=body, headers=headers, preload_content=False)
            return connection.getresponse().status


def signed_headers(delivery: Delivery, body: bytes, now: datetime) -> dict[str, str]:
    """https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md"""
    timestamp = str(int(now.timestamp()))
    signed = f"{delivery.event}.{timestamp}.".encode() + body
    signature = base64.b64encode(hmac.digest(delivery.secret, signed, hashlib.sha256)).decode()
    return {"webhook-id": delivery.event, "webhook-timestamp": timestamp, "webhook-signature": f"v1,{signature}"}


def public_address(url: SplitResult, *, local: bool) -> str:
    """The first address of a host, if all of them are public. local: a local line may also ask its own machine.

    Raises NotAllowed, and OSError if the name is unknown.
    """
    port = url.port or (443 if url.scheme == "https" else 80)
    found = socket.getaddrinfo(url.hostname, port, type=socket.SOCK_STREAM)
    addresses = [str(item[4][0]).partition("%")[0] for item in found]
    for address in map(ipaddress.ip_address, addresses):
        if not is_public(address) and not (local and address.is_loopback):
            raise NotAllowed("address_not_public")
    return addresses[0]


def is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether an address is on the Internet, and stands for no other one."""
    if isinstance(address, ipaddress.IPv6Address):
        stands_for_another = address.ipv4_mapped or address.sixtofour or address.teredo or address in _NAT64
        return address.is_global and not address.is_multicast and not stands_for_another
    return address.is_global and not address.is_multicast


def _connection(url: SplitResult, address: str) -> HTTPConnection:
    """A connection to an address, which proves by its certificate that it is the host of the URL."""
    if url.scheme == "http":
        return HTTPConnection(address, url.port or 80, timeout=SECONDS)
    return HTTPSConnection(
        address,
        url.port or 443,
        timeout=SECONDS,
        ssl_context=ssl.create_default_context(),
        server_hostname=url.hostname,
    )


@contextmanager
def _cut_off(connection: HTTPConnection) -> Iterator[None]:
    """End the connection after SECONDS. Its own time limit begins anew with each byte of the answer."""
    done = threading.Event()

    def watch() -> None:
        wait = SECONDS
        while not done.wait(wait):
            wait = 0.1
            if connection.sock is not None:
                with suppress(OSError):
                    # Not the method of TLS sockets, which other threads must not call while one reads.
                    socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)

    threading.Thread(target=watch, name="webhook-cut-off", daemon=True).start()
    try:
        yield
    finally:
        done.set()
