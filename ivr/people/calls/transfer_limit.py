"""Limits the calls that the line transfers, each of which the hospital pays for twice: per number, and in all.

Counted in memory that the web processes of a machine share, so that no turn waits for a disk or a database.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from ivr.people.hourly_counts import NAME_BYTES, HourlyCounts

# Eight callers each. Beyond 8,192 callers, some of those who were transferred longest ago are forgotten.
_CALLER_SETS = 1024
_ALL = bytes(NAME_BYTES)
Refusal = Literal["transfers_number", "transfers_hour"]


class TransferLimit:
    """per_number: the most transfers of one number's calls in an hour. per_hour: of all calls; numbers can be forged.

    folder: of the processes that share the limits. hashed: a keyed hash in hex, so that no number is in the folder.
    """

    def __init__(self, folder: Path, per_number: int, per_hour: int, hashed: Callable[[str], str]) -> None:
        self._callers = HourlyCounts(folder / "transferred-callers", per_number, _CALLER_SETS)
        self._all = HourlyCounts(folder / "transfers", per_hour, sets=1)
        self._hashed = hashed
        self._was_reached = False

    @property
    def error(self) -> OSError | None:
        """Why the transfers are counted by this process alone; None if they are not."""
        return self._callers.memory.error or self._all.memory.error

    def admit(self, caller: str, now: float) -> Refusal | None:
        """Count one more transfer. Return None if it may begin, else the limit that it would exceed.

        caller: its number; empty if it is withheld, and then only the limit on all transfers applies. now: seconds
        since 1970.
        """
        refusal = self._refusal(caller, now)
        if refusal:
            self._was_reached = True
        return refusal

    def was_reached(self) -> bool:
        """Return whether a transfer was refused since the last time this was asked, in this process."""
        reached, self._was_reached = self._was_reached, False
        return reached

    def _refusal(self, caller: str, now: float) -> Refusal | None:
        if caller and not self._callers.admit(bytes.fromhex(self._hashed(caller)[: 2 * NAME_BYTES]), now):
            return "transfers_number"
        return None if self._all.admit(_ALL, now) else "transfers_hour"
