"""Words that mean something by themselves: the carrier's own, and the letters that answer a reminder.

https://help.twilio.com/articles/223134027 lists the carrier's words; it answers them itself by default.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from ivr.line.locales.locale import all_locales
from ivr.line.text.normalize import normalize

_NUMBERED = re.compile("([cr]) ?([1-9])")
Keyword = Literal["stop", "start", "help"]
ReminderAnswer = Literal["confirmed", "change"]

CARRIER_WORDS: dict[str, Keyword] = {
    **dict.fromkeys(("STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "OPTOUT", "REVOKE"), "stop"),
    **dict.fromkeys(("START", "YES", "UNSTOP"), "start"),
    **dict.fromkeys(("HELP", "INFO"), "help"),
}
_LOCALES = tuple(all_locales().values())
# A yes by itself: what it answers depends on what was asked last.
YES = frozenset(reply for locale in _LOCALES for reply in locale.yes)
REMINDER_REPLIES: dict[str, ReminderAnswer] = {
    **{reply: "confirmed" for locale in _LOCALES for reply in ("c", *locale.confirm_replies)},
    **{reply: "change" for locale in _LOCALES for reply in ("r", *locale.change_replies)},
}
_COURTESY = frozenset(word for locale in _LOCALES for word in locale.courtesy_words)


def carrier_keyword(body: str, opt_out_type: str = "") -> Keyword | None:
    """The carrier's keyword that a text is, alone and in any case. opt_out_type: what the carrier made of it."""
    return CARRIER_WORDS.get((opt_out_type or body).strip().upper())


@dataclass(frozen=True)
class ReminderReply:
    """An answer to a reminder. which: the visit that it names, counted from 1, where somebody has two."""

    answer: ReminderAnswer
    which: int | None = None


def parse_reminder_reply(body: str) -> ReminderReply | None:
    """The answer to a reminder that a text is: "C", "C.", "c thank you", "yes, confirm", "C2"."""
    words = _without_courtesy(body)
    numbered = _NUMBERED.fullmatch(words)
    if numbered:
        return ReminderReply(REMINDER_REPLIES[numbered[1]], int(numbered[2]))
    answer = REMINDER_REPLIES.get(words)
    return ReminderReply(answer) if answer else None


def _without_courtesy(body: str) -> str:
    return " ".join(word for word in normalize(body).split() if word not in _COURTESY)


def is_yes(body: str) -> bool:
    """Whether a text is a yes and nothing else."""
    return normalize(body) in YES or _without_courtesy(body) in YES
