"""One call: who is on it, what the line is told of it, and each thing that the person on the phone does.

A turn is what was said, and what the call waits for now:
    {"call": "CA..", "said": [..], "language": [..], "waits": "keys", "dial": [], "error": null}
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from simulator.numbers import NO_CALLER, places
from simulator.resource import API_VERSION, new_sid, rfc2822
from simulator.settings import Settings
from simulator.twiml import XML_TYPES, Walk
from simulator.webhook import Answer, NoAnswer, send

HOW_IT_ENDS = {"busy": "busy", "rejected": "no-answer"}


class Unfit(Exception):
    """Something that the phone cannot do now; the text says what the call waits for."""


class Unreadable(Exception):
    """Something that is not one of the things a phone does."""


@dataclass(frozen=True)
class Asked:
    """One request that the call made of the line, and what came back. `status` is None when nothing did."""

    at: datetime
    method: str
    url: str
    params: dict[str, str]
    status: int | None
    media_type: str
    size: int
    seconds: float
    document: str

    def shown(self) -> dict[str, Any]:
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
    """One call. `caller` and `called` as Twilio shows them; `direction` is inbound or outbound-api."""

    settings: Settings
    trouble: Callable[[int, str, str], None]
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
    walk: Walk = field(init=False)
    turns: list[dict[str, Any]] = field(default_factory=list)
    requests: list[Asked] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)
    on_end: Callable[[], None] | None = None

    def __post_init__(self) -> None:
        self.walk = Walk(self.ask, self.caller)

    def ask(self, method: str, url: str, params: Mapping[str, str]) -> Answer:
        """One signed request about this call; what it and its answer were is kept."""
        answer = self.request(method, url, {**self.params(), **params})
        # Only the first request of an incoming call says that it is still ringing.
        self.status = "in-progress" if self.status == "ringing" else self.status
        return answer

    def request(self, method: str, url: str, params: dict[str, str]) -> Answer:
        """The same with all parameters given: for another leg of the call."""
        at = self.settings.now()
        try:
            answer = send(self.settings.auth_token, method, url, params)
        except NoAnswer:
            self.requests.append(Asked(at, method, url, params, None, "", 0, 0.0, ""))
            raise
        document = answer.body.decode("utf-8", "replace") if answer.media_type in XML_TYPES else ""
        self.requests.append(
            Asked(
                at,
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

    def begin(self, url: str, method: str = "POST") -> dict[str, Any]:
        """The line answers; the first turn."""
        with self.lock:
            self.started = self.settings.now()
            self.walk.begin(url, method, {})
            return self.turn()

    def pick_up(self, who: str) -> None:
        """human or machine answers; only a phone that the line rings can do that."""
        raise Unfit(f"This is not a call of the line's, and {who} does not fit.")

    @property
    def waits(self) -> str:
        """keys, transfer, over; or answer, for a phone of a person's that the line rings."""
        if self.status in ("queued", "ringing") and self.direction != "inbound":
            return "answer"
        return "over" if self.ended else self.walk.waits

    def turn(self, **extra: Any) -> dict[str, Any]:
        """What was said since the last one; ends the call when its walk has ended."""
        self.status = "in-progress" if self.started and not self.ended else self.status
        walk = self.walk
        said, walk.said = walk.said, []
        turn = {
            "call": self.sid,
            "said": [spoken.text for spoken in said],
            "language": [spoken.language for spoken in said],
            "waits": walk.waits,
            "dial": [far.number for far in walk.far] if walk.waits == "transfer" else [],
            "error": walk.error,
            **extra,
        }
        self.turns.append(turn)
        if walk.ended:
            if walk.error:
                self.trouble(walk.code or 11200, walk.url, walk.error)
            self.end(HOW_IT_ENDS.get(walk.ended, "completed"))
        return turn

    def end(self, status: str) -> None:
        """The call is over, once."""
        with self.lock:
            if self.ended is None:
                self.status, self.ended = status, self.settings.now()
                self.walk.hang_up()
                if self.on_end:
                    self.on_end()

    @property
    def seconds(self) -> int:
        if self.started is None or self.ended is None:
            return 0
        return round((self.ended - self.started).total_seconds())

    def resource(self) -> dict[str, Any]:
        """https://www.twilio.com/docs/voice/api/call-resource"""
        sid = self.settings.account_sid
        uri = f"/{API_VERSION}/Accounts/{sid}/Calls/{self.sid}"
        return {
            "account_sid": sid,
            "answered_by": self.answered_by,
            "api_version": API_VERSION,
            "caller_name": None,
            "date_created": rfc2822(self.created),
            "date_updated": rfc2822(self.ended or self.started or self.created),
            "direction": self.direction,
            "duration": str(self.seconds) if self.ended else None,
            "end_time": rfc2822(self.ended),
            "forwarded_from": None,
            "from": self.caller,
            "from_formatted": self.caller,
            "group_sid": None,
            "parent_call_sid": None,
            "phone_number_sid": None,
            "price": None,
            "price_unit": "USD",
            "queue_time": "0",
            "sid": self.sid,
            "start_time": rfc2822(self.started),
            "status": self.status,
            "subresource_uris": {},
            "to": self.called,
            "to_formatted": self.called,
            "trunk_sid": None,
            "uri": f"{uri}.json",
        }
