"""The simulated phones: calls, texts, and the `infoline call` and `infoline text` commands."""

import base64
import hashlib
import hmac
import json

import pytest
from click.testing import CliRunner
from twilio.base.exceptions import TwilioRestException

from ivr.cli.phone.commands import call as call_command
from ivr.cli.phone.commands import text as text_command
from tests.support.network import JANE, LINE, SID, TOKEN, Network, wait_for


def gather(**attributes):
    rendered = " ".join(f'{name}="{value}"' for name, value in {"action": "/next", **attributes}.items())
    return f"<Gather {rendered}><Say>Ask.</Say></Gather><Say>After.</Say>"


# Calls


def test_a_call_posts_a_signed_request_with_twilios_parameters(network, line):
    line.says = {"/voice": "<Say>Hello\n <break time='1s'/>there, <prosody rate='90%'>Jane</prosody>.</Say>"}
    turn = network.call()
    assert turn["said"] == ["Hello there, Jane."]
    assert (turn["waits"], turn["dial"], turn["error"], turn["language"]) == ("over", [], None, [None])
    [(method, path, headers, params)] = line.asked
    assert (method, path) == ("POST", "/voice")
    expected = {"AccountSid": SID, "From": JANE, "To": LINE, "CallStatus": "ringing", "Direction": "inbound"}
    assert expected.items() <= params.items()
    assert {"CallSid", "Caller", "Called", "ApiVersion", "CallToken", "FromState", "ToCity"} <= set(params)
    signed = line.url + path + "".join(name + params[name] for name in sorted(params))
    digest = hmac.new(TOKEN.encode(), signed.encode(), hashlib.sha1).digest()
    assert headers["X-Twilio-Signature"] == base64.b64encode(digest).decode()
    assert headers["I-Twilio-Idempotency-Token"]
    details = network.ask(f"/simulator/calls/{turn['call']}")[1]
    assert details["status"] == "completed"
    assert details["requests"][0]["bytes"] == len("<Response>" + line.says["/voice"] + "</Response>")


def test_an_anonymous_caller_has_no_location(network, line):
    network.call(**{"from": "anonymous"})
    params = line.params("/voice")[0]
    assert params["From"] == "anonymous"
    assert "FromCity" not in params


@pytest.mark.parametrize(
    ("attributes", "action", "expected"),
    [
        ({}, {"keys": "12#3"}, {"Digits": "12", "FinishedOnKey": "#"}),
        ({}, {"keys": "#"}, None),
        ({}, {"silence": True}, None),
        ({"actionOnEmptyResult": "true"}, {"silence": True}, {"Digits": ""}),
        ({"actionOnEmptyResult": "true"}, {"keys": "#"}, {"Digits": ""}),
        ({"finishOnKey": ""}, {"keys": "#"}, {"Digits": "#"}),
        ({"finishOnKey": "*"}, {"keys": "1#*"}, {"Digits": "1#"}),
        ({"numDigits": "1"}, {"keys": "123"}, {"Digits": "1"}),
        ({"numDigits": "3"}, {"keys": "12"}, {"Digits": "12"}),
        ({}, {"speech": "my results"}, None),
        ({"input": "dtmf speech"}, {"speech": "my results"}, {"SpeechResult": "my results", "Confidence": "0.9"}),
        ({"input": "dtmf speech"}, {"speech": "hm", "confidence": 0.2}, {"SpeechResult": "hm", "Confidence": "0.2"}),
        ({"input": "dtmf speech"}, {"keys": "4"}, {"Digits": "4"}),
        ({"input": "speech"}, {"keys": "4"}, None),
        ({"input": "speech", "actionOnEmptyResult": "true"}, {"silence": True}, {"SpeechResult": ""}),
    ],
    ids=str,
)
def test_gather_accepts_the_same_input_as_twilio_and_otherwise_falls_through(
    network, line, attributes, action, expected
):
    line.says = {"/voice": gather(**attributes), "/next": "<Say>Next.</Say>"}
    turn = network.call()
    assert (turn["said"], turn["waits"]) == (["Ask."], "keys")
    status, turn = network.heard(turn, **action)
    assert status == 200
    assert turn["said"] == (["After."] if expected is None else ["Next."])
    if expected is not None:
        assert expected.items() <= line.params("/next")[0].items()
        assert line.params("/next")[0]["CallStatus"] == "in-progress"


def test_a_gather_without_an_action_posts_to_its_own_document_and_relative_urls_resolve(network, line):
    line.says = {
        "/voice": "<Redirect>deeper/menu?x=1</Redirect>",
        "/deeper/menu": lambda params: "<Gather><Say>Again.</Say></Gather>" if "Digits" not in params else MORE,
        "/deeper/more": "<Say>More.</Say>",
    }
    turn = network.heard(network.call(), keys="1")[1]
    assert turn["said"] == ["More."]
    assert [path for _, path, _, _ in line.asked][1:] == [
        "/deeper/menu?x=1",
        "/deeper/menu?x=1",
        "/deeper/more",
    ]


MORE = '<Redirect method="POST">more</Redirect>'
DIAL = '<Dial action="/done"><Number>603-663-2180</Number><Number>+16036632181</Number></Dial><Say>Never.</Say>'


@pytest.mark.parametrize("outcome", ["busy", "no-answer", "failed", "completed"])
def test_the_outcome_of_a_transfer_is_posted_to_its_action(network, line, outcome):
    line.says = {"/voice": DIAL, "/done": "<Say>Back.</Say>"}
    turn = network.call()
    assert (turn["waits"], turn["dial"]) == ("transfer", ["+16036632180", "+16036632181"])
    status, body = network.heard(turn, keys="1")
    assert status == 409
    assert "ringing" in body["error"]
    assert network.heard(turn, dial=outcome)[1]["said"] == ["Back."]
    params = line.params("/done")[0]
    assert params["DialCallStatus"] == outcome
    assert params["DialCallSid"].startswith("CA")
    assert (params["DialCallDuration"] != "0") == (outcome == "completed")
    assert network.heard(turn, silence=True)[0] == 409


def test_a_transfer_without_an_action_continues_the_document_and_a_hangup_cancels_it(network, line):
    line.says = {"/voice": "<Dial>+16036632180</Dial><Say>On.</Say>"}
    assert network.heard(network.call(), dial="busy")[1]["said"] == ["On."]
    line.says = {"/voice": DIAL, "/done": "<Say>Not heard.</Say>"}
    turn = network.heard(network.call(), hangup=True)[1]
    assert (turn["said"], turn["waits"]) == ([], "over")
    assert line.params("/done")[0]["DialCallStatus"] == "canceled"


@pytest.mark.parametrize(
    ("whisper", "accept", "bridged"),
    [
        ("<Say>A call from the line.</Say>", True, "true"),
        ("<Say>A call from the line.</Say><Hangup/>", True, "false"),
        ('<Gather numDigits="1" action="/took"><Say>A call from the line.</Say></Gather><Hangup/>', True, "true"),
        ('<Gather numDigits="1" action="/took"><Say>A call from the line.</Say></Gather><Hangup/>', False, "false"),
    ],
)
def test_the_person_who_answers_hears_the_whisper_and_may_decline(network, line, whisper, accept, bridged):
    line.says = {
        "/voice": '<Dial action="/done"><Number url="/whisper">+16036632180</Number></Dial>',
        "/whisper": whisper,
    }
    turn = network.heard(network.call(), dial="completed", accept=accept)[1]
    assert turn["whispered"] == ["A call from the line."]
    assert turn["error"] is None
    assert (line.params("/done")[0]["DialCallStatus"], line.params("/done")[0]["DialBridged"]) == ("completed", bridged)
    assert line.params("/whisper")[0]["Direction"] == "outbound-dial"
    assert len(line.params("/took")) == (accept and "/took" in whisper)


ERRORS = [
    ("\n\n<Foo/>", "TwiML line 3: there is no <Foo>"),
    ("<Say>x", "is not XML"),
    ("\n<Gather numdigits='1'/>", "line 2: <Gather> has no attribute numdigits; it takes action"),
    ("<Gather timeout='soon'/>", 'timeout="soon" is not valid; it takes a whole number'),
    ("<Say><Play>/x</Play></Say>", "<Play> is not allowed in <Say>"),
    ("<Say voice='Polly.Joanna-Neural'>" + "a" * 3001 + "</Say>", "3001 characters"),
    ("<Dial>12</Dial>", "not a phone number"),
    ("<Dial>" + "<Number>+16036632180</Number>" * 11 + "</Dial>", "at most 10"),
    ("<Dial callerId='hospital'>+16036632180</Dial>", "callerId"),
    ("<Gather action='https://example.com/'/>", "not on this machine"),
    ("<Redirect>http://192.0.2.1/</Redirect>", "not on this machine"),
    ("<Redirect>/voice</Redirect>", "More than 100"),
    ("<Enqueue>x</Enqueue>", "does not support it"),
    ("<Play>/missing.mp3</Play>", "must be 200 and audio"),
    ("words", "takes no text"),
    ("<!--" + "a" * 66000 + "-->", "over 64 kB"),
    ((200, "text/xml", "<!DOCTYPE x [<!ENTITY y 'z'>]><Response/>"), "document type"),
    ((200, "text/xml", "<Reply/>"), "must be <Response>"),
    ((200, "text/xml", ""), "is not XML"),
    ((200, "application/json", "{}"), "not TwiML"),
    ((500, "text/html", "oops"), "answered 500 to /voice"),
]


@pytest.mark.parametrize(("answer", "message"), ERRORS, ids=[message for _, message in ERRORS])
def test_an_error_of_the_line_ends_the_call_and_is_logged_with_its_location(network, line, answer, message):
    line.says = {"/voice": answer}
    turn = network.call()
    assert turn["waits"] == "over"
    assert message in turn["error"]
    assert network.ask("/simulator/errors")[1][0]["sentence"] == turn["error"]


def test_a_played_recording_and_a_rejected_call_are_reported(network, line):
    line.says = {"/voice": "<Play>/audio/a.mp3</Play>", "/audio/a.mp3": (200, "audio/mpeg", "ID3")}
    assert network.call()["said"] == [f"[audio {line.url}/audio/a.mp3]"]
    line.says = {"/voice": "<Reject reason='busy'/>"}
    assert network.ask(f"/simulator/calls/{network.call()['call']}")[1]["status"] == "busy"


# Texts


def test_a_text_is_posted_to_the_line_and_the_replies_are_returned(network, line):
    line.says = {"/sms": "<Message>One</Message><Message><Body>Two\nlines</Body></Message><Redirect>/more</Redirect>"}
    line.says["/more"] = (200, "text/plain", "Three")
    status, answer = network.text(" hello ", media=1)
    assert (status, answer["replies"]) == (200, ["One", "Two\nlines", "Three"])
    expected = {
        "Body": " hello ",
        "From": JANE,
        "To": LINE,
        "NumMedia": "1",
        "NumSegments": "1",
        "SmsStatus": "received",
    }
    params = line.params("/sms")[0]
    assert expected.items() <= params.items()
    assert {"MessageSid", "SmsSid", "SmsMessageSid", "FromState", "ToCity", "MediaUrl0"} <= set(params)
    assert network.ask("/simulator/threads")[1] == {JANE: 4}

    def thread():
        return network.ask(f"/simulator/threads/{JANE}")[1]

    wait_for(lambda: thread()[-1]["status"] == "delivered")
    assert [text["direction"] for text in thread()] == ["in", "out", "out", "out"]
    assert network.ask(f"/phone/{JANE}")[1]["texts"][-1]["body"] == "Three"


def test_the_action_of_a_reply_continues_the_conversation_and_nothing_after_it_runs(network, line):
    line.says = {"/sms": "<Message action='/sent' method='GET'>One</Message><Message>Never</Message>"}
    line.says["/sent"] = "<Message>Two</Message><Redirect>/more</Redirect>"
    line.says["/more"] = "<Message>Three</Message>"
    assert network.text("hello")[1]["replies"] == ["One", "Two", "Three"]
    [(method, _, _, params)] = [asked for asked in line.asked if asked[1].startswith("/sent")]
    sent = {text.body: text.sid for text in network.client().messages.list(to=JANE)}
    assert (method, params["MessageSid"], params["MessageStatus"]) == ("GET", sent["One"], "queued")
    assert line.params("/more")[0]["MessageSid"] == line.params("/sms")[0]["MessageSid"]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ((500, "text/plain", "no"), "answered 500"),
        ("<Say>x</Say>", "there is no <Say>"),
        ("<Message>" + "a" * 1601 + "</Message>", "1601 characters"),
        ("\n<Message/>", "TwiML line 2: <Message> is empty"),
        ((200, "application/json", "{}"), "not TwiML"),
    ],
)
def test_a_text_that_the_line_cannot_answer_is_a_502_with_a_sentence(network, line, answer, message):
    line.says = {"/sms": answer}
    status, body = network.text("hello")
    assert status == 502
    assert message in body["error"]


@pytest.mark.parametrize("word", ["STOP", " stop\n", "Cancel", "OPTOUT", "revoke"])
def test_an_opt_out_blocks_the_sender_until_an_opt_in(network, line, word):
    line.says = {"/sms": "<Message>Hello</Message>"}
    client = network.client()
    assert network.text(word)[1]["replies"][0].startswith("You have successfully been unsubscribed")
    assert network.text(word)[1]["replies"] == []
    assert network.text("HELP")[1]["replies"] == []
    with pytest.raises(TwilioRestException) as caught:
        client.messages.create(to=JANE, from_=LINE, body="Hello")
    assert caught.value.code == 21610
    back = network.text("Unstop")[1]["replies"]
    assert (len(back), back[1]) == (2, "Hello")
    assert client.messages.create(to=JANE, from_=LINE, body="Hello").sid
    assert network.text("INFO")[1]["replies"][0].startswith("Reply STOP to unsubscribe")
    assert [params["Body"] for params in line.params("/sms")] == [word, word, "HELP", "Unstop", "INFO"]
    assert network.text("stop it please")[1]["replies"] == ["Hello"]


def test_if_the_line_answers_keywords_its_one_opt_out_confirmation_gets_through(line):
    line.says = {"/sms": "<Message>Hello</Message>"}
    network = Network(line, keywords_answered_by="line")
    assert network.text("STOP")[1]["replies"] == ["Hello"]
    assert network.text("hello")[1]["replies"] == []
    assert network.text("START")[1]["replies"] == ["Hello"]
    network.close()


def test_a_line_that_is_not_running_is_reported(line):
    network = Network(line, public_url="http://127.0.0.1:1")
    assert "not running" in network.call()["error"]
    assert network.text("hello")[0] == 502
    network.close()


# The commands


@pytest.fixture
def terminal(network):
    def run(command, *arguments, stdin=None, url=network.url):
        return CliRunner(env={"SIMULATOR_URL": url}).invoke(command, arguments, input=stdin, catch_exceptions=False)

    return run


def turns(result):
    return [json.loads(row) for row in result.stdout.splitlines()]


def test_call_plays_keys_and_prints_one_object_per_turn(terminal, line):
    line.says = {"/voice": gather(input="dtmf speech"), "/next": DIAL, "/done": "<Say>Sí.</Say>"}
    result = terminal(call_command, "--json", "--keys", '"well, hm",busy')
    assert turns(result) == [
        {"said": ["Ask."], "waits": "keys", "dial": []},
        {"said": [], "waits": "transfer", "dial": ["+16036632180", "+16036632181"]},
        {"said": ["Sí."], "waits": "over", "dial": []},
    ]
    assert line.params("/next")[0]["SpeechResult"] == "well, hm"
    assert (result.exit_code, result.stderr) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--keys", "1,1"], 2, "does not fit"),
        (["--keys", "busy"], 2, "does not fit"),
        (["--keys", "1,,1"], 2, "is not an input"),
        (["--keys", '"open'], 2, "not closed"),
        (["--from", "603"], 2, "not a number"),
        (["--keys", "1,failed,5"], 0, "over before 5"),
    ],
    ids=str,
)
def test_call_explains_wrong_use(terminal, line, arguments, status, message):
    line.says = {"/voice": gather(), "/next": DIAL, "/done": ""}
    result = terminal(call_command, *arguments)
    assert result.exit_code == status
    assert message in result.stderr


def test_call_prompts_at_the_terminal_and_hangs_up_at_the_end_of_input(terminal, network, line):
    line.says = {"/voice": gather(actionOnEmptyResult="true", input="dtmf speech"), "/next": DIAL}
    result = terminal(call_command, "--from", "anonymous", stdin="\nwhat\n")
    assert result.exit_code == 0
    assert "603-663-2180 (+16036632180)" in result.stdout
    assert "completed" in result.stderr
    assert [call["status"] for call in network.ask("/simulator/calls")[1]] == ["completed"]


def test_the_commands_exit_with_1_if_the_line_fails_and_2_if_the_simulator_is_not_running(terminal, line):
    line.says = {"/voice": "<Foo/>", "/sms": (500, "text/plain", "")}
    result = terminal(call_command, "--json", "--keys", "1")
    assert result.exit_code == 1
    assert "no <Foo>" in turns(result)[0]["error"]
    assert terminal(text_command, "hello").exit_code == 1
    for command, *arguments in ((call_command, "--keys", "1"), (text_command, "hello")):
        result = terminal(command, *arguments, url="http://127.0.0.1:1")
        assert (result.exit_code, result.stdout) == (2, "")
        assert "infoline run" in result.stderr


def test_text_prints_each_reply_or_an_empty_list(terminal, line):
    line.says = {"/sms": lambda params: "<Message>Hello</Message>" if params["Body"] == "hi" else ""}
    assert terminal(text_command, "hi").stdout == "Hello\n"
    assert json.loads(terminal(text_command, "hi", "--json").stdout) == {"reply": ["Hello"]}
    assert json.loads(terminal(text_command, "?", "--json").stdout) == {"reply": []}
