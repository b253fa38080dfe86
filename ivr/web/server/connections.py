"""Counts the open connections, and chooses which one to close when there are too many."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Generic, Protocol, TypeVar

Networks = Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network]


class Closable(Protocol):
    """A connection. address: of its peer."""

    address: str

    def abort(self) -> None: ...


C = TypeVar("C", bound=Closable)


class Connections(Generic[C]):
    """The open connections of one web process.

    limit: at most so many; a new one closes the connection that has waited longest for a request.
    per_address: at most so many from one address; a new one is refused. This does not apply to `proxies`, through
    which all clients have the same address.
    """

    def __init__(self, limit: int, per_address: int, proxies: Networks = ()) -> None:
        self._limit, self._per_address = limit, per_address
        self._open: set[C] = set()
        # In the order in which they began to wait; a dictionary keeps it.
        self._waiting: dict[C, None] = {}
        self._counts: Counter[str] = Counter()
        self._is_proxy = lru_cache(10_000)(lambda address: _is_in(address, proxies))

    def __len__(self) -> int:
        return len(self._open)

    def __iter__(self) -> Iterator[C]:
        return iter(list(self._open))

    def admit(self, connection: C) -> bool:
        """Add a new connection, which waits for a request. Returns False if it must be closed instead."""
        address = connection.address
        if self._counts[address] >= self._per_address and not self._is_proxy(address):
            return False
        if len(self._open) >= self._limit:
            if not self._waiting:
                return False
            oldest = next(iter(self._waiting))
            self.remove(oldest)
            oldest.abort()
        self._open.add(connection)
        self._waiting[connection] = None
        self._counts[address] += 1
        return True

    def set_waiting(self, connection: C, *, waiting: bool) -> None:
        """Record that a connection waits for a request, or that its request is complete and will be answered."""
        if not waiting:
            self._waiting.pop(connection, None)
        elif connection in self._open:
            self._waiting[connection] = None

    def remove(self, connection: C) -> None:
        """Forget a connection. Does nothing if it was not admitted."""
        if connection not in self._open:
            return
        self._open.remove(connection)
        self._waiting.pop(connection, None)
        self._counts[connection.address] -= 1
        if not self._counts[connection.address]:
            del self._counts[connection.address]


def _is_in(address: str, networks: Networks) -> bool:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped:
        ip = ip.ipv4_mapped
    return any(ip in network for network in networks)
