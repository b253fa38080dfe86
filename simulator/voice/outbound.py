"""Calls that the line makes: https://www.twilio.com/docs/voice/api/call-resource#create-a-call-resource.

The phone rings until it is answered ({"answer": true}, or "machine" for voicemail) or the timeout expires (60 s by
default). A few numbers answer or fail automatically: see `numbers.CALL_OUTCOMES`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from simulator.account import Account
from simulator.loopback import may_request
from simulator.numbers import MAGIC_CALL_FROM, MAGIC_CALL_TO, MAGIC_SENDER, call_outcome, normalize
from simulator.rest.errors import RestError
from simulator.rest.fields import integer
from simulator.scheduler import Scheduler
from simulator.voice.actions import act
from simulator.voice.call import Call
from simulator.webhook import NoAnswer, send

EVENTS = ("initiated", "ringing", "answered", "completed")
MAX_TWIML_CHARACTERS = 4000
MAX_SILENT_TURNS = 20


@dataclass(frozen=True)
class CallRequest:
    """The parameters of a request to create a call."""

    url: str | None = None
    twiml: str | None = None
    method: str = "POST"
    callback: str | None = None
    callback_method: str = "POST"
    events: tuple[str, ...] = ("completed",)
    detect_machine: bool = False
    ring_seconds: int = 60


@dataclass
class OutboundCall(Call):
    """A call from the line to a person's phone."""

    call_request: CallRequest = field(default_factory=CallRequest)
    scheduler: Scheduler | None = None
    events_sent: int = 0

    def pick_up(self, answered_by: str) -> None:
        """A human or a machine answers, and the call's TwiML runs."""
        self.status = "in-progress"
        if self.call_request.detect_machine:
            self.answered_by = "machine_start" if answered_by == "machine" else "human"
        self.started = self.settings.now()
        self.report("answered", "in-progress")
        if self.call_request.twiml is not None:
            self.leg.run(self.call_request.twiml.encode(), self.settings.voice_url())
        else:
            self.leg.start(self.call_request.url or "", self.call_request.method, {})

    def report(self, event: str, status: str) -> None:
        """Send a status callback, if the line asked for this event."""
        if self.call_request.callback is None or self.scheduler is None or event not in self.call_request.events:
            return
        params = {
            **self.params(),
            "CallStatus": status,
            "CallbackSource": "call-progress-events",
            "SequenceNumber": str(self.events_sent),
            "Timestamp": self.settings.now().strftime("%a, %d %b %Y %H:%M:%S +0000"),
        }
        if event == "completed":
            params |= {"CallDuration": str(self.seconds), "Duration": str(-(-self.seconds // 60))}
        self.events_sent += 1
        self.scheduler.submit(lambda: self._post(params))

    def _post(self, params: dict[str, str]) -> None:
        url, method = self.call_request.callback or "", self.call_request.callback_method
        try:
            answer = send(self.settings.auth_token, method, url, params)
        except NoAnswer as error:
            self.log_error(error.code, url, str(error))
            return
        if answer.status >= 400:
            self.log_error(11200, url, f"The line answered {answer.status} to the status callback of a call.")


def create_call(account: Account, scheduler: Scheduler, form: Mapping[str, str], events: list[str]) -> Call:
    """The call that a REST request asks for. Raises `RestError`."""
    to, sender = _parse_numbers(account, form)
    call_request = _parse_request(form, events)
    call = OutboundCall(
        settings=account.settings,
        log_error=account.log_error,
        caller=sender,
        called=to,
        created=account.settings.now(),
        direction="outbound-api",
        status="queued",
        call_request=call_request,
        scheduler=scheduler,
    )
    call.on_end = lambda: call.report("completed", call.status)
    with account.lock:
        account.calls[call.sid] = call
    call.report("initiated", "initiated")
    _schedule(scheduler, account.settings.receipt_seconds, lambda: _ring(call, scheduler))
    return call


def _parse_numbers(account: Account, form: Mapping[str, str]) -> tuple[str, str]:
    to, sender = form.get("To", ""), form.get("From", "")
    if not to:
        raise RestError(21201)
    if not sender:
        raise RestError(21213)
    if sender in MAGIC_CALL_FROM:
        raise RestError(MAGIC_CALL_FROM[sender], sender)
    if sender not in (account.settings.sender, MAGIC_SENDER):
        raise RestError(21210, sender)
    if to in MAGIC_CALL_TO:
        raise RestError(MAGIC_CALL_TO[to], to)
    number = normalize(to)
    if number is None:
        raise RestError(21217, to)
    return number, sender


def _parse_request(form: Mapping[str, str], events: list[str]) -> CallRequest:
    url, twiml, callback = form.get("Url"), form.get("Twiml"), form.get("StatusCallback")
    if url is None and twiml is None:
        raise RestError(21205, "")
    if twiml is None and not may_request(url or ""):
        raise RestError(21205, f"{url} (the simulator connects to loopback addresses only)")
    if twiml is not None and len(twiml) > MAX_TWIML_CHARACTERS:
        raise RestError(20001, f"Twiml is over {MAX_TWIML_CHARACTERS} characters")
    if callback is not None and not may_request(callback):
        raise RestError(21626, f"{callback} (the simulator connects to loopback addresses only)")
    requested = tuple(event for text in events for event in text.split()) or ("completed",)
    for event in requested:
        if event not in EVENTS:
            raise RestError(20001, f"StatusCallbackEvent {event} is not one of {', '.join(EVENTS)}")
    return CallRequest(
        url=url,
        twiml=twiml,
        method=_method(form, "Method"),
        callback=callback,
        callback_method=_method(form, "StatusCallbackMethod"),
        events=requested,
        detect_machine="MachineDetection" in form,
        ring_seconds=integer(form, "Timeout", 60, 1, 600),
    )


def _method(form: Mapping[str, str], name: str) -> str:
    method = form.get(name, "POST").upper()
    if method not in ("GET", "POST"):
        raise RestError(20001, f"{name} must be GET or POST")
    return method


def _ring(call: OutboundCall, scheduler: Scheduler) -> None:
    with call.lock:
        if call.ended:
            return
        call.status = "ringing"
        call.report("ringing", "ringing")
    outcome = call_outcome(call.called)
    wait = call.settings.receipt_seconds
    if outcome in ("human", "machine"):
        _schedule(scheduler, wait, lambda: _answer_automatically(call, outcome))
    elif outcome is not None:
        _schedule(scheduler, wait, lambda: call.end(outcome))
    else:
        _schedule(scheduler, call.call_request.ring_seconds, lambda: _give_up(call))


def _schedule(scheduler: Scheduler, seconds: float, action: Callable[[], None]) -> None:
    # An action can wait for the lock of the call, and the timer thread must not block.
    scheduler.call_later(seconds, lambda: scheduler.submit(action))


def _give_up(call: OutboundCall) -> None:
    with call.lock:
        if call.waits == "answer":
            call.end("no-answer")


def _answer_automatically(call: OutboundCall, answered_by: str) -> None:
    """The phone is answered, and stays silent until the call is over."""
    action: dict[str, Any] = {"answer": answered_by}
    for _ in range(MAX_SILENT_TURNS):
        with call.lock:
            if call.waits == "over":
                return
            act(call, {"dial": "no-answer"} if call.waits == "transfer" else action)
            action = {"silence": True}
    call.end("completed")
