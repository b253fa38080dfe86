"""The log of call turns, written to the database in the background."""

from __future__ import annotations

import re
from datetime import datetime

from ivr import clock
from ivr.ledger.background_writer import BackgroundWriter
from ivr.ledger.tables import call_turn

_RELEASE = re.compile(r"[0-9a-f]{12}")
_HEARD = re.compile(r"start|silence|number|key:[0-9*#?]|(words|dial|end):[a-z0-9_-]+")
_KINDS = ("key", "words", "dial", "end")
_NOT_IN_TOKENS = re.compile(r"[^A-Za-z0-9._-]")
# Seven digits may be a phone number; no state or topic has that many.
_PHONE_NUMBER = re.compile(r"(?:\d[-._]?){7,}")

# at, call_sid, release, state, heard, request_token. A class would double the cost of logging a turn.
_Note = tuple[datetime, str, str, str, str, str]


class CallLog(BackgroundWriter[_Note]):
    """The call turns of one web process."""

    name = "call_turns"
    table = call_turn

    def note(self, call_sid: str, release: str, state: str, heard: str, request_token: str = "") -> None:
        """Log one turn of a call. Never blocks, never raises; costs about a microsecond.

        call_sid, request_token: the carrier's ids, stored only as keyed hashes; a retried request is one row. release:
        its digest. state: the new state's token. heard: start, key:<k>, number, silence, words:<outcome>,
        dial:<status> or end:<status>; anything else is stored as `?`.
        """
        if call_sid:
            self.add((clock.now(), call_sid, release, state, heard, request_token))

    def row(self, note: _Note) -> dict[str, str | datetime]:
        at, call_sid, release, state, heard, request_token = note
        # The id must stay the same when the write is retried.
        request = request_token or f"{at.isoformat()} {state} {heard}"
        return {
            "id": self._vault.hash(f"{call_sid} {request}")[:32],
            "call": self._vault.hash(call_sid),
            "at": at,
            "release": release if _RELEASE.fullmatch(release) else "",
            "state": _PHONE_NUMBER.sub("_", _NOT_IN_TOKENS.sub("_", state))[:120],
            "heard": _without_personal_data(heard),
        }


def _without_personal_data(heard: str) -> str:
    """Mask any input that no turn produces: callers may key in or say a phone number."""
    if _HEARD.fullmatch(heard) and not _PHONE_NUMBER.search(heard):
        return heard[:20]
    kind = heard.partition(":")[0]
    return f"{kind}:?" if kind in _KINDS else "?"
