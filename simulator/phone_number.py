"""A number of the account with its webhooks.

https://www.twilio.com/docs/phone-numbers/api/incomingphonenumber-resource
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from simulator.resource import API_VERSION, new_sid, rfc2822
from simulator.settings import Settings
from simulator.webhook import Webhook

# The fields of the resource that hold a webhook, with their methods.
URL_FIELDS = {
    "voice_url": "voice_method",
    "voice_fallback_url": "voice_fallback_method",
    "sms_url": "sms_method",
    "sms_fallback_url": "sms_fallback_method",
    "status_callback": "status_callback_method",
}


@dataclass
class PhoneNumber:
    """fields: the values of `URL_FIELDS`, as Twilio shows them; an empty URL is none."""

    number: str
    created: datetime
    friendly_name: str
    fields: dict[str, str]
    sid: str = field(default_factory=lambda: new_sid("PN"))
    updated: datetime | None = None

    def webhook(self, name: str) -> Webhook | None:
        """The webhook of a field in `URL_FIELDS`."""
        url = self.fields[name]
        return Webhook(url, self.fields[URL_FIELDS[name]]) if url else None

    def resource(self, account_sid: str) -> dict[str, Any]:
        return {
            "account_sid": account_sid,
            "address_requirements": "none",
            "address_sid": None,
            "api_version": API_VERSION,
            "beta": False,
            "bundle_sid": None,
            "capabilities": {"fax": False, "mms": True, "sms": True, "voice": True},
            "date_created": rfc2822(self.created),
            "date_updated": rfc2822(self.updated or self.created),
            "emergency_address_sid": None,
            "emergency_address_status": "unregistered",
            "emergency_status": "Inactive",
            "friendly_name": self.friendly_name,
            "identity_sid": None,
            "origin": "twilio",
            "phone_number": self.number,
            "sid": self.sid,
            "sms_application_sid": "",
            "status": "in-use",
            "trunk_sid": None,
            "type": "local",
            "uri": f"/{API_VERSION}/Accounts/{account_sid}/IncomingPhoneNumbers/{self.sid}.json",
            "voice_application_sid": "",
            "voice_caller_id_lookup": False,
            "voice_receive_mode": "voice",
            **self.fields,
        }


def no_webhooks() -> dict[str, str]:
    """The fields of a number without any webhook."""
    return {**dict.fromkeys(URL_FIELDS, ""), **dict.fromkeys(URL_FIELDS.values(), "POST")}


def number_of(settings: Settings) -> PhoneNumber:
    """The number that the settings describe."""
    webhooks = {
        "voice_url": settings.voice_webhook,
        "voice_fallback_url": settings.voice_fallback,
        "sms_url": settings.sms_webhook,
        "sms_fallback_url": settings.sms_fallback,
        "status_callback": settings.status_callback,
    }
    fields = no_webhooks()
    for name, webhook in webhooks.items():
        if webhook is not None:
            absolute = settings.absolute(webhook)
            fields |= {name: absolute.url, URL_FIELDS[name]: absolute.method}
    return PhoneNumber(settings.sender, settings.now(), settings.sender, fields)
