"""How a transfer ends: the far end's phone, the whisper to whoever answers it, and what the line is told.

https://www.twilio.com/docs/voice/twiml/dial#action and .../number#url. When the whisper hangs up, the far
end had answered: DialCallStatus is still completed, and only DialBridged tells that the two never spoke.
(Twilio's pages do not promise it; a line should read both.)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urljoin

from simulator.call import Call
from simulator.numbers import places
from simulator.resource import API_VERSION, new_sid
from simulator.twiml import Far, Walk
from simulator.webhook import Answer, NoAnswer

TALK_SECONDS = 60
MOST_WHISPER_QUESTIONS = 10


def outcome_of_transfer(call: Call, happened: Mapping[str, Any]) -> dict[str, Any]:
    """Tell the call how its transfer ended; {"whispered": [..]} when somebody was whispered to.

    `happened`: {"dial": outcome, "accept": true, "number": which one answered, as dialled}.
    """
    outcome, child = happened["dial"], new_sid("CA")
    bridged = outcome == "completed"
    extra: dict[str, Any] = {}
    far = next((far for far in call.walk.far if far.number == happened.get("number")), call.walk.far[0])
    if bridged and far.whisper is not None:
        leg = _whisper(call, far, child, bool(happened.get("accept", True)))
        bridged = leg.ended == "end"
        extra["whispered"] = [spoken.text for spoken in leg.said]
        if leg.error:
            call.trouble(leg.code or 11200, far.whisper, leg.error)
            extra["error"] = leg.error
    call.walk.dialled(_told(outcome, child, bridged))
    if call.walk.error:
        extra.pop("error", None)
    return extra


def caller_hung_up(call: Call) -> None:
    """The caller leaves while somebody's phone rings: the line is told, and what it answers is not heard."""
    dial = call.walk.waiting
    if dial is None or "action" not in dial.attributes:
        return
    call.status = "completed"
    url = urljoin(call.walk.url, dial.attributes["action"])
    try:
        call.ask(dial.get("method", "POST"), url, _told("canceled", new_sid("CA"), False))
    except NoAnswer as trouble:
        call.trouble(trouble.code, url, str(trouble))


def _told(outcome: str, child: str, bridged: bool) -> dict[str, str]:
    return {
        "DialBridged": "true" if bridged else "false",
        "DialCallDuration": str(TALK_SECONDS if bridged else 0),
        "DialCallSid": child,
        "DialCallStatus": outcome,
    }


def _whisper(call: Call, far: Far, child: str, accepts: bool) -> Walk:
    """The far end's own leg: it ends with its document (then the two are joined) or by hanging up."""

    def ask(method: str, url: str, params: Mapping[str, str]) -> Answer:
        return call.request(method, url, {**_params(call, far, child), **params})

    leg = Walk(ask, call.caller, may_dial=False)
    leg.begin(far.whisper or "", far.method, {})
    for _ in range(MOST_WHISPER_QUESTIONS):
        if leg.waits != "keys":
            break
        if accepts:
            leg.hear_keys("1")
        else:
            leg.hear_nothing()
    if leg.waits == "keys":
        leg.hang_up()
    return leg


def _params(call: Call, far: Far, child: str) -> dict[str, str]:
    caller_id = call.caller if call.direction == "inbound" else call.settings.sender
    return {
        "AccountSid": call.settings.account_sid,
        "ApiVersion": API_VERSION,
        "CallSid": child,
        "CallStatus": "in-progress",
        "Called": far.number,
        "Caller": caller_id,
        "Direction": "outbound-dial",
        "From": caller_id,
        "ParentCallSid": call.sid,
        "To": far.number,
        **places(caller_id, "From", "Caller"),
        **places(far.number, "To", "Called"),
    }
