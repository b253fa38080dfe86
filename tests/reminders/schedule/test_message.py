"""The text of a reminder as sent, for every value of its placeholders."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from ivr.line.content.loader import Content
from ivr.line.locales.locale import get_locale
from ivr.line.text import gsm7
from ivr.reminders.schedule.message import appointment_values, reminder_text

ZONE = "America/New_York"
# Every weekday of every month, on two-digit days, at one of the longest times to write.
STARTS = [
    datetime(2027, month, day, 12, 30, tzinfo=ZoneInfo(ZONE)).astimezone(UTC)
    for month in range(1, 13)
    for day in range(20, 27)
]
LANGUAGES = ("en", "es")


def prompt_names(content: Content) -> set[str]:
    return {name for step in content.config.reminders.plan for name in (step.prompt, step.wording)} | {
        "reminder-1d-names-test"
    }


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_reminder_fits_in_one_segment_on_every_day_at_every_site(content, language):
    for name in prompt_names(content):
        for site in content.config.sites:
            for starts_at in STARTS:
                text = reminder_text(
                    content, name, language, appointment_values(content, language, starts_at, ZONE, site.id)
                )
                count = gsm7.count_segments(text)
                assert (count.segments, count.encoding) == (1, "GSM-7"), text
                assert gsm7.fold_to_gsm7(text) == text
                assert "?" not in text.replace("¿No puede venir?", "").replace("Cannot come?", "")
                for part in (content.config.hospital[language], content.config.entry(site.directory).number, "STOP"):
                    assert gsm7.fold_to_gsm7(part) in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_lint_uses_values_at_least_as_long_as_the_real_ones(content, language):
    longest = {"date": get_locale(language).longest_date, "time": get_locale(language).longest_time}
    for starts_at in STARTS:
        values = appointment_values(content, language, starts_at, ZONE, content.config.sites[0].id)
        for name, value in longest.items():
            assert (
                gsm7.count_segments(gsm7.fold_to_gsm7(values[name])).characters
                <= gsm7.count_segments(gsm7.fold_to_gsm7(value)).characters
            )


def test_the_reminder_that_mentions_deodorant_is_sent_only_if_the_plan_says_so(content):
    (last,) = [step for step in content.config.reminders.plan if step.id == "1d"]
    assert last.wording == "reminder-1d"
    assert last.model_copy(update={"names_test": True}).wording == "reminder-1d-names-test"
    for language, products in (("en", ("deodorant", "powder")), ("es", ("desodorante", "talco"))):
        texts = {
            names_test: reminder_text(
                content,
                last.model_copy(update={"names_test": names_test}).wording,
                language,
                appointment_values(content, language, STARTS[0], ZONE, content.config.sites[0].id),
            )
            for names_test in (False, True)
        }
        assert all(product in texts[True] for product in products)
        assert not any(product in texts[False] for product in products)
