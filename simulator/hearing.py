"""What a person does on a call: keys, words, silence, how a transfer ends, hanging up, picking up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from simulator.call import Call, Unfit, Unreadable
from simulator.transfer import caller_hung_up, outcome_of_transfer

OUTCOMES = ("busy", "no-answer", "failed", "completed")
Extra = dict[str, Any] | None


def _keys(call: Call, happened: Mapping[str, Any]) -> Extra:
    keys = happened["keys"]
    if not isinstance(keys, str) or not keys or set(keys) - set("0123456789*#"):
        raise Unreadable("keys must be one or more of 0-9, * and #.")
    call.walk.hear_keys(keys)
    return None


def _speech(call: Call, happened: Mapping[str, Any]) -> Extra:
    words, confidence = happened["speech"], happened.get("confidence", 0.9)
    if not isinstance(words, str):
        raise Unreadable("speech must be words.")
    if isinstance(confidence, bool) or not isinstance(confidence, int | float | None):
        raise Unreadable("confidence must be a number from 0 to 1, or null for none.")
    call.walk.hear_words(words, confidence)
    return None


def _silence(call: Call, _: Mapping[str, Any]) -> Extra:
    call.walk.hear_nothing()
    return None


def _dial(call: Call, happened: Mapping[str, Any]) -> Extra:
    if happened["dial"] not in OUTCOMES:
        raise Unreadable(f"dial must be one of {', '.join(OUTCOMES)}.")
    return outcome_of_transfer(call, happened)


def _hangup(call: Call, _: Mapping[str, Any]) -> Extra:
    if call.waits == "answer":
        call.end("no-answer")
    elif call.waits == "transfer":
        caller_hung_up(call)
    call.walk.hang_up()
    return None


def _answer(call: Call, happened: Mapping[str, Any]) -> Extra:
    if happened["answer"] not in (True, "human", "machine"):
        raise Unreadable("answer must be true, human or machine.")
    call.pick_up("machine" if happened["answer"] == "machine" else "human")
    return None


_WAITING = {
    "keys": "This call waits for keys, words or silence",
    "transfer": "This call is ringing somebody",
    "answer": "This phone is ringing",
}
_HEAR: dict[str, tuple[tuple[str, ...], Callable[[Call, Mapping[str, Any]], Extra]]] = {
    "keys": (("keys",), _keys),
    "speech": (("keys",), _speech),
    "silence": (("keys",), _silence),
    "dial": (("transfer",), _dial),
    "hangup": (("keys", "transfer", "answer"), _hangup),
    "answer": (("answer",), _answer),
}


def hear(call: Call, happened: Mapping[str, Any]) -> dict[str, Any]:
    """What the person does, and the turn it leads to. Raises `Unfit` or `Unreadable`, and nothing
    happened.
    """
    with call.lock:
        kinds = [kind for kind in _HEAR if kind in happened]
        if len(kinds) != 1:
            raise Unreadable(f"Send exactly one of {', '.join(_HEAR)}.")
        waits = call.waits
        if waits == "over":
            raise Unfit("This call is over.")
        fits, heard = _HEAR[kinds[0]]
        if waits not in fits:
            raise Unfit(f"{_WAITING[waits]}, and {kinds[0]} does not fit.")
        extra = heard(call, happened)
        return call.turn(**(extra or {}))
