"""The days on which the line's offices are closed: the holidays of New Hampshire's law, and what line.yaml changes."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from holidays import country_holidays

from ivr.line.callflow.holiday_calendar import closed_days, is_holiday
from ivr.line.content.config import Holidays
from ivr.line.content.findings import Finding
from ivr.line.content.loader import LINE_FILE, read_content
from ivr.line.lint.folder_rules import unconfirmed_holidays
from ivr.line.lint.runner import check_content
from tests.line.content.test_loader import SHIPPED, changed, line_of
from tests.line.lint.test_runner import skip_the_graph

NEW_HAMPSHIRE = Holidays()
# RSA 288:1 and 288:2.
DAYS = [
    ("Columbus Day", date(2026, 10, 12), True),
    ("Juneteenth", date(2026, 6, 19), False),
    ("the day after Thanksgiving", date(2026, 11, 27), False),
    ("Thanksgiving", date(2026, 11, 26), True),
    ("the Friday before a holiday on Saturday", date(2026, 7, 3), False),
    ("the holiday on Saturday", date(2026, 7, 4), True),
    ("the Monday after a holiday on Sunday", date(2027, 7, 5), True),
    ("the Friday before Christmas on Saturday", date(2027, 12, 24), False),
    ("Civil Rights Day", date(2027, 1, 18), True),
    ("Memorial Day, when May has five Mondays", date(2027, 5, 31), True),
    ("Election Day", date(2026, 11, 3), True),
    ("the same Tuesday in an odd year", date(2027, 11, 2), False),
    ("Labor Day", date(2027, 9, 6), True),
    ("an ordinary Tuesday", date(2026, 12, 1), False),
]


@pytest.mark.parametrize(("label", "day", "is_closed"), DAYS, ids=[case[0] for case in DAYS])
def test_the_holidays_of_new_hampshire_are_those_of_its_law(label: str, day: date, is_closed: bool) -> None:
    assert is_holiday(NEW_HAMPSHIRE, day) is is_closed
    assert (day in closed_days(NEW_HAMPSHIRE, day.year)) is is_closed


def test_in_any_year_the_holidays_that_the_federal_government_keeps_too_agree_with_the_library() -> None:
    for year in range(2025, 2101):
        library = country_holidays("US", years=year, observed=False)
        federal = {day for day, name in library.items() if "Juneteenth" not in name}
        listed = closed_days(NEW_HAMPSHIRE, year)
        kept = {day for day, name in listed.items() if not ("observed" in name or name == "Election Day")}
        assert kept == federal
        assert list(listed) == sorted(listed)


def test_other_states_have_the_holidays_of_the_library() -> None:
    assert closed_days(Holidays(state="MA"), 2026) == dict(
        sorted(country_holidays("US", subdiv="MA", years=2026).items())
    )


def holiday_findings(today: date, old: str = "confirmed: null", new: str = "confirmed: null") -> list[Finding]:
    return list(unconfirmed_holidays(read_content(changed(LINE_FILE, old, new)), today))


YEARS = [
    ("the shipped prompts in June", date(2026, 6, 1), "confirmed: null", [2026]),
    ("in the last quarter the next year too", date(2026, 10, 1), "confirmed: null", [2026, 2027]),
    ("a confirmed year", date(2026, 6, 1), "confirmed: 2026", []),
    ("a confirmed year in the last quarter", date(2026, 12, 31), "confirmed: 2026", [2027]),
    ("both years", date(2026, 12, 31), "confirmed: 2027", []),
    ("a year that was confirmed long ago", date(2027, 1, 1), "confirmed: 2025", [2027]),
]


@pytest.mark.parametrize(("label", "today", "confirmed", "years"), YEARS, ids=[case[0] for case in YEARS])
def test_closed_days_that_the_hospital_has_not_confirmed_are_listed_as_a_warning(
    label: str, today: date, confirmed: str, years: list[int]
) -> None:
    findings = holiday_findings(today, new=confirmed)
    assert [
        f"The closed days of {year} " in finding.message for finding, year in zip(findings, years, strict=True)
    ] == [True] * len(years)
    line = line_of(SHIPPED, LINE_FILE, "holidays: {state")
    assert {(finding.file, finding.line, finding.rule, finding.level) for finding in findings} <= {
        (LINE_FILE, line, "unconfirmed", "warning")
    }


def test_the_list_shows_each_closed_day_with_its_weekday_and_the_changes_of_line_yaml() -> None:
    (finding,) = holiday_findings(
        date(2026, 1, 1), "add: [], remove: []", "add: [2026-12-24], remove: [2026-10-12, 2027-12-25]"
    )
    assert "Wed Nov 11 Veterans Day; Thu Nov 26 Thanksgiving Day; Thu Dec 24 added in line.yaml; Fri" in finding.message
    assert "Columbus" not in finding.message


def test_a_line_that_never_closes_on_holidays_needs_no_confirmation() -> None:
    files = {**SHIPPED, LINE_FILE: SHIPPED[LINE_FILE].replace(b"holidays: closed", b"holidays: open")}
    assert list(unconfirmed_holidays(read_content(files), date(2026, 10, 1))) == []


def test_the_check_reports_the_year_of_the_lines_time_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    skip_the_graph(monkeypatch)
    content = read_content(SHIPPED)
    now = datetime(2026, 1, 1, 3, tzinfo=UTC)
    messages = [finding.message for finding in check_content(content, now=now).about("unconfirmed")]
    assert [message for message in messages if "closed days of 2025" in message]
    assert not [message for message in check_content(content).findings if "closed days" in message.message]
