"""Calls from the telephone of the page, in a real browser, to a real line."""

from __future__ import annotations

import pytest

from tests.browser.phone.phones import MUTED, People, expect, line_requests
from tests.e2e.running import RunningLine

pytestmark = pytest.mark.browser


def test_a_call_in_spanish_reaches_the_next_department_when_the_first_is_busy(people: People) -> None:
    phone = people.person().calls().presses("8").hears("En una emergencia").is_listened_to()
    phone.presses("0").hears("Ahora le comunico con la oficina de citas")
    phone.transfer_ends("603-663-2180", "Busy").hears("tiene la línea ocupada")
    phone.transfer_ends("603-668-3067", "Answer").hears("Cuídese mucho").hears("The call is over.")
    expect(phone.page.locator("#transcript .line").last).to_have_attribute("lang", "es-US")
    expect(phone.page.get_by_role("button", name="Call", exact=True)).to_be_visible()


def test_words_about_a_red_flag_lead_to_the_warning_and_its_transfer(people: People) -> None:
    phone = people.person().calls()
    phone.says("I found a new lump").hears("“I found a new lump”").hears("go to the emergency room").is_listened_to()
    phone.presses("1").transfer_ends("603-668-3067", "Answer").hears("The call is over.")


def test_a_key_stops_the_prompt_and_is_heard_at_once(people: People) -> None:
    # This phone has sound, so a prompt takes as long as its audio.
    phone = people.person(init="localStorage.setItem('patient', 'yes')")
    phone.page.get_by_role("button", name="Call", exact=True).click()
    expect(phone.page.locator("body")).to_have_attribute("data-call", "speaking")
    phone.does_not_hear("press star")
    phone.page.keyboard.press("1")
    phone.hears("Pressed 1").hears("What would you like to know?")


def test_keys_that_nobody_waits_for_are_lost(people: People) -> None:
    phone = people.person()
    phone.page.keyboard.press("1")
    phone.calls().does_not_hear("Pressed")


def test_silence_is_reported_to_the_line_when_the_time_is_up(people: People) -> None:
    phone = people.person(init=MUTED).calls()
    phone.hears("Said nothing")


def test_a_call_from_the_line_rings_on_the_phone_and_is_answered(people: People, running: RunningLine) -> None:
    phone = people.person("+16035550177")
    line_requests(running, "Calls", To=phone.number, Url=f"{running.url}/voice")
    phone.page.get_by_role("button", name="Answer", exact=True).click()
    phone.hears("Answered").is_listened_to()


def test_a_whole_call_works_from_the_keyboard_alone(people: People) -> None:
    phone = people.person()
    keyboard = phone.page.keyboard
    keyboard.press("Tab")
    expect(phone.page.get_by_role("link", name="Skip to the phone")).to_be_focused()
    keyboard.press("Enter")
    phone.tabs_to("Call")
    keyboard.press("Enter")
    phone.is_listened_to()
    keyboard.press("1")
    phone.hears("Pressed 1").is_listened_to().tabs_to("Words to say", "textbox")
    keyboard.type("can I wear deodorant")
    keyboard.press("Enter")
    phone.hears("use no deodorant").is_listened_to().tabs_to("Text message", "textbox")
    keyboard.type("HELP")
    keyboard.press("Enter")
    phone.receives("STOP")
    phone.tabs_to("Hang up")
    keyboard.press("Space")
    phone.hears("The call is over.")
