"""Texts that are a keyword: one that the carrier answers by default, or a reply to a reminder."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from ivr.line.locales.locale import all_locales

Keyword = Literal["stop", "start", "help"]
ReminderAnswer = Literal["confirmed", "change"]

_NUMBERED = re.compile("([cr]) ?([1-9])")
# https://help.twilio.com/articles/223134027
CARRIER_WORDS: dict[str, Keyword] = {
    **dict.fromkeys(("STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "OPTOUT", "REVOKE"), "stop"),
    **dict.fromkeys(("START", "YES", "UNSTOP"), "start"),
    **dict.fromkeys(("HELP", "INFO"), "help"),
}
_LOCALES = tuple(all_locales().values())
# A bare yes: its meaning depends on the last text to this number.
YES = frozenset(reply for locale in _LOCALES for reply in locale.yes)
REMINDER_REPLIES: dict[str, ReminderAnswer] = {
    **{reply: "confirmed" for locale in _LOCALES for reply in ("c", *locale.confirm_replies)},
    **{reply: "change" for locale in _LOCALES for reply in ("r", *locale.change_replies)},
}
_COURTESY = frozenset(word for locale in _LOCALES for word in locale.courtesy_words)


def carrier_keyword(body: str, opt_out_type: str = "") -> Keyword | None:
    """Return the keyword if it is the whole text, in any case. opt_out_type: the carrier's own reading."""
    return CARRIER_WORDS.get((opt_out_type or body).strip().upper())


@dataclass(frozen=True)
class ReminderReply:
    """A reply to a reminder. answer: None for a bare yes. which: the number of the appointment, from 1."""

    answer: ReminderAnswer | None
    which: int | None = None


def parse_reminder_reply(normalized: str) -> ReminderReply | None:
    """Return the reply if it is the whole normalized text, apart from courtesies: "c thank you", "c2", "ok"."""
    reply = " ".join(word for word in normalized.split() if word not in _COURTESY)
    numbered = _NUMBERED.fullmatch(reply)
    if numbered:
        return ReminderReply(REMINDER_REPLIES[numbered[1]], int(numbered[2]))
    if reply in REMINDER_REPLIES:
        return ReminderReply(REMINDER_REPLIES[reply])
    return ReminderReply(None) if normalized in YES or reply in YES else None
