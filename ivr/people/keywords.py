"""Words that mean something by themselves: the carrier's own, and the letters that answer a reminder.

https://help.twilio.com/articles/223134027 lists the carrier's words; it answers them itself by default.
"""

from __future__ import annotations

from typing import Literal

Keyword = Literal["stop", "start", "help"]

CARRIER_WORDS: dict[str, Keyword] = {
    **dict.fromkeys(("STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "OPTOUT", "REVOKE"), "stop"),
    **dict.fromkeys(("START", "YES", "UNSTOP"), "start"),
    **dict.fromkeys(("HELP", "INFO"), "help"),
}
ANSWERS: dict[str, Literal["confirmed", "change"]] = {
    **dict.fromkeys(("C", "CONFIRM", "CONFIRMO"), "confirmed"),
    **dict.fromkeys(("R", "CHANGE", "CAMBIAR"), "change"),
}


def carrier_keyword(body: str, opt_out_type: str = "") -> Keyword | None:
    """The carrier's keyword that a text is, alone and in any case. opt_out_type: what the carrier made of it."""
    return CARRIER_WORDS.get((opt_out_type or body).strip().upper())
