"""The page of the telephones: accessibility, narrow screens, and the developers' pane."""

from __future__ import annotations

import re

import pytest

from tests.browser.accessibility import findings
from tests.browser.phone.phones import People, expect

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 320])
def test_axe_finds_nothing_before_during_and_after_a_call(people: People, scheme: str, width: int) -> None:
    phone = people.person(color_scheme=scheme, viewport={"width": width, "height": 900})
    panes = ["Phone", "Texts", "Webhooks"] if width < 800 else []

    def check() -> None:
        for pane in panes or [""]:
            if pane:
                phone.page.locator(".tabs").get_by_role("button", name=pane).click()
            assert findings(phone.page) == []
            assert phone.page.evaluate("document.documentElement.scrollWidth") <= width
        if panes:
            phone.page.locator(".tabs").get_by_role("button", name="Phone").click()

    phone.page.locator(".switches summary").click()
    check()
    phone.calls().presses("0").other_end("603-663-2180")
    check()
    phone.transfer_ends("603-663-2180", "Answer").hears("The call is over.")
    check()


def test_each_webhook_shows_its_form_its_answer_and_the_state_around_it(people: People) -> None:
    phone = people.person().calls().presses("1").is_listened_to()
    exchange = phone.page.locator(".exchange").first
    exchange.locator("summary").click()
    expect(exchange.locator("summary")).to_contain_text(re.compile(r"200\s*POST /voice/.*ms"))
    for name, words in (
        ("State before", "en.menu-welcome"),
        ("State after", "en.menu-calcifications"),
        ("Form", "Digits"),
        ("Answer", "<Gather"),
    ):
        part = exchange.locator(".part").filter(has=phone.page.get_by_role("heading", name=name))
        expect(part).to_contain_text(words)
    signature = exchange.locator(".part").filter(has_text="Signature").locator("code").inner_text()
    assert re.fullmatch(r"[A-Za-z0-9+/]{27}=", signature)


def test_the_network_can_refuse_every_text_with_429(people: People) -> None:
    phone = people.person()
    phone.sets(lambda page: page.get_by_label("Twilio refuses every new text with 429").check())
    assert people.line.get("/simulator/faults") == {"429": 1.0}
    phone.sets(lambda page: page.get_by_label("Twilio refuses every new text with 429").uncheck())
    assert people.line.get("/simulator/faults") == {}
