"""What Twilio only warns about: its default applies and the call goes on. If the simulator is strict, the call ends."""

import pytest

from simulator.twiml.codes import ERRORS
from tests.support.network import JANE, LINE, Network, wait_for

DIAL = "<Dial{}><Number{}>+16036632180</Number></Dial>"


@pytest.fixture
def lenient(line):
    network = Network(line, strict=False)
    yield network
    network.close()


def entries(network):
    return [(entry["code"], entry["level"]) for entry in network.ask("/simulator/errors")[1]]


WRONG_VALUES = [
    ("<Say loop='often'>Hi.</Say>", 13510),
    ("<Say voice='robot'>Hi.</Say>", 13511),
    ("<Say language='English'>Hi.</Say>", 12200),
    ("<Gather><Say loop='often'>Hi.</Say></Gather>", 13322),
    ("<Gather><Say voice='robot'>Hi.</Say></Gather>", 13321),
    ("<Say><prosody rate='quick'>Hi.</prosody></Say>", 13513),
    ("<Play digits='1' loop='-1'/>", 13410),
    ("<Pause length='long'/>", 13910),
    ("<Reject reason='full'/>", 13810),
    ("<Redirect method='PUT'>/next</Redirect>", 13710),
    ("<Gather finishOnKey='##'/>", 13310),
    ("<Gather method='PUT'/>", 13312),
    ("<Gather timeout='soon'/>", 13313),
    ("<Gather numDigits='0'/>", 13314),
    ("<Gather input='keys'/>", 13326),
    ("<Gather speechTimeout='-1'/>", 13327),
    ("<Gather maxSpeechTime='61'/>", 13328),
    ("<Gather partialResultCallbackMethod='PUT'/>", 13329),
    ("<Gather language='English'/>", 13331),
    ("<Gather bargeIn='yes'/>", 13332),
    ("<Gather profanityFilter='yes'/>", 13333),
    ("<Gather debug='yes'/>", 13336),
    ("<Gather enhanced='yes'/>", 13339),
    (DIAL.format(" method='PUT'", ""), 13210),
    (DIAL.format(" timeout='-5'", ""), 13212),
    (DIAL.format(" hangupOnStar='1'", ""), 13213),
    (DIAL.format(" timeLimit='never'", ""), 13216),
    (DIAL.format(" record='always'", ""), 13217),
    (DIAL.format(" sequential='yes'", ""), 13218),
    (DIAL.format(" answerOnBridge='yes'", ""), 13219),
    (DIAL.format(" recordingTrack='all'", ""), 13622),
    (DIAL.format("", " method='PUT'"), 13221),
    (DIAL.format("", " sendDigits='one'"), 13222),
    (DIAL.format("", " statusCallbackEvent='rung'"), 12200),
    ("<Dial><Sip method='PUT'>sip:jenny@example.com</Sip></Dial>", 13241),
    ("<Dial><Conference muted='1'>a</Conference></Dial>", 13230),
    ("<Dial><Conference startConferenceOnEnter='1'>a</Conference></Dial>", 13232),
    ("<Dial><Conference waitMethod='PUT'>a</Conference></Dial>", 13234),
    ("<Dial><Conference beep='loud'>a</Conference></Dial>", 13235),
    ("<Record method='PUT'/>", 13610),
    ("<Record timeout='0'/>", 13611),
    ("<Record maxLength='0'/>", 13612),
    ("<Record finishOnKey='x'/>", 13613),
    ("<Record transcribe='yes'/>", 13614),
    ("<Record playBeep='yes'/>", 13616),
    ("<Record trim='yes'/>", 13699),
    ("<Say/>", 13520),
    ("<Say>" + "a" * 4097 + "</Say>", 13521),
    ("<Gather><Hangup/></Gather>", 13320),
    ("<Dial>+16036632180<Say>Hi.</Say></Dial>", 13215),
    ("<say>Hi.</say>", 12200),
    ("<Say><Play>/x</Play>Hi.</Say>", 12200),
    ("<Gather><Say><lang>Hi.</lang></Say></Gather>", 12200),
]


@pytest.mark.parametrize(("twiml", "code"), WRONG_VALUES, ids=[twiml[:60] for twiml, _ in WRONG_VALUES])
def test_a_fault_that_twilio_warns_about_is_a_warning_or_ends_the_call_if_strict(lenient, network, line, twiml, code):
    line.says = {"/voice": twiml, "/next": "<Say>Next.</Say>"}
    turn = lenient.call()
    assert (turn["error"], entries(lenient)) == (None, [(code, "warning")])
    turn = network.call()
    assert turn["waits"] == "over"
    assert "TwiML line 1" in turn["error"]
    assert entries(network) == [(code, "error")]


ERRORS_EITHER_WAY = [
    ("<Dial><Conference endConferenceOnExit='1'>a</Conference></Dial>", 13231),
    ("<Dial><Conference trim='short'>a</Conference></Dial>", 13239),
    ("<Dial><Conference maxParticipants='251'>a</Conference></Dial>", 16002),
    ("<Gather actionOnEmptyResult='yes'/>", 13338),
    ("<Record recordingStatusCallbackEvent='over'/>", 13621),
    ("<Record transcribeCallback='a b'/>", 13257),
    ("<Gather action='a b'/>", 11100),
    ("<Enqueue>support</Enqueue>", 12200),
]


@pytest.mark.parametrize(("twiml", "code"), ERRORS_EITHER_WAY, ids=[twiml for twiml, _ in ERRORS_EITHER_WAY])
def test_a_fault_that_twilio_calls_an_error_ends_the_call_in_either_way(lenient, network, line, twiml, code):
    line.says = {"/voice": twiml}
    for each in (lenient, network):
        assert each.call()["waits"] == "over"
        assert entries(each) == [(code, "error")]
    assert code in ERRORS or "Enqueue" in twiml


# The defaults that then apply


def test_wrong_values_leave_the_defaults_of_a_gather(lenient, line):
    line.says = {"/voice": "<Gather numDigits='two' finishOnKey='##' method='PUT' input='keys' action='/next'/>"}
    lenient.heard(lenient.call(), keys="123#")
    [(method, _, _, params)] = line.asked[1:]
    assert (method, params["Digits"], params["FinishedOnKey"]) == ("POST", "123", "#")


def test_wrong_values_leave_the_defaults_of_a_record_and_of_a_reject(lenient, line):
    line.says = {"/voice": "<Record maxLength='short' finishOnKey='end' action='/next'/>"}
    lenient.heard(lenient.call(), keys="7")
    assert line.params("/next")[0]["Digits"] == "7"
    line.says = {"/voice": "<Reject reason='full'/>"}
    assert lenient.client().calls(lenient.call()["call"]).fetch().status == "no-answer"


def test_what_is_left_out_leaves_the_rest_of_the_document(lenient, line):
    line.says = {"/voice": "<say>No.</say><Gather><Hangup/><Say>Press a key.</Say></Gather><Say/><Say>Bye.</Say>"}
    turn = lenient.call()
    assert (turn["said"], turn["waits"]) == (["Press a key."], "keys")
    assert lenient.heard(turn, silence=True)[1]["said"] == ["Bye."]


# Transfers that cannot be dialed

NOT_DIALED = [
    ("<Dial action='/next'/>", 13223, "warning"),
    ("<Dial action='/next'>12</Dial>", 13224, "error"),
    ("<Dial action='/next'><Sip>jenny</Sip></Dial>", 13243, "warning"),
    ("<Dial action='/next'><Conference/></Dial>", 13237, "warning"),
    ("<Dial action='/next' callerId='hospital'>+16036632180</Dial>", 13214, "warning"),
    ("<Dial action='/next'><Conference>a</Conference><Number>+16036632180</Number></Dial>", 13000, "warning"),
]


@pytest.mark.parametrize(("twiml", "code", "level"), NOT_DIALED, ids=[twiml for twiml, _, _ in NOT_DIALED])
def test_a_transfer_that_cannot_be_dialed_has_failed(lenient, line, twiml, code, level):
    line.says = {"/voice": twiml + "<Say>Bye.</Say>", "/next": "<Say>Sorry.</Say>"}
    assert lenient.call()["said"] == ["Sorry."]
    assert line.params("/next")[0]["DialCallStatus"] == "failed"
    line.says["/voice"] = line.says["/voice"].replace(" action='/next'", "")
    assert lenient.call()["said"] == ["Bye."]
    assert entries(lenient) == [(code, level)] * 2


def test_no_transfer_starts_from_a_whisper_in_either_way(lenient, network, line):
    line.says = {"/voice": "<Dial><Number url='/whisper'>+16036632180</Number></Dial>", "/whisper": DIAL.format("", "")}
    for each in (lenient, network):
        assert "whisper" in each.heard(each.call(), dial="completed")[1]["error"]
        assert entries(each) == [(13201, "error")]


# Texts

WRONG_REPLIES = [
    ("<Message to='nobody'>No.</Message>", 14101),
    ("<Message from='+16035559999'>No.</Message>", 14102),
    ("<Message/>", 14103),
    ("<Message>" + "a" * 1601 + "</Message>", 14103),
    ("<Say>No.</Say>", 14110),
    ("<Massage>No.</Massage>", 12200),
]


@pytest.mark.parametrize(("twiml", "code"), WRONG_REPLIES, ids=[twiml[:40] for twiml, _ in WRONG_REPLIES])
def test_a_reply_that_twilio_does_not_send_leaves_the_others(lenient, network, line, twiml, code):
    line.says = {"/sms": f"<Message>One</Message>{twiml}<Message>Two</Message>"}
    assert lenient.text("hi")[1]["replies"] == ["One", "Two"]
    assert entries(lenient) == [(code, "warning")]
    assert (network.text("hi")[0], entries(network)) == (502, [(code, "error")])


def test_wrong_values_leave_the_defaults_of_a_reply(lenient, line):
    line.says = {"/sms": "<Message method='PUT' statusCallback='a b'>One</Message><Redirect method='PUT'>/m</Redirect>"}
    line.says["/m"] = "<Message>Two</Message>"
    assert lenient.text("hi")[1]["replies"] == ["One", "Two"]
    assert (line.asked[1][0], entries(lenient)) == ("POST", [(code, "warning") for code in (14104, 14105, 14104)])


def test_a_circle_of_documents_keeps_the_replies_before_it_ends(lenient, line):
    line.says = {"/sms": lambda _: f"<Message>{len(line.asked)}</Message><Redirect>/sms</Redirect>"}
    assert lenient.text("hi")[1]["replies"] == [str(number) for number in range(1, 51)]
    assert entries(lenient) == [(14106, "warning")]


# REST


def test_an_unknown_field_is_ignored_with_a_warning_or_refused_if_strict(lenient, network):
    form = {"To": JANE, "From": LINE, "Body": "Hi", "Bodi": "x"}
    for each, status in ((lenient, 201), (network, 400)):
        url = f"{each.url}/2010-04-01/Accounts/{each.client().username}/Messages.json"
        assert each.client().request("POST", url, data=form).status_code == status
    wait_for(lambda: lenient.client().messages.list()[0].status == "delivered")
    [alert] = lenient.client().monitor.v1.alerts.list()
    assert (alert.error_code, alert.log_level) == ("20001", "warning")
    assert "Bodi" in alert.alert_text
    assert JANE not in alert.alert_text


def test_a_field_that_twilio_knows_and_the_simulator_does_not_is_refused_in_either_way(lenient, network):
    form = {"To": JANE, "From": LINE, "ApplicationSid": "AP" + "1" * 32}
    for each in (lenient, network):
        url = f"{each.url}/2010-04-01/Accounts/{each.client().username}/Calls.json"
        assert each.client().request("POST", url, data=form).status_code == 400
