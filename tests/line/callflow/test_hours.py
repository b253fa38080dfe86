"""When an office is open: its hours of the week, public holidays, and days with other hours."""

from __future__ import annotations

from datetime import date, datetime, time

import pytest

from ivr.line.callflow.hours import describe_next_opening, hours_on, is_open
from ivr.line.content.config import read_config
from ivr.line.content.findings import BrokenPrompts
from ivr.line.content.loader import LINE_FILE, read_folder
from ivr.line.content.yaml_source import read_yaml
from tests.support.paths import ROOT

SHIPPED = read_folder(ROOT / "prompts")[LINE_FILE].decode()
# A Tuesday and a Saturday.
TUESDAY, SATURDAY = date(2026, 12, 29), date(2026, 12, 26)


def config_with(hours, **changes):
    text = SHIPPED.replace("remove: []", f"remove: [], hours: {{{hours}}}")
    for old, new in changes.items():
        assert f"{old}: " in text
        text = text.replace(f"{old}: closed", f"{old}: {new}")
    return read_config(read_yaml(LINE_FILE, text))


@pytest.mark.parametrize(
    ("label", "hours", "day", "expected"),
    [
        ("no other hours", "", TUESDAY, (8, 17)),
        ("closes early", "2026-12-29: 08:00-12:00", TUESDAY, (8, 12)),
        ("opens late", "2026-12-29: 10:00-17:00", TUESDAY, (10, 17)),
        ("never longer than usual", "2026-12-29: 06:00-22:00", TUESDAY, (8, 17)),
        ("outside the usual hours", "2026-12-29: 18:00-20:00", TUESDAY, None),
        ("a day on which it is closed every week", "2026-12-26: 08:00-12:00", SATURDAY, None),
        ("a public holiday stays closed", "2026-12-25: 08:00-12:00", date(2026, 12, 25), None),
    ],
)
def test_an_office_is_open_on_a_day_within_its_other_hours(label, hours, day, expected):
    config = config_with(hours)
    found = hours_on(config, config.directory[0], day)
    assert found == (expected and tuple(map(time, expected))), label


def test_an_office_that_is_open_on_holidays_keeps_its_hours():
    config = config_with("2026-12-29: 08:00-12:00", holidays="open")
    assert hours_on(config, config.directory[0], TUESDAY) == (time(8), time(17))


def test_callers_are_told_when_an_office_opens_that_has_other_hours():
    config = config_with("2026-12-29: 08:00-12:00, 2026-12-30: 10:30-17:00")
    entry = config.directory[0]
    noon = datetime(2026, 12, 29, 12, tzinfo=config.zone)
    assert is_open(config, entry, noon.replace(hour=11, minute=59))
    assert not is_open(config, entry, noon)
    assert describe_next_opening(config, entry, noon, "en") == "tomorrow at 10:30 AM"


@pytest.mark.parametrize("hours", ["2026-12-29: noon", "2026-12-29: 12:00-08:00", "tuesday: 08:00-12:00"])
def test_hours_that_are_none_are_refused(hours):
    with pytest.raises(BrokenPrompts) as broken:
        config_with(hours)
    assert broken.value.findings[0].line == SHIPPED[: SHIPPED.index("\nholidays:")].count("\n") + 2
