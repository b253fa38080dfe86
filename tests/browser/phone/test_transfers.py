"""Both ends of a transfer: who rings, the whisper that only the other end hears, and what both do then."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.browser.accessibility import findings
from tests.browser.phone.phones import SLOW, People, Phone, expect
from tests.support.network import Line

pytestmark = pytest.mark.browser
SCHEDULING, HEALTH = "+16036632180", "+16036683067"
WHISPER = '<Gather action="/joined" numDigits="1"><Say language="es-US">Oprima uno.</Say></Gather><Hangup/>'


@pytest.fixture
def script(script: Line) -> Line:
    """A caller who presses 1 is transferred, with a whisper."""
    script.says |= {
        "/voice": '<Gather action="/menu" numDigits="1"><Say>Press 1.</Say></Gather>',
        "/menu": f'<Dial action="/next"><Number url="/whisper">{SCHEDULING}</Number></Dial>',
        "/whisper": WHISPER,
        "/joined": "",
        "/next": lambda params: f"<Say>The talk was {params['DialBridged']}.</Say>",
    }
    return script


def rings(testers: People, **more: str) -> Phone:
    """A phone whose transfer rings."""
    phone = testers.person(**more).calls().presses("1")
    phone.other_end("Central Scheduling")
    return phone.shows("ringing")


def test_the_other_end_hears_the_whisper_and_the_caller_does_not(testers: People) -> None:
    phone = rings(testers).hears("Calling Central Scheduling")
    other = phone.other_end("603-663-2180")
    other.get_by_role("button", name="Answer", exact=True).click()
    whisper = other.locator("#other-transcript .line")
    expect(whisper).to_have_text("Oprima uno.")
    expect(whisper).to_have_attribute("lang", "es-US")
    phone.shows("ringing").does_not_hear("Oprima uno.")
    other.get_by_role("button", name="1 at the other end").click()
    expect(other).to_contain_text("Talking with the caller")
    phone.shows("talking").hears("They answered").does_not_hear("Oprima uno.")
    other.get_by_role("button", name="Hang up at the other end").click()
    phone.hears("They hung up").hears("The talk was true.").hears("The call is over.")
    expect(other).to_be_hidden()


def test_the_whisper_appears_as_it_is_spoken(testers: People, script: Line) -> None:
    script.says["/whisper"] = f"<Say>{'A caller about a mammogram waits for you. ' * 8}</Say>"
    phone = rings(testers, init=SLOW)
    other = phone.other_end("Central Scheduling")
    other.get_by_role("button", name="Answer", exact=True).click()
    expect(other.locator(".now .unspoken")).to_contain_text("waits for you")
    expect(other).to_contain_text("Hears this before the caller is connected")
    expect(phone.page.locator("#said-live")).to_contain_text("They hear: A caller")


@pytest.mark.parametrize("button", ["Hang up at the other end", "9 at the other end"])
def test_who_declines_at_the_whisper_is_not_connected(testers: People, script: Line, button: str) -> None:
    script.says["/joined"] = "<Hangup/>"
    phone = rings(testers)
    other = phone.other_end("Central Scheduling")
    other.get_by_role("button", name="Answer", exact=True).click()
    expect(other.locator("#other-transcript .line")).to_have_text("Oprima uno.")
    other.get_by_role("button", name=button).click()
    phone.hears("They did not take the call").hears("The talk was false.").does_not_hear("They answered")


@pytest.mark.parametrize(
    ("button", "words"),
    [("Busy", "They were busy"), ("No answer", "No one answered"), ("Unreachable", "They were unreachable")],
)
def test_a_transfer_can_fail_in_each_way(testers: People, button: str, words: str) -> None:
    rings(testers).transfer_ends("Central Scheduling", button).hears(words).hears("The talk was false.")


def test_of_several_phones_that_ring_one_is_answered(testers: People, script: Line) -> None:
    script.says["/menu"] = f'<Dial action="/next"><Number>{SCHEDULING}</Number><Number>{HEALTH}</Number></Dial>'
    phone = testers.person().calls().presses("1")
    phone.other_end("These phones ring").get_by_role("button", name="Answer Breast Health Center").click()
    phone.shows("talking").other_end("603-668-3067")
    assert {params["DialCallStatus"] for params in script.params("/next")} == set()


def test_in_sequence_the_next_phone_rings_and_the_talk_ends_at_its_time_limit(testers: People, script: Line) -> None:
    phones = f"<Number>{SCHEDULING}</Number><Number>{HEALTH}</Number>"
    script.says["/menu"] = f'<Dial action="/next" sequential="true" timeLimit="1">{phones}</Dial>'
    phone = rings(testers)
    phone.other_end("Central Scheduling").get_by_role("button", name="Busy").click()
    phone.hears("They were busy").hears("Calling Breast Health Center")
    phone.other_end("Breast Health Center").get_by_role("button", name="Answer", exact=True).click()
    phone.hears("The time limit of the transfer ended the talk").hears("The talk was true.")
    expect(phone.page.locator("#other-end")).to_be_hidden()


def test_a_reload_during_the_whisper_keeps_both_ends(testers: People) -> None:
    phone = rings(testers)
    phone.other_end("Central Scheduling").get_by_role("button", name="Answer", exact=True).click()
    expect(phone.page.locator("#other-transcript")).to_contain_text("Oprima uno.")
    phone.page.reload()
    other = phone.shows("ringing").other_end("Central Scheduling")
    expect(other).to_contain_text("Oprima uno.")
    other.get_by_role("button", name="1 at the other end").click()
    phone.shows("talking")


def test_a_state_that_arrives_after_a_later_one_takes_nothing_back(testers: People) -> None:
    phone = rings(testers)
    page, states = phone.page, re.compile(r"/phone/[^/]+$")
    held = []

    def hold(route: Any) -> None:
        headers = {name: value for name, value in route.request.headers.items() if name != "if-none-match"}
        held.append((route, route.fetch(headers=headers)))

    page.route(states, hold)
    while not held:
        page.wait_for_timeout(50)
    phone.other_end("Central Scheduling").get_by_role("button", name="Answer", exact=True).click()
    expect(page.locator("#other-transcript")).to_contain_text("Oprima uno.")
    with page.expect_response(states):
        route, ringing = held[0]
        route.fulfill(response=ringing)
    page.unroute(states)
    page.keyboard.press("1")
    phone.shows("talking")


def test_both_ends_of_a_transfer_work_from_the_keyboard_alone(testers: People) -> None:
    phone = testers.person()
    page = phone.page
    phone.tabs_to("Call")
    page.keyboard.press("Enter")
    phone.is_listened_to()
    page.keyboard.press("1")
    phone.tabs_to("Answer")
    page.keyboard.press("Enter")
    expect(page.locator("#other-transcript")).to_contain_text("Oprima uno.")
    # The keys go to the phone that waits for one.
    page.keyboard.press("1")
    phone.shows("talking")
    expect(page.get_by_role("button", name="Hang up at the other end")).to_be_focused()
    page.keyboard.press("Enter")
    phone.hears("The call is over.")
    expect(page.locator("#call-button")).to_be_focused()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 320])
def test_axe_finds_nothing_at_any_step_of_a_transfer(testers: People, scheme: str, width: int) -> None:
    phone = testers.person(color_scheme=scheme, viewport={"width": width, "height": 700}).calls().presses("1")
    other = phone.other_end("Central Scheduling")

    def check() -> None:
        assert findings(phone.page) == []
        assert phone.page.evaluate("document.documentElement.scrollWidth") <= width

    check()
    other.get_by_role("button", name="Answer", exact=True).click()
    expect(other).to_contain_text("Oprima uno.")
    check()
    other.get_by_role("button", name="1 at the other end").click()
    phone.shows("talking")
    check()
