"""A call that the line makes: https://www.twilio.com/docs/voice/api/call-resource#create-a-call-resource.

The person's phone rings until somebody answers it ({"answer": true}, or "machine" for voicemail) or its
time is up (Timeout, 60 s). A few numbers answer, or fail to, by themselves: see `numbers.CALL_FATES`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from simulator.account import Account
from simulator.call import Call
from simulator.errors import Refused
from simulator.fields import whole
from simulator.hearing import hear
from simulator.loopback import is_loopback
from simulator.numbers import MAGIC_CALL_FROM, MAGIC_CALL_TO, MAGIC_SENDER, call_fate, normalised
from simulator.receipts import Postman
from simulator.webhook import NoAnswer, send

EVENTS = ("initiated", "ringing", "answered", "completed")
MOST_TWIML_CHARACTERS = 4000
MOST_SILENT_TURNS = 20


@dataclass(frozen=True)
class Order:
    """What the line asked for."""

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

    order: Order = field(default_factory=Order)
    postman: Postman | None = None
    told: int = 0

    def pick_up(self, who: str) -> None:
        """human or machine answers; the document is asked for and runs."""
        self.status = "in-progress"
        if self.order.detect_machine:
            self.answered_by = "machine_start" if who == "machine" else "human"
        self.started = self.settings.now()
        self.tell("answered", "in-progress")
        if self.order.twiml is not None:
            self.walk.begin_with(self.order.twiml.encode(), self.settings.voice_url())
        else:
            self.walk.begin(self.order.url or "", self.order.method, {})

    def tell(self, event: str, status: str) -> None:
        """A status callback, when the line asked for this event."""
        if self.order.callback is None or self.postman is None or event not in self.order.events:
            return
        params = {
            **self.params(),
            "CallStatus": status,
            "CallbackSource": "call-progress-events",
            "SequenceNumber": str(self.told),
            "Timestamp": self.settings.now().strftime("%a, %d %b %Y %H:%M:%S +0000"),
        }
        if event == "completed":
            params |= {"CallDuration": str(self.seconds), "Duration": str(-(-self.seconds // 60))}
        self.told += 1
        self.postman.soon(lambda: self._post(params))

    def _post(self, params: dict[str, str]) -> None:
        url, method = self.order.callback or "", self.order.callback_method
        try:
            answer = send(self.settings.auth_token, method, url, params)
        except NoAnswer as trouble:
            self.trouble(trouble.code, url, str(trouble))
            return
        if answer.status >= 400:
            self.trouble(11200, url, f"The line answered {answer.status} to a call's status.")


def place(account: Account, postman: Postman, form: Mapping[str, str], events: list[str]) -> Call:
    """Make the call that a REST request asks for. Raises `Refused`."""
    to, sender = _ends(account, form)
    order = _order(form, events)
    call = OutboundCall(
        settings=account.settings,
        trouble=account.trouble,
        caller=sender,
        called=to,
        created=account.settings.now(),
        direction="outbound-api",
        status="queued",
        order=order,
        postman=postman,
    )
    call.on_end = lambda: call.tell("completed", call.status)
    with account.lock:
        account.calls[call.sid] = call
    call.tell("initiated", "initiated")
    _later(postman, account.settings.receipt_seconds, lambda: _ring(call, postman))
    return call


def _ends(account: Account, form: Mapping[str, str]) -> tuple[str, str]:
    to, sender = form.get("To", ""), form.get("From", "")
    if not to:
        raise Refused(21201)
    if not sender:
        raise Refused(21213)
    if sender in MAGIC_CALL_FROM:
        raise Refused(MAGIC_CALL_FROM[sender], sender)
    if sender not in (account.settings.sender, MAGIC_SENDER):
        raise Refused(21210, sender)
    if to in MAGIC_CALL_TO:
        raise Refused(MAGIC_CALL_TO[to], to)
    number = normalised(to)
    if number is None:
        raise Refused(21217, to)
    return number, sender


def _order(form: Mapping[str, str], events: list[str]) -> Order:
    url, twiml, callback = form.get("Url"), form.get("Twiml"), form.get("StatusCallback")
    if url is None and twiml is None:
        raise Refused(21205, "")
    if twiml is None and not is_loopback(url or ""):
        raise Refused(21205, f"{url} (the simulator speaks to loopback addresses only)")
    if twiml is not None and len(twiml) > MOST_TWIML_CHARACTERS:
        raise Refused(20001, f"Twiml is over {MOST_TWIML_CHARACTERS} characters")
    if callback is not None and not is_loopback(callback):
        raise Refused(21626, f"{callback} (the simulator speaks to loopback addresses only)")
    wanted = tuple(event for text in events for event in text.split()) or ("completed",)
    for event in wanted:
        if event not in EVENTS:
            raise Refused(20001, f"StatusCallbackEvent {event} is not one of {', '.join(EVENTS)}")
    return Order(
        url=url,
        twiml=twiml,
        method=_method(form, "Method"),
        callback=callback,
        callback_method=_method(form, "StatusCallbackMethod"),
        events=wanted,
        detect_machine="MachineDetection" in form,
        ring_seconds=whole(form, "Timeout", 60, 1, 600),
    )


def _method(form: Mapping[str, str], name: str) -> str:
    method = form.get(name, "POST").upper()
    if method not in ("GET", "POST"):
        raise Refused(20001, f"{name} must be GET or POST")
    return method


def _ring(call: OutboundCall, postman: Postman) -> None:
    with call.lock:
        if call.ended:
            return
        call.status = "ringing"
        call.tell("ringing", "ringing")
    fate = call_fate(call.called)
    wait = call.settings.receipt_seconds
    if fate in ("human", "machine"):
        _later(postman, wait, lambda: _answer_by_itself(call, fate))
    elif fate is not None:
        _later(postman, wait, lambda: call.end(fate))
    else:
        _later(postman, call.order.ring_seconds, lambda: _give_up(call))


def _later(postman: Postman, seconds: float, action: Callable[[], None]) -> None:
    # What happens to a call may wait for its lock, and whoever keeps the time must not.
    postman.later(seconds, lambda: postman.soon(action))


def _give_up(call: OutboundCall) -> None:
    with call.lock:
        if call.waits == "answer":
            call.end("no-answer")


def _answer_by_itself(call: OutboundCall, who: str) -> None:
    """Somebody answers and says nothing more until the call is over."""
    happened: dict[str, Any] = {"answer": who}
    for _ in range(MOST_SILENT_TURNS):
        with call.lock:
            if call.waits == "over":
                return
            happened = {"dial": "no-answer"} if call.waits == "transfer" else happened
            hear(call, happened)
            happened = {"silence": True}
    call.end("completed")
