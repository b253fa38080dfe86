"""Words of scheduling systems, time zones, and phone numbers in any way of writing."""

from __future__ import annotations

from zoneinfo import available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.people.phones import PhoneNumber, parse_phone
from ivr.reminders.imports.phone_cells import readable_phone
from ivr.reminders.imports.plain_text import plain
from ivr.reminders.imports.statuses import STATUSES, parse_status
from ivr.reminders.imports.timezones import parse_timezone

WORDS = [
    *[(word, "booked") for word in ("booked", "confirmed", "scheduled", "pending", "future", "- None", "^ Pending")],
    *[(word, "attended") for word in ("checked in", "@ Arrived", "~ Arrived late", "> Checked out", "in exam room")],
    *[(word, "cancelled") for word in ("x Canceled", "% Canceled < 24h", "late cancel", "entered in error", "deleted")],
    *[(word, "missed") for word in ("? No show", "no show", "dna", "! Left w/o visit", "left without being seen")],
    *[
        (word, None)
        for word in ("", "maybe", "Rescheduled", "& Rescheduled", "bookedd", "not cancelled", "un-cancelled")
    ],
]


@pytest.mark.parametrize(("words", "name"), WORDS)
def test_status_words_of_scheduling_systems_are_known(words, name):
    status = parse_status(words)
    assert (status.name if status else None) == name


@given(
    st.sampled_from([*WORDS, ("checked in", "attended"), *((name, name) for name in STATUSES)]),
    st.lists(st.sampled_from(["-", " ", "_", "/", "\u2011"]), min_size=5, max_size=5),
    st.booleans(),
)
def test_case_hyphens_and_spaces_do_not_change_a_status(case, separators, upper):
    words, name = case
    parts = words.upper().split() if upper else words.split()
    written = "".join(part + separator for part, separator in zip(parts, separators, strict=False))
    status = parse_status(plain(written))
    assert (status.name if status else None) == name


@pytest.mark.parametrize("status", ["proposed", "Waitlist", "wait-list", "Tentative", "requested"])
def test_a_time_that_is_not_agreed_on_is_recognized(status):
    assert parse_status(status) == ("booked", False)


ZONES = [
    ("ET", "America/New_York"),
    ("Eastern Time - US & Canada", "America/New_York"),
    ("(UTC-05:00) Eastern Time (US & Canada)", "America/New_York"),
    ("EDT", "America/New_York"),
    ("Central", "America/Chicago"),
    ("CST6CDT", "America/Chicago"),
    ("Mountain Standard Time", "America/Denver"),
    ("US Mountain Standard Time", "America/Phoenix"),
    ("PST", "America/Los_Angeles"),
    ("Alaskan Standard Time", "America/Anchorage"),
    ("HST", "Pacific/Honolulu"),
    ("AST", "America/Puerto_Rico"),
    ("ChST", "Pacific/Guam"),
    ("UTC-05:00", "Etc/GMT+5"),
    ("GMT+1", "Etc/GMT-1"),
    ("+0500", "Etc/GMT-5"),
    ("UTC", "UTC"),
]


@pytest.mark.parametrize(("text", "name"), ZONES)
def test_time_zones_are_recognized_as_systems_write_them(text, name):
    zone = parse_timezone(text)
    assert zone == (name, name.startswith(("Etc/", "UTC")))


@pytest.mark.parametrize("text", ["Middle Earth", "localtime", "Factory", "UTC-5:30", "UTC-99", "", "-", "()"])
def test_other_words_are_no_time_zone(text):
    assert parse_timezone(text) is None


@given(st.sampled_from(sorted(available_timezones() - {"localtime", "Factory"})), st.booleans())
def test_every_zone_of_the_database_is_known_whatever_its_case(name, lower):
    assert parse_timezone(name.lower() if lower else name) is not None


SEPARATORS = st.sampled_from(
    ["", " ", "-", ".", "/", "_", "*", "\u00a0", "\u202f", "\u2011", "\u2013", " - ", "\u200b"]
)
BEFORE = st.sampled_from(["", "+1", "1 ", "+1-", "001 ", "tel:", "Cell: ", "'", "\u202a", "(", "Mobile #"])
AFTER = st.sampled_from(["", ",", ";", " (cell)", " Rosa", "\u202c", ".0", "\u00a0", ", home"])


@given(BEFORE, SEPARATORS, SEPARATORS, AFTER, st.integers(0, 99))
def test_a_number_with_any_separators_is_read(before, first, second, after, number):
    cell = f"{before}603{first}555{second}01{number:02}{after}"
    assert parse_phone(readable_phone(plain(cell))) == PhoneNumber(f"+160355501{number:02}")


UNREADABLE = [
    "603-555-0101 x12",
    "603-555-0101/0102",
    "603-555-0101 603-555-0102",
    "603-555-010",
    "603-555-O101",
    "006035550101",
]


@pytest.mark.parametrize("cell", UNREADABLE)
def test_a_number_that_can_be_read_in_two_ways_stays_as_it_is(cell):
    assert readable_phone(cell) == cell


@given(st.text(max_size=60))
def test_any_text_can_be_made_plain(text):
    assert plain(plain(text)) == plain(text) or '="' in plain(text)
    readable_phone(plain(text))
