"""A conference: several tabs join it, one leaves, and a * leaves it too."""

from __future__ import annotations

import pytest

from tests.browser.accessibility import findings
from tests.browser.phone.phones import People, Phone, expect
from tests.support.network import Line

pytestmark = pytest.mark.browser


@pytest.fixture
def script(script: Line) -> Line:
    """A caller joins a conference at once."""
    script.says |= {
        "/voice": '<Say>Welcome.</Say><Dial action="/after" hangupOnStar="true"><Conference>Room</Conference></Dial>',
        "/after": "<Say>Goodbye.</Say>",
    }
    return script


def joins(phone: Phone) -> Phone:
    phone.dials().shows("conference").hears("Joined the conference Room")
    expect(phone.page.locator("#call-state")).to_have_text("In conference Room")
    return phone


def test_two_tabs_are_in_a_conference_until_one_leaves(testers: People, script: Line) -> None:
    one = joins(testers.person(None))
    two = joins(testers.tab(one.page.context))
    for phone in (one, two):
        expect(phone.page.locator("#other-end")).to_be_hidden()
        expect(phone.page.get_by_role("button", name="Busy")).to_have_count(0)
    one.page.get_by_role("button", name="Leave", exact=True).click()
    one.hears("Left the conference").hears("Goodbye.").hears("The call is over.")
    expect(one.page.get_by_role("button", name="Leave", exact=True)).to_be_hidden()
    two.shows("conference").does_not_hear("Goodbye.")
    two.page.reload()
    two.shows("conference")
    assert [params["DialCallStatus"] for params in script.params("/after")] == ["answered"]


def test_a_conference_is_left_from_the_keyboard_alone(testers: People) -> None:
    phone = joins(testers.person())
    phone.tabs_to("Leave")
    phone.page.keyboard.press("Enter")
    phone.hears("Left the conference")
    expect(phone.page.locator("#call-button")).to_be_focused()


def test_a_star_leaves_a_conference_that_allows_it(testers: People) -> None:
    phone = joins(testers.person())
    phone.page.get_by_role("button", name="star", exact=True).click()
    phone.hears("Pressed *").hears("Goodbye.")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 320])
def test_axe_finds_nothing_in_a_conference(testers: People, scheme: str, width: int) -> None:
    phone = joins(testers.person(color_scheme=scheme, viewport={"width": width, "height": 700}))
    expect(phone.page.get_by_role("button", name="Leave", exact=True)).to_be_visible()
    assert findings(phone.page) == []
    assert phone.page.evaluate("document.documentElement.scrollWidth") <= width
