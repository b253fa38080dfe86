"""Counts requests and events over all web processes that share VAR_DIR.

Each process counts in memory, and a background thread saves its counts to its own file once a second. A process that
takes the place of another continues its file, so that no count decreases.
"""

from __future__ import annotations

import json
import os
import threading
import time
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ivr import log
from ivr.web.routes import SIGNED

# Upper bounds in seconds. Twilio gives up after 15 s.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0)
TIMED = frozenset({"voice", "sms"})
# Receipts come within seconds, or hours later from a phone that was off.
RECEIPT = "receipt"
RECEIPT_BUCKETS = (1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 14400.0, 86400.0)
_BUCKETS = {**dict.fromkeys(TIMED, BUCKETS), RECEIPT: RECEIPT_BUCKETS}
# Events that wait to be counted; older ones are dropped.
MAX_WAITING = 200_000
SAVE_SECONDS = 1.0
# A process whose file is older has ended, or hangs.
ALIVE_SECONDS = 15.0
LOG_SECONDS = 60.0
# Statuses of refused and failed requests. A 404 or 405 is usually a stranger who looks for weaknesses.
LOGGED = frozenset({"400", "403", "408", "413", "429", "431", "500", "501", "503", "505"})
# The reason of a response whose handler names none.
_REASONS = {"429": "too_many_requests", "500": "failed", "503": "unavailable"}
WRONG_SIGNATURE = "wrong_signature"
CONSOLE = "-console"
"""Ends the name of a process that answers the console beside a web process."""
Key = tuple[str, str, str]
Event = tuple[str, ...]
"""The name of a metric, and the values of its labels: names from fixed sets, nothing that a client chose."""


@dataclass
class Totals:
    """requests: by (route, status, reason). durations: by route, the number of requests in each bucket and above the
    last; RECEIPT is one of them. seconds: by route, the sum of the durations."""

    requests: Counter[Key] = field(default_factory=Counter)
    events: Counter[Event] = field(default_factory=Counter)
    durations: dict[str, list[int]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def add(self, other: Totals) -> None:
        # Copies, because another thread may be counting.
        self.requests.update(other.requests.copy())
        self.events.update(other.events.copy())
        for route, seconds in other.seconds.copy().items():
            self.seconds[route] = self.seconds.get(route, 0.0) + seconds
        for route, buckets in other.durations.copy().items():
            mine = self.durations.setdefault(route, [0] * len(buckets))
            self.durations[route] = [a + b for a, b in zip(mine, buckets, strict=True)]

    def time(self, name: str, seconds: float) -> None:
        """Add a duration to a histogram."""
        bounds = _BUCKETS[name]
        buckets = self.durations.get(name)
        if buckets is None:
            buckets = self.durations[name] = [0] * (len(bounds) + 1)
        buckets[bisect_left(bounds, seconds)] += 1
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds

    @property
    def wrong_signatures(self) -> int:
        return sum(count for (_, _, reason), count in self.requests.items() if reason == WRONG_SIGNATURE)

    @property
    def accepted(self) -> int:
        """Return the number of webhooks that had a valid signature and succeeded."""
        return sum(count for (route, status, _), count in self.requests.items() if route in SIGNED and status < "400")

    def to_json(self) -> str:
        requests = [[*key, count] for key, count in self.requests.copy().items()]
        events = [[*event, count] for event, count in self.events.copy().items()]
        return json.dumps(
            {"requests": requests, "events": events, "durations": self.durations, "seconds": self.seconds}
        )

    @classmethod
    def from_json(cls, text: str) -> Totals:
        """Raises ValueError or KeyError for a damaged file."""
        data = json.loads(text)
        requests = Counter({(route, status, reason): int(count) for route, status, reason, count in data["requests"]})
        # A file of an earlier version has no events.
        events = Counter({tuple(event): int(count) for *event, count in data.get("events", ())})
        durations = {
            name: buckets
            for name, buckets in data["durations"].items()
            if len(buckets) == len(_BUCKETS.get(name, ())) + 1
        }
        return cls(requests, events, durations, {name: float(data["seconds"][name]) for name in durations})


class RequestCounts:
    """The counts of this process and those that others saved in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._own = Totals()
        self._waiting: deque[Event] = deque(maxlen=MAX_WAITING)
        self._waiting_receipts: deque[float] = deque(maxlen=MAX_WAITING)
        self._counting = threading.Lock()
        self._path: Path | None = None
        self._logs = RefusalLog()
        self._saved = ""
        self._write_failed = False

    def record(self, route: str, status: str, reason: str = "", seconds: float | None = None) -> None:
        """Count a response. Called on one thread only. seconds: how long the answer took, unless it is a refusal."""
        self._own.requests[route, status, reason or _REASONS.get(status, "")] += 1
        if seconds is not None and route in TIMED and not status.startswith("4"):
            self._own.time(route, seconds)

    def note(self, *event: str) -> None:
        """Have an event counted in the background. Called on any thread; takes no lock."""
        self._waiting.append(event)

    def note_receipt(self, seconds: float) -> None:
        """Have the delay of a receipt counted in the background. Called on any thread."""
        self._waiting_receipts.append(seconds)

    def _count_waiting(self) -> None:
        with self._counting:
            while self._waiting:
                self._own.events[self._waiting.popleft()] += 1
            while self._waiting_receipts:
                self._own.time(RECEIPT, self._waiting_receipts.popleft())

    def totals(self) -> Totals:
        """Return the sums over all processes. Those of the others are up to a second old."""
        self._count_waiting()
        sums = Totals()
        sums.add(self._own)
        for path in self._folder.glob("*.json"):
            if path != self._path:
                sums.add(_read(path))
        return sums

    def processes(self) -> int:
        """Return how many web processes saved their counts lately, without those for the console."""
        oldest = time.time() - ALIVE_SECONDS
        files = [path for path in self._folder.glob("*.json") if not path.stem.endswith(CONSOLE)]
        return sum(_modified(path) >= oldest for path in files)

    def save_as(self, name: str) -> None:
        """Continue the counts of a file, and save to it from now on, in the background."""
        self._path = self._folder / f"{name}.json"
        self._own.add(_read(self._path))
        self._logs.skip(self._own.requests)
        threading.Thread(target=self._save_forever, name="request-counts", daemon=True).start()

    def save(self) -> None:
        """Log new refusals, and save the counts if they changed; otherwise show that this process is alive."""
        for refusal in self._logs.due(self._own.requests, time.monotonic()):
            log.get_logger().warning(
                "requests_refused", reason=refusal.reason, routes=refusal.routes, count=refusal.count
            )
        self._count_waiting()
        text = self._own.to_json()
        if self._path is None or (text == self._saved and _touch(self._path)):
            return
        temporary = self._path.with_suffix(f".{os.getpid()}")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            temporary.write_text(text)
            temporary.replace(self._path)
        except OSError as error:
            if not self._write_failed:
                log.get_logger().warning("request_counts_not_saved", reason=str(error.strerror))
            self._write_failed = True
        else:
            self._saved, self._write_failed = text, False

    def _save_forever(self) -> None:
        pause = threading.Event()
        while not pause.wait(SAVE_SECONDS):
            try:
                self.save()
            except RuntimeError:
                # The counts changed while they were copied.
                continue


def _modified(path: Path) -> float:
    """When a file changed, in seconds since 1970; 0 if it has gone."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _touch(path: Path) -> bool:
    """Whether the file is there, and now has the time of a change."""
    try:
        os.utime(path)
    except OSError:
        return False
    return True


def _read(path: Path) -> Totals:
    try:
        return Totals.from_json(path.read_text())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Totals()


@dataclass(frozen=True)
class Refusal:
    reason: str
    routes: list[str]
    count: int


class RefusalLog:
    """Decides when refused requests are logged: each reason at once, then at most once a minute with its count."""

    def __init__(self) -> None:
        self._logged: Counter[Key] = Counter()
        self._logged_at: dict[str, float] = {}

    def skip(self, requests: Counter[Key]) -> None:
        """Regard requests as logged already."""
        self._logged = requests.copy()

    def due(self, requests: Counter[Key], now: float) -> Iterator[Refusal]:
        """Yield what is to be logged now. now: in seconds, from any start."""
        new = requests.copy()
        new.subtract(self._logged)
        by_reason: dict[str, list[tuple[Key, int]]] = {}
        for key, count in _refused(new.items()):
            by_reason.setdefault(key[2], []).append((key, count))
        for reason, counts in sorted(by_reason.items()):
            if now - self._logged_at.get(reason, float("-inf")) < LOG_SECONDS:
                continue
            self._logged_at[reason] = now
            self._logged.update(dict(counts))
            yield Refusal(reason, sorted({key[0] for key, _ in counts}), sum(count for _, count in counts))


def _refused(counts: Iterable[tuple[Key, int]]) -> Iterator[tuple[Key, int]]:
    return ((key, count) for key, count in counts if count > 0 and key[1] in LOGGED)
