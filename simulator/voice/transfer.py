"""The other end of a transfer: phones ring, one is picked up and hears the whisper, then the two people talk.

https://www.twilio.com/docs/voice/twiml/dial#action and https://www.twilio.com/docs/voice/twiml/number#url. If the
whisper hangs up, DialCallStatus is still completed, and only DialBridged shows that the two sides never spoke.
(Twilio does not document this; a line should read both.)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urljoin

from simulator.resource import new_sid
from simulator.voice.call import Call, InvalidInput, InvalidState
from simulator.voice.dial import conference_of, time_limit_of
from simulator.voice.dialed import TALK_SECONDS, DialedCall, finish_dialed
from simulator.voice.leg import Leg
from simulator.voice.recording import add_recording, recording_url, report_recording
from simulator.webhook import Answer, NoAnswer

MAX_WHISPER_PROMPTS = 10


@dataclass
class OtherEnd:
    """The phone of a transfer that was picked up.

    leg: hears the keys that are sent to it, and runs its whisper; None without both. first_turn: the index of the
    call's turn in which it was picked up. talking_since: when the two sides were connected; None before.
    """

    phone: DialedCall
    leg: Leg | None
    first_turn: int
    talking_since: datetime | None = None

    @property
    def hears_whisper(self) -> bool:
        """Whether the whisper waits for a key."""
        return self.leg is not None and self.leg.waits == "keys"

    @property
    def accepted(self) -> bool:
        """The end of the whisper's document connects the two sides; a hangup does not."""
        return self.leg is None or self.leg.ended == "end"

    def whispered(self) -> dict[str, Any]:
        """What the whisper said since the last turn, and its error, for the next turn. Empty without a whisper."""
        if self.leg is None:
            return {}
        said, self.leg.said = self.leg.said, []
        extra: dict[str, Any] = {
            "whispered": [spoken.text for spoken in said],
            "whispered_language": [spoken.language for spoken in said],
        }
        return {**extra, "error": self.leg.error} if self.leg.error else extra


def end_transfer(call: Call, action: Mapping[str, Any]) -> dict[str, Any]:
    """End the transfer of a call in one step. Returns {"whispered": [..]} if there was a whisper.

    action: {"dial": outcome, "accept": true, "number": the number that answered, as dialed}.
    """
    if conference_of(call.leg.waiting) is not None:
        call.leg.end_dial({"DialCallStatus": "answered"})
        return {}
    if call.other_end is not None:
        raise InvalidState("This transfer was answered already: end it with other_hangup.")
    if action["dial"] != "completed":
        child = call.dialed[0].sid
        finish_dialed(call, action["dial"])
        if not call.leg.ring_next():
            call.leg.end_dial(_dial_params(action["dial"], child, 0))
        return {}
    phone = next((phone for phone in call.dialed if phone.called == action.get("number")), call.dialed[0])
    end = _answer(call, phone)
    for _ in range(MAX_WHISPER_PROMPTS):
        if end.leg is None or not end.hears_whisper:
            break
        if action.get("accept", True):
            end.leg.press_keys("1")
        else:
            end.leg.stay_silent()
    if end.leg is not None and end.hears_whisper:
        end.leg.hang_up()
    extra = end.whispered()
    seconds = min(TALK_SECONDS, time_limit_of(call.leg.waiting) or TALK_SECONDS) if end.accepted else 0
    _end_call(call, end, seconds, seconds)
    if call.leg.error:
        extra.pop("error", None)
    return extra


def pick_up(call: Call, number: str) -> dict[str, Any]:
    """A person answers one of the ringing phones; the others stop ringing. Returns what the turn gets."""
    if call.other_end is not None:
        raise InvalidState("Another phone of this transfer was picked up already.")
    phone = next((phone for phone in call.dialed if phone.called == number), None)
    if phone is None:
        raise InvalidInput("pick_up must be a number that this call is ringing.")
    return _go_on(call, _answer(call, phone))


def press_at_other_end(call: Call, keys: str) -> dict[str, Any]:
    """The person who answered presses keys, which their whisper takes. "": they stay silent."""
    end = _picked_up(call)
    if end.leg is None or not end.hears_whisper:
        raise InvalidState("The phone that was picked up waits for no key.")
    if keys:
        end.leg.press_keys(keys)
    else:
        end.leg.stay_silent()
    return _go_on(call, end)


def hang_up_other_end(call: Call) -> dict[str, Any]:
    """The person who answered hangs up: during the whisper that declines the call, after it that ends the talk."""
    end = _picked_up(call)
    if end.talking_since is not None:
        _end_call(call, end, call.settings.seconds_since(end.talking_since))
        return {"other_end": "ended"}
    if end.leg is not None:
        end.leg.hang_up()
    return _go_on(call, end)


def hangs_up_on_star(call: Call) -> bool:
    """Whether a * of the caller ends the transfer: it allows that, and they talk or are in a conference."""
    dial, end = call.leg.waiting, call.other_end
    connected = conference_of(dial) is not None or (end is not None and end.talking_since is not None)
    return connected and dial is not None and dial.get("hangupOnStar", "false") == "true"


def press_during_transfer(call: Call, keys: str) -> dict[str, Any]:
    """The caller presses keys, of which only a * can have an effect."""
    if "*" not in keys or not hangs_up_on_star(call):
        raise InvalidState("Keys do nothing while phones are ringing or people talk, except a * with hangupOnStar.")
    in_conference = conference_of(call.leg.waiting) is not None
    return end_transfer(call, {"dial": "completed"}) if in_conference else hang_up_other_end(call)


def _limit_talk(call: Call, end: OtherEnd) -> None:
    limit = time_limit_of(call.leg.waiting)
    if limit is None:
        return

    def hang_up() -> None:
        with call.lock:
            if call.other_end is end:
                _end_call(call, end, limit)
                call.turn(other_end="limit")

    call.scheduler.call_later(limit, lambda: call.scheduler.submit(hang_up))


def cancel_transfer(call: Call) -> None:
    """The caller hangs up during the transfer: the line gets the action, and its answer is ignored."""
    dial, end = call.leg.waiting, call.other_end
    talked = 0 if end is None or end.talking_since is None else call.settings.seconds_since(end.talking_since)
    bridged = end is not None and end.talking_since is not None
    child = call.dialed[0].sid if call.dialed else new_sid("CA")
    finish_dialed(call, "canceled")
    if dial is None or "action" not in dial.attributes:
        return
    call.status = "completed"
    url = urljoin(call.leg.url, dial.attributes["action"])
    params = _dial_params("completed" if bridged else "canceled", child, talked, bridged)
    if conference_of(dial) is not None:
        params = {"DialCallStatus": "answered"}
    try:
        call.fetch(dial.get("method", "POST").upper(), url, params)
    except NoAnswer as error:
        call.log_error(error.code, url, str(error))


def _picked_up(call: Call) -> OtherEnd:
    if call.other_end is None:
        raise InvalidState("No phone of this transfer was picked up.")
    return call.other_end


def _answer(call: Call, phone: DialedCall) -> OtherEnd:
    """The phone is picked up, and its whisper runs until it waits for a key or is over."""
    for other in call.dialed:
        if other is not phone:
            other.finish("no-answer")
    call.dialed = [phone]
    phone.answer()
    leg = _other_leg(phone) if phone.destination.whisper or phone.destination.keys else None
    end = call.other_end = OtherEnd(phone, leg, len(call.turns))
    return end


def _go_on(call: Call, end: OtherEnd) -> dict[str, Any]:
    """After the whisper has said something: wait for a key, connect the two sides, or end the transfer."""
    extra = {"whispered": [], "whispered_language": [], **end.whispered(), "dial": []}
    if end.hears_whisper:
        return {**extra, "other_end": "whisper"}
    if end.accepted:
        end.talking_since = call.settings.now()
        _limit_talk(call, end)
        return {**extra, "other_end": "talk"}
    _end_call(call, end, 0)
    # The next transfer rings in this turn, if there is one.
    del extra["dial"]
    if call.leg.error:
        extra.pop("error", None)
    return {**extra, "other_end": "declined"}


def _end_call(call: Call, end: OtherEnd, talked: int, more: int = 0) -> None:
    """The call of the other end ends in `more` seconds, and the line gets the action.

    talked: for how many seconds the two sides were connected.
    """
    leg = end.leg
    if leg is not None and leg.error and end.phone.destination.whisper:
        call.log_error(leg.code or 11200, end.phone.destination.whisper, leg.error)
    bridged = end.accepted
    finish_dialed(call, "no-answer", more)
    params = _dial_params("completed", end.phone.sid, talked, bridged)
    call.leg.end_dial({**params, **_record(call, bridged, talked)})


def _record(call: Call, bridged: bool, seconds: int) -> dict[str, str]:
    """The recording of a `<Dial record="...">` that was answered, for its action."""
    dial = call.leg.waiting
    if not bridged or dial is None or dial.get("record", "do-not-record") in ("do-not-record", "false"):
        return {}
    recording = add_recording(call, "DialVerb", seconds)
    report_recording(call, dial, recording, call.leg.url)
    return {"RecordingSid": recording.sid, "RecordingUrl": recording_url(call, recording)}


def _dial_params(outcome: str, child: str, seconds: int, bridged: bool = False) -> dict[str, str]:
    return {
        "DialBridged": "true" if bridged else "false",
        "DialCallDuration": str(seconds),
        "DialCallSid": child,
        "DialCallStatus": outcome,
    }


def _other_leg(phone: DialedCall) -> Leg:
    """The leg of a phone that was picked up: it hears the keys that are sent to it, then its whisper."""
    call, destination = phone.parent, phone.destination

    def fetch(method: str, url: str, params: Mapping[str, str]) -> Answer:
        return call.request(method, url, {**phone.params(), **params})

    account = call.account
    leg = Leg(
        fetch,
        call.caller,
        may_dial=False,
        strict=call.settings.strict,
        log_error=account.log_error,
        log_warning=account.log_warning,
    )
    if destination.keys:
        leg.send_keys(destination.keys)
    if destination.whisper is None:
        leg.ended = "end"
    else:
        leg.start(destination.whisper, destination.method, {})
    return leg
