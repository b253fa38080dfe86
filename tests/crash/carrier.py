"""A carrier in memory, reached through the connection that our client would open to Twilio."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from urllib.parse import parse_qs, urlsplit

from ivr.carrier.twilio.transport import NotSent, Transport
from tests.crash.process import Process
from tests.support.network import LINE, SID

SLOW = timedelta(seconds=90)
LATE = timedelta(minutes=5)
# What is reported, how often, and how long after the text was accepted.
REPORTS = {
    "in-order": (("sent", 2), ("delivered", 5)),
    "none": (),
    "twice": (("sent", 2), ("sent", 3), ("delivered", 5), ("delivered", 6)),
    "late": (("sent", 300), ("delivered", 305)),
    "reversed": (("delivered", 2), ("sent", 5)),
}


@dataclass
class Message:
    """A text that the carrier accepted. visible_at: when its log shows it."""

    sid: str
    to: str
    body: str
    attempt: str
    created_at: datetime
    visible_at: datetime


@dataclass(frozen=True, order=True)
class Report:
    at: datetime
    attempt: str
    status: str
    sid: str


class CrashCarrier:
    """now: the carrier's own clock, which never jumps."""

    def __init__(self, answers: Sequence[str], receipts: str, now: Callable[[], datetime]) -> None:
        self._answers, self._reports, self.now = deque(answers), REPORTS[receipts], now
        self.messages: list[Message] = []
        self.reports: list[Report] = []

    def next_answer(self) -> str:
        return self._answers.popleft() if self._answers else "ok"

    def refuses_connection(self, method: str) -> bool:
        if method == "POST" and self._answers and self._answers[0] == "unreachable":
            self._answers.popleft()
            return True
        return False

    def accept(self, form: dict[str, list[str]], answer: str) -> Message:
        now = self.now()
        attempt = form["StatusCallback"][0].rpartition("/")[2]
        visible_at = now + SLOW if answer == "slow" else now
        sid = f"SM{len(self.messages) + 1:032x}"
        message = Message(sid, form["To"][0], form["Body"][0], attempt, visible_at, visible_at)
        self.messages.append(message)
        self.reports += [
            Report(visible_at + timedelta(seconds=after), attempt, status, sid) for status, after in self._reports
        ]
        return message

    def due_reports(self) -> list[Report]:
        due = sorted(report for report in self.reports if report.at <= self.now())
        self.reports = [report for report in self.reports if report.at > self.now()]
        return due

    def listing(self, query: dict[str, list[str]]) -> dict[str, object]:
        to = query.get("To", [None])[0]
        since = datetime.fromisoformat(query["DateSent>"][0]) if "DateSent>" in query else None
        shown = [
            self.resource(message)
            for message in reversed(self.messages)
            if message.visible_at <= self.now()
            and to in (None, message.to)
            and (since is None or message.created_at >= since)
        ]
        return {"messages": shown, "next_page_uri": None, "page": 0, "page_size": 50, "uri": "", "start": 0, "end": 0}

    def resource(self, message: Message) -> dict[str, object]:
        is_reported = bool(self._reports) or self.now() > message.created_at + timedelta(minutes=1)
        return {
            "sid": message.sid,
            "account_sid": SID,
            "to": message.to,
            "from": LINE,
            "body": message.body,
            "status": "delivered" if is_reported else "queued",
            "direction": "outbound-api",
            "date_created": format_datetime(message.created_at),
            "error_code": None,
            "messaging_service_sid": None,
        }


class CrashTransport(Transport):
    """Our transport to Twilio, whose connections lead to a carrier in memory."""

    def __init__(self, carrier: CrashCarrier, process: Process) -> None:
        super().__init__("http://127.0.0.1:1")
        self._carrier, self._process = carrier, process

    def _exchange(self, method, path, body, headers):
        self._process.reach("connect")
        if self._carrier.refuses_connection(method):
            raise NotSent("ConnectionRefusedError")
        return super()._exchange(method, path, body, headers)

    def _connection(self):
        return _Connection(self._carrier, self._process)


class _Connection:
    """Stands in for http.client.HTTPConnection."""

    def __init__(self, carrier: CrashCarrier, process: Process) -> None:
        self._carrier, self._process = carrier, process
        self._response: _Response | None = None

    def request(self, method: str, path: str, body: bytes | None, _headers: object) -> None:
        # Not a place to suspend a process: between its last look at the clock and the request is a microsecond.
        self._process.reach("request", can_pause=False)
        if method == "POST":
            self._send(parse_qs((body or b"").decode()))
        else:
            self._read(urlsplit(path))

    def _send(self, form: dict[str, list[str]]) -> None:
        answer = self._carrier.next_answer()
        if answer == "too-fast":
            self._respond(429, {"code": 20429, "message": "Too Many Requests", "status": 429})
        elif answer == "error":
            self._respond(500, {})
        elif answer != "cut":
            message = self._carrier.accept(form, answer)
            if answer == "ok":
                self._respond(201, {**self._carrier.resource(message), "status": "queued"})
            elif answer == "accepted-error":
                self._respond(500, {})

    def _read(self, address) -> None:
        name = address.path.rpartition("/")[2].removesuffix(".json")
        messages = {message.sid: message for message in self._carrier.messages}
        if name == "Messages":
            self._respond(200, self._carrier.listing(parse_qs(address.query)))
        elif name in messages:
            self._respond(200, self._carrier.resource(messages[name]))
        else:
            self._respond(200, {"sid": SID, "status": "active"})

    def _respond(self, status: int, content: dict[str, object]) -> None:
        self._response = _Response(status, content, self._carrier.now())

    def getresponse(self) -> _Response:
        self._process.reach("answer")
        if self._response is None:
            raise ConnectionResetError
        return self._response

    def close(self) -> None:
        pass

    sock = None


class _Response:
    will_close = False

    def __init__(self, status: int, content: dict[str, object], now: datetime) -> None:
        self.status, self._content, self._date = status, content, format_datetime(now)

    def getheader(self, _name: str) -> str:
        return self._date

    def getheaders(self) -> list[tuple[str, str]]:
        return [("Date", self._date)]

    def read(self) -> bytes:
        return json.dumps(self._content).encode()
