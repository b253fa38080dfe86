"""The developers' pane: what Twilio would send, what the line answers, and what went wrong."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.accessibility import findings
from tests.browser.phone.phones import People, Phone, expect
from tests.support.network import Line, Network

pytestmark = pytest.mark.browser


def newest(phone: Phone) -> Any:
    """The newest webhook, opened."""
    exchange = phone.page.locator(".exchange").first
    exchange.locator("summary").click()
    return exchange


def test_each_webhook_shows_its_form_its_answer_and_the_state_around_it(people: People) -> None:
    phone = people.person().calls().presses("1").is_listened_to()
    exchange = newest(phone)
    expect(exchange.locator("summary")).to_contain_text(re.compile(r"200\s*POST /voice/.*\d ms"))
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
    expect(exchange.locator(".fault")).to_have_count(0)


def test_a_text_says_where_its_state_is_kept(testers: People, script: Line) -> None:
    script.says["/sms"] = "<Message>Hello</Message>"
    phone = testers.person().texts("hi").receives("Hello")
    exchange = newest(phone)
    expect(exchange.locator("summary")).to_contain_text("POST /sms")
    expect(exchange).to_contain_text(
        "The address of a text carries no state: the line keeps it with the sender’s number."
    )
    for absent in ("State before", "State after"):
        expect(exchange.get_by_role("heading", name=absent)).to_have_count(0)
    assert findings(phone.page) == []


def test_the_twiml_of_an_answer_is_laid_out_for_reading(testers: People, script: Line) -> None:
    script.says["/voice"] = '<Gather numDigits="1"><Say>Press <break time="1s"/>1.</Say></Gather>'
    answer = newest(testers.person().calls()).locator("pre")
    assert answer.inner_text().split("\n") == [
        "<Response>",
        '  <Gather numDigits="1">',
        '    <Say>Press <break time="1s"/>1.</Say>',
        "  </Gather>",
        "</Response>",
    ]


@pytest.mark.parametrize(
    ("answer", "status", "code", "advice"),
    [
        ((403, "text/plain", "no"), "403", "11200", "auth token"),
        ((500, "text/html", "oops"), "500", "11200", "its log has the reason"),
        ((200, "text/xml", "<Response>"), "200", "12100", "well-formed"),
        ("<Shout/>", "200", "12200", "Correct the TwiML"),
    ],
    ids=["403", "500", "no XML", "no such verb"],
)
def test_a_webhook_that_failed_shows_its_code_and_what_to_do(
    testers: People, script: Line, answer: Any, status: str, code: str, advice: str
) -> None:
    script.says["/voice"] = answer
    phone = testers.person().dials().hears("The call is over.")
    exchange = newest(phone)
    expect(exchange.locator("summary .wrong")).to_have_text(status)
    expect(exchange.locator("summary .code")).to_contain_text(code)
    fault = exchange.locator(".fault")
    expect(fault).to_contain_text(f"Error {code}")
    expect(fault).to_contain_text(re.compile(f"What to do: .*{advice}"))
    expect(fault.get_by_role("link")).to_have_attribute("href", f"https://www.twilio.com/docs/api/errors/{code}")
    assert findings(phone.page) == []


def test_a_key_that_leads_to_an_error_shows_it_on_the_phone_and_in_the_pane(testers: People, script: Line) -> None:
    script.says |= {"/voice": '<Gather numDigits="1" action="/next"/>', "/next": (500, "text/html", "oops")}
    phone = testers.person().calls().presses("1").hears("answered 500 to /next")
    expect(phone.page.locator(".exchange")).to_have_count(2)
    expect(phone.page.locator(".exchange .code")).to_have_count(1)


@pytest.fixture
def nobody(script: Line) -> Iterator[Network]:
    """A phone network whose line is not running."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        network = Network(script, public_url=f"http://127.0.0.1:{unused.getsockname()[1]}")
        yield network
        network.close()


def test_a_line_that_is_not_running_is_said_so(browser: Any, nobody: Network) -> None:
    people = People(browser, nobody.url)
    phone = people.person().dials().hears("The line is not running")
    exchange = newest(phone)
    expect(exchange.locator("summary")).to_contain_text("no answer")
    expect(exchange.locator(".fault")).to_contain_text("Error 11202")
    expect(exchange.locator(".fault")).to_contain_text("Start the line")
    people.leave()
    assert people.errors == []
