"""Faults that tests may switch on: what a text's creation and its receipts can suffer.

    {"429": 0.03, "500": 0.03, "500_stored": 0.03, "drop_stored": 0.03,
     "slow_stored": {"share": 0.03, "seconds": 5},
     "html": 0.01, "latency": 0.03, "auth": true, "seed": 1,
     "receipts": {"doubled": 0.1, "shuffled": 0.1, "never": 0.05}}

Shares are of all creations (0 to 1, together at most 1) or of all texts. `..._stored`: the text goes out,
and the program that asked hears a 500, nothing at all, or its answer late. `html`: a 502 with a page in
place of JSON, not stored. `latency`: seconds added to every creation. `auth`: every REST request is
answered 401.
"""

import random
import threading
from dataclasses import dataclass, field
from typing import Any

CREATION = ("429", "500", "500_stored", "drop_stored", "slow_stored", "html")
RECEIPTS = ("doubled", "shuffled", "never")


class WrongFaults(Exception):
    """Faults that cannot be read; the text is a sentence."""


@dataclass(frozen=True)
class Faults:
    """What is switched on. Shares are 0 to 1, times seconds."""

    creation: dict[str, float] = field(default_factory=dict)
    receipts: dict[str, float] = field(default_factory=dict)
    slow_seconds: float = 5.0
    latency: float = 0.0
    auth: bool = False
    asked: dict[str, Any] = field(default_factory=dict)


class Mishaps:
    """The dice, safe to throw from many threads. The same seed and order of requests gives the same
    mishaps.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._dice = random.Random()  # noqa: S311 - chance, not secrets
        self.faults = Faults()

    def switch(self, asked: dict[str, Any]) -> None:
        """Replace all faults by those asked for. Raises `WrongFaults` and changes nothing when they make
        no sense.
        """
        faults = _read(asked)
        with self._lock:
            self.faults = faults
            self._dice = random.Random(asked.get("seed"))  # noqa: S311

    def for_creation(self) -> str | None:
        """Which mishap this creation suffers: a name of `CREATION` or None."""
        return self._one_of(self.faults.creation)

    def for_receipts(self) -> str | None:
        """Which mishap the receipts of this text suffer: a name of `RECEIPTS` or None."""
        return self._one_of(self.faults.receipts)

    def shuffled(self, things: list[Any]) -> list[Any]:
        with self._lock:
            return self._dice.sample(things, len(things))

    def _one_of(self, shares: dict[str, float]) -> str | None:
        if not shares:
            return None
        with self._lock:
            thrown = self._dice.random()
        for name, share in shares.items():
            if thrown < share:
                return name
            thrown -= share
        return None


def _read(asked: dict[str, Any]) -> Faults:
    known = {*CREATION, "latency", "receipts", "seed", "auth"}
    for name in asked:
        if name not in known:
            raise WrongFaults(f"There is no fault called {name!r}. There are: {', '.join(sorted(known))}.")
    slow = asked.get("slow_stored", {})
    slow = slow if isinstance(slow, dict) else {"share": slow}
    creation = _shares({**asked, "slow_stored": slow.get("share", 0.0)}, CREATION)
    receipts = asked.get("receipts", {})
    if not isinstance(receipts, dict) or set(receipts) - set(RECEIPTS):
        raise WrongFaults(f"receipts takes shares for {', '.join(RECEIPTS)}.")
    return Faults(
        creation=creation,
        receipts=_shares(receipts, RECEIPTS),
        slow_seconds=_number("seconds", slow.get("seconds", 5.0), 3600.0),
        latency=_number("latency", asked.get("latency", 0.0), 3600.0),
        auth=bool(asked.get("auth", False)),
        asked=asked,
    )


def _shares(asked: dict[str, Any], names: tuple[str, ...]) -> dict[str, float]:
    shares = {name: _number(name, asked[name], 1.0) for name in names if asked.get(name)}
    if sum(shares.values()) > 1.0 + 1e-9:
        raise WrongFaults(f"The shares of {', '.join(shares)} add up to more than 1.")
    return shares


def _number(name: str, value: object, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        raise WrongFaults(f"{name} must be a number from 0 to {most:g}.")
    return float(value)
