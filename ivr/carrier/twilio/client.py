"""A client for Twilio's REST API. Import it lazily: twilio.rest takes over a second to import."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from twilio.base.exceptions import TwilioRestException, TwilioServiceException
from twilio.rest import Client

from ivr.carrier.twilio.errors import ErrorClass, classify
from ivr.carrier.twilio.transport import OFFICIAL, Broken, NotSent, Transport
from ivr.clock import Deadline
from ivr.settings import Settings

# Twilio's longest ValidityPeriod, in seconds.
LONGEST_VALIDITY = 36_000
LARGEST_PAGE = 1000
# Raised by methods that read when Twilio cannot be reached or its response cannot be read.
UNREACHABLE = (NotSent, Broken)
# Values of `direction`: https://www.twilio.com/docs/messaging/api/message-resource#message-properties
HANDED_OVER, INBOUND = "outbound-api", "inbound"
# https://www.twilio.com/docs/api/errors/20404
NOT_FOUND = 20404
_CHECK_SETTINGS = "correct TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN, and restart the line."
_LONG_AGO = datetime.fromtimestamp(0, UTC)
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
        self._transport = Transport(api_url, seconds)
        self._client = Client(account_sid, auth_token, http_client=self._transport)
        self._account_sid, self.sender = account_sid, sender
        self._messages_url = f"{OFFICIAL}/2010-04-01/Accounts/{quote(account_sid, safe='')}/Messages.json"

    def send(
        self, to: str, body: str, callback: str, valid_seconds: int | None = None, latest: Deadline | None = None
    ) -> Accepted | Refused:
        """Send a text once, without retries, and not after `latest`. to: E.164. callback: the URL for its status.

        Never raises.
        """
        form = {"To": to, "Body": body, "StatusCallback": callback}
        form["MessagingServiceSid" if self.sender.startswith("MG") else "From"] = self.sender
        if valid_seconds is not None:
            form["ValidityPeriod"] = str(min(valid_seconds, LONGEST_VALIDITY))
        try:
            with self._transport.no_later_than(latest):
                message = self._create_message(form)
        except NotSent as error:
            return Refused(ErrorClass.TRANSIENT, None, str(error))
        except Exception as error:  # noqa: BLE001 - after any other failure Twilio may have accepted the text
            return _refusal(error)
        if not _SID.match(str(message.get("sid"))):
            return Refused(ErrorClass.UNCERTAIN, None, "a response without a message id")
        return Accepted(str(message["sid"]), str(message.get("status")))

    def _create_message(self, form: dict[str, Any]) -> dict[str, Any]:
        """Twilio's answer to a new message. The SDK's `messages.create` reads all of it, for twice the time of a text.

        https://www.twilio.com/docs/messaging/api/message-resource#create-a-message-resource
        """
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        response = self._client.request("POST", self._messages_url, data=form, headers=headers)
        if not 200 <= response.status_code < 300:
            version = self._client.api.v2010
            raise version.exception("POST", self._messages_url, response, "Unable to create record")
        message = json.loads(response.text)
        if not isinstance(message, dict):
            raise TypeError("a response that is no message")
        return message

    def find(self, to: str, since: datetime) -> Iterator[LoggedMessage]:
        """Yield the messages to a number since a time, newest first. Raises one of UNREACHABLE."""
        return self._log(since, to=to)

    def log(self, since: datetime) -> Iterator[LoggedMessage]:
        """Yield all messages of the account since a time, in both directions, newest first. Raises as `find` does."""
        return self._log(since, page_size=LARGEST_PAGE)

    def fetch(self, sid: str) -> LoggedMessage | None:
        """Return a message by its sid; None if Twilio no longer has it. Raises one of UNREACHABLE."""
        with _raises_unreachable():
            try:
                message = _logged(self._client.messages(sid).fetch())
            except TwilioRestException as error:
                # Without Twilio's code, something in between responded.
                if error.code == NOT_FOUND:
                    return None
                raise
        if message.sid != sid:
            raise Broken("a response without the message")
        return message

    def check_credentials(self) -> str | None:
        """Ask Twilio for our account. Returns what to do if it is refused, else None. Raises one of UNREACHABLE."""
        with _raises_unreachable():
            try:
                account = self._client.api.v2010.accounts(self._account_sid).fetch()
            except TwilioRestException as error:
                if classify(error.status, None) is ErrorClass.STOP:
                    return f"Twilio refuses our account (HTTP {error.status}): {_CHECK_SETTINGS}"
                raise
        # https://www.twilio.com/docs/iam/api/account#account-status-values
        if account.status in ("suspended", "closed"):
            return f"Our Twilio account is {account.status}: reactivate it in the Twilio Console."
        if account.sid != self._account_sid:
            raise Broken("a response without the account")
        return None

    def _log(self, since: datetime, **filters: Any) -> Iterator[LoggedMessage]:
        with _raises_unreachable():
            # The SDK appends a Z to any time, whatever its zone.
            for message in self._client.messages.stream(date_sent_after=since.astimezone(UTC), **filters):
                yield _logged(message, since)

    def is_ours(self, message: LoggedMessage) -> bool:
        """Return whether our sender sent a message through the API. TwiML replies have another direction."""
        return message.direction == HANDED_OVER and self.sender in (message.sender, message.messaging_service)

    def is_to_us(self, message: LoggedMessage) -> bool:
        """Return whether a message came in to our number or messaging service."""
        return message.direction == INBOUND and self.sender in (message.to, message.messaging_service)


def open_carrier(settings: Settings) -> Carrier:
    """Return a client for the account in the settings."""
    return Carrier(
        settings.twilio_account_sid,
        settings.twilio_auth_token,
        settings.twilio_api_url,
        settings.twilio_messaging_service_sid or settings.twilio_from,
        settings.carrier_seconds,
    )


@contextmanager
def _raises_unreachable() -> Iterator[None]:
    try:
        yield
    except NotSent:
        raise
    except Exception as error:
        raise Broken(type(error).__name__) from error


def _logged(message: Any, since: datetime = _LONG_AGO) -> LoggedMessage:
    """A message of the SDK. since: its creation time if Twilio gives none."""
    return LoggedMessage(
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


def _refusal(error: Exception) -> Refused:
    """Classify an exception of the SDK, whose `code` is the HTTP status if Twilio gave no error code."""
    if isinstance(error, TwilioRestException | TwilioServiceException):
        status, code = int(error.status), str(error.code)
        error_code = int(code) if _CODE.match(code) else None
        return Refused(classify(status, error_code), error_code, f"HTTP {status}")
    return Refused(ErrorClass.UNCERTAIN, None, type(error).__name__)
