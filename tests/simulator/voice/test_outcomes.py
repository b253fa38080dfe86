"""How calls of the line and transfers end: reserved numbers, time limits, changes over REST, broken whispers."""

import pytest
from twilio.base.exceptions import TwilioRestException

from simulator.numbers import CALL_OUTCOMES
from tests.support.network import JANE, LINE, Network, wait_for

MENU = "<Gather action='/next' actionOnEmptyResult='true'><Say>Press a key.</Say></Gather>"


def reserved(outcome):
    [digits] = [digits for digits, found in CALL_OUTCOMES.items() if found == outcome]
    return f"+1603{digits}"


@pytest.mark.parametrize("outcome", ["busy", "no-answer", "failed"])
def test_a_reserved_number_is_not_answered(network, outcome):
    client = network.client()
    call = client.calls(client.calls.create(to=reserved(outcome), from_=LINE, twiml="<Response/>").sid)
    wait_for(lambda: call.fetch().status == outcome)


@pytest.mark.parametrize(("outcome", "answered_by"), [("human", "human"), ("machine", "machine_start")])
def test_a_reserved_number_is_answered_by_a_person_or_a_machine_that_stays_silent(network, line, outcome, answered_by):
    line.says = {"/menu": MENU, "/next": "<Dial action='/done'>+16036632180</Dial>", "/done": "<Say>Goodbye.</Say>"}
    client = network.client()
    created = client.calls.create(to=reserved(outcome), from_=LINE, url=line.url + "/menu", machine_detection="Enable")
    call = client.calls(created.sid)
    wait_for(lambda: call.fetch().status == "completed")
    assert call.fetch().answered_by == answered_by
    assert line.params("/menu")[0]["AnsweredBy"] == answered_by
    assert (line.params("/next")[0]["Digits"], line.params("/done")[0]["DialCallStatus"]) == ("", "no-answer")


def test_a_menu_without_an_end_is_given_up(network, line):
    line.says = {"/menu": MENU, "/next": MENU}
    client = network.client()
    call = client.calls(client.calls.create(to=reserved("human"), from_=LINE, url=line.url + "/menu").sid)
    wait_for(lambda: call.fetch().status == "completed")


def test_a_phone_that_nobody_answers_stops_ringing_at_the_time_limit(network, line):
    client = network.client()
    created = client.calls.create(
        to=JANE, from_=LINE, twiml="<Response/>", timeout=1, status_callback=line.url + "/status"
    )
    wait_for(lambda: line.params("/status"))
    assert line.params("/status")[0]["CallStatus"] == "no-answer"
    assert network.heard({"call": created.sid}, answer=True)[0] == 409


def test_a_person_who_declines_a_ringing_call_has_not_answered(network):
    client = network.client()
    created = client.calls.create(to=JANE, from_=LINE, twiml="<Response/>")
    network.heard({"call": created.sid}, hangup=True)
    assert client.calls(created.sid).fetch().status == "no-answer"


def test_a_call_may_get_another_status_callback(network, line):
    line.says = {"/voice": MENU}
    turn = network.call()
    network.client().calls(turn["call"]).update(status_callback=line.url + "/later", status="completed")
    wait_for(lambda: line.params("/later"))
    assert line.params("/later")[0]["CallStatus"] == "completed"


def test_a_phone_that_a_transfer_rings_can_be_read_but_not_changed(network, line):
    line.says = {"/voice": "<Dial><Number machineDetection='Enable'>+16036632180</Number></Dial>"}
    turn = network.call()
    [child] = network.client().calls.list(parent_call_sid=turn["call"])
    call = network.client().calls(child.sid)
    assert call.fetch().status == "ringing"
    for change in (lambda: call.update(status="completed"), call.delete):
        with pytest.raises(TwilioRestException) as caught:
            change()
        assert caught.value.code == 20404


def test_a_person_who_hangs_up_during_a_transfer_is_reported_to_its_action(network, line):
    line.says = {"/voice": "<Dial action='/done'>+16036632180</Dial>", "/done": (500, "text/plain", "")}
    assert network.heard(network.call(), hangup=True)[1]["waits"] == "over"
    params = line.params("/done")[0]
    assert (params["DialCallStatus"], params["CallStatus"], params["DialBridged"]) == ("canceled", "completed", "false")


@pytest.mark.parametrize(
    ("whisper", "code"),
    [((500, "text/plain", ""), 11200), ("<Foo/>", 12200), ("<Gather/>" * 11, None), ("<Reject/>", None)],
    ids=str,
)
def test_a_transfer_with_a_broken_or_endless_whisper_is_not_connected(network, line, whisper, code):
    line.says = {"/voice": "<Dial action='/done'><Number url='/whisper'>+16036632180</Number></Dial>"}
    line.says |= {"/whisper": whisper, "/done": "<Say>Sorry.</Say>"}
    turn = network.heard(network.call(), dial="completed", accept=False)[1]
    assert turn["said"] == ["Sorry."]
    assert line.params("/done")[0]["DialBridged"] == "false"
    assert [entry["code"] for entry in network.ask("/simulator/errors")[1]] == ([code] if code else [])


def test_a_recording_whose_action_fails_when_the_caller_hangs_up_is_kept(network, line):
    line.says = {"/voice": "<Record action='/done'/>", "/done": (302, "text/plain", "", [("Location", "http://[::1")])}
    network.heard(network.call(), hangup=True)
    assert [entry["code"] for entry in network.ask("/simulator/errors")[1]] == [11216]
    assert len(network.client().recordings.list()) == 1


def test_a_number_without_webhooks_takes_no_calls_and_leaves_texts_unanswered(line):
    network = Network(line)
    client = network.client()
    bought = client.incoming_phone_numbers.create(phone_number="+16035550111")
    turn = network.call(to=bought.phone_number)
    assert (turn["waits"], "no VoiceUrl" in turn["error"]) == ("over", True)
    assert network.text("hi", to=bought.phone_number)[1]["replies"] == []
    assert [entry["code"] for entry in network.ask("/simulator/errors")[1]] == [21205]
    assert line.asked == []
    network.close()
