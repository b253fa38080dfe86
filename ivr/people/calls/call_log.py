"""What happens on calls, on its way to the ledger: one note for each turn."""

from __future__ import annotations

import re
from datetime import datetime

from ivr import clock
from ivr.ledger.background_writer import BackgroundWriter
from ivr.ledger.tables import call_turn

_RELEASE = re.compile(r"[0-9a-f]{12}")
_HEARD = re.compile(r"start|silence|number|key:[0-9*#?]|(words|dial|end):[a-z0-9_-]+")
_KINDS = ("key", "words", "dial", "end")
_NOT_OF_A_TOKEN = re.compile(r"[^A-Za-z0-9._-]")
# Seven digits can ring somebody; no state and no topic has so many.
_NUMBER = re.compile(r"(?:\d[-._]?){7,}")


# at, call_sid, release, state, heard, request_token: a class of its own would double what a note costs.
_Note = tuple[datetime, str, str, str, str, str]


class CallLog(BackgroundWriter[_Note]):
    """The turns of one web process's calls."""

    name = "call_turns"
    table = call_turn

    def note(self, call_sid: str, release: str, state: str, heard: str, request_token: str = "") -> None:
        """Keep one turn of a call. Never waits, never raises; costs about a microsecond.

        call_sid, request_token: the carrier's CallSid and I-Twilio-Idempotency-Token; only keyed hashes of them are
        stored, and a request that comes twice is one row. release: its digest. state: the token reached. heard: start,
        key:<k>, number, silence, words:<outcome>, dial:<status> or end:<CallStatus>; anything else is stored as `?`.
        """
        if call_sid:
            self.add((clock.now(), call_sid, release, state, heard, request_token))

    def row(self, note: _Note) -> dict[str, str | datetime]:
        at, call_sid, release, state, heard, request_token = note
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


def _safe(heard: str) -> str:
    """What was heard, if it is one of what a turn can hear: a caller may key in, or say, a number."""
    if _HEARD.fullmatch(heard) and not _NUMBER.search(heard):
        return heard[:20]
    kind = heard.partition(":")[0]
    return f"{kind}:?" if kind in _KINDS else "?"
