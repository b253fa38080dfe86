"""What happens on calls, on its way to the ledger: a turn leaves a note and goes on, a thread writes it down.

A note is not worth a caller's time: while the ledger is away notes wait in memory, and those that find no
room are dropped and counted. A process that is killed takes its last second of notes with it.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections import deque
from contextlib import suppress
from datetime import datetime
from multiprocessing.util import Finalize

from sqlalchemy.dialects import postgresql, sqlite

from ivr import clock, log
from ivr.ledger import Ledger, LedgerAway, Vault
from ivr.ledger.tables import call_turn

SIZE = 10_000
ROWS_A_TRANSACTION = 500
ROWS_AT_ONCE = 25
FLUSH_SECONDS = 1.0
SLOWEST_SECONDS = 30.0
BREATH_SECONDS = 0.05
LET_GO_SECONDS = 0.0005
CLOSE_SECONDS = 2.0
TELL_SECONDS = 60.0

_RELEASE = re.compile(r"[0-9a-f]{12}")
_HEARD = re.compile(r"start|silence|number|key:[0-9*#?]|(words|dial|end):[a-z0-9_-]+")
_KINDS = ("key", "words", "dial", "end")
_NOT_OF_A_TOKEN = re.compile(r"[^A-Za-z0-9._-]")
# Seven digits can ring somebody; no state and no topic has so many.
_NUMBER = re.compile(r"(?:\d[-._]?){7,}")


# at, call_sid, release, state, heard, request_token: a class of its own would double what a note costs.
_Note = tuple[datetime, str, str, str, str, str]


class CallLog:
    """The notes of one web process. `dropped` counts those that never reach the ledger.

    size: how many notes may wait.
    """

    def __init__(self, ledger: Ledger, vault: Vault, size: int = SIZE) -> None:
        self._ledger = ledger
        self._vault = vault
        self._size = size
        self._begin()
        os.register_at_fork(after_in_child=self._begin_in_child)
        # Unlike atexit's, these also run at the end of a process that multiprocessing forked, as web workers are.
        Finalize(None, self.close, exitpriority=10)

    def note(self, call_sid: str, release: str, state: str, heard: str, request_token: str = "") -> None:
        """Keep one turn of a call. Never waits, never raises; costs about a microsecond.

        call_sid, request_token: the carrier's CallSid and I-Twilio-Idempotency-Token; only keyed hashes of them are
        stored, and a request that comes twice is one row. release: its digest. state: the token reached. heard: start,
        key:<k>, number, silence, words:<outcome>, dial:<status> or end:<CallStatus>; anything else is stored as `?`.
        """
        if not call_sid:
            return
        # A deque needs no lock and wakes nobody; threads that look at once may overfill it by one each.
        if len(self._waiting) >= self._size:
            self._drop(1)
        else:
            self._waiting.append((clock.now(), call_sid, release, state, heard, request_token))

    def flush(self) -> None:
        """Write down all that waits. Raises LedgerAway; what is not written then still waits."""
        with self._flushing:
            while self._waiting:
                # Only here are notes taken out, so these stay where they are until they are written.
                notes = [self._waiting[at] for at in range(min(len(self._waiting), ROWS_A_TRANSACTION))]
                self._write(notes)
                for _ in notes:
                    self._waiting.popleft()
                if self._waiting:
                    # Lets other writers in: SQLite's do not queue.
                    self._closing.wait(BREATH_SECONDS)

    def close(self) -> None:
        """Write down what waits, in two seconds at most, and stop."""
        self._closing.set()
        self._thread.join(CLOSE_SECONDS)

    def _begin(self) -> None:
        self._waiting: deque[_Note] = deque()
        self._closing = threading.Event()
        self._flushing = threading.Lock()
        self._counting = threading.Lock()
        self.dropped = 0
        self._told = 0
        self._told_at = float("-inf")
        self._thread = threading.Thread(target=self._follow, name="call-log", daemon=True)
        self._thread.start()

    def _begin_in_child(self) -> None:
        """A forked process has no thread yet; the notes and the connections that it copied are its parent's."""
        if not self._closing.is_set():
            self._ledger.engine.dispose(close=False)
            self._begin()

    def _follow(self) -> None:
        pause, closing = FLUSH_SECONDS, False
        while not closing:
            closing = self._closing.wait(pause)
            try:
                self.flush()
                pause = FLUSH_SECONDS
            except LedgerAway:
                pause = min(pause * 2, SLOWEST_SECONDS)
                if closing:
                    self._drop(len(self._waiting))
            self._tell_drops(at_once=closing)

    def _write(self, notes: list[_Note]) -> None:
        dialect = sqlite if self._ledger.is_sqlite else postgresql
        row = dialect.insert(call_turn).on_conflict_do_nothing()
        try:
            with self._ledger.write() as connection:
                for first in range(0, len(notes), ROWS_AT_ONCE):
                    connection.execute(row, [self._row(*note) for note in notes[first : first + ROWS_AT_ONCE]])
                    # A turn that waits for the interpreter has it now. SQLite lets go of it too, but so briefly
                    # that a turn waited for all the rows: 27 ms at worst instead of 4.
                    time.sleep(LET_GO_SECONDS)
        except LedgerAway:
            raise
        except Exception:  # noqa: BLE001 - notes that cannot be written must not hold back those after them
            _tell("exception", "call_turns_not_written")
            self._drop(len(notes))

    def _row(  # noqa: PLR0913 - one note's fields
        self, at: datetime, call_sid: str, release: str, state: str, heard: str, request_token: str
    ) -> dict[str, str | datetime]:
        # The same note has the same id however often it is tried.
        request = request_token or f"{at.isoformat()} {state} {heard}"
        return {
            "id": self._vault.hash(f"{call_sid} {request}")[:32],
            "call": self._vault.hash(call_sid),
            "at": at,
            "release": release if _RELEASE.fullmatch(release) else "",
            "state": _NUMBER.sub("_", _NOT_OF_A_TOKEN.sub("_", state))[:120],
            "heard": _safe(heard),
        }

    def _drop(self, count: int) -> None:
        with self._counting:
            self.dropped += count

    def _tell_drops(self, *, at_once: bool) -> None:
        new, now = self.dropped - self._told, time.monotonic()
        if new and (at_once or now - self._told_at >= TELL_SECONDS):
            _tell("warning", "call_turns_dropped", count=new)
            self._told, self._told_at = self._told + new, now


def _tell(level: str, event: str, **fields: int) -> None:
    # A log that cannot be written to must not end the thread.
    with suppress(OSError, ValueError):
        getattr(log.get(), level)(event, **fields)


def _safe(heard: str) -> str:
    """What was heard, if it is one of what a turn can hear: a caller may key in, or say, a number."""
    if _HEARD.fullmatch(heard) and not _NUMBER.search(heard):
        return heard[:20]
    kind = heard.partition(":")[0]
    return f"{kind}:?" if kind in _KINDS else "?"
