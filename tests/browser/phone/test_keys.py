"""Keys at each moment of a prompt: barge-in, type-ahead, and keys that nobody waits for; and touch."""

from __future__ import annotations

import pytest

from tests.browser.phone.phones import SLOW, People, Phone, expect
from tests.support.network import Line, wait_for

pytestmark = pytest.mark.browser
LONG = "This prompt takes several seconds to say. " * 10


@pytest.fixture
def script(script: Line) -> Line:
    script.says["/next"] = "<Say>Thank you.</Say>"
    return script


def hears_prompt(testers: People, script: Line, document: str) -> Phone:
    """A phone on which the line is speaking."""
    script.says["/voice"] = document
    phone = testers.person(init=SLOW).dials().shows("speaking")
    expect(phone.page.locator("#transcript .now")).not_to_be_empty()
    return phone


def digits(script: Line) -> list[str]:
    wait_for(lambda: script.params("/next"), 20)
    return [params.get("Digits", "") for params in script.params("/next")]


def test_a_key_stops_the_prompt_of_a_gather(testers: People, script: Line) -> None:
    phone = hears_prompt(testers, script, f'<Gather action="/next" numDigits="1"><Say>{LONG}</Say></Gather>')
    phone.page.keyboard.press("4")
    phone.hears("Pressed 4").hears("Thank you.")
    assert digits(script) == ["4"]


def test_several_keys_typed_ahead_from_the_keyboard_are_one_answer(testers: People, script: Line) -> None:
    phone = hears_prompt(testers, script, f'<Gather action="/next" finishOnKey="#"><Say>{LONG}</Say></Gather>')
    phone.page.keyboard.type("603")
    expect(phone.page.locator("#call-state")).to_have_text("You typed 603")
    phone.page.keyboard.type("#")
    phone.hears("Pressed 603#").hears("Thank you.")
    assert digits(script) == ["603"]


def test_keys_beyond_the_last_digit_are_lost(testers: People, script: Line) -> None:
    script.says["/next"] = f'<Gather action="/last" numDigits="2"><Say>{LONG}</Say></Gather>'
    phone = hears_prompt(testers, script, f'<Gather action="/next" numDigits="2"><Say>{LONG}</Say></Gather>')
    phone.page.evaluate(
        "for (const key of '1234') document.body.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }))"
    )
    phone.hears("Pressed 12").shows("speaking")
    assert digits(script) == ["12"]
    expect(phone.page.locator("#call-state")).to_have_text("Speaking")


def test_a_key_before_the_gather_is_lost(testers: People, script: Line) -> None:
    phone = hears_prompt(
        testers, script, f'<Say>{LONG}</Say><Gather action="/next" numDigits="1"><Say>Now.</Say></Gather>'
    )
    phone.page.keyboard.press("4")
    phone.hears("Now.").is_listened_to().does_not_hear("Pressed")
    phone.page.keyboard.press("5")
    phone.hears("Pressed 5")
    assert digits(script) == ["5"]


def test_a_prompt_without_barge_in_is_spoken_to_its_end_and_then_takes_the_key(testers: People, script: Line) -> None:
    phone = hears_prompt(
        testers, script, f'<Gather action="/next" numDigits="1" bargeIn="false"><Say>{LONG}</Say></Gather>'
    )
    phone.page.keyboard.press("4")
    expect(phone.page.locator("#call-state")).to_have_text("You typed 4")
    phone.shows("speaking").does_not_hear("Pressed")
    assert script.params("/next") == []
    phone.hears("Pressed 4").hears("Thank you.")
    assert digits(script) == ["4"]


def test_words_wait_for_the_end_of_a_prompt_without_barge_in(testers: People, script: Line) -> None:
    phone = hears_prompt(
        testers, script, f'<Gather action="/next" input="speech" bargeIn="false"><Say>{LONG}</Say></Gather>'
    )
    phone.page.get_by_label("Words to say").fill("a lump")
    phone.page.keyboard.press("Enter")
    phone.shows("speaking").hears("“a lump”")
    assert script.params("/next") == []
    phone.hears("Thank you.")
    assert [params["SpeechResult"] for params in script.params("/next")] == ["a lump"]


def test_a_phone_works_by_touch(testers: People, script: Line) -> None:
    script.says["/voice"] = '<Gather action="/next" numDigits="2"><Say>Two keys.</Say></Gather>'
    page = testers.person(has_touch=True, is_mobile=True, viewport={"width": 390, "height": 844}).page
    page.get_by_role("button", name="Call", exact=True).tap()
    expect(page.locator("body")).to_have_attribute("data-call", "listening")
    page.get_by_role("button", name="7", exact=True).tap()
    page.get_by_role("button", name="star", exact=True).tap()
    expect(page.locator("#transcript")).to_contain_text("Pressed 7*")
    assert digits(script) == ["7*"]
    page.locator(".tabs").get_by_role("button", name="Texts").tap()
    page.get_by_label("Text message").fill("hello")
    page.get_by_role("button", name="Send", exact=True).tap()
    expect(page.locator("#thread .mine")).to_contain_text("hello")
