"""The calls that a `<Dial>` makes: they ring until one is answered or the transfer ends otherwise.

https://www.twilio.com/docs/voice/twiml/number#statuscallbackevent
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from simulator.numbers import places
from simulator.resource import API_VERSION, call_resource, new_sid
from simulator.voice.dial import Destination, conference_of
from simulator.voice.progress import Progress, report

if TYPE_CHECKING:
    from simulator.account import Account
    from simulator.scheduler import Scheduler
    from simulator.settings import Settings
    from simulator.voice.call import Call

TALK_SECONDS = 60


@dataclass
class DialedCall:
    """One phone that a `<Dial>` of `parent` rings. caller: the number that it shows."""

    parent: Call
    destination: Destination
    caller: str
    created: datetime
    progress: Progress | None
    direction: str = "outbound-dial"
    status: str = "ringing"
    answered_by: str | None = None
    started: datetime | None = None
    ended: datetime | None = None
    sid: str = field(default_factory=lambda: new_sid("CA"))

    @property
    def called(self) -> str:
        return self.destination.number

    @property
    def account(self) -> Account:
        return self.parent.account

    @property
    def scheduler(self) -> Scheduler:
        return self.parent.scheduler

    @property
    def settings(self) -> Settings:
        return self.parent.settings

    @property
    def seconds(self) -> int:
        return 0 if self.started is None or self.ended is None else round((self.ended - self.started).total_seconds())

    def params(self) -> dict[str, str]:
        """As those of any call, with its parent."""
        return {
            "AccountSid": self.settings.account_sid,
            "ApiVersion": API_VERSION,
            "CallSid": self.sid,
            "CallStatus": "in-progress",
            "Called": self.called,
            "Caller": self.caller,
            "Direction": self.direction,
            "From": self.caller,
            "ParentCallSid": self.parent.sid,
            "To": self.called,
            **places(self.caller, "From", "Caller"),
            **places(self.called, "To", "Called"),
        }

    def answer(self) -> None:
        """The phone is picked up."""
        self.status, self.started = "in-progress", self.settings.now()
        report(self, "answered", self.status)

    def finish(self, status: str, more: int = 0) -> None:
        """The phone stops ringing, or its call ends in `more` seconds."""
        self.status, self.ended = status, self.settings.now() + timedelta(seconds=more)
        report(self, "completed", status)

    def resource(self) -> dict[str, Any]:
        return call_resource(self.settings.account_sid, self, self.parent.sid)


def ring_dialed(call: Call) -> None:
    """Let the phones of a new `<Dial>` ring; those of one that the call has left stop."""
    waiting = None if call.ended or call.leg.ended else call.leg.waiting
    is_dial = waiting is not None and waiting.name == "Dial" and conference_of(waiting) is None
    if call.dialed and not is_dial:
        finish_dialed(call, "canceled")
    if waiting is None or not is_dial or call.dialed:
        return
    own = call.caller if call.direction == "inbound" else call.settings.sender
    caller = waiting.get("callerId", own)
    for destination in call.leg.ringing:
        progress = None
        if destination.callback is not None:
            progress = Progress(destination.callback, destination.events)
        dialed = DialedCall(call, destination, caller, call.settings.now(), progress)
        call.dialed.append(dialed)
        with call.account.lock:
            call.account.dialed[dialed.sid] = dialed
        report(dialed, "initiated", "initiated")
        report(dialed, "ringing", "ringing")


def finish_dialed(call: Call, status: str, more: int = 0) -> None:
    """End all phones of a transfer. status: of those that are ringing. more: seconds that others go on."""
    for dialed in call.dialed:
        if dialed.started is None:
            dialed.finish(status)
        else:
            dialed.finish("completed", more)
    call.dialed, call.other_end = [], None
