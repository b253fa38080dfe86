"""Words that mean something by themselves: the carrier's own, and the letters that answer a reminder.

https://help.twilio.com/articles/223134027 lists the carrier's words; it answers them itself by default.
"""

from __future__ import annotations

from typing import Literal

from ivr.line.understand import plain

Keyword = Literal["stop", "start", "help"]
Answer = Literal["confirmed", "change"]

CARRIER_WORDS: dict[str, Keyword] = {
    **dict.fromkeys(("STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "OPTOUT", "REVOKE"), "stop"),
    **dict.fromkeys(("START", "YES", "UNSTOP"), "start"),
    **dict.fromkeys(("HELP", "INFO"), "help"),
}
ANSWERS: dict[str, Answer] = {
    **dict.fromkeys(("c", "confirm", "confirmed", "i confirm", "yes confirm", "yes i confirm", "c yes"), "confirmed"),
    **dict.fromkeys(("confirmo", "confirmado", "si confirmo", "c si"), "confirmed"),
    **dict.fromkeys(("r", "change", "reschedule", "cambiar", "cambio"), "change"),
}
_COURTESY = frozenset(
    ("thank", "thanks", "you", "u", "so", "much", "very", "please", "ok", "okay", "gracias", "muchas", "por", "favor")
)


def carrier_keyword(body: str, opt_out_type: str = "") -> Keyword | None:
    """The carrier's keyword that a text is, alone and in any case. opt_out_type: what the carrier made of it."""
    return CARRIER_WORDS.get((opt_out_type or body).strip().upper())


def reminder_answer(body: str) -> Answer | None:
    """The answer to a reminder that a text is: "C", "C.", "c thank you", "yes, confirm"."""
    words = plain(body).split()
    return ANSWERS.get(" ".join(word for word in words if word not in _COURTESY))
