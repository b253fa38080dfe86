"""Calls that the line makes: https://www.twilio.com/docs/voice/api/call-resource#create-a-call-resource.

The phone rings until it is answered ({"answer": true}, or "machine" for voicemail) or the timeout expires (60 s by
default). A few numbers answer or fail automatically: see `numbers.CALL_OUTCOMES`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from werkzeug.datastructures import MultiDict

from simulator.account import Account
from simulator.numbers import MAGIC_CALL_FROM, MAGIC_CALL_TO, MAGIC_SENDER, call_outcome, normalize
from simulator.rest.errors import RestError
from simulator.rest.fields import integer, method_of, url_of
from simulator.scheduler import Scheduler
from simulator.voice.actions import act
from simulator.voice.call import Call
from simulator.voice.progress import EVENTS, Progress, report
from simulator.voice.recording import KEY_SECONDS, Recording, add_recording, post_recording_status
from simulator.webhook import Webhook

MAX_TWIML_CHARACTERS = 4000
MAX_CALL_SECONDS = 86_400
RECORDING_EVENTS = ("in-progress", "completed", "absent")
INVALID_METHOD, INVALID_TIMEOUT = 21209, 21208
MAX_SILENT_TURNS = 20
CLIENT = re.compile(r"client:\S+")


@dataclass(frozen=True)
class CallRequest:
    """The parameters of a request to create a call."""

    url: str | None = None
    twiml: str | None = None
    method: str = "POST"
    fallback: Webhook | None = None
    progress: Progress | None = None
    detect_machine: bool = False
    ring_seconds: int = 60
    keys: str = ""
    record: bool = False
    recording_channels: int = 1
    recording_callback: Webhook | None = None
    recording_events: tuple[str, ...] = ()
    time_limit: int | None = None


@dataclass
class OutboundCall(Call):
    """A call from the line to a person's phone."""

    call_request: CallRequest = field(default_factory=CallRequest)
    recording: Recording | None = None

    def pick_up(self, answered_by: str) -> None:
        """A human or a machine answers, and the call's TwiML runs."""
        request = self.call_request
        self.ring()
        self.status = "in-progress"
        if request.detect_machine:
            self.answered_by = "machine_start" if answered_by == "machine" else "human"
        self.started = self.settings.now()
        report(self, "answered", "in-progress")
        if request.time_limit is not None:
            _schedule(self.scheduler, request.time_limit, lambda: self.end("completed"))
        if request.record:
            self.recording = add_recording(self, "OutboundAPI", 0)
            self.recording.status, self.recording.channels = "in-progress", request.recording_channels
            self._report_recording(self.recording)
        if request.keys:
            self.leg.send_keys(request.keys)
        if request.twiml is not None:
            self.leg.run(request.twiml.encode(), self.settings.voice_url())
        else:
            self.leg.start(request.url or "", request.method, {})

    def ring(self) -> bool:
        """The phone begins to ring; False if it has rung already."""
        with self.lock:
            if self.status != "queued":
                return False
            self.status = "ringing"
            report(self, "ringing", "ringing")
            return True

    def end(self, status: str) -> None:
        """As for any call; a requested recording is then ready."""
        with self.lock:
            super().end(status)
            recording, self.recording = self.recording, None
            if recording is not None:
                recording.status, recording.seconds = "completed", max(self.seconds, KEY_SECONDS)
                self._report_recording(recording)

    def _report_recording(self, recording: Recording) -> None:
        request = self.call_request
        if request.recording_callback and recording.status in request.recording_events:
            post_recording_status(self, request.recording_callback, recording)


def create_call(account: Account, scheduler: Scheduler, form: MultiDict[str, str]) -> Call:
    """The call that a REST request asks for. Raises `RestError`."""
    to, sender = _parse_numbers(account, form)
    call_request = _parse_request(form)
    call = OutboundCall(
        account=account,
        scheduler=scheduler,
        caller=sender,
        called=to,
        created=account.settings.now(),
        direction="outbound-api",
        status="queued",
        fallback=call_request.fallback,
        progress=call_request.progress,
        call_request=call_request,
    )
    with account.lock:
        account.calls[call.sid] = call
    report(call, "initiated", "initiated")
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
    if sender not in (*account.numbers, MAGIC_SENDER) and not CLIENT.fullmatch(sender):
        raise RestError(21210, sender)
    if to in MAGIC_CALL_TO:
        raise RestError(MAGIC_CALL_TO[to], to)
    if CLIENT.fullmatch(to) or re.fullmatch(r"sips?:\S+@\S+", to):
        return to, sender
    number = normalize(to)
    if number is None:
        raise RestError(21211, to)
    return number, sender


def _parse_request(form: MultiDict[str, str]) -> CallRequest:
    twiml = form.get("Twiml")
    if twiml is not None and len(twiml) > MAX_TWIML_CHARACTERS:
        raise RestError(32018)
    url = form.get("Url") if twiml is not None else url_of(form, "Url", 21205)
    if url is None and twiml is None:
        raise RestError(21205, "")
    fallback, callback = url_of(form, "FallbackUrl", 21205), url_of(form, "StatusCallback", 21609)
    recorded = url_of(form, "RecordingStatusCallback", 21609)
    keys = form.get("SendDigits", "")
    if not re.fullmatch(r"[0-9#*wWA-D,]*", keys):
        raise RestError(21206, keys)
    requested = _events(form, "StatusCallbackEvent", EVENTS, 21626)
    return CallRequest(
        url=url,
        twiml=twiml,
        method=method_of(form, "Method", INVALID_METHOD),
        fallback=Webhook(fallback, method_of(form, "FallbackMethod", INVALID_METHOD)) if fallback else None,
        progress=Progress(Webhook(callback, method_of(form, "StatusCallbackMethod")), requested) if callback else None,
        detect_machine="MachineDetection" in form,
        ring_seconds=integer(form, "Timeout", 60, 1, 600, INVALID_TIMEOUT),
        keys=keys,
        record=form.get("Record", "false").lower() == "true",
        recording_channels=2 if form.get("RecordingChannels") == "dual" else 1,
        recording_callback=Webhook(recorded, method_of(form, "RecordingStatusCallbackMethod")) if recorded else None,
        recording_events=_events(form, "RecordingStatusCallbackEvent", RECORDING_EVENTS, 20001),
        time_limit=integer(form, "TimeLimit", 0, 1, MAX_CALL_SECONDS) or None,
    )


def _events(form: MultiDict[str, str], name: str, known: tuple[str, ...], code: int) -> tuple[str, ...]:
    """The events that a callback asks for, in one field or in several. Raises RestError `code` for another one."""
    events = tuple(event for text in form.getlist(name) for event in text.split()) or ("completed",)
    for event in events:
        if event not in known:
            raise RestError(code, event)
    return events


def update_call(call: Call, form: Mapping[str, str]) -> None:
    """Change a call as a REST request asks. Raises `RestError`.

    The line may ask in the answer to a webhook of the same call, so this does not wait for the call.
    """
    status, twiml = form.get("Status", ""), form.get("Twiml")
    if status not in ("", "completed", "canceled"):
        raise RestError(21220, status)
    url = form.get("Url") if twiml is not None else url_of(form, "Url", 21205)
    callback = url_of(form, "StatusCallback", 21609)
    method = method_of(form, "Method", INVALID_METHOD)
    if (url or twiml is not None) and not call.can_redirect:
        raise RestError(21220, "Call is not in-progress. Cannot redirect.")
    if callback:
        call.progress = Progress(Webhook(callback, method_of(form, "StatusCallbackMethod")))
    if status:
        _end(call, status)
    elif url or twiml is not None:
        base = call.settings.voice_url()
        call.scheduler.submit(lambda: call.redirect(url or base, method, twiml))


def _end(call: Call, status: str) -> None:
    """completed ends any call, canceled one that has not been answered."""

    def end() -> None:
        with call.lock:
            if call.waits == "answer":
                call.end("canceled")
            elif status == "completed":
                call.end("completed")

    if call.lock.acquire(timeout=0.05):
        try:
            end()
        finally:
            call.lock.release()
    else:
        call.scheduler.submit(end)


def _ring(call: OutboundCall, scheduler: Scheduler) -> None:
    if not call.ring():
        return
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
