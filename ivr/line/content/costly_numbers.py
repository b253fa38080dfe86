"""Numbers that the line never transfers to: each call to them would cost the hospital far more than a local one."""

from __future__ import annotations

import phonenumbers
from phonenumbers import PhoneNumberType

from ivr.line.content.config import Config, DirectoryEntry

# Premium rate in every area of North America, which the library does not know; 900 is an area code.
PREMIUM_EXCHANGES = frozenset(("976",))


def is_premium(number: str) -> bool:
    """Whether a number of the directory is at premium rate."""
    parsed = phonenumbers.parse(number, "US")
    return phonenumbers.number_type(parsed) == PhoneNumberType.PREMIUM_RATE or has_premium_exchange(parsed)


def has_premium_exchange(number: phonenumbers.PhoneNumber) -> bool:
    """Whether a number is in an exchange that is at premium rate in every area of North America."""
    return number.country_code == 1 and str(number.national_number)[3:6] in PREMIUM_EXCHANGES


def foreign_region(config: Config, number: str) -> str:
    """The ISO 3166 code of the country that a number belongs to; empty if the line may call it."""
    region = phonenumbers.region_code_for_number(phonenumbers.parse(number, "US"))
    return region if region and region not in {*config.reminders.countries, "US"} else ""


def may_be_dialed(config: Config, entry: DirectoryEntry) -> bool:
    """Whether the line may transfer callers to an entry."""
    return not is_premium(entry.e164) and not foreign_region(config, entry.e164)
