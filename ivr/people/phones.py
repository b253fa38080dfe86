"""Converts phone numbers as people write them to E.164: US numbers by a fast pattern, others by phonenumbers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import phonenumbers
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from ivr.line.content.costly_numbers import PREMIUM_EXCHANGES, has_premium_exchange
from ivr.people.phone_faults import PhoneFault


def _us_pattern() -> str:
    """Return the library's pattern of US mobile numbers by area code; its general pattern accepts nearly anything."""
    metadata = phonenumbers.PhoneMetadata.metadata_for_region("US", None)
    mobile = metadata.mobile if metadata else None
    return (mobile.national_number_pattern if mobile else None) or "(?!)"


_E164 = re.compile(r"\+[1-9]\d{6,14}\Z", re.ASCII)
# Programs that store phone numbers as floats write 6035550123.0.
_US_WRITTEN = re.compile(r"(?:\+?1[\s.-]?)?\(?(\d{3})\)?[\s.-]{0,2}(\d{3})[\s.-]?(\d{4})(?:\.0)?$", re.ASCII)
_US_VALID = re.compile(f"(?:{_us_pattern()})$")
# The area codes and exchanges of a hospital's patients; one entry is about 200 bytes.
_CACHED_EXCHANGES = 20_000
_EXCEL = re.compile(r"\d[.,]?\d*[eE]\+?\d+$")
_TWO = re.compile(r"[;/,]|\bor\b|\band\b|\n")
# Digits of the longest number of any country, and of two US numbers.
_LONGEST_NUMBER, _TWO_NUMBERS = 15, 20
# A person answers these types. The others are premium-rate, toll-free, shared-cost, pager, voicemail, company-wide and
# personal numbers, which cost far more to text or to call.
_OF_PEOPLE = frozenset({PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE})
# Territories of the United States, whose numbers have ISO codes of their own.
_TERRITORIES = {"US": ("PR", "VI", "GU", "MP", "AS")}
# Twilio sends these for a withheld number: ANONYMOUS, RESTRICTED, BLOCKED, UNKNOWN, UNAVAILABLE on a keypad.
_WITHHELD = ("+266696687", "+7378742833", "+2562533", "+8656696", "+86282452253")


@dataclass(frozen=True)
class PhoneNumber:
    """A number that can be texted. e164: like +16035550123."""

    e164: str


def parse_phone(text: str, countries: Sequence[str] = ("US",)) -> PhoneNumber | PhoneFault:
    """Parse a number that a person answers.

    countries: accepted ISO 3166 codes, each with its territories; numbers in the first need no country code.
    """
    text = text.strip()
    if not text:
        return PhoneFault.EMPTY
    match = _US_WRITTEN.match(text) if countries[0] == "US" else None
    if match:
        area, exchange, line = match.groups()
        if exchange in PREMIUM_EXCHANGES:
            return PhoneFault.SPECIAL
        if _is_us(area, exchange) or (exchange == "555" and line[:2] == "01" and _is_us_area(area)):
            return PhoneNumber(f"+1{area}{exchange}{line}")
    if _EXCEL.match(text):
        return PhoneFault.EXCEL
    return _parse_by_library(text, countries)


@lru_cache(_CACHED_EXCHANGES)
def _is_us(area: str, exchange: str) -> bool:
    """Whether numbers of an exchange are valid: the library's pattern says nothing about the last four digits."""
    return bool(_US_VALID.match(f"{area}{exchange}0000"))


@lru_cache(1000)
def _is_us_area(area: str) -> bool:
    """Whether an area code has the numbers 555-0100 to 555-0199, which are reserved for fiction and tests.

    The library calls them invalid in some areas.
    """
    return bool(_US_VALID.match(f"{area}2345678"))


def _parse_by_library(text: str, countries: Sequence[str]) -> PhoneNumber | PhoneFault:
    digits = len(re.sub(r"\D", "", text))
    if digits >= _TWO_NUMBERS or (_TWO.search(text) and digits > _LONGEST_NUMBER):
        return PhoneFault.TWO
    try:
        number = phonenumbers.parse(text, countries[0])
    except phonenumbers.NumberParseException:
        return PhoneFault.INVALID
    if number.extension or not phonenumbers.is_valid_number(number):
        return PhoneFault.INVALID
    if phonenumbers.region_code_for_number(number) not in _regions(tuple(countries)):
        return PhoneFault.FOREIGN
    if phonenumbers.number_type(number) not in _OF_PEOPLE or has_premium_exchange(number):
        return PhoneFault.SPECIAL
    e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    # The library takes more than the fifteen digits of E.164 in some countries.
    return PhoneNumber(e164) if is_e164(e164) else PhoneFault.INVALID


@lru_cache
def _regions(countries: tuple[str, ...]) -> frozenset[str]:
    return frozenset(region for country in countries for region in (country, *_TERRITORIES.get(country, ())))


def is_reachable(text: str, countries: Sequence[str]) -> bool:
    """Return whether the line may text or call back a caller's number. text: E.164, or a word for a withheld number."""
    return is_e164(text) and isinstance(parse_phone(text, countries), PhoneNumber)


def is_e164(text: str) -> bool:
    """Return whether a sender or caller is a phone number, not a short code or a word for a withheld number."""
    return bool(_E164.match(text)) and text not in _WITHHELD


def written_forms(e164: str) -> re.Pattern[str]:
    """A pattern that finds a number in a text: with or without its country code, however its digits are grouped.

    HL7 separates the parts of a number by ^.
    """
    number = phonenumbers.parse(e164)
    between = r"[\s().^/-]*"
    country, national = (between.join(str(part)) for part in (number.country_code, number.national_number))
    return re.compile(rf"(?<!\d)(?:{country}{between})?0?{between}{national}(?!\d)", re.ASCII)


def format_phone(e164: str) -> str:
    """Return a US number as 603-555-0123 and any other unchanged."""
    match = re.fullmatch(r"\+1(\d{3})(\d{3})(\d{4})", e164, re.ASCII)
    return "-".join(match.groups()) if match else e164


def mask_phone(e164: str) -> str:
    """The last four digits, as the console shows a number until somebody asks for it."""
    return f"•••• {e164[-4:]}"
