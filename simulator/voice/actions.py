"""What people do on a call: press keys, speak, stay silent, hang up, answer; and at the other end of a transfer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from simulator.voice.call import Call, InvalidInput, InvalidState
from simulator.voice.recording import end_record, hang_up_record
from simulator.voice.transfer import (
    cancel_transfer,
    end_transfer,
    hang_up_other_end,
    pick_up,
    press_at_other_end,
    press_during_transfer,
)

OUTCOMES = ("busy", "no-answer", "failed", "completed")
Extra = dict[str, Any] | None


def _pressed(action: Mapping[str, Any], name: str) -> str:
    keys = action[name]
    if not isinstance(keys, str) or not keys or set(keys) - set("0123456789*#"):
        raise InvalidInput(f"{name} must be one or more of 0-9, * and #.")
    return keys


def _keys(call: Call, action: Mapping[str, Any]) -> Extra:
    keys = _pressed(action, "keys")
    if call.waits == "transfer":
        return press_during_transfer(call, keys)
    if call.leg.is_recording:
        end_record(call, keys=keys)
    else:
        call.leg.press_keys(keys)
    return None


def _speech(call: Call, action: Mapping[str, Any]) -> Extra:
    text, confidence = action["speech"], action.get("confidence", 0.9)
    if not isinstance(text, str):
        raise InvalidInput("speech must be text.")
    if isinstance(confidence, bool) or not isinstance(confidence, int | float | None):
        raise InvalidInput("confidence must be a number from 0 to 1, or null for none.")
    if call.leg.is_recording:
        end_record(call, text.strip(), _pressed(action, "ended_by") if "ended_by" in action else "")
    else:
        call.leg.speak(text, confidence)
    return None


def _silence(call: Call, _: Mapping[str, Any]) -> Extra:
    if call.leg.is_recording:
        end_record(call)
    else:
        call.leg.stay_silent()
    return None


def _dial(call: Call, action: Mapping[str, Any]) -> Extra:
    if action["dial"] not in OUTCOMES:
        raise InvalidInput(f"dial must be one of {', '.join(OUTCOMES)}.")
    return end_transfer(call, action)


def _hangup(call: Call, action: Mapping[str, Any]) -> Extra:
    if call.waits == "answer":
        call.end("no-answer")
    elif call.waits == "transfer":
        cancel_transfer(call)
    elif call.leg.is_recording:
        hang_up_record(call, str(action.get("words", "")).strip())
    call.leg.hang_up()
    return None


def _answer(call: Call, action: Mapping[str, Any]) -> Extra:
    if action["answer"] not in (True, "human", "machine"):
        raise InvalidInput("answer must be true, human or machine.")
    call.pick_up("machine" if action["answer"] == "machine" else "human")
    return None


def _pick_up(call: Call, action: Mapping[str, Any]) -> Extra:
    return pick_up(call, str(action["pick_up"]))


def _other_keys(call: Call, action: Mapping[str, Any]) -> Extra:
    return press_at_other_end(call, _pressed(action, "other_keys"))


def _other_silence(call: Call, _: Mapping[str, Any]) -> Extra:
    return press_at_other_end(call, "")


def _other_hangup(call: Call, _: Mapping[str, Any]) -> Extra:
    return hang_up_other_end(call)


_WAITING = {
    "keys": "This call waits for keys, speech or silence",
    "transfer": "This call is ringing another phone",
    "answer": "This phone is ringing",
}
_ACTIONS: dict[str, tuple[tuple[str, ...], Callable[[Call, Mapping[str, Any]], Extra]]] = {
    "keys": (("keys", "transfer"), _keys),
    "speech": (("keys",), _speech),
    "silence": (("keys",), _silence),
    "dial": (("transfer",), _dial),
    "hangup": (("keys", "transfer", "answer"), _hangup),
    "answer": (("answer",), _answer),
    "pick_up": (("transfer",), _pick_up),
    "other_keys": (("transfer",), _other_keys),
    "other_silence": (("transfer",), _other_silence),
    "other_hangup": (("transfer",), _other_hangup),
}


def act(call: Call, action: Mapping[str, Any]) -> dict[str, Any]:
    """Do one action and return the turn that it leads to. Raises `InvalidState` or `InvalidInput`."""
    with call.lock:
        kinds = [kind for kind in _ACTIONS if kind in action]
        if len(kinds) != 1:
            raise InvalidInput(f"Send exactly one of {', '.join(_ACTIONS)}.")
        waits = call.waits
        if waits == "over":
            raise InvalidState("This call is over.")
        states, handler = _ACTIONS[kinds[0]]
        if waits not in states:
            raise InvalidState(f"{_WAITING[waits]}, so {kinds[0]} is not possible now.")
        extra = handler(call, action)
        return call.turn(**(extra or {}))
