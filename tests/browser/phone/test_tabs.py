"""Each tab is a phone of its own, and a reload loses nothing."""

from __future__ import annotations

import pytest

from tests.browser.phone.phones import SLOW, People, expect
from tests.support.network import Line

pytestmark = pytest.mark.browser
LONG = "This prompt takes several seconds to say. " * 10


def test_two_tabs_are_two_phones(people: People) -> None:
    one = people.person(None)
    two = people.tab(one.page.context)
    assert one.number != two.number
    one.texts("what are calcifications").receives("alcification")
    two.calls().presses("8").hears("Pressed 8")
    expect(two.page.locator("#thread .mine")).to_have_count(0)
    expect(one.page.locator("#transcript .line")).to_have_count(0)
    two.page.locator(f'[data-person="{one.number}"]').click()
    expect(two.page.locator("#thread .mine")).to_contain_text("what are calcifications")


def test_a_duplicated_tab_is_another_phone_with_nothing_of_the_first(testers: People) -> None:
    one = testers.person(None)
    one.page.get_by_label("Text message").fill("half a sente")
    two = testers.duplicate(one)
    assert one.number != two.number
    expect(two.page.get_by_label("Text message")).to_have_value("")
    two.page.reload()
    expect(two.page.locator("#own-number")).not_to_be_empty()
    assert two.number not in ("+1", one.number)


def test_a_reload_keeps_the_phone_of_each_tab(testers: People) -> None:
    one = testers.person(None)
    two = testers.duplicate(one)
    numbers = [one.number, two.number]
    for phone in (two, one, two):
        phone.page.reload()
        expect(phone.page.locator("#own-number")).not_to_be_empty()
    assert [one.number, two.number] == numbers


def test_a_reload_keeps_a_phone_that_another_tab_shows_too(testers: People) -> None:
    one = testers.person(None)
    one.texts("hello")
    two = testers.tab(one.page.context)
    two.page.locator(f'[data-person="{one.number}"]').click()
    expect(two.page.locator("#thread .mine")).to_contain_text("hello")
    two.page.reload()
    expect(two.page.locator("#thread .mine")).to_contain_text("hello")
    assert two.number == one.number


def test_a_reload_keeps_an_unsent_text_and_each_phone_has_its_own(testers: People) -> None:
    phone = testers.person(None)
    first = phone.number
    phone.texts("hello")
    box = phone.page.get_by_label("Text message")
    box.fill("can I wear " + "deodorant " * 20)
    phone.page.reload()
    expect(box).to_have_value("can I wear " + "deodorant " * 20)
    expect(phone.page.get_by_role("button", name="Send (2 segments)")).to_be_visible()
    phone.page.get_by_role("button", name="New phone").click()
    expect(phone.page.locator("#own-number")).not_to_have_text(first[2:5] + "-" + first[5:8] + "-" + first[8:])
    expect(box).to_have_value("")
    phone.page.locator(f'[data-person="{first}"]').click()
    expect(box).to_have_value("can I wear " + "deodorant " * 20)
    phone.page.get_by_role("button", name="Send (2 segments)").click()
    expect(box).to_have_value("")
    phone.page.reload()
    expect(phone.page.locator("#thread .mine")).to_have_count(2)
    expect(box).to_have_value("")


def test_a_reload_keeps_keys_typed_ahead(testers: People, script: Line) -> None:
    script.says |= {
        "/voice": f'<Gather action="/next" finishOnKey="#"><Say>{LONG}</Say></Gather>',
        "/next": "<Say>Thank you.</Say>",
    }
    phone = testers.person(init=SLOW).dials().shows("speaking")
    phone.page.keyboard.type("60")
    expect(phone.page.locator("#call-state")).to_have_text("You typed 60")
    phone.page.reload()
    expect(phone.page.locator("#call-state")).to_have_text("You typed 60")
    phone.page.keyboard.type("3#")
    phone.hears("Pressed 603#")
    assert script.params("/next")[0]["Digits"] == "603"


def test_a_reload_goes_on_with_the_sentence_that_was_spoken(testers: People, script: Line) -> None:
    script.says["/voice"] = f"<Say>Hello.</Say><Say>{LONG}</Say><Gather><Say>Now.</Say></Gather>"
    phone = testers.person(init=SLOW).dials().shows("speaking").hears("This prompt")
    phone.page.reload()
    phone.shows("speaking").does_not_hear("Now.")
    expect(phone.page.locator("#transcript .now")).to_contain_text("This prompt")
    phone.hears("Now.").is_listened_to()


def test_a_reload_keeps_the_hidden_number_and_words_not_said_yet(testers: People, script: Line) -> None:
    script.says["/voice"] = '<Gather input="speech" action="/next"><Say>Speak.</Say></Gather>'
    phone = testers.person()
    phone.page.locator(".switches summary").click()
    phone.page.get_by_label("Hide my number when I call").check()
    phone.page.reload()
    phone.calls()
    assert script.params("/voice")[0]["From"] == "anonymous"
    phone.page.get_by_label("Words to say").fill("I found a")
    phone.page.reload()
    phone.is_listened_to()
    expect(phone.page.get_by_label("Words to say")).to_have_value("I found a")
    expect(phone.page.get_by_label("Hide my number when I call")).to_be_checked()


def test_a_reload_in_the_middle_of_a_call_loses_nothing(people: People) -> None:
    phone = people.person().calls().presses("1").is_listened_to()
    number, heard = phone.number, phone.page.locator("#transcript li").all_inner_texts()
    phone.page.reload()
    phone.is_listened_to()
    assert (phone.number, phone.page.locator("#transcript li").all_inner_texts()) == (number, heard)
    phone.presses("2").hears("Pressed 2")
