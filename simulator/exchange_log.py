"""The latest webhooks of this process with their responses, for the developers' pane of the phones.

A webhook is recorded where it is sent. Each account reads those to its own line, by the line's host and port.
"""

from __future__ import annotations

import itertools
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

KEPT = 500
FORM_CHARACTERS = 20_000


@dataclass(frozen=True)
class Exchange:
    """One webhook. milliseconds: until the whole response was read. status: None without a response."""

    number: int
    at: datetime
    method: str
    url: str
    form: dict[str, str]
    signature: str
    status: int | None
    media_type: str
    document: str
    milliseconds: float


class ExchangeLog:
    """A ring of exchanges, thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._ring: deque[Exchange] = deque(maxlen=KEPT)

    def record(self, request: Any, answer: Any, seconds: float) -> None:
        """request: with method, url, body and headers; answer: with status, media_type and body, or None."""
        fields = (request.body or b"").decode() if request.method == "POST" else urlsplit(request.url).query
        exchange = Exchange(
            number=0,
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
            self._ring.append(Exchange(**{**vars(exchange), "number": next(self._numbers)}))

    def after(self, number: int, line_url: str, matches: Callable[[Exchange], bool]) -> list[Exchange]:
        """The exchanges with the line at `line_url` that are newer than `number` and match, oldest first."""
        with self._lock:
            ring = list(self._ring)
        line = urlsplit(line_url).netloc
        return [each for each in ring if each.number > number and urlsplit(each.url).netloc == line and matches(each)]


def _text(answer: Any) -> str:
    if answer is None or answer.media_type.startswith("audio/"):
        return ""
    return str(answer.body.decode("utf-8", "replace"))


EXCHANGES = ExchangeLog()
