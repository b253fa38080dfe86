"""What the page speaks and understands by the browser's own means. The browser's parts are replaced by records."""

from __future__ import annotations

import time

import pytest

from simulator.phone_page import call_json, snapshot
from tests.browser.phone.phones import People, expect
from tests.support.network import Line

pytestmark = pytest.mark.browser
PATIENT = "localStorage.setItem('patient', 'yes');"
# Voices of this computer for English and Spanish, and one that would send French to its maker.
SPEAKING = (
    PATIENT
    + """
window.spoken = [];
window.SpeechSynthesisUtterance = class extends EventTarget { constructor(text) { super(); this.text = text; } };
const voice = (lang, localService) => ({ lang, localService, name: lang });
Object.defineProperty(window, "speechSynthesis", { value: {
  getVoices: () => [voice("fr-FR", false), voice("en-GB", true), voice("en-US", true), voice("es-MX", true)],
  speak: (said) => {
    window.spoken.push([said.text, said.lang, said.voice.lang]);
    setTimeout(() => said.dispatchEvent(new Event("end")), 30);
  },
  cancel: () => {},
  addEventListener: () => {},
} });
"""
)
HEARING = """
window.asked = [];
window.SpeechRecognition = class {
  start() {
    window.asked.push(this.lang);
    setTimeout(() => {
      this.onresult({ results: [[{ transcript: "encontré un bulto" }]] });
      this.onend();
    }, 30);
  }
};
"""


@pytest.fixture
def no_local_voice(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (call_json, snapshot):
        monkeypatch.setattr(module, "has_voice", lambda: False)


@pytest.mark.usefixtures("no_local_voice")
def test_without_a_local_voice_the_browser_speaks_each_language_with_its_own(testers: People, script: Line) -> None:
    script.says["/voice"] = (
        '<Say>Call 603-663-2180.</Say><Gather><Say language="es-US">Oprima uno.</Say></Gather><Hangup/>'
    )
    phone = testers.person(init=SPEAKING)
    expect(phone.page.locator("#voice-notice")).to_contain_text("your browser speaks with its own")
    phone.calls()
    assert phone.page.evaluate("window.spoken") == [
        ["Call 6 0 3, 6 6 3, 2 1 8 0.", "en-US", "en-US"],
        ["Oprima uno.", "es-US", "es-MX"],
    ]
    expect(phone.page.locator("#voice-notice")).to_contain_text("your browser speaks with its own")
    phone.page.get_by_role("button", name="Sound").click()
    expect(phone.page.locator("#voice-notice")).to_be_empty()


@pytest.mark.usefixtures("no_local_voice")
def test_a_language_that_no_voice_of_the_computer_speaks_is_read(testers: People, script: Line) -> None:
    script.says["/voice"] = '<Say language="fr-CA">Bonjour.</Say><Gather/>'
    phone = testers.person(init=SPEAKING).calls().hears("Bonjour.")
    assert phone.page.evaluate("window.spoken") == []
    expect(phone.page.locator("#voice-notice")).to_contain_text("no voice for Canadian French on this computer")


@pytest.mark.usefixtures("no_local_voice")
def test_the_whisper_is_spoken_once_by_the_browser_even_if_the_line_takes_long_to_connect(
    testers: People, script: Line
) -> None:
    def slow(_params: dict[str, str]) -> str:
        time.sleep(1.5)
        return ""

    script.says |= {
        "/voice": '<Dial><Number url="/whisper">+16036632180</Number></Dial>',
        "/whisper": '<Gather action="/joined" numDigits="1"><Say>A caller waits.</Say></Gather>',
        "/joined": slow,
    }
    phone = testers.person(init=SPEAKING).dials().shows("ringing")
    phone.other_end("Central Scheduling").get_by_role("button", name="Answer", exact=True).click()
    phone.page.get_by_role("button", name="1 at the other end").click()
    phone.shows("thinking").shows("talking")
    assert phone.page.evaluate("window.spoken") == [["A caller waits.", "en-US", "en-US"]]


def test_with_a_local_voice_the_browser_is_not_asked(testers: People, script: Line) -> None:
    pytest.importorskip("py_nanotts", reason="there is no local voice")
    script.says["/voice"] = "<Say>Hello.</Say><Gather/>"
    phone = testers.person(init=SPEAKING)
    with phone.page.expect_response(lambda response: "/phone/sound/" in response.url) as sound:
        phone.calls()
    assert (sound.value.status, phone.page.evaluate("window.spoken")) == (200, [])
    expect(phone.page.locator("#voice-notice")).to_be_empty()


def test_words_spoken_into_the_browser_are_an_answer(testers: People, script: Line) -> None:
    script.says |= {
        "/voice": '<Gather input="dtmf speech" language="es-US" action="/next"><Say>Diga.</Say></Gather>',
        "/next": "<Say>Gracias.</Say>",
    }
    silent = "localStorage.setItem('sound', 'off');"
    phone = testers.person(init=PATIENT + silent + HEARING).calls()
    phone.page.get_by_role("button", name="Speak").click()
    phone.hears("“encontré un bulto”").hears("Gracias.")
    assert phone.page.evaluate("window.asked") == ["es-US"]
    assert script.params("/next")[0]["SpeechResult"] == "encontré un bulto"


def test_a_browser_that_cannot_hear_has_no_microphone_button(testers: People) -> None:
    init = f"{PATIENT} delete window.webkitSpeechRecognition; delete window.SpeechRecognition;"
    expect(testers.person(init=init).page.locator("#microphone")).to_be_hidden()
