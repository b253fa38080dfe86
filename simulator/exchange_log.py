"""The latest webhooks of an account with their responses and faults, for the developers' pane of the phones.

A webhook is recorded where it is sent, with what it is about: the request that follows a redirect has no fields. What
the account's debugger then says about it is found by the thread, which sends a webhook and reads its answer.
"""

from __future__ import annotations

import itertools
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

KEPT = 500
FORM_CHARACTERS = 20_000
# A document can lead to several webhooks before its fault is found.
REMEMBERED = 20


@dataclass(frozen=True)
class Fault:
    """What the account's debugger says about a webhook. level: error or warning."""

    code: int
    level: str
    sentence: str


@dataclass(frozen=True)
class Subject:
    """What a webhook and those that redirects lead to are about.

    path: of the first address, which the debugger names. numbers: both sides. calls: the call and its parent.
    is_text: whether it is a text that came in.
    """

    path: str
    numbers: frozenset[str]
    calls: frozenset[str]
    is_text: bool

    @classmethod
    def of(cls, url: str, params: Mapping[str, str]) -> Subject:
        numbers, calls = (
            frozenset(params[name] for name in names if name in params)
            for names in (("From", "To"), ("CallSid", "ParentCallSid"))
        )
        return cls(urlsplit(url).path, numbers, calls, params.get("SmsStatus") == "received")


@dataclass(frozen=True)
class Exchange:
    """One webhook. milliseconds: until the whole response was read. status: None without a response.

    number: stays. revision: grows with each exchange and each fault.
    """

    number: int
    revision: int
    subject: Subject
    at: datetime
    method: str
    url: str
    form: dict[str, str]
    signature: str
    status: int | None
    media_type: str
    document: str
    milliseconds: float
    faults: tuple[Fault, ...] = ()


class ExchangeLog:
    """A ring of exchanges, thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._revisions = itertools.count(1)
        self._ring: deque[Exchange] = deque(maxlen=KEPT)
        self._thread = threading.local()

    def record(self, request: Any, answer: Any, seconds: float) -> None:
        """request: with method, url, body, headers and subject; answer: with status, media_type and body, or None."""
        fields = (request.body or b"").decode() if request.method == "POST" else urlsplit(request.url).query
        exchange = Exchange(
            number=0,
            revision=0,
            subject=request.subject,
            at=datetime.now(UTC),
            method=request.method,
            url=request.url,
            form=dict(parse_qsl(fields[:FORM_CHARACTERS], keep_blank_values=True)),
            signature=request.headers.get("X-Twilio-Signature", ""),
            status=None if answer is None else answer.status,
            media_type="" if answer is None else answer.media_type,
            document=_text(answer),
            milliseconds=round(seconds * 1000, 1),
        )
        with self._lock:
            number = next(self._revisions)
            self._ring.append(replace(exchange, number=number, revision=number))
        self._sent().append((number, request.subject.path))

    def blame(self, path: str, fault: Fault) -> None:
        """Add a fault to the webhook that the current thread has sent last to this path, or where it redirects to."""
        number = next((number for number, sent in reversed(self._sent()) if sent == path), None)
        with self._lock:
            for index, exchange in enumerate(self._ring):
                if exchange.number == number:
                    revision = next(self._revisions)
                    self._ring[index] = replace(exchange, revision=revision, faults=(*exchange.faults, fault))

    def _sent(self) -> deque[tuple[int, str]]:
        """The number of the webhooks that the current thread has sent last, each with the path of its subject."""
        sent: deque[tuple[int, str]] | None = getattr(self._thread, "sent", None)
        if sent is None:
            sent = self._thread.sent = deque(maxlen=REMEMBERED)
        return sent

    def after(self, revision: int, matches: Callable[[Subject], bool]) -> list[Exchange]:
        """The exchanges whose subject matches and that have a newer revision, oldest exchange first."""
        with self._lock:
            ring = list(self._ring)
        return [each for each in ring if each.revision > revision and matches(each.subject)]


def _text(answer: Any) -> str:
    if answer is None or answer.media_type.startswith("audio/"):
        return ""
    return str(answer.body.decode("utf-8", "replace"))
