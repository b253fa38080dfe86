"""The carrier's REST door as this project uses it: hand over a text, and look for one that may be there.

Import it late: twilio.rest takes over a second to import.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from twilio.base.exceptions import TwilioException, TwilioRestException, TwilioServiceException
from twilio.rest import Client

from ivr.carrier.errors import ErrorClass, class_of
from ivr.carrier.transport import Broken, NotSent, Transport

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
class Found:
    """A text in the carrier's own log."""

    sid: str
    status: str
    body: str
    sender: str
    messaging_service: str
    created_at: datetime
    error_code: int | None


class Carrier:
    """A Twilio account. sender: our number (+16035550100) or a messaging service (MG…)."""

    def __init__(self, account_sid: str, auth_token: str, api_url: str, sender: str) -> None:
        self._client = Client(account_sid, auth_token, http_client=Transport(api_url))
        self.sender = sender

    def send(self, to: str, body: str, callback: str, valid_seconds: int | None = None) -> Accepted | Refused:
        """Hand a text over, once. to: +16035550123; callback: where receipts go. Never raises."""
        origin = {"messaging_service_sid" if self.sender.startswith("MG") else "from_": self.sender}
        if valid_seconds is not None:
            origin["validity_period"] = str(valid_seconds)
        try:
            message = self._client.messages.create(to=to, body=body, status_callback=callback, **origin)
        except NotSent as error:
            return Refused(ErrorClass.TRANSIENT, None, str(error))
        except (Broken, TwilioException, json.JSONDecodeError, ValueError) as error:
            return _refusal(error)
        if not _SID.match(str(message.sid)):
            return Refused(ErrorClass.UNCERTAIN, None, "an answer without a message id")
        return Accepted(str(message.sid), str(message.status))

    def find(self, to: str, since: datetime) -> Iterator[Found]:
        """Our texts to a number since a moment, newest first. Raises what the transport raises."""
        for message in self._client.messages.list(to=to, date_sent_after=since):
            yield Found(
                sid=str(message.sid),
                status=str(message.status),
                body=str(message.body),
                sender=str(message.from_),
                messaging_service=str(message.messaging_service_sid or ""),
                created_at=message.date_created or since,
                error_code=int(message.error_code) if message.error_code else None,
            )

    def is_ours(self, found: Found) -> bool:
        """Whether a text in the log went out from our sender."""
        return self.sender in (found.sender, found.messaging_service)


def _refusal(error: Exception) -> Refused:
    """An answer that is not the carrier's JSON (a proxy's page, a broken line) tells nothing: uncertain."""
    if isinstance(error, TwilioRestException | TwilioServiceException):
        code = int(error.code) if error.code else None
        return Refused(class_of(int(error.status), code), code, f"HTTP {error.status}")
    return Refused(ErrorClass.UNCERTAIN, None, type(error).__name__)


UNREACHABLE = (NotSent, Broken, TwilioException, json.JSONDecodeError)
"""What `find` may raise when the carrier does not answer as it should."""
