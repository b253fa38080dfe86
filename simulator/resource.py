"""What all resources of the account share: identifiers, dates, segments."""

import secrets
from datetime import datetime
from email.utils import format_datetime
from typing import Any, Protocol

import smsutil

API_VERSION = "2010-04-01"


def new_sid(prefix: str) -> str:
    """An identifier in Twilio's format: the prefix and 32 hex digits."""
    return prefix + secrets.token_hex(16)


def segments(body: str) -> int:
    """How many segments a body takes: 160 GSM-7 or 70 UCS-2 characters, 153 or 67 each if there are several."""
    return max(1, len(smsutil.split(body).parts))


def rfc2822(moment: datetime | None) -> str | None:
    return None if moment is None else format_datetime(moment)


class CallRecord(Protocol):
    """What the resource of a call shows. seconds: its length."""

    sid: str
    caller: str
    direction: str
    status: str
    created: datetime
    started: datetime | None
    ended: datetime | None
    answered_by: str | None

    @property
    def called(self) -> str: ...

    @property
    def seconds(self) -> int: ...


def call_resource(account_sid: str, call: CallRecord, parent: str | None = None) -> dict[str, Any]:
    """https://www.twilio.com/docs/voice/api/call-resource. parent: the SID of the call that dialed it."""
    uri = f"/{API_VERSION}/Accounts/{account_sid}/Calls/{call.sid}"
    return {
        "account_sid": account_sid,
        "answered_by": call.answered_by,
        "api_version": API_VERSION,
        "caller_name": None,
        "date_created": rfc2822(call.created),
        "date_updated": rfc2822(call.ended or call.started or call.created),
        "direction": call.direction,
        "duration": str(call.seconds) if call.ended else None,
        "end_time": rfc2822(call.ended),
        "forwarded_from": None,
        "from": call.caller,
        "from_formatted": call.caller,
        "group_sid": None,
        "parent_call_sid": parent,
        "phone_number_sid": None,
        "price": None,
        "price_unit": "USD",
        "queue_time": "0",
        "sid": call.sid,
        "start_time": rfc2822(call.started),
        "status": call.status,
        "subresource_uris": {"recordings": f"{uri}/Recordings.json"},
        "to": call.called,
        "to_formatted": call.called,
        "trunk_sid": None,
        "uri": f"{uri}.json",
    }
