"""One call between a person's phone and the line.

A turn is what was said, and what the call waits for:
    {"call": "CA..", "said": [..], "language": [..], "waits": "keys", "dial": [], "error": null}
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from simulator.numbers import NO_CALLER, places
from simulator.resource import API_VERSION, call_resource, new_sid
from simulator.scheduler import Scheduler
from simulator.settings import Settings
from simulator.voice.conference import Conference, follow, leave
from simulator.voice.dialed import DialedCall, finish_dialed, ring_dialed
from simulator.voice.leg import XML_TYPES, Leg
from simulator.voice.progress import Progress, report
from simulator.webhook import Answer, NoAnswer, Webhook, send

if TYPE_CHECKING:
    from simulator.account import Account
    from simulator.voice.transfer import OtherEnd

CALL_STATUSES = {"busy": "busy", "rejected": "no-answer"}


class InvalidState(Exception):
    """An action that does not fit the state of the call; the message says what the call waits for."""


class InvalidInput(Exception):
    """An action that a phone does not have, or a malformed one."""


@dataclass(frozen=True)
class LoggedRequest:
    """A request of the call to the line, and the response. status: None without a response."""

    at: datetime
    method: str
    url: str
    params: dict[str, str]
    status: int | None
    media_type: str
    size: int
    seconds: float
    document: str

    def to_json(self) -> dict[str, Any]:
        return {
            "at": self.at.isoformat(),
            "method": self.method,
            "url": self.url,
            "params": self.params,
            "status": self.status,
            "type": self.media_type,
            "bytes": self.size,
            "seconds": round(self.seconds, 4),
            "document": self.document,
        }


@dataclass
class Call:
    """caller, called: as Twilio shows them. direction: inbound or outbound-api."""

    account: Account
    scheduler: Scheduler
    caller: str
    called: str
    created: datetime
    direction: str = "inbound"
    sid: str = field(default_factory=lambda: new_sid("CA"))
    token: str = field(default_factory=lambda: new_sid("%7B"))
    status: str = "ringing"
    started: datetime | None = None
    ended: datetime | None = None
    answered_by: str | None = None
    leg: Leg = field(init=False)
    turns: list[dict[str, Any]] = field(default_factory=list)
    requests: list[LoggedRequest] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)
    fallback: Webhook | None = None
    progress: Progress | None = None
    conference: Conference | None = None
    dialed: list[DialedCall] = field(default_factory=list)
    other_end: OtherEnd | None = None

    def __post_init__(self) -> None:
        account = self.account
        self.leg = Leg(
            self.fetch,
            self.caller,
            fallback=self.fallback,
            strict=account.settings.strict,
            log_error=account.log_error,
            log_warning=account.log_warning,
        )

    @property
    def settings(self) -> Settings:
        return self.account.settings

    def log_error(self, code: int, url: str, sentence: str) -> None:
        self.account.log_error(code, url, sentence)

    def fetch(self, method: str, url: str, params: Mapping[str, str]) -> Answer:
        """A signed request about this call, which is logged with its response."""
        answer = self.request(method, url, {**self.params(), **params})
        # Only the first request of an incoming call has the status `ringing`.
        self.status = "in-progress" if self.status == "ringing" else self.status
        return answer

    def request(self, method: str, url: str, params: dict[str, str]) -> Answer:
        """As `fetch`, with complete parameters: for another leg of the call."""
        started = self.settings.now()
        try:
            answer = send(self.account.origin, method, url, params, self.account.cookies.of(params))
        except NoAnswer:
            self.requests.append(LoggedRequest(started, method, url, params, None, "", 0, 0.0, ""))
            raise
        document = answer.body.decode("utf-8", "replace") if answer.media_type in XML_TYPES else ""
        self.requests.append(
            LoggedRequest(
                started,
                method,
                url,
                params,
                answer.status,
                answer.media_type,
                len(answer.body),
                answer.seconds,
                document,
            )
        )
        return answer

    def params(self) -> dict[str, str]:
        """https://www.twilio.com/docs/voice/twiml#request-parameters"""
        inbound = self.direction == "inbound"
        params = {
            "AccountSid": self.settings.account_sid,
            "ApiVersion": API_VERSION,
            "CallSid": self.sid,
            "CallStatus": self.status,
            "Called": self.called,
            "Caller": self.caller,
            "Direction": self.direction,
            "From": self.caller,
            "To": self.called,
            **places(self.caller, "From", "Caller"),
            **places(self.called, "To", "Called"),
        }
        if inbound:
            params["CallToken"] = self.token
        if inbound and self.caller not in NO_CALLER:
            params["StirVerstat"] = "TN-Validation-Passed-A"
        if self.answered_by:
            params["AnsweredBy"] = self.answered_by
        return params

    def start(self, url: str, method: str = "POST") -> dict[str, Any]:
        """Connect the call to the line. Returns the first turn."""
        with self.lock:
            self.started = self.settings.now()
            self.leg.start(url, method, {})
            return self.turn()

    def pick_up(self, answered_by: str) -> None:
        """A human or a machine answers, which only an outbound call allows."""
        raise InvalidState(f"The line did not make this call, so no {answered_by} can answer it.")

    @property
    def waits(self) -> str:
        """keys, transfer or over; or answer, for an outbound call that is not answered yet."""
        if self.status in ("queued", "ringing") and self.direction != "inbound":
            return "answer"
        return "over" if self.ended else self.leg.waits

    def turn(self, **extra: Any) -> dict[str, Any]:
        """What was said since the last turn. Ends the call if its leg has ended."""
        self.status = "in-progress" if self.started and not self.ended else self.status
        leg = self.leg
        said, leg.said = leg.said, []
        turn = {
            "call": self.sid,
            "said": [spoken.text for spoken in said],
            "language": [spoken.language for spoken in said],
            "waits": leg.waits,
            "dial": [destination.number for destination in leg.ringing] if leg.waits == "transfer" else [],
            "error": leg.error,
            **extra,
        }
        self.turns.append(turn)
        follow(self)
        ring_dialed(self)
        if leg.ended:
            if leg.error:
                self.log_error(leg.code or 11200, leg.requested, leg.error)
            self.end(CALL_STATUSES.get(leg.ended, "completed"))
        return turn

    def end(self, status: str) -> None:
        """End the call; does nothing if it has already ended."""
        with self.lock:
            if self.ended is None:
                self.status, self.ended = status, self.settings.now()
                self.leg.hang_up()
                leave(self)
                ring_dialed(self)
                report(self, "completed", self.status)

    @property
    def can_redirect(self) -> bool:
        """Whether the call has been answered and is not over, even while it waits for an answer of the line."""
        return self.status == "in-progress" and self.ended is None and self.leg.ended is None

    def redirect(self, url: str, method: str, twiml: str | None = None) -> None:
        """A REST request gives an answered call another document: at a URL, or the TwiML itself."""
        with self.lock:
            if not self.can_redirect:
                return
            finish_dialed(self, "canceled")
            if twiml is not None:
                self.leg.run(twiml.encode(), url)
            else:
                self.leg.redirect(url, method)
            self.turn()

    def leave_dial(self) -> None:
        """The conference of this call is over for it; its document continues."""
        with self.lock:
            if self.waits == "transfer":
                self.leg.end_dial({"DialCallStatus": "answered"})
                self.turn()

    @property
    def seconds(self) -> int:
        if self.started is None or self.ended is None:
            return 0
        return round((self.ended - self.started).total_seconds())

    def resource(self) -> dict[str, Any]:
        """https://www.twilio.com/docs/voice/api/call-resource"""
        return call_resource(self.settings.account_sid, self)
