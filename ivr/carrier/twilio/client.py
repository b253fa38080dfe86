"""The carrier's REST door as this project uses it: hand over a text, and look for one that may be there.

Import it late: twilio.rest takes over a second to import.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from twilio.base.exceptions import TwilioRestException, TwilioServiceException
from twilio.rest import Client

from ivr.carrier.twilio.errors import ErrorClass, classify
from ivr.carrier.twilio.transport import Broken, NotSent, Transport
from ivr.settings import Settings

# How long the carrier keeps a text in its own queue at the most.
LONGEST_VALIDITY = 36_000
LARGEST_PAGE = 1000
# https://www.twilio.com/docs/messaging/api/message-resource#message-properties
HANDED_OVER, INBOUND = "outbound-api", "inbound"
_CODE = re.compile(r"\d{5}$")
_SID = re.compile(r"(SM|MM)[0-9a-fA-F]{32}$")


@dataclass(frozen=True)
class Accepted:
    """The carrier took the text and named it."""

    sid: str
    status: str


@dataclass(frozen=True)
class Refused:
    """The carrier, or the way to it, said no; `kind` says what that means for the text."""

    kind: ErrorClass
    code: int | None
    detail: str


@dataclass(frozen=True)
class LoggedMessage:
    """A text in the carrier's own log."""

    sid: str
    status: str
    body: str
    to: str
    sender: str
    messaging_service: str
    direction: str
    created_at: datetime
    error_code: int | None


class Carrier:
    """A Twilio account. sender: our number (+16035550100) or a messaging service (MG…); seconds: for an answer."""

    def __init__(self, account_sid: str, auth_token: str, api_url: str, sender: str, seconds: float = 15.0) -> None:
        self._client = Client(account_sid, auth_token, http_client=Transport(api_url, seconds))
        self.sender = sender

    def send(self, to: str, body: str, callback: str, valid_seconds: int | None = None) -> Accepted | Refused:
        """Hand a text over, once. to: +16035550123; callback: where receipts go. Never raises."""
        origin = {"messaging_service_sid" if self.sender.startswith("MG") else "from_": self.sender}
        if valid_seconds is not None:
            origin["validity_period"] = str(min(valid_seconds, LONGEST_VALIDITY))
        try:
            message = self._client.messages.create(to=to, body=body, status_callback=callback, **origin)
        except NotSent as error:
            return Refused(ErrorClass.TRANSIENT, None, str(error))
        except Exception as error:  # noqa: BLE001 - whatever an answer broke, the carrier may have taken the text
            return _refusal(error)
        if not _SID.match(str(message.sid)):
            return Refused(ErrorClass.UNCERTAIN, None, "an answer without a message id")
        return Accepted(str(message.sid), str(message.status))

    def find(self, to: str, since: datetime) -> Iterator[LoggedMessage]:
        """The texts to a number since a moment, newest first. Raises one of UNREACHABLE."""
        return self._log(since, to=to)

    def log(self, since: datetime) -> Iterator[LoggedMessage]:
        """All texts of the account since a moment, in either direction, newest first. Raises one of UNREACHABLE."""
        return self._log(since, page_size=LARGEST_PAGE)

    def _log(self, since: datetime, **where: Any) -> Iterator[LoggedMessage]:
        # The SDK writes a Z behind any moment, whatever its zone.
        listed: Iterator[Any] | None = None
        while True:
            try:
                if listed is None:
                    listed = iter(self._client.messages.stream(date_sent_after=since.astimezone(UTC), **where))
                message = next(listed, None)
            except NotSent:
                raise
            except Exception as error:
                raise Broken(type(error).__name__) from error
            if message is None:
                return
            yield LoggedMessage(
                sid=str(message.sid),
                status=str(message.status),
                body=str(message.body),
                to=str(message.to),
                sender=str(message.from_),
                messaging_service=str(message.messaging_service_sid or ""),
                direction=str(message.direction),
                created_at=message.date_created or since,
                error_code=int(message.error_code) if message.error_code else None,
            )

    def is_ours(self, found: LoggedMessage) -> bool:
        """Whether a text in the log was handed over from our sender; answers to texts go another way."""
        return found.direction == HANDED_OVER and self.sender in (found.sender, found.messaging_service)


def open_carrier(settings: Settings) -> Carrier:
    """The account that the settings name."""
    return Carrier(
        settings.twilio_account_sid,
        settings.twilio_auth_token,
        settings.twilio_api_url,
        settings.twilio_messaging_service_sid or settings.twilio_from,
        settings.carrier_seconds,
    )


def _refusal(error: Exception) -> Refused:
    """What an exception says. For an answer without the carrier's code the SDK gives the status in its place."""
    if isinstance(error, TwilioRestException | TwilioServiceException):
        status, code = int(error.status), str(error.code)
        known = int(code) if _CODE.match(code) else None
        return Refused(classify(status, known), known, f"HTTP {status}")
    return Refused(ErrorClass.UNCERTAIN, None, type(error).__name__)


UNREACHABLE = (NotSent, Broken)
"""What `find` may raise when the carrier does not answer as it should."""
