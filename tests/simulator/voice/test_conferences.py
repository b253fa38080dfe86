"""`<Conference>`: who is in it, when it starts and ends, and what the line is told."""

import pytest
from twilio.base.exceptions import TwilioRestException

from tests.support.network import LINE, wait_for

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


def test_a_caller_who_leaves_the_conference_goes_on_and_one_who_hangs_up_does_not(network, line, join):
    ann, bob = join(ANN), join(BOB)
    assert network.heard(ann, dial="completed")[1]["said"] == ["Bye."]
    network.heard(bob, hangup=True)
    assert [params["DialCallStatus"] for params in line.params("/after")] == ["answered", "answered"]


def test_a_participant_is_found_by_its_label_and_may_be_made_to_end_the_conference(network, join):
    host, guest = join(ANN, participantLabel="host"), join(BOB)
    conference = network.client().conferences(network.client().conferences.list()[0].sid)
    member = conference.participants("host")
    assert member.fetch().call_sid == host["call"]
    assert member.update(end_conference_on_exit=True).end_conference_on_exit is True
    for unknown in (conference.participants("guest").fetch, lambda: conference.update(status="init")):
        with pytest.raises(TwilioRestException) as caught:
            unknown()
        assert caught.value.code in (20404, 20001)
    network.heard(host, hangup=True)
    wait_for(lambda: last_words(network, guest) == ["Bye."])


def test_the_music_on_hold_is_not_requested(line, join):
    join(ANN, waitUrl="/music", waitMethod="GET")
    assert line.params("/music") == []


def test_a_conference_has_a_recording_when_it_ends_if_a_participant_asks_for_one(network, line, join):
    ann = join(ANN, record="record-from-start", recordingStatusCallback="/recorded")
    bob = join(BOB)
    client = network.client()
    [conference] = client.conferences.list()
    assert client.recordings.list() == []
    network.heard(ann, hangup=True)
    network.heard(bob, hangup=True)
    [recording] = client.conferences(conference.sid).recordings.list()
    assert (recording.source, recording.conference_sid) == ("Conference", conference.sid)
    assert [found.sid for found in client.recordings.list(conference_sid=conference.sid)] == [recording.sid]
    wait_for(lambda: line.params("/recorded"))
    assert line.params("/recorded")[0]["ConferenceSid"] == conference.sid


def test_the_line_calls_a_phone_into_a_conference(network, line, join):
    client, ann = network.client(), join(ANN)
    [conference] = client.conferences.list()
    added = client.conferences(conference.sid).participants.create(
        from_=LINE,
        to=BOB,
        label="doctor",
        muted=True,
        end_conference_on_exit=True,
        status_callback=line.url + "/status",
    )
    assert (added.status, added.conference_sid, added.label, added.muted) == ("queued", conference.sid, "doctor", True)
    assert network.heard({"call": added.call_sid}, answer=True)[1]["dial"] == ["conference:Room"]
    members = client.conferences(conference.sid).participants.list()
    assert {member.call_sid: (member.status, member.muted) for member in members} == {
        ann["call"]: ("connected", False),
        added.call_sid: ("connected", True),
    }
    network.heard({"call": added.call_sid}, hangup=True)
    wait_for(lambda: last_words(network, ann) == ["Bye."])
    wait_for(lambda: [params["CallStatus"] for params in line.params("/status")] == ["completed"])


def test_the_line_calls_phones_into_a_new_conference_by_its_name(network, line):
    client = network.client()
    room = client.conferences("R&D <1>").participants
    sids = [
        room.create(
            from_=LINE, to=number, beep="false", conference_record="true", wait_url="",
            conference_status_callback=line.url + "/events", conference_status_callback_event=["start", "join"],
        ).call_sid
        for number in (ANN, BOB)
    ]  # fmt: skip
    [conference] = client.conferences.list(friendly_name="R&D <1>")
    for sid in sids:
        network.heard({"call": sid}, answer=True)
    assert client.conferences(conference.sid).fetch().status == "in-progress"
    wait_for(lambda: sorted(events(line)) == ["conference-start", "participant-join", "participant-join"])
    client.conferences(conference.sid).update(status="completed")
    wait_for(lambda: len(client.conferences(conference.sid).recordings.list()) == 1)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"to": "nobody"}, 21211),
        ({"from_": "+16035559999"}, 21210),
        ({"conference_status_callback": "https://example.com/"}, 21609),
        ({"coaching": True}, 20001),
    ],
    ids=str,
)
def test_a_participant_that_cannot_be_called_is_refused(network, fields, code):
    with pytest.raises(TwilioRestException) as caught:
        network.client().conferences("Room").participants.create(**{"from_": LINE, "to": BOB, **fields})
    assert caught.value.code == code
    assert network.client().conferences.list() == []
