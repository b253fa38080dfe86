"""A call as JSON for the page: what was said and done, what it waits for, and the other end of its transfer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from simulator.phone_page.handsets import CallerAction
from simulator.phone_page.speech import has_voice, speakable, voice_for
from simulator.twiml.document import Element
from simulator.voice.call import Call
from simulator.voice.dial import CONFERENCE, conference_of
from simulator.voice.leg import times_of
from simulator.voice.recording import ANY_KEY
from simulator.voice.transfer import hangs_up_on_star

# A phone shows that the line is thinking, rather than wait for it.
LOCK_SECONDS = 0.02
DEFAULT_TIMEOUT = 5
# What the person at the other end did, as actions of their own phone.
_OTHER_ACTIONS = {"other_keys": "keys", "other_silence": "silence"}


def call_json(call: Call, actions: Sequence[CallerAction], contacts: Mapping[str, str]) -> dict[str, Any]:
    """contacts: the names of numbers."""
    now = _waiting(call, actions)
    phones = {number: contacts.get(number, "") for number in now.ringing}
    return {
        "sid": call.sid,
        "incoming": call.direction != "inbound",
        "hidden": call.caller == "anonymous",
        "waits": now.waits,
        "status": call.status,
        "turns": [_turn(call, index, contacts) for index in range(len(call.turns))],
        "actions": [vars(action) for action in actions],
        "input": now.input,
        "ringing": [{"number": number, "name": name} for number, name in phones.items()],
        "other": now.other and {**now.other, "name": contacts.get(now.other["number"], "")},
        "conference": now.conference,
        "star": now.star,
    }


def sentence(call: Call | None, turn: int, index: int) -> tuple[str, str | None]:
    """A sentence of a turn, with its language; those of a whisper come after the others. "" if there is none."""
    try:
        said = _sentences(call.turns[turn]) if call else []
        return said[index]
    except IndexError:
        return "", None


@dataclass(frozen=True)
class _Waiting:
    """What a call waits for. input: that it takes. ringing: phones. other: the one that was picked up.

    conference: its name. star: whether a * ends the transfer.
    """

    waits: str
    input: dict[str, Any] | None = None
    ringing: tuple[str, ...] = ()
    other: dict[str, Any] | None = None
    conference: str = ""
    star: bool = False


def _waiting(call: Call, actions: Sequence[CallerAction]) -> _Waiting:
    if not call.lock.acquire(timeout=LOCK_SECONDS):
        return _Waiting("line")
    try:
        waits, waiting = call.waits, call.leg.waiting
        if waits == "keys" and waiting is not None:
            return _Waiting(waits, _input(waiting))
        if waits != "transfer":
            return _Waiting(waits)
        star = hangs_up_on_star(call)
        if (conference := conference_of(waiting)) is not None:
            return _Waiting(waits, conference=conference.text, star=star)
        other = _other_end(call, actions)
        ringing = () if other else tuple(each.number for each in call.leg.ringing)
        return _Waiting(waits, ringing=ringing, other=other, star=star)
    finally:
        call.lock.release()


def _other_end(call: Call, actions: Sequence[CallerAction]) -> dict[str, Any] | None:
    """The phone that was picked up, as a call of its own: what its whisper said, and what it waits for."""
    end = call.other_end
    if end is None:
        return None
    first = end.first_turn
    waits = "talk" if end.talking_since is not None else "keys" if end.hears_whisper else "over"
    return {
        "sid": end.phone.sid,
        "number": end.phone.called,
        "waits": waits,
        "turns": [
            {"said": _said(call, index, whispered=True), "dial": [], "error": call.turns[index]["error"]}
            for index in range(first, len(call.turns))
        ],
        "actions": [
            {"turn": action.turn - first, "kind": _OTHER_ACTIONS[action.kind], "value": action.value}
            for action in actions
            if action.turn > first and action.kind in _OTHER_ACTIONS
        ],
        "input": _input(end.leg.waiting) if end.leg is not None and end.leg.waiting is not None else None,
    }


def _input(waiting: Element) -> dict[str, Any]:
    """What a `<Gather>` or a `<Record>` takes."""
    timeout = waiting.get("timeout", "auto")
    taken = {
        "record": waiting.name == "Record",
        "keys": True,
        "speech": True,
        "digits": 0,
        "finish": waiting.get("finishOnKey", ANY_KEY),
        "seconds": int(timeout) if timeout.isdigit() else DEFAULT_TIMEOUT,
        "language": waiting.get("language", "en-US"),
        # Keys pressed during these are heard; those before them are lost, as at Twilio.
        "prompts": 0,
        "barge_in": True,
        "beep": waiting.get("playBeep", "true") == "true",
    }
    if waiting.name == "Record":
        return taken
    kinds = waiting.get("input", "dtmf").split()
    prompts = (verb for verb in waiting.children if verb.name in ("Say", "Play"))
    return {
        **taken,
        "keys": "dtmf" in kinds,
        "speech": "speech" in kinds,
        "digits": int(waiting.get("numDigits", "0")),
        "finish": waiting.get("finishOnKey", "#"),
        "prompts": sum(times_of(verb) for verb in prompts if verb.text or "digits" in verb.attributes),
        "barge_in": waiting.get("bargeIn", "true") == "true",
        "beep": False,
    }


def _turn(call: Call, index: int, contacts: Mapping[str, str]) -> dict[str, Any]:
    turn = call.turns[index]
    conferences = [name.removeprefix(CONFERENCE) for name in turn["dial"] if name.startswith(CONFERENCE)]
    phones = [] if conferences else turn["dial"]
    return {
        "said": _said(call, index),
        "dial": [{"number": number, "name": contacts.get(number, "")} for number in phones],
        "conference": "".join(conferences),
        "error": turn["error"],
        "other_end": turn.get("other_end", ""),
    }


def _said(call: Call, index: int, *, whispered: bool = False) -> list[dict[str, Any]]:
    """What a turn said to the caller, or whispered to the person who answered.

    sound: its address, if the local voice speaks the language. spoken: else the words for the browser's own voice.
    """
    turn = call.turns[index]
    count = len(turn["said"])
    entries = []
    for place, (text, language) in enumerate(_sentences(turn)):
        if (place >= count) != whispered:
            continue
        is_recording = text.startswith("[audio ")
        has_sound = is_recording or (has_voice() and voice_for(language) is not None)
        sound = f"/phone/sound/{call.sid}/{index}/{place}" if has_sound else None
        entries.append(
            {"text": text, "language": language, "sound": sound, "spoken": None if sound else speakable(text)}
        )
    return entries


def _sentences(turn: Mapping[str, Any]) -> list[tuple[str, str | None]]:
    said = zip(turn["said"], turn["language"], strict=True)
    whispered = zip(turn.get("whispered", ()), turn.get("whispered_language", ()), strict=True)
    return [*said, *whispered]
