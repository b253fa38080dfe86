"""Faults that tests can inject into the creation of texts and into their receipts.

    {"429": 0.03, "500": 0.03, "500_stored": 0.03, "drop_stored": 0.03,
     "slow_stored": {"share": 0.03, "seconds": 5},
     "html": 0.01, "latency": 0.03, "auth": true, "seed": 1,
     "receipts": {"doubled": 0.1, "shuffled": 0.1, "never": 0.05}}

Shares are fractions of all creations, or of all texts for receipts; they add up to at most 1. `..._stored`: the
text is sent, but the client gets a 500, a dropped connection, or a late answer. `html`: a 502 with an HTML page;
nothing is sent. `latency`: seconds added to every creation. `auth`: every REST request gets a 401.
"""

import random
import threading
from dataclasses import dataclass, field
from typing import Any

CREATION = ("429", "500", "500_stored", "drop_stored", "slow_stored", "html")
RECEIPTS = ("doubled", "shuffled", "never")


class InvalidFaults(Exception):
    """An invalid set of faults; the message is a sentence."""


@dataclass(frozen=True)
class Faults:
    """The active faults. Shares are 0 to 1, times in seconds. requested: the JSON that set them."""

    creation: dict[str, float] = field(default_factory=dict)
    receipts: dict[str, float] = field(default_factory=dict)
    slow_seconds: float = 5.0
    latency: float = 0.0
    auth: bool = False
    requested: dict[str, Any] = field(default_factory=dict)


class FaultInjector:
    """Picks faults at random, thread-safe. The same seed and order of requests give the same faults."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._random = random.Random()  # noqa: S311 - not for secrets
        self.faults = Faults()

    def set_faults(self, requested: dict[str, Any]) -> None:
        """Replace all faults. Raises `InvalidFaults` and changes nothing if the request is invalid."""
        faults = _parse(requested)
        if not isinstance(requested.get("seed"), int | str | None):
            raise InvalidFaults("seed must be a whole number or text.")
        with self._lock:
            self.faults = faults
            self._random = random.Random(requested.get("seed"))  # noqa: S311

    def for_creation(self) -> str | None:
        """The fault of this creation: a name in `CREATION`, or None."""
        return self._pick(self.faults.creation)

    def for_receipts(self) -> str | None:
        """The fault of this text's receipts: a name in `RECEIPTS`, or None."""
        return self._pick(self.faults.receipts)

    def shuffled(self, items: list[Any]) -> list[Any]:
        with self._lock:
            return self._random.sample(items, len(items))

    def _pick(self, shares: dict[str, float]) -> str | None:
        if not shares:
            return None
        with self._lock:
            drawn = self._random.random()
        for name, share in shares.items():
            if drawn < share:
                return name
            drawn -= share
        return None


def _parse(requested: dict[str, Any]) -> Faults:
    known = {*CREATION, "latency", "receipts", "seed", "auth"}
    for name in requested:
        if name not in known:
            raise InvalidFaults(f"Unknown fault {name!r}. Known faults: {', '.join(sorted(known))}.")
    slow = requested.get("slow_stored", {})
    slow = slow if isinstance(slow, dict) else {"share": slow}
    creation = _shares({**requested, "slow_stored": slow.get("share", 0.0)}, CREATION)
    receipts = requested.get("receipts", {})
    if not isinstance(receipts, dict) or set(receipts) - set(RECEIPTS):
        raise InvalidFaults(f"receipts takes shares for {', '.join(RECEIPTS)}.")
    return Faults(
        creation=creation,
        receipts=_shares(receipts, RECEIPTS),
        slow_seconds=_number("seconds", slow.get("seconds", 5.0), 3600.0),
        latency=_number("latency", requested.get("latency", 0.0), 3600.0),
        auth=bool(requested.get("auth", False)),
        requested=requested,
    )


def _shares(requested: dict[str, Any], names: tuple[str, ...]) -> dict[str, float]:
    shares = {name: _number(name, requested[name], 1.0) for name in names if requested.get(name)}
    if sum(shares.values()) > 1.0 + 1e-9:
        raise InvalidFaults(f"The shares of {', '.join(shares)} add up to more than 1.")
    return shares


def _number(name: str, value: object, maximum: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= maximum:
        raise InvalidFaults(f"{name} must be a number from 0 to {maximum:g}.")
    return float(value)
