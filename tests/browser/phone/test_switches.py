"""The switches below the phone: the hour, how texts fail, and a hidden number. Each changes the running line."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.browser.phone.phones import People, Phone, expect, line_requests
from tests.e2e.running import RunningLine

pytestmark = pytest.mark.browser
# The clock of all tests with a browser.
USUAL, USUAL_TIME = "2026-12-01T10:00", "01 Dec 10:"
CLOCK = "The line’s clock"


@pytest.fixture
def phone(people: People) -> Iterator[Phone]:
    """A phone whose test may change the clock, which is then set back."""
    phone = people.person()
    yield phone
    phone.sets(lambda page: page.get_by_label("Another time").fill(USUAL))
    expect(phone.page.locator("#clock")).to_contain_text(USUAL_TIME)


@pytest.mark.parametrize(
    ("hour", "time"),
    [("night", "23:0"), ("sunday", "Sun"), ("holiday", "25 Dec 10:0")],
    ids=["23:00", "Sunday", "holiday"],
)
def test_an_hour_at_which_the_departments_are_closed_closes_the_running_line(
    phone: Phone, hour: str, time: str
) -> None:
    phone.sets(lambda page: page.get_by_label(CLOCK).select_option(hour))
    expect(phone.page.locator("#clock")).to_contain_text(time)
    phone.calls().presses("0").hears("It should open again").is_listened_to()


def test_on_a_weekday_the_line_transfers(phone: Phone) -> None:
    phone.sets(lambda page: page.get_by_label(CLOCK).select_option("weekday"))
    expect(phone.page.locator("#clock")).to_contain_text("Wed")
    phone.calls().presses("0").transfer_ends("Central Scheduling", "Answer").hears("The call is over.")


@pytest.mark.parametrize(
    ("failure", "code"),
    [("unreachable", "30003"), ("landline", "30006"), ("unregistered", "30034")],
)
def test_a_phone_that_cannot_be_reached_shows_why(people: People, failure: str, code: str) -> None:
    phone = people.person()
    phone.sets(lambda page: page.get_by_label("Texts to this phone").select_option(failure))
    phone.texts("1")
    expect(phone.page.locator("#thread .theirs .wrong")).to_contain_text(code, timeout=30_000)
    phone.sets(lambda page: page.get_by_label("Texts to this phone").select_option(""))
    phone.texts("1").receives("alcification")


def test_a_phone_that_opted_out_gets_no_text(people: People, running: RunningLine) -> None:
    phone = people.person()
    phone.sets(lambda page: page.get_by_label("Texts to this phone").select_option("opted-out"))
    assert line_requests(running, "Messages", To=phone.number, Body="Hello")["code"] == 21610
    phone.sets(lambda page: page.get_by_label("Texts to this phone").select_option(""))
    phone.texts("1").receives("alcification")


def test_twilio_can_refuse_every_new_text_with_429(people: People, running: RunningLine) -> None:
    phone = people.person()
    switch = "Twilio refuses every new text with 429"
    phone.sets(lambda page: page.get_by_label(switch).check())
    try:
        assert line_requests(running, "Messages", To=phone.number, Body="Hello")["code"] == 20429
    finally:
        phone.sets(lambda page: page.get_by_label(switch).uncheck())
    # Refused for its own fault: a text that the line does not know would stop its reminders.
    assert line_requests(running, "Messages", To=phone.number)["code"] == 21602


def test_a_caller_can_hide_their_number(people: People) -> None:
    phone = people.person()
    phone.page.locator(".switches summary").click()
    phone.page.get_by_label("Hide my number when I call").check()
    phone.calls()
    exchange = phone.page.locator(".exchange").last
    exchange.locator("summary").click()
    expect(exchange).to_contain_text("anonymous")
    expect(exchange).not_to_contain_text(phone.number)
