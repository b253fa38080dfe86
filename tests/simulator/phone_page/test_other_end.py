"""The other end of a transfer on the page: who rings, what the whisper says to them, and what they do."""

import pytest

from tests.simulator.phone_page.page import act, after, ask, place_call, state
from tests.support.network import Network

SCHEDULING, HEALTH = "+16036632180", "+16036683067"
DIAL = f'<Dial action="/next"><Number url="/whisper">{SCHEDULING}</Number><Number>{HEALTH}</Number></Dial>'
WHISPER = '<Gather action="/joined" numDigits="1"><Say language="es-US">Oprima uno.</Say></Gather><Hangup/>'


@pytest.fixture
def network(line):
    line.says |= {"/voice": DIAL, "/whisper": WHISPER, "/joined": "", "/next": "<Say>Goodbye</Say>"}
    network = Network(line, contacts={SCHEDULING: "Central Scheduling"})
    yield network
    network.close()


def said(call):
    return [each["text"] for turn in call["turns"] for each in turn["said"]]


def test_the_phones_of_a_transfer_ring_with_their_names(network):
    call = place_call(network)
    assert call["ringing"] == [{"number": SCHEDULING, "name": "Central Scheduling"}, {"number": HEALTH, "name": ""}]
    assert call["turns"][0]["dial"] == call["ringing"]
    assert call["other"] is None


def test_only_the_phone_that_is_picked_up_hears_the_whisper(network):
    call = after(network, place_call(network), pick_up=SCHEDULING)
    other = call["other"]
    assert (call["waits"], call["ringing"], said(call)) == ("transfer", [], [])
    assert (other["name"], other["number"], other["waits"]) == ("Central Scheduling", SCHEDULING, "keys")
    assert [(each["text"], each["language"]) for each in other["turns"][0]["said"]] == [("Oprima uno.", "es-US")]
    assert (other["input"]["digits"], other["input"]["prompts"]) == (1, 1)


def test_a_key_at_the_other_end_connects_the_two_sides_until_one_hangs_up(network, line):
    call = after(network, place_call(network), pick_up=SCHEDULING)
    call = after(network, call, other_keys="1")
    assert call["other"]["waits"] == "talk"
    assert [(each["turn"], each["kind"], each["value"]) for each in call["other"]["actions"]] == [(1, "keys", "1")]
    assert line.params("/next") == []
    call = after(network, call, other_hangup=True)
    assert (call["other"], said(call), call["waits"]) == (None, ["Goodbye"], "over")
    assert [turn["other_end"] for turn in call["turns"]] == ["", "whisper", "talk", "ended"]
    ended = line.params("/next")[0]
    assert (ended["DialCallStatus"], ended["DialBridged"], ended["DialCallDuration"]) == ("completed", "true", "0")
    assert line.params("/joined")[0]["Digits"] == "1"


@pytest.mark.parametrize("action", [{"other_silence": True}, {"other_hangup": True}])
def test_who_does_not_take_the_call_is_never_connected(network, line, action):
    call = after(network, place_call(network), pick_up=SCHEDULING)
    call = after(network, call, **action)
    assert (call["other"], said(call)) == (None, ["Goodbye"])
    assert call["turns"][-1]["other_end"] == "declined"
    assert line.params("/next")[0]["DialBridged"] == "false"


def test_a_phone_without_a_whisper_is_connected_at_once(network, line):
    call = after(network, place_call(network), pick_up=HEALTH)
    assert (call["other"]["number"], call["other"]["waits"]) == (HEALTH, "talk")
    assert line.params("/whisper") == []


def test_the_caller_may_hang_up_first(network, line):
    call = after(network, place_call(network), pick_up=HEALTH)
    call = after(network, call, hangup=True)
    assert call["waits"] == "over"
    ended = line.params("/next")[0]
    assert (ended["DialCallStatus"], ended["DialBridged"], ended["CallStatus"]) == ("completed", "true", "completed")


def test_a_caller_who_hangs_up_during_the_whisper_cancels_the_transfer(network, line):
    call = after(network, place_call(network), pick_up=SCHEDULING)
    after(network, call, hangup=True)
    assert (line.params("/next")[0]["DialCallStatus"], line.params("/next")[0]["DialBridged"]) == ("canceled", "false")


def test_a_broken_whisper_ends_the_transfer_and_says_why(network, line):
    line.says["/whisper"] = (500, "text/plain", "")
    call = after(network, place_call(network), pick_up=SCHEDULING)
    assert call["other"] is None
    assert "500 to /whisper" in call["turns"][-1]["error"]
    assert said(call) == ["Goodbye"]


@pytest.mark.parametrize(
    ("first", "second", "status"),
    [
        ({"pick_up": "+16035550111"}, None, 400),
        ({"other_keys": "1"}, None, 409),
        ({"other_hangup": True}, None, 409),
        ({"pick_up": SCHEDULING}, {"pick_up": HEALTH}, 409),
        ({"pick_up": SCHEDULING}, {"dial": "busy"}, 409),
        ({"pick_up": SCHEDULING}, {"other_keys": "a"}, 400),
        ({"pick_up": HEALTH}, {"other_keys": "1"}, 409),
    ],
    ids=str,
)
def test_what_the_other_end_cannot_do_is_refused_with_a_sentence(network, first, second, status):
    call = place_call(network)
    answer = act(network, call, **first)
    if second:
        answer = act(network, state(network)["call"], **second)
    assert answer[0] == status
    assert answer[2]["error"].endswith(".")


def test_the_whisper_is_heard_in_the_local_voice_too(network):
    pytest.importorskip("py_nanotts", reason="there is no local voice")
    call = after(network, place_call(network), pick_up=SCHEDULING)
    sound = call["other"]["turns"][0]["said"][0]["sound"]
    status, headers, _ = ask(network, sound)
    assert (status, headers["Content-Type"]) == (200, "audio/wav")


def test_a_conference_is_no_phone_that_rings(network, line):
    line.says["/voice"] = '<Dial action="/next"><Conference>Room</Conference></Dial>'
    call = place_call(network)
    assert (call["waits"], call["conference"], call["ringing"], call["star"]) == ("transfer", "Room", [], False)
    assert (call["turns"][0]["dial"], call["turns"][0]["conference"]) == ([], "Room")
    assert act(network, call, pick_up="conference:Room")[0] == 400
    call = after(network, call, dial="completed")
    assert (call["conference"], said(call)) == ("", ["Goodbye"])


def test_in_sequence_one_phone_rings_after_the_other(network, line):
    line.says["/voice"] = DIAL.replace("<Dial", '<Dial sequential="true"')
    call = place_call(network)
    assert [phone["number"] for phone in call["ringing"]] == [SCHEDULING]
    call = after(network, call, dial="busy")
    assert [phone["number"] for phone in call["ringing"]] == [HEALTH]


def test_a_star_ends_the_talk_where_the_transfer_allows_it(network, line):
    line.says["/voice"] = DIAL.replace("<Dial", '<Dial hangupOnStar="true"')
    call = place_call(network)
    assert call["star"] is False
    call = after(network, call, pick_up=HEALTH)
    assert call["star"] is True
    call = after(network, call, keys="*")
    assert (call["star"], said(call)) == (False, ["Goodbye"])
