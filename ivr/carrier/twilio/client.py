"""A client for Twilio's REST API. Import it lazily: twilio.rest takes over a second to import."""

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

# Twilio's longest ValidityPeriod, in seconds.
LONGEST_VALIDITY = 36_000
LARGEST_PAGE = 1000
# Raised by `find` and `log` when Twilio cannot be reached or its response cannot be read.
UNREACHABLE = (NotSent, Broken)
# Values of `direction`: https://www.twilio.com/docs/messaging/api/message-resource#message-properties
HANDED_OVER, INBOUND = "outbound-api", "inbound"
_CODE = re.compile(r"\d{5}$")
_SID = re.compile(r"(SM|MM)[0-9a-fA-F]{32}$")


@dataclass(frozen=True)
class Accepted:
    """Twilio accepted the text and assigned a sid."""

    sid: str
    status: str


@dataclass(frozen=True)
class Refused:
    """Twilio, or something in between, refused the text. kind: what to do about it."""

    kind: ErrorClass
    code: int | None
    detail: str


@dataclass(frozen=True)
class LoggedMessage:
    """A message in Twilio's log."""

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
    """A Twilio account. sender: our E.164 number or messaging service (MG…). seconds: the response timeout."""

    def __init__(self, account_sid: str, auth_token: str, api_url: str, sender: str, seconds: float = 15.0) -> None:
        self._client = Client(account_sid, auth_token, http_client=Transport(api_url, seconds))
        self.sender = sender

    def send(self, to: str, body: str, callback: str, valid_seconds: int | None = None) -> Accepted | Refused:
        """Send a text once, without retries. to: E.164. callback: the URL for its status. Never raises."""
        origin = {"messaging_service_sid" if self.sender.startswith("MG") else "from_": self.sender}
        if valid_seconds is not None:
            origin["validity_period"] = str(min(valid_seconds, LONGEST_VALIDITY))
        try:
            message = self._client.messages.create(to=to, body=body, status_callback=callback, **origin)
        except NotSent as error:
            return Refused(ErrorClass.TRANSIENT, None, str(error))
        except Exception as error:  # noqa: BLE001 - after any other failure Twilio may have accepted the text
            return _refusal(error)
        if not _SID.match(str(message.sid)):
            return Refused(ErrorClass.UNCERTAIN, None, "a response without a message id")
        return Accepted(str(message.sid), str(message.status))

    def find(self, to: str, since: datetime) -> Iterator[LoggedMessage]:
        """Yield the messages to a number since a time, newest first. Raises one of UNREACHABLE."""
        return self._log(since, to=to)

    def log(self, since: datetime) -> Iterator[LoggedMessage]:
        """Yield all messages of the account since a time, in both directions, newest first. Raises as `find` does."""
        return self._log(since, page_size=LARGEST_PAGE)

    def check_credentials(self) -> str | None:
        """Ask Twilio for our account. Returns what to do if it is refused, else None. Raises one of UNREACHABLE."""
        try:
            self._client.api.v2010.accounts(self._client.account_sid).fetch()
        except NotSent:
            raise
        except TwilioRestException as error:
            if classify(int(error.status), None) is not ErrorClass.STOP:
                raise Broken(f"HTTP {error.status}") from error
            advice = "check TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN."
            return f"Twilio refuses our account (HTTP {error.status}): {advice}"
        except Exception as error:
            raise Broken(type(error).__name__) from error
        return None

    def _log(self, since: datetime, **filters: Any) -> Iterator[LoggedMessage]:
        try:
            # The SDK appends a Z to any time, whatever its zone.
            for message in self._client.messages.stream(date_sent_after=since.astimezone(UTC), **filters):
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
        except NotSent:
            raise
        except Exception as error:
            raise Broken(type(error).__name__) from error

    def is_ours(self, message: LoggedMessage) -> bool:
        """Return whether our sender sent a message through the API. TwiML replies have another direction."""
        return message.direction == HANDED_OVER and self.sender in (message.sender, message.messaging_service)


def open_carrier(settings: Settings) -> Carrier:
    """Return a client for the account in the settings."""
    return Carrier(
        settings.twilio_account_sid,
        settings.twilio_auth_token,
        settings.twilio_api_url,
        settings.twilio_messaging_service_sid or settings.twilio_from,
        settings.carrier_seconds,
    )


def _refusal(error: Exception) -> Refused:
    """Classify an exception of the SDK, whose `code` is the HTTP status if Twilio gave no error code."""
    if isinstance(error, TwilioRestException | TwilioServiceException):
        status, code = int(error.status), str(error.code)
        error_code = int(code) if _CODE.match(code) else None
        return Refused(classify(status, error_code), error_code, f"HTTP {status}")
    return Refused(ErrorClass.UNCERTAIN, None, type(error).__name__)
