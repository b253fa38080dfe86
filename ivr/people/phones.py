"""Phone numbers as people write them, as E.164.

The pattern of US numbers decides the common case in about a microsecond; the library decides the rest.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import phonenumbers
from phonenumbers import PhoneNumberFormat


def _us_pattern() -> str:
    """What the library's own metadata says of US mobile numbers, by area code; its general pattern takes nearly all."""
    metadata = phonenumbers.PhoneMetadata.metadata_for_region("US", None)
    described = metadata.mobile if metadata else None
    return (described.national_number_pattern if described else None) or "(?!)"


_E164 = re.compile(r"\+[1-9]\d{6,14}\Z", re.ASCII)
# Programs that count with phone numbers write 6035550123.0.
_US_WRITTEN = re.compile(r"(?:\+?1[\s.-]?)?\(?(\d{3})\)?[\s.-]{0,2}(\d{3})[\s.-]?(\d{4})(?:\.0)?$", re.ASCII)
_US_VALID = re.compile(f"(?:{_us_pattern()})$")
_EXCEL = re.compile(r"\d[.,]?\d*[eE]\+?\d+$")
_TWO = re.compile(r"[;/,]|\bor\b|\band\b|\n")
# Digits: of the longest number of any country, and of two American ones.
_LONGEST_NUMBER, _TWO_NUMBERS = 15, 20
# Set aside for stories and tests; the library calls them invalid in some regions.
_RESERVED = re.compile(r"[2-9]\d{2}55501\d{2}$", re.ASCII)

# ANONYMOUS, RESTRICTED, BLOCKED, UNKNOWN and UNAVAILABLE on a keypad: the carrier's word for a hidden number.
_NOBODY = ("+266696687", "+7378742833", "+2562533", "+8656696", "+86282452253")


class PhoneFault(StrEnum):
    """Why some words are not a number that can be texted."""

    EMPTY = "phone_missing"
    EXCEL = "phone_excel"
    TWO = "phone_two"
    FOREIGN = "phone_foreign"
    INVALID = "phone_invalid"


@dataclass(frozen=True)
class PhoneNumber:
    """A number that can be texted, in E.164: +16035550123."""

    e164: str


def parse_phone(words: str, countries: Sequence[str] = ("US",)) -> PhoneNumber | PhoneFault:
    """The number that some words write, or why they do not.

    countries: whose numbers are taken; those of the first need no country code.
    """
    words = words.strip()
    if not words:
        return PhoneFault.EMPTY
    match = _US_WRITTEN.match(words) if countries[0] == "US" else None
    if match:
        national = "".join(match.groups())
        if _US_VALID.match(national) or _RESERVED.match(national):
            return PhoneNumber(f"+1{national}")
    if _EXCEL.match(words):
        return PhoneFault.EXCEL
    return _read_by_library(words, countries)


def _read_by_library(words: str, countries: Sequence[str]) -> PhoneNumber | PhoneFault:
    digits = len(re.sub(r"\D", "", words))
    if digits >= _TWO_NUMBERS or (_TWO.search(words) and digits > _LONGEST_NUMBER):
        return PhoneFault.TWO
    try:
        number = phonenumbers.parse(words, countries[0])
    except phonenumbers.NumberParseException:
        return PhoneFault.INVALID
    if number.extension or not phonenumbers.is_valid_number(number):
        return PhoneFault.INVALID
    if phonenumbers.region_code_for_number(number) not in countries:
        return PhoneFault.FOREIGN
    return PhoneNumber(phonenumbers.format_number(number, PhoneNumberFormat.E164))


def is_e164(words: str) -> bool:
    """Whether a webhook's From is a number at all, and not `anonymous` or the like."""
    return bool(_E164.match(words)) and words not in _NOBODY


def format_phone(e164: str) -> str:
    """A number as its people write it: 603-555-0123; from abroad, all its digits."""
    american = re.fullmatch(r"\+1(\d{3})(\d{3})(\d{4})", e164, re.ASCII)
    return "-".join(american.groups()) if american else e164
