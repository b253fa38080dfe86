"""The process of `infoline hl7`: the receiver, and a thread that applies what it stores."""

from __future__ import annotations

import asyncio
import gc
import signal
import ssl
import sys
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from ivr import clock, log
from ivr.feeds.hl7.acks import Reply
from ivr.feeds.hl7.apply import GROUP, Applier
from ivr.feeds.hl7.inbox import Inbox, Received
from ivr.feeds.hl7.mapping import MappingError, mapping_of
from ivr.feeds.hl7.mllp import Frame
from ivr.feeds.hl7.reading import FeedReader, ReadFrame
from ivr.feeds.hl7.receiver import Receiver
from ivr.ledger import Ledger, LedgerUnavailable, Vault
from ivr.line.content.loader import Content
from ivr.releases.live import LiveContent
from ivr.reminders.feed_heartbeats import FeedName, Heartbeat
from ivr.settings import Settings

APPLY_SECONDS = 0.2
_RELEASE_SECONDS = 30.0
_SWITCH_SECONDS = 0.0005


class Feed:
    """The feed of one process. Raises MappingError."""

    def __init__(self, settings: Settings, ledger: Ledger, vault: Vault, content: Content) -> None:
        self._settings, self._ledger, self._vault = settings, ledger.with_turns(), vault
        self._heartbeat = Heartbeat(self._ledger, FeedName.HL7)
        self._inbox = Inbox(ledger.engine.dialect, vault)
        self._own_numbers = frozenset({settings.twilio_from} - {""})
        self._live = LiveContent(content)
        self._use(content)

    def _use(self, content: Content) -> None:
        mapping = mapping_of(content)
        self._content = content
        self._reader = FeedReader(content.config, mapping, self._own_numbers)

    def read(self, frame: Frame, now: datetime) -> ReadFrame:
        return self._reader.read_frame(frame, now)

    def store(self, received: Sequence[Received]) -> list[Reply]:
        """Commit messages. Raises LedgerUnavailable."""
        with self._ledger.write() as connection:
            return self._inbox.store(connection, received, clock.now())

    def apply(self) -> int:
        """Apply waiting messages, and return how many. Raises LedgerUnavailable."""
        return Applier(self._ledger, self._vault, self._content, self._own_numbers).run(clock.now())

    def apply_until(self, stop: threading.Event) -> None:
        """Apply messages as they come in, and follow the live release."""
        waited, is_down = 0.0, False
        while not stop.wait(APPLY_SECONDS):
            try:
                # A smaller group may wait for more: an import costs more than a row.
                while self.apply() >= GROUP and not stop.is_set():
                    pass
                self._heartbeat.beat(clock.now())
                waited, is_down = waited + APPLY_SECONDS, False
                if waited >= _RELEASE_SECONDS:
                    waited = 0.0
                    self._follow_release()
            except Exception as error:  # noqa: BLE001 - what is stored must be applied as soon as it can be
                if not is_down:
                    reason = str(error) if isinstance(error, LedgerUnavailable) else type(error).__name__
                    log.get_logger().error("hl7_messages_not_applied", reason=reason)
                is_down = True

    def _follow_release(self) -> None:
        content = self._live.refresh(self._settings, self._ledger)
        if content.digest == self._content.digest:
            return
        try:
            self._use(content)
        except MappingError as error:
            log.get_logger().error("hl7_mapping_refused", reason=str(error))

    def replay(self, data: bytes) -> list[tuple[Received, Reply]]:
        """Store and apply the messages of a file, framed as on the wire or one after another.

        Returns each with its reply, and also the faults of its batches.
        """
        frames = [Frame(part) for part in data.split(b"\x1c") if part.strip(b"\x0b\r\n")]
        read = [self._reader.read_frame(frame, clock.now()) for frame in frames]
        received = [each for frame in read for each in (*frame.messages, *frame.faults)]
        replies: list[Reply] = []
        for start in range(0, len(received), 200):
            replies += self.store(received[start : start + 200])
        while self.apply():
            pass
        return list(zip(received, replies, strict=True))


def tls_context(certificate: Path, key: Path, client_ca: Path | None) -> ssl.SSLContext:
    """TLS for the receiver; with client_ca, only senders with a certificate of that CA get in. Raises OSError."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    if client_ca:
        context.load_verify_locations(client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def run_feed(feed: Feed, host: str, port: int, tls: ssl.SSLContext | None, ready: Callable[[int], None]) -> None:
    """Serve until SIGTERM or SIGINT. Raises OSError if the port cannot be used."""
    stop = threading.Event()
    applier = threading.Thread(target=feed.apply_until, args=(stop,), name="hl7-apply")

    async def main() -> None:
        stopped = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stopped.set)
        await Receiver(feed.read, feed.store).serve(host, port, tls, stopped, ready)

    # Each of the many short steps of an acknowledgment would wait for as long while messages are applied.
    sys.setswitchinterval(_SWITCH_SECONDS)
    # A full collection goes through all objects of the program, and stops all threads for up to 80 ms.
    gc.freeze()
    applier.start()
    try:
        asyncio.run(main())
    finally:
        stop.set()
        applier.join()
