"""`<Record>`, recorded transfers and calls, and the recordings over the REST API."""

import io
import urllib.request
import wave

import pytest
from twilio.base.exceptions import TwilioRestException

from tests.support.network import JANE, LINE, wait_for

RECORD = "<Say>Leave a message.</Say><Record action='/done' {}/><Say>Nothing heard.</Say>"


@pytest.mark.parametrize(
    ("attributes", "action", "digits"),
    [
        ("", {"speech": "please call me back"}, ""),
        ("", {"keys": "#"}, "#"),
        ("", {"keys": "5"}, "5"),
        ("finishOnKey='*'", {"keys": "1*"}, "*"),
        ("finishOnKey=''", {"keys": "1"}, ""),
        ("", {"hangup": True}, "hangup"),
        ("", {"silence": True}, None),
    ],
)
def test_a_recording_ends_as_at_twilio_and_an_empty_one_is_skipped(network, line, attributes, action, digits):
    line.says = {"/voice": RECORD.format(attributes), "/done": "<Say>Thank you.</Say>"}
    turn = network.call()
    assert (turn["said"], turn["waits"]) == (["Leave a message."], "keys")
    heard = network.heard(turn, **action)[1]["said"]
    assert heard == {None: ["Nothing heard."], "hangup": []}.get(digits, ["Thank you."])
    recordings = network.client().recordings.list()
    if digits is None:
        assert (recordings, line.params("/done")) == ([], [])
        return
    params = line.params("/done")[0]
    assert params["Digits"] == digits
    assert [recording.sid for recording in recordings] == [params["RecordingSid"]]
    assert recordings[0].duration == params["RecordingDuration"] != "0"
    assert recordings[0].source == "RecordVerb"


def test_a_recording_is_sound_of_its_length_and_can_be_deleted(network, line):
    line.says = {"/voice": RECORD.format("maxLength='3'")}
    turn = network.call()
    network.heard(turn, speech=" ".join(["word"] * 100))
    client = network.client()
    url = line.params("/done")[0]["RecordingUrl"]
    with urllib.request.urlopen(url) as sound, wave.open(io.BytesIO(sound.read())) as audio:
        assert audio.getnframes() / audio.getframerate() == 3
    with urllib.request.urlopen(url + ".mp3") as sound:
        assert sound.headers["Content-Type"] == "audio/mpeg"
        assert len(sound.read()) == pytest.approx(3 * 16_000, rel=0.05)
    [recording] = client.calls(turn["call"]).recordings.list()
    assert client.recordings.list(call_sid="CA" + "0" * 32) == []
    assert client.recordings(recording.sid).delete()
    with pytest.raises(TwilioRestException) as caught:
        client.recordings(recording.sid).fetch()
    assert caught.value.code == 20404


def test_a_recording_and_its_transcription_are_reported(network, line):
    callbacks = "recordingStatusCallback='/recorded' transcribe='true' transcribeCallback='/transcribed'"
    line.says = {"/voice": RECORD.format(callbacks)}
    network.heard(network.call(), speech="please call me back")
    wait_for(lambda: line.params("/recorded") and line.params("/transcribed"))
    paths = [path for _, path, _, _ in line.asked]
    assert paths.index("/done") < min(paths.index("/recorded"), paths.index("/transcribed"))
    recorded, transcribed = line.params("/recorded")[0], line.params("/transcribed")[0]
    assert (recorded["RecordingStatus"], recorded["RecordingSource"]) == ("completed", "RecordVerb")
    assert transcribed["TranscriptionText"] == "please call me back"
    assert transcribed["RecordingSid"] == recorded["RecordingSid"]


@pytest.mark.parametrize(("outcome", "recorded"), [("completed", True), ("busy", False)])
def test_a_recorded_transfer_has_a_recording_if_it_was_answered(network, line, outcome, recorded):
    line.says = {"/voice": "<Dial action='/done' record='record-from-answer'>+16036632180</Dial>"}
    network.heard(network.call(), dial=outcome)
    assert ("RecordingUrl" in line.params("/done")[0]) == recorded
    assert [found.source for found in network.client().recordings.list()] == (["DialVerb"] if recorded else [])


def test_a_call_that_the_line_records_has_a_recording_at_its_end(network, line):
    client = network.client()
    call = client.calls.create(
        to=JANE, from_=LINE, twiml="<Response><Say>Hi.</Say></Response>", record=True,
        recording_status_callback=line.url + "/recorded",
    )  # fmt: skip
    network.heard({"call": call.sid}, answer=True)
    wait_for(lambda: line.params("/recorded"))
    assert line.params("/recorded")[0]["CallSid"] == call.sid
    assert [found.source for found in client.recordings.list()] == ["OutboundAPI"]


@pytest.mark.parametrize(
    ("events", "posted"),
    [
        (None, ["completed"]),
        (["in-progress"], ["in-progress"]),
        (["in-progress completed"], ["in-progress", "completed"]),
        (["in-progress", "completed"], ["in-progress", "completed"]),
        (["absent"], []),
    ],
    ids=str,
)
def test_a_call_that_the_line_records_reports_the_events_that_it_asks_for(network, line, events, posted):
    more = {} if events is None else {"recording_status_callback_event": events}
    client = network.client()
    call = client.calls.create(
        to=JANE, from_=LINE, twiml="<Response><Gather/></Response>", record=True, recording_channels="dual",
        recording_status_callback=line.url + "/recorded", status_callback=line.url + "/status", **more,
    )  # fmt: skip
    network.heard({"call": call.sid}, answer=True)
    [recording] = client.recordings.list()
    assert (recording.status, recording.duration, recording.channels) == ("in-progress", None, 2)
    network.heard({"call": call.sid}, hangup=True)
    assert client.recordings(recording.sid).fetch().status == "completed"
    wait_for(lambda: line.params("/status") and len(line.params("/recorded")) == len(posted))
    found = line.params("/recorded")
    assert sorted(params["RecordingStatus"] for params in found) == sorted(posted)
    assert {"RecordingDuration" in params for params in found if params["RecordingStatus"] == "in-progress"} <= {False}


def test_an_event_that_a_recording_does_not_have_is_refused(network, line):
    with pytest.raises(TwilioRestException) as caught:
        network.client().calls.create(
            to=JANE, from_=LINE, url=line.url, record=True, recording_status_callback_event=["started"]
        )
    assert (caught.value.status, caught.value.code) == (400, 20001)
