"""The state of the account: texts, calls, opt-outs and errors. In memory and thread-safe."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from simulator.cookies import Cookies
from simulator.exchange_log import ExchangeLog, Fault
from simulator.faults import FaultInjector
from simulator.numbers import TextOutcome, text_outcome
from simulator.phone_number import PhoneNumber, number_of
from simulator.resource import API_VERSION, new_sid, rfc2822
from simulator.rest.errors import DELIVERY_ERRORS
from simulator.settings import Settings
from simulator.voice.call import Call
from simulator.voice.conference import Conference
from simulator.voice.dialed import DialedCall
from simulator.voice.recording import Recording
from simulator.webhook import Origin, Webhook


@dataclass(frozen=True)
class Media:
    """A picture or other file of a text. url: where an outgoing one is; None for one that a phone sent."""

    content_type: str
    created: datetime
    url: str | None = None
    sid: str = field(default_factory=lambda: new_sid("ME"))


@dataclass
class Text:
    """One text message. `direction` is Twilio's: inbound, outbound-api or outbound-reply."""

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
    send_at: datetime | None = None
    attachments: list[Media] = field(default_factory=list)

    @property
    def phone(self) -> str:
        """The other party's number, in either direction."""
        return self.sender if self.direction == "inbound" else self.to

    @property
    def visible_sender(self) -> str | None:
        """The sender as Twilio shows it: a messaging service picks one only after it has accepted the text."""
        return None if self.status in ("accepted", "scheduled") else self.sender

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
            "error_message": DELIVERY_ERRORS.get(self.error, "") if self.error else None,
            "from": self.visible_sender,
            "messaging_service_sid": self.service,
            "num_media": str(self.media),
            "num_segments": "0" if self.status in ("accepted", "scheduled") else str(self.segments),
            "price": None,
            "price_unit": "USD",
            "sid": self.sid,
            "status": self.status,
            "subresource_uris": {"media": f"{uri}/Media.json"},
            "to": self.to,
            "uri": f"{uri}.json",
        }


@dataclass
class DebuggerEntry:
    """One entry of the account's debugger: the time, Twilio's error code, the path on the line, and a sentence."""

    at: datetime
    code: int
    path: str
    sentence: str
    level: str = "error"
    sid: str = field(default_factory=lambda: new_sid("NO"))


@dataclass
class MessagingService:
    """Where the texts of a messaging service go: to its own address, or to that of the number."""

    sid: str
    inbound_url: str = ""
    inbound_method: str = "POST"
    use_number_webhook: bool = True


@dataclass
class Account:
    """The whole state. Hold `lock` to read more than one field. numbers: by E.164, the line's own first."""

    settings: Settings
    fault_injector: FaultInjector = field(default_factory=FaultInjector)
    lock: threading.RLock = field(default_factory=threading.RLock)
    texts: dict[str, Text] = field(default_factory=dict)
    threads: dict[str, list[Text]] = field(default_factory=dict)
    calls: dict[str, Call] = field(default_factory=dict)
    dialed: dict[str, DialedCall] = field(default_factory=dict)
    recordings: dict[str, Recording] = field(default_factory=dict)
    conferences: dict[str, Conference] = field(default_factory=dict)
    numbers: dict[str, PhoneNumber] = field(default_factory=dict)
    blocked: set[str] = field(default_factory=set)
    debugger: list[DebuggerEntry] = field(default_factory=list)
    exchanges: ExchangeLog = field(default_factory=ExchangeLog)
    outcomes: dict[str, TextOutcome] = field(default_factory=dict)
    cookies: Cookies = field(init=False)
    service: MessagingService | None = None

    def __post_init__(self) -> None:
        own = number_of(self.settings)
        self.numbers[own.number] = own
        self.cookies = Cookies(self.settings.now)
        if self.settings.messaging_service:
            self.service = MessagingService(self.settings.messaging_service)

    @property
    def origin(self) -> Origin:
        """What the account's webhooks are sent with."""
        return Origin(self.settings.auth_token, self.exchanges)

    def all_calls(self) -> list[Call | DialedCall]:
        """The calls of the account and those that a `<Dial>` made, newest first."""
        with self.lock:
            calls: list[Call | DialedCall] = [*self.calls.values(), *self.dialed.values()]
        return sorted(calls, key=lambda call: call.created, reverse=True)

    def number(self, called: str) -> PhoneNumber:
        """The number that was called or texted; the line's own for any other."""
        return self.numbers.get(called) or self.numbers[self.settings.sender]

    def text_webhook(self, number: PhoneNumber) -> Webhook | None:
        """Where a text to a number goes."""
        service = self.service
        if service is None or service.use_number_webhook:
            return number.webhook("sms_url")
        return Webhook(service.inbound_url, service.inbound_method) if service.inbound_url else None

    @property
    def uri(self) -> str:
        """The path of the account's resources."""
        return f"/{API_VERSION}/Accounts/{self.settings.account_sid}"

    @property
    def address(self) -> str:
        """The absolute URL of the account's resources, as webhooks show it."""
        return f"http://127.0.0.1:{self.settings.port}{self.uri}"

    def add_text(self, text: Text) -> Text:
        with self.lock:
            self.texts[text.sid] = text
            self.threads.setdefault(text.phone, []).append(text)
        return text

    def remove_text(self, text: Text) -> None:
        with self.lock:
            self.texts.pop(text.sid, None)
            thread = self.threads.get(text.phone, [])
            if text in thread:
                thread.remove(text)
            if not thread:
                self.threads.pop(text.phone, None)

    def outcome_for(self, number: str) -> TextOutcome:
        """What happens to a text to a number: what was chosen for its phone, else what the number decides."""
        return self.outcomes.get(number) or text_outcome(number)

    def set_status(self, text: Text, status: str, error: int | None = None) -> None:
        """Set a text's status, as the carrier reports it."""
        with self.lock:
            text.status, text.error, text.updated = status, error, self.settings.now()
            if status == "sent":
                text.sent = text.updated

    def texts_where(self, matches: Callable[[Text], bool], phone: str | None = None) -> list[Text]:
        """Matching texts, newest first. phone: search only the conversation with this number."""
        with self.lock:
            texts = list(self.texts.values()) if phone is None else list(self.threads.get(phone, ()))
        return [text for text in reversed(texts) if matches(text)]

    def log_error(self, code: int, url: str, sentence: str) -> None:
        self._log(code, url, sentence, "error")

    def log_warning(self, code: int, url: str, sentence: str) -> None:
        self._log(code, url, sentence, "warning")

    def _log(self, code: int, url: str, sentence: str, level: str) -> None:
        path = urlsplit(url).path
        with self.lock:
            self.debugger.append(DebuggerEntry(self.settings.now(), code, path, sentence, level))
        self.exchanges.blame(path, Fault(code, level, sentence))
