"""The page of the telephones: accessibility, narrow screens, and the developers' pane."""

from __future__ import annotations

import pytest

from tests.browser.accessibility import findings
from tests.browser.phone.phones import People

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
