"""What the page knows about the input that a call waits for, and which voice speaks its words."""

import pytest

from simulator.phone_page import call_json
from tests.simulator.phone_page.page import act, after, place_call
from tests.support.network import wait_for


def test_a_call_waits_for_what_its_gather_takes(network, line):
    line.says["/voice"] = (
        '<Say>Hello</Say><Gather action="/next" numDigits="1" timeout="7"><Say language="es-US">Hola</Say></Gather>'
    )
    call = place_call(network)
    assert [said["text"] for said in call["turns"][0]["said"]] == ["Hello", "Hola"]
    assert call["turns"][0]["said"][1]["language"] == "es-US"
    taken = call["input"]
    # Only `Hola` can be interrupted: a key pressed during `Hello` is lost.
    assert (taken["keys"], taken["speech"], taken["digits"], taken["prompts"]) == (True, False, 1, 1)
    assert (taken["seconds"], taken["finish"], taken["record"]) == (7, "#", False)


@pytest.mark.parametrize(("attribute", "stops"), [("", True), ('bargeIn="true"', True), ('bargeIn="false"', False)])
def test_a_gather_says_whether_its_prompt_may_be_interrupted(network, line, attribute, stops):
    line.says["/voice"] = f"<Gather {attribute}><Say>Hello</Say></Gather>"
    assert place_call(network)["input"]["barge_in"] is stops


def test_tones_in_a_gather_are_part_of_its_prompt(network, line):
    line.says["/voice"] = '<Say>Hello</Say><Gather><Play digits="1"/><Say>Press a key</Say></Gather>'
    assert place_call(network)["input"]["prompts"] == 2


def test_a_recording_takes_words_and_the_keys_that_end_it(network, line):
    line.says["/voice"] = '<Say>Speak</Say><Record action="/next" timeout="8" finishOnKey="#*" playBeep="false"/>'
    taken = place_call(network)["input"]
    assert (taken["record"], taken["speech"], taken["keys"], taken["finish"]) == (True, True, True, "#*")
    assert (taken["seconds"], taken["prompts"], taken["beep"]) == (8, 0, False)


@pytest.mark.parametrize(
    ("action", "digits"),
    [
        ({"speech": "please call me back", "ended_by": "#"}, "#"),
        ({"speech": "please call me back"}, ""),
        ({"hangup": True, "words": "please call me back"}, "hangup"),
    ],
    ids=str,
)
def test_the_words_of_a_caller_become_the_recording_and_its_transcription(network, line, action, digits):
    line.says |= {"/voice": '<Record action="/next" transcribe="true" transcribeCallback="/words"/>', "/next": ""}
    call = place_call(network)
    after(network, call, **action)
    assert line.params("/next")[0]["Digits"] == digits
    assert line.params("/next")[0]["RecordingDuration"] == "2"
    wait_for(lambda: line.params("/words"))
    assert line.params("/words")[0]["TranscriptionText"] == "please call me back"


def test_a_recording_cannot_end_with_what_is_no_key(network, line):
    line.says["/voice"] = "<Record/>"
    assert act(network, place_call(network), speech="hello", ended_by="x")[0] == 400


def test_without_a_local_voice_the_browser_gets_the_words_to_speak(network, line, monkeypatch):
    monkeypatch.setattr(call_json, "has_voice", lambda: False)
    line.says["/voice"] = '<Say language="es-US">Llame al 603-663-2180.</Say><Gather/>'
    said = place_call(network)["turns"][0]["said"][0]
    assert (said["sound"], said["language"]) == (None, "es-US")
    assert said["spoken"] == "Llame al 6 0 3, 6 6 3, 2 1 8 0."


def test_a_language_without_a_local_voice_is_left_to_the_browser(network, line, monkeypatch):
    monkeypatch.setattr(call_json, "has_voice", lambda: True)
    line.says["/voice"] = '<Say language="pt-BR">Olá.</Say><Say>Hello.</Say><Gather/>'
    portuguese, english = place_call(network)["turns"][0]["said"]
    assert (portuguese["sound"], portuguese["spoken"]) == (None, "Olá.")
    assert english["sound"].startswith("/phone/sound/CA")
    assert english["spoken"] is None
