"""A message after the beep: what the caller says becomes the recording and its transcription."""

from __future__ import annotations

import pytest

from tests.browser.phone.phones import MUTED, People, Phone, expect
from tests.support.network import Line, wait_for

pytestmark = pytest.mark.browser


@pytest.fixture
def script(script: Line) -> Line:
    script.says |= {
        "/voice": '<Say>Speak.</Say><Record action="/next" finishOnKey="#" transcribeCallback="/words"/><Say>No.</Say>',
        "/next": "<Say>Thank you.</Say>",
    }
    return script


def says_message(phone: Phone) -> Phone:
    """Two sentences, one after the other."""
    for words in ("Please call me back.", "My name is Ana."):
        phone.page.get_by_label("Words to say").fill(words)
        phone.page.keyboard.press("Enter")
        phone.hears(words)
    return phone


def test_a_message_is_recorded_until_the_key_that_ends_it(testers: People, script: Line) -> None:
    phone = says_message(testers.person().dials().shows("recording"))
    expect(phone.page.locator("#call-state")).to_contain_text("Recording")
    phone.page.keyboard.press("5")
    phone.shows("recording")
    phone.page.get_by_role("button", name="pound").click()
    phone.hears("Thank you.").does_not_hear("No.")
    assert script.params("/next")[0]["Digits"] == "#"
    transcribed = wait_for(lambda: script.params("/words"))[0]
    assert transcribed["TranscriptionText"] == "Please call me back. My name is Ana."


def test_a_message_ends_with_silence(testers: People, script: Line) -> None:
    phone = testers.person(init=MUTED).dials().shows("recording")
    says_message(phone).hears("Thank you.")
    assert script.params("/next")[0]["Digits"] == ""


def test_without_a_word_nothing_is_recorded(testers: People, script: Line) -> None:
    phone = testers.person().dials().shows("recording")
    phone.page.get_by_role("button", name="Say nothing").click()
    phone.hears("No.")
    assert script.params("/next") == []


def test_a_caller_who_hangs_up_leaves_their_message(testers: People, script: Line) -> None:
    phone = says_message(testers.person().dials().shows("recording"))
    phone.page.get_by_role("button", name="Hang up").click()
    phone.hears("The call is over.")
    assert script.params("/next")[0]["Digits"] == "hangup"
    wait_for(lambda: script.params("/words"))


def test_a_reload_keeps_the_message_so_far(testers: People, script: Line) -> None:
    phone = says_message(testers.person().dials().shows("recording"))
    phone.page.reload()
    phone.shows("recording").hears("Please call me back. My name is Ana.")
    phone.page.keyboard.press("#")
    phone.hears("Thank you.")
    assert wait_for(lambda: script.params("/words"))[0]["TranscriptionText"].endswith("My name is Ana.")
