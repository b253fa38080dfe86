"""Phone numbers: how they are written, where they are, and which of them are known to fail.

Twilio's own test numbers come from https://www.twilio.com/docs/iam/test-credentials. The others are this
simulator's: the last seven digits decide, so that 603-555-0192 and 802-555-0192 are both landlines.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

import phonenumbers

E164 = r"\+[1-9]\d{6,14}"
NO_CALLER = (
    "anonymous",
    "Anonymous",
    "Restricted",
    "+266696687",
    "+7378742833",
    "+2562533",
    "+8656696",
    "+86282452253",
)

MAGIC_TEXT_TO = {
    "+15005550001": 21211,
    "+15005550002": 21612,
    "+15005550003": 21408,
    "+15005550004": 21610,
    "+15005550009": 21614,
}
MAGIC_TEXT_FROM = {
    "+15005550000": 21212,
    "+15005550001": 21212,
    "+15005550007": 21606,
    "+15005550008": 21611,
}
MAGIC_CALL_TO = {
    "+15005550001": 21217,
    "+15005550002": 21214,
    "+15005550003": 21215,
    "+15005550004": 21216,
}
MAGIC_CALL_FROM = {"+15005550000": 21212, "+15005550001": 21212}
MAGIC_SENDER = "+15005550006"


@dataclass(frozen=True)
class Fate:
    """What becomes of a text after Twilio took it: the last status, its error, and which receipts are
    posted.
    """

    last: str = "delivered"
    error: int | None = None
    receipts: str = "all"  # all | none | reversed


TEXT_FATES = {
    "5550190": Fate("undelivered", 30003),  # unreachable handset
    "5550191": Fate("undelivered", 30005),  # unknown handset
    "5550192": Fate("undelivered", 30006),  # landline
    "5550193": Fate("undelivered", 30007),  # filtered by the carrier
    "5550194": Fate("undelivered", 30008),  # unknown error
    "5550195": Fate(receipts="none"),  # delivered, and nobody is ever told
    "5550196": Fate("sent"),  # `sent` is the last that is heard of it
    "5550197": Fate("failed", 30001),  # queue overflow
    "5550198": Fate("undelivered", 30034),  # sender not registered
    "5550199": Fate(receipts="reversed"),  # delivered, receipts in the wrong order
}

CALL_FATES = {
    "5550180": "busy",
    "5550181": "no-answer",
    "5550182": "failed",
    "5550183": "machine",  # voicemail answers
    "5550184": "human",  # a person answers by itself and then says nothing
}

# Area code to (state, city, ZIP); Twilio looks these up for both ends of a call or text.
PLACES = {
    "603": ("NH", "LEBANON", "03756"),
    "802": ("VT", "WHITE RIVER JUNCTION", "05001"),
    "207": ("ME", "PORTLAND", "04101"),
    "617": ("MA", "BOSTON", "02108"),
    "212": ("NY", "NEW YORK", "10007"),
}

_US = re.compile(r"\+1[2-9]\d{2}[2-9]\d{6}")


@lru_cache(maxsize=65536)
def normalised(written: str) -> str | None:
    """E.164 of a number as people or programs write it (a US number may lack +1); None when it cannot be
    one.
    """
    if _US.fullmatch(written):
        return written
    try:
        parsed = phonenumbers.parse(written, "US")
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(parsed):
        return None
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def text_fate(number: str) -> Fate:
    return TEXT_FATES.get(number[-7:], Fate())


def call_fate(number: str) -> str | None:
    """How a phone that nobody operates takes a call; None for one that rings until it is answered or time
    is up.
    """
    return CALL_FATES.get(number[-7:])


def places(number: str, *prefixes: str) -> dict[str, str]:
    """Twilio's four place fields (`FromCity`, ...) for each prefix; empty for callers without a number."""
    if not re.fullmatch(E164, number) or number in NO_CALLER:
        return {}
    state, city, zip_code = PLACES.get(number[2:5], ("", "", "")) if number.startswith("+1") else ("", "", "")
    country = "US" if number.startswith("+1") else _country(number)
    values = {"City": city, "State": state, "Zip": zip_code, "Country": country}
    return {prefix + name: value for prefix in prefixes for name, value in values.items()}


@lru_cache(maxsize=1024)
def _country(number: str) -> str:
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(number)) or ""
    except phonenumbers.NumberParseException:
        return ""
