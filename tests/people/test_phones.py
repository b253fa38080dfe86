"""Phone numbers against the library of numbering plans: the fast pattern for US numbers changes no answer."""

from __future__ import annotations

import re

import phonenumbers
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from ivr.people.phones import PhoneNumber, parse_phone, written_forms

COUNTRIES = [("US",), ("US", "CA"), ("US", "MX"), ("CA",), ("GB", "US"), ("DE",)]
REGIONS = {"US": ("US", "PR", "VI", "GU", "MP", "AS")}
OF_PEOPLE = (PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE)
PUNCTUATION = st.sampled_from(["", "", " ", "-", ".", "(", ")", ") ", "+", "/", " - ", "--", ".."])
DIGITS = st.text("0123456789", max_size=5)
# New Hampshire, New York, Puerto Rico, Toronto, toll-free, premium rate, personal, and no area at all.
AREA = st.sampled_from(["603", "212", "787", "416", "800", "900", "500", "911", "099"])
PREFIX = st.sampled_from(["", "", "1", "+1", "+1 ", "1-", "001", "+44", "+49", "+52", "0"])
NORTH_AMERICAN = st.tuples(
    PREFIX,
    PUNCTUATION,
    AREA,
    PUNCTUATION,
    st.from_regex(r"[0-9]{3}", fullmatch=True),
    PUNCTUATION,
    st.from_regex(r"[0-9]{4}", fullmatch=True),
).map("".join)
ANYTHING = st.lists(st.one_of(DIGITS, PUNCTUATION), max_size=9).map("".join)
# Reserved for fiction and for tests, which need numbers that are nobody's.
FICTION = re.compile(r"\+1\d{3}55501\d\d")


def by_library(text: str, countries: tuple[str, ...]) -> str | None:
    """The number in E.164 if the library finds one of a person in these countries; 976 is our own rule."""
    try:
        number = phonenumbers.parse(text, countries[0])
    except phonenumbers.NumberParseException:
        return None
    regions = {region for country in countries for region in REGIONS.get(country, (country,))}
    is_of_person = phonenumbers.number_type(number) in OF_PEOPLE
    if number.extension or not is_of_person or phonenumbers.region_code_for_number(number) not in regions:
        return None
    e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    # The library takes more than the fifteen digits of E.164 in some countries.
    return None if re.fullmatch(r"\+1\d{3}976\d{4}", e164) or len(e164) > len("+") + 15 else e164


@settings(max_examples=500)
@given(st.one_of(NORTH_AMERICAN, ANYTHING), st.sampled_from(COUNTRIES))
@example("603-976-1234", ("US",))
@example("1 (787) 234-5678", ("US",))
@example("+44 20 7946 0958", ("GB", "US"))
@example("6036683067", ("CA",))
@example("0300000000000000/", ("DE",))
@example("20100000000000", ("DE",))
def test_digits_and_punctuation_are_the_number_that_the_library_reads(text, countries):
    found = parse_phone(text, countries)
    number = found.e164 if isinstance(found, PhoneNumber) else None
    # A float is read without its fraction, which is a rule of our own as well.
    assume(not (number and FICTION.fullmatch(number)) and not text.strip().endswith(".0"))
    assert number == by_library(text.strip(), countries)


@pytest.mark.parametrize("country", ["US", "CA", "GB", "DE", "FR", "MX"])
def test_the_librarys_example_of_each_country_is_read_as_people_write_it(country):
    number = phonenumbers.example_number_for_type(country, PhoneNumberType.MOBILE)
    e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    for style in (PhoneNumberFormat.NATIONAL, PhoneNumberFormat.INTERNATIONAL, PhoneNumberFormat.E164):
        assert parse_phone(phonenumbers.format_number(number, style), (country,)) == PhoneNumber(e164)


def test_the_numbers_of_fiction_count_in_every_area_of_the_country():
    assert parse_phone("(603) 555-0123") == PhoneNumber("+16035550123")
    assert not isinstance(parse_phone("(800) 555-0123"), PhoneNumber)


WRITTEN = [
    "6035550123",
    "(603) 555-0123",
    "+1 603.555.0123",
    "16035550123",
    "^PRN^PH^^1^603^5550123",
    "tel:+1-603-5550123",
]
NOT_WRITTEN = ["6035550124", "603555012", "60355501234", "96035550123", "603 555 x 0123", ""]


@pytest.mark.parametrize("text", WRITTEN)
def test_a_number_is_found_however_it_is_written(text):
    assert written_forms("+16035550123").search(f"PID|1||{text}|M")


@pytest.mark.parametrize("text", NOT_WRITTEN)
def test_another_number_is_not_found(text):
    assert not written_forms("+16035550123").search(f"PID|1||{text}|M")


@pytest.mark.parametrize("text", ["+442071838750", "020 7183 8750", "+44 (0)20 7183 8750"])
def test_a_number_of_another_country_is_found(text):
    assert written_forms("+442071838750").search(text)
