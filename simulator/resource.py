"""What all of the account's resources share: identifiers, dates, segments."""

import secrets
from datetime import datetime
from email.utils import format_datetime

import smsutil

API_VERSION = "2010-04-01"


def new_sid(prefix: str) -> str:
    """Two letters and 32 hex digits, as Twilio's identifiers are."""
    return prefix + secrets.token_hex(16)


def segments(body: str) -> int:
    """How many segments a body is sent in: 160 GSM-7 or 70 UCS-2 characters, 153 or 67 when joined."""
    return max(1, len(smsutil.split(body).parts))


def rfc2822(moment: datetime | None) -> str | None:
    return None if moment is None else format_datetime(moment)
