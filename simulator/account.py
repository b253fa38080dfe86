"""What the account holds: texts, calls, who has opted out, what went wrong. In memory, safe for many
threads.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from simulator.call import Call
from simulator.errors import LATER_ERRORS
from simulator.faults import Mishaps
from simulator.resource import API_VERSION, rfc2822
from simulator.settings import Settings


@dataclass
class Text:
    """One text, in either direction. `direction` is Twilio's: inbound, outbound-api, outbound-reply."""

    sid: str
    to: str
    sender: str
    body: str
    direction: str
    status: str
    created: datetime
    updated: datetime
    segments: int
    media: int = 0
    sent: datetime | None = None
    service: str | None = None
    callback: str | None = None
    error: int | None = None

    @property
    def phone(self) -> str:
        """The person's number, whichever way the text went."""
        return self.sender if self.direction == "inbound" else self.to

    @property
    def shown_sender(self) -> str | None:
        """A messaging service picks its sender only after it accepted the text."""
        return None if self.status == "accepted" else self.sender

    def resource(self, account_sid: str) -> dict[str, Any]:
        """https://www.twilio.com/docs/messaging/api/message-resource"""
        uri = f"/{API_VERSION}/Accounts/{account_sid}/Messages/{self.sid}"
        return {
            "account_sid": account_sid,
            "api_version": API_VERSION,
            "body": self.body,
            "date_created": rfc2822(self.created),
            "date_sent": rfc2822(self.sent),
            "date_updated": rfc2822(self.updated),
            "direction": self.direction,
            "error_code": self.error,
            "error_message": LATER_ERRORS.get(self.error, "") if self.error else None,
            "from": self.shown_sender,
            "messaging_service_sid": self.service,
            "num_media": str(self.media),
            "num_segments": "0" if self.status == "accepted" else str(self.segments),
            "price": None,
            "price_unit": "USD",
            "sid": self.sid,
            "status": self.status,
            "subresource_uris": {"media": f"{uri}/Media.json"},
            "to": self.to,
            "uri": f"{uri}.json",
        }


@dataclass
class Trouble:
    """One entry of the account's debugger: when, Twilio's code, which path of the line, and a sentence."""

    at: datetime
    code: int
    path: str
    sentence: str


@dataclass
class Account:
    """The whole state. Take `lock` for anything that reads more than one field."""

    settings: Settings
    mishaps: Mishaps = field(default_factory=Mishaps)
    lock: threading.RLock = field(default_factory=threading.RLock)
    texts: dict[str, Text] = field(default_factory=dict)
    threads: dict[str, list[Text]] = field(default_factory=dict)
    calls: dict[str, Call] = field(default_factory=dict)
    blocked: set[str] = field(default_factory=set)
    troubles: list[Trouble] = field(default_factory=list)

    def keep(self, text: Text) -> Text:
        with self.lock:
            self.texts[text.sid] = text
            self.threads.setdefault(text.phone, []).append(text)
        return text

    def move(self, text: Text, status: str, error: int | None = None) -> None:
        """Set a text's status, as the network reports it."""
        with self.lock:
            text.status, text.error, text.updated = status, error, self.settings.now()
            if status == "sent":
                text.sent = text.updated

    def texts_where(self, fits: Callable[[Text], bool], phone: str | None = None) -> list[Text]:
        """Newest first. `phone` narrows the search to one person's thread."""
        with self.lock:
            pool = list(self.texts.values()) if phone is None else list(self.threads.get(phone, ()))
        return [text for text in reversed(pool) if fits(text)]

    def trouble(self, code: int, url: str, sentence: str) -> None:
        with self.lock:
            self.troubles.append(Trouble(self.settings.now(), code, urlsplit(url).path, sentence))
