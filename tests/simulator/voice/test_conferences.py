"""`<Conference>`: who is in it, when it starts and ends, and what the line is told."""

import pytest
from twilio.base.exceptions import TwilioRestException

from tests.support.network import wait_for

EVENTS = "statusCallback='/events' statusCallbackEvent='start end join leave mute hold'"


def room(**attributes):
    rendered = " ".join(f'{name}="{value}"' for name, value in attributes.items())
    return f"<Dial action='/after'><Conference {EVENTS} {rendered}>Room</Conference></Dial><Say>Never.</Say>"


@pytest.fixture
def join(network, line):
    """Call the line and join its conference; returns the turn."""

    def call(sender, **attributes):
        line.says |= {"/voice": room(**attributes), "/after": "<Say>Bye.</Say>"}
        return network.call(**{"from": sender})

    return call


def events(line):
    return [params["StatusCallbackEvent"] for params in line.params("/events")]


def last_words(network, turn):
    return network.ask(f"/simulator/calls/{turn['call']}")[1]["turns"][-1]["said"]


ANN, BOB = "+16035550121", "+16035550122"


def test_a_conference_starts_with_the_second_participant_and_ends_with_the_last(network, line, join):
    client = network.client()
    ann = join(ANN, participantLabel="ann")
    assert (ann["waits"], ann["dial"]) == ("transfer", ["conference:Room"])
    [conference] = client.conferences.list(friendly_name="Room")
    assert conference.status == "init"
    bob = join(BOB)
    assert client.conferences(conference.sid).fetch().status == "in-progress"
    participants = client.conferences(conference.sid).participants
    assert [found.call_sid for found in participants.list()] == [ann["call"], bob["call"]]
    assert participants("ann").fetch().call_sid == ann["call"]
    network.heard(ann, hangup=True)
    network.heard(bob, hangup=True)
    assert client.conferences(conference.sid).fetch().status == "completed"
    wait_for(lambda: len(events(line)) == 6)
    assert sorted(events(line)) == sorted(
        ["participant-join"] * 2 + ["participant-leave"] * 2 + ["conference-start", "conference-end"]
    )
    assert line.params("/after")[0]["DialCallStatus"] == "answered"
    assert client.conferences.list(status="in-progress") == []


def test_a_participant_that_ends_the_conference_on_exit_ends_it_for_all(network, line, join):
    guest = join(ANN, startConferenceOnEnter="false")
    host = join(BOB, endConferenceOnExit="true")
    network.heard(host, hangup=True)
    wait_for(lambda: last_words(network, guest) == ["Bye."])
    [conference] = network.client().conferences.list()
    assert conference.call_sid_ending_conference == host["call"]


def test_two_participants_who_may_not_start_it_wait(network, join):
    join(ANN, startConferenceOnEnter="false")
    join(BOB, startConferenceOnEnter="false")
    assert [found.status for found in network.client().conferences.list()] == ["init"]


def test_the_line_mutes_holds_and_removes_a_participant_and_ends_the_conference(network, line, join):
    client, ann, bob = network.client(), join(ANN), join(BOB)
    conference = client.conferences(client.conferences.list()[0].sid)
    member = conference.participants(ann["call"])
    assert member.update(muted=True, hold=True).muted is True
    assert [found.call_sid for found in conference.participants.list(muted=True)] == [ann["call"]]
    assert member.delete()
    wait_for(lambda: last_words(network, ann) == ["Bye."])
    with pytest.raises(TwilioRestException) as caught:
        member.fetch()
    assert caught.value.code == 20404
    assert conference.update(status="completed").status == "completed"
    wait_for(lambda: last_words(network, bob) == ["Bye."])
    wait_for(lambda: {"participant-mute", "participant-hold", "conference-end"} <= set(events(line)))


def test_a_call_that_is_redirected_leaves_the_conference(network, line, join):
    ann = join(ANN)
    line.says["/elsewhere"] = "<Gather/>"
    network.client().calls(ann["call"]).update(url=line.url + "/elsewhere")
    wait_for(lambda: [found.status for found in network.client().conferences.list()] == ["completed"])
