"""Phone numbers: normalization, locations, and the numbers that always fail.

Twilio's own test numbers come from https://www.twilio.com/docs/iam/test-credentials. The others are specific
to the simulator: the last seven digits decide, so 603-555-0192 and 802-555-0192 are both landlines.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

import phonenumbers

E164 = r"\+[1-9][0-9]{6,14}"
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
MAGIC_CALL_FROM = {"+15005550001": 21212}
MAGIC_BOUGHT = {"+15005550000": 21422, "+15005550001": 21421}
MAGIC_SENDER = "+15005550006"


@dataclass(frozen=True)
class TextOutcome:
    """What happens to a text after Twilio accepts it: the last status, its error, and the receipts."""

    last: str = "delivered"
    error: int | None = None
    receipts: str = "all"  # all | none | reversed


TEXT_OUTCOMES = {
    "5550190": TextOutcome("undelivered", 30003),  # unreachable handset
    "5550191": TextOutcome("undelivered", 30005),  # unknown handset
    "5550192": TextOutcome("undelivered", 30006),  # landline
    "5550193": TextOutcome("undelivered", 30007),  # filtered by the carrier
    "5550194": TextOutcome("undelivered", 30008),  # unknown error
    "5550195": TextOutcome(receipts="none"),  # delivered without a receipt
    "5550196": TextOutcome("sent"),  # `sent` is the last status
    "5550197": TextOutcome("failed", 30001),  # queue overflow
    "5550198": TextOutcome("undelivered", 30034),  # sender not registered
    "5550199": TextOutcome(receipts="reversed"),  # delivered, receipts in the wrong order
}

CALL_OUTCOMES = {
    "5550180": "busy",
    "5550181": "no-answer",
    "5550182": "failed",
    "5550183": "machine",  # voicemail answers
    "5550184": "human",  # a person answers automatically and stays silent
}

# Area code to (state, city, ZIP); Twilio looks these up for both ends of a call or text.
PLACES = {
    "603": ("NH", "LEBANON", "03756"),
    "802": ("VT", "WHITE RIVER JUNCTION", "05001"),
    "207": ("ME", "PORTLAND", "04101"),
    "617": ("MA", "BOSTON", "02108"),
    "212": ("NY", "NEW YORK", "10007"),
}

_US = re.compile(r"\+1[2-9][0-9]{2}[2-9][0-9]{6}")


@lru_cache(maxsize=65536)
def normalize(number: str) -> str | None:
    """A number in E.164; US numbers may lack +1. None if it is not a possible number."""
    if _US.fullmatch(number):
        return number
    # The library also reads the digits of other scripts, and drops what follows a number.
    if not number.isascii() or not number.isprintable():
        return None
    try:
        parsed = phonenumbers.parse(number, "US")
    except phonenumbers.NumberParseException:
        return None
    if parsed.extension or not phonenumbers.is_possible_number(parsed):
        return None
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def text_outcome(number: str) -> TextOutcome:
    return TEXT_OUTCOMES.get(number[-7:], TextOutcome())


def call_outcome(number: str) -> str | None:
    """The outcome that the number decides; None for a phone that rings until it is answered or times out."""
    return CALL_OUTCOMES.get(number[-7:])


def places(number: str, *prefixes: str) -> dict[str, str]:
    """Twilio's four location fields (`FromCity`, ...) for each prefix; empty for callers without a number."""
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
