"""How a transfer ends: the whisper to the person who answers, and the parameters of the <Dial> action.

https://www.twilio.com/docs/voice/twiml/dial#action and https://www.twilio.com/docs/voice/twiml/number#url. If the
whisper hangs up, DialCallStatus is still completed, and only DialBridged shows that the two sides never spoke.
(Twilio does not document this; a line should read both.)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urljoin

from simulator.resource import new_sid
from simulator.voice.call import Call
from simulator.voice.dial import conference_of
from simulator.voice.dialed import TALK_SECONDS, DialedCall, finish_dialed
from simulator.voice.leg import Leg
from simulator.voice.recording import add_recording, recording_url, report_recording
from simulator.webhook import Answer, NoAnswer

MAX_WHISPER_PROMPTS = 10


def end_transfer(call: Call, action: Mapping[str, Any]) -> dict[str, Any]:
    """End the transfer of a call. Returns {"whispered": [..]} if there was a whisper.

    action: {"dial": outcome, "accept": true, "number": the number that answered, as dialed}.
    """
    if conference_of(call.leg.waiting) is not None:
        call.leg.end_dial({"DialCallStatus": "answered"})
        return {}
    outcome = action["dial"]
    bridged = outcome == "completed"
    extra: dict[str, Any] = {}
    dialed = next((phone for phone in call.dialed if phone.called == action.get("number")), call.dialed[0])
    if bridged and dialed.destination.whisper is not None:
        leg = _whisper(dialed, dialed.destination.whisper, bool(action.get("accept", True)))
        bridged = leg.ended == "end"
        extra["whispered"] = [spoken.text for spoken in leg.said]
        if leg.error:
            call.log_error(leg.code or 11200, dialed.destination.whisper, leg.error)
            extra["error"] = leg.error
    finish_dialed(call, outcome, dialed if outcome == "completed" else None, bridged)
    params = _dial_params(outcome, dialed.sid, bridged)
    call.leg.end_dial({**params, **_record(call, bridged)})
    if call.leg.error:
        extra.pop("error", None)
    return extra


def cancel_transfer(call: Call) -> None:
    """The caller hangs up while the other phone rings: the line gets the action, and its answer is ignored."""
    dial = call.leg.waiting
    child = call.dialed[0].sid if call.dialed else new_sid("CA")
    finish_dialed(call, "canceled")
    if dial is None or "action" not in dial.attributes:
        return
    call.status = "completed"
    url = urljoin(call.leg.url, dial.attributes["action"])
    canceled = _dial_params("canceled", child, False)
    params = {"DialCallStatus": "answered"} if conference_of(dial) is not None else canceled
    try:
        call.fetch(dial.get("method", "POST").upper(), url, params)
    except NoAnswer as error:
        call.log_error(error.code, url, str(error))


def _record(call: Call, bridged: bool) -> dict[str, str]:
    """The recording of a `<Dial record="...">` that was answered, for its action."""
    dial = call.leg.waiting
    if not bridged or dial is None or dial.get("record", "do-not-record") in ("do-not-record", "false"):
        return {}
    recording = add_recording(call, "DialVerb", TALK_SECONDS)
    report_recording(call, dial, recording, call.leg.url)
    return {"RecordingSid": recording.sid, "RecordingUrl": recording_url(call, recording)}


def _dial_params(outcome: str, child: str, bridged: bool) -> dict[str, str]:
    return {
        "DialBridged": "true" if bridged else "false",
        "DialCallDuration": str(TALK_SECONDS if bridged else 0),
        "DialCallSid": child,
        "DialCallStatus": outcome,
    }


def _whisper(dialed: DialedCall, url: str, accepts: bool) -> Leg:
    """The leg of the person who answers: the end of its document bridges the call, a hangup does not."""
    call = dialed.parent

    def fetch(method: str, url: str, params: Mapping[str, str]) -> Answer:
        return call.request(method, url, {**dialed.params(), **params})

    account = call.account
    leg = Leg(
        fetch,
        call.caller,
        may_dial=False,
        strict=call.settings.strict,
        log_error=account.log_error,
        log_warning=account.log_warning,
    )
    leg.start(url, dialed.destination.method, {})
    for _ in range(MAX_WHISPER_PROMPTS):
        if leg.waits != "keys":
            break
        if accepts:
            leg.press_keys("1")
        else:
            leg.stay_silent()
    if leg.waits == "keys":
        leg.hang_up()
    return leg
