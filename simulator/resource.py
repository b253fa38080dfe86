"""What all resources of the account share: identifiers, dates, segments."""

import secrets
from datetime import datetime
from email.utils import format_datetime

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
