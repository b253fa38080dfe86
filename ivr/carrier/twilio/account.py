"""The Twilio account itself: its state, its numbers and their webhooks, and the registration of the sender.

Import it lazily, like client.py. Every method raises one of UNREACHABLE.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.rest import Client

from ivr.carrier.twilio.client import UNREACHABLE as UNREACHABLE
from ivr.carrier.twilio.errors import ErrorClass, classify
from ivr.carrier.twilio.transport import OFFICIAL, Broken, NotSent, Transport

OFFICIAL_MESSAGING = "https://messaging.twilio.com"
_TOLL_FREE = re.compile(r"\+18(00|33|44|55|66|77|88)\d{7}$")
_MOST_SERVICES = 20
_MOST_MESSAGES = 20


class Registration(StrEnum):
    """Whether mobile networks know a sender. UNKNOWN: the carrier at TWILIO_API_URL does not say."""

    REGISTERED = "registered"
    PENDING = "pending"
    REFUSED = "refused"
    MISSING = "missing"
    UNKNOWN = "unknown"


# https://www.twilio.com/docs/messaging/api/usapptoperson-resource and …/tollfree-verification-resource
_REGISTRATIONS = {
    "VERIFIED": Registration.REGISTERED,
    "TWILIO_APPROVED": Registration.REGISTERED,
    "IN_PROGRESS": Registration.PENDING,
    "PENDING": Registration.PENDING,
    "PENDING_REVIEW": Registration.PENDING,
    "IN_REVIEW": Registration.PENDING,
}


@dataclass(frozen=True)
class AccountState:
    """status: active, suspended or closed; empty if Twilio refuses our credentials. date: the time of the response."""

    status: str
    date: str


@dataclass(frozen=True)
class Number:
    """A phone number of the account. diverted: what overrides its webhooks, a TwiML App or a SIP trunk, by field."""

    sid: str
    number: str
    webhooks: Mapping[str, str]
    diverted: tuple[str, ...] = ()

    @property
    def is_toll_free(self) -> bool:
        return bool(_TOLL_FREE.match(self.number))


@dataclass(frozen=True)
class Service:
    """A messaging service. inbound_url: where it sends texts that come in; empty if each number's webhook decides."""

    inbound_url: str
    numbers: frozenset[str]


WEBHOOK_FIELDS = (
    *("voice_url", "voice_method", "voice_fallback_url", "voice_fallback_method"),
    *("status_callback", "status_callback_method", "sms_url", "sms_method"),
)
# https://www.twilio.com/docs/phone-numbers/api/incomingphonenumber-resource
_DIVERSIONS = ("voice_application_sid", "trunk_sid", "sms_application_sid")


class Account:
    """A client for one account. api_url: replaces https://api.twilio.com and the address of Twilio's messaging API."""

    def __init__(self, account_sid: str, auth_token: str, api_url: str, seconds: float) -> None:
        self._auth = (account_sid, auth_token)
        self._transport = Transport(api_url, seconds)
        self._client = Client(account_sid, auth_token, http_client=self._transport)
        messaging = OFFICIAL_MESSAGING if api_url == OFFICIAL else api_url
        transport = Transport(messaging, seconds, OFFICIAL_MESSAGING)
        self._messaging = Client(account_sid, auth_token, http_client=transport).messaging.v1
        self._is_twilio = api_url == OFFICIAL

    def state(self) -> AccountState:
        """Ask Twilio for the account."""
        sid = self._auth[0]
        response = self._transport.request("GET", f"{OFFICIAL}/2010-04-01/Accounts/{sid}.json", auth=self._auth)
        date = {name.lower(): value for name, value in dict(response.headers or {}).items()}.get("date", "")
        if response.status_code != 200:
            if classify(response.status_code, None) is ErrorClass.STOP:
                return AccountState("", date)
            raise Broken(f"HTTP {response.status_code}")
        try:
            found = json.loads(str(response.text))
        except ValueError as error:
            raise Broken("a response that is not JSON") from error
        if not isinstance(found, dict) or found.get("sid") != sid:
            raise Broken("a response without the account")
        return AccountState(str(found.get("status")), date)

    def numbers(self) -> list[Number]:
        """All phone numbers of the account."""
        with _raises_unreachable():
            return [_number(number) for number in self._client.incoming_phone_numbers.list()]

    def set_webhooks(self, number: Number, webhooks: Mapping[str, str]) -> None:
        """Set webhooks of a number, and remove what overrides them."""
        values = {**webhooks, **dict.fromkeys(number.diverted, "")}
        with _raises_unreachable():
            self._client.incoming_phone_numbers(number.sid).update(**values)

    def is_redacted(self) -> bool:
        """Whether Twilio hides numbers or bodies in its log of the messages that we sent last.

        https://www.twilio.com/docs/messaging/guides/privacy-message-redaction
        """
        with _raises_unreachable():
            messages = self._client.messages.list(limit=_MOST_MESSAGES)
        sent = [message for message in messages if str(message.direction).startswith("outbound")]
        return any("X" in str(message.to).upper() or not message.body for message in sent)

    def service(self, sid: str) -> Service | None:
        """A messaging service with its numbers; None if there is no such service, or the carrier has none."""
        with _raises_unreachable():
            try:
                service = self._messaging.services(sid).fetch()
                numbers = self._messaging.services(sid).phone_numbers.list()
            except TwilioException as error:
                if _status_of(error) == 404:
                    return None
                raise
        inbound = "" if service.use_inbound_webhook_on_number else str(service.inbound_request_url or "none")
        return Service(inbound, frozenset(str(number.phone_number) for number in numbers))

    def use_number_webhooks(self, sid: str) -> None:
        """Let the webhook of each number decide where the service's texts go."""
        with _raises_unreachable():
            self._messaging.services(sid).update(use_inbound_webhook_on_number=True)

    def service_of(self, number: str) -> str:
        """The sid of the messaging service that a number belongs to; empty if there is none."""
        with _raises_unreachable():
            try:
                for service in self._messaging.services.list(limit=_MOST_SERVICES):
                    members = self._messaging.services(str(service.sid)).phone_numbers.list()
                    if any(member.phone_number == number for member in members):
                        return str(service.sid)
            except TwilioException as error:
                if _status_of(error) != 404:
                    raise
        return ""

    def campaign(self, service_sid: str) -> Registration:
        """The registration of a service's A2P 10DLC campaign."""
        with _raises_unreachable():
            try:
                campaigns = self._messaging.services(service_sid).us_app_to_person.list()
            except TwilioException as error:
                return self._without(error)
        return _best(str(campaign.campaign_status) for campaign in campaigns)

    def toll_free(self, number_sid: str) -> Registration:
        """The verification of a toll-free number."""
        with _raises_unreachable():
            try:
                found = self._messaging.tollfree_verifications.list(tollfree_phone_number_sid=number_sid)
            except TwilioException as error:
                return self._without(error)
        return _best(str(verification.status) for verification in found)

    def _without(self, error: TwilioException) -> Registration:
        if _status_of(error) != 404:
            raise error
        return Registration.MISSING if self._is_twilio else Registration.UNKNOWN


def _best(statuses: Iterator[str]) -> Registration:
    found = {_REGISTRATIONS.get(status.upper(), Registration.REFUSED) for status in statuses}
    order = (Registration.REGISTERED, Registration.PENDING, Registration.REFUSED)
    return next((registration for registration in order if registration in found), Registration.MISSING)


def _number(found: Any) -> Number:
    webhooks = {field: str(getattr(found, field, None) or "") for field in WEBHOOK_FIELDS}
    diverted = tuple(field for field in _DIVERSIONS if getattr(found, field, None))
    return Number(str(found.sid), str(found.phone_number), webhooks, diverted)


def _status_of(error: TwilioException) -> int | None:
    """The HTTP status of an error. The one that the SDK raises for a list has the response as its second argument."""
    if isinstance(error, TwilioRestException):
        return int(error.status)
    return next((each.status_code for each in error.args if hasattr(each, "status_code")), None)


@contextmanager
def _raises_unreachable() -> Iterator[None]:
    try:
        yield
    except (NotSent, Broken):
        raise
    except TwilioRestException as error:
        raise Broken(f"HTTP {error.status}, error {error.code}") from error
    except TwilioException as error:
        raise Broken(f"HTTP {_status_of(error)}") from error
    except Exception as error:
        raise Broken(type(error).__name__) from error
