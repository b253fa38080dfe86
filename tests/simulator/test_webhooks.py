"""How the simulator asks the line: redirects, cookies, any address, fallbacks, status callbacks, warnings."""

from datetime import timedelta

import pytest
from twilio.request_validator import RequestValidator

from simulator.cookies import Cookies
from simulator.settings import SettingsError, settings_from
from simulator.webhook import Webhook
from tests.support.network import JANE, LINE, TOKEN, Network, wait_for

XML = "text/xml"


def moved(status, location="/there"):
    return (status, "text/plain", "", [("Location", location)])


def codes(network):
    return [entry["code"] for entry in network.ask("/simulator/errors")[1]]


# Redirects


@pytest.mark.parametrize(
    ("status", "method", "keeps_the_fields"),
    [(301, "GET", False), (302, "GET", False), (303, "GET", False), (307, "POST", True)],
)
def test_a_redirect_is_followed_as_twilio_does(network, line, status, method, keeps_the_fields):
    line.says = {"/voice": moved(status), "/there": "<Say>Here.</Say>"}
    turn = network.call()
    assert (turn["said"], turn["error"]) == (["Here."], None)
    seen, path, headers, params = line.asked[1]
    assert (seen, path, "From" in params) == (method, "/there", keeps_the_fields)
    assert RequestValidator(TOKEN).validate(line.url + path, params, headers["X-Twilio-Signature"])


@pytest.mark.parametrize("status", [300, 304, 305, 308])
def test_any_other_redirect_is_error_11216(network, line, status):
    line.says = {"/voice": moved(status), "/sms": moved(status)}
    assert str(status) in network.call()["error"]
    assert network.text("hi")[0] == 502
    assert codes(network) == [11216, 11216]


def test_links_after_a_redirect_are_relative_to_where_it_leads(network, line):
    line.says = {"/voice": moved(302, "/deep/menu"), "/deep/menu": "<Redirect>next</Redirect>"}
    line.says["/deep/next"] = "<Say>Deep.</Say>"
    assert network.call()["said"] == ["Deep."]


def test_a_circle_of_redirects_ends_and_no_redirect_leaves_this_machine(network, line):
    line.says = {"/voice": moved(302, "/voice")}
    network.call()
    line.says = {"/voice": moved(302, "https://example.com/")}
    network.call()
    assert codes(network) == [11215, 11100]


@pytest.mark.parametrize(
    ("status", "method", "keeps_the_fields"), [(302, "GET", False), (303, "GET", False), (307, "POST", True)]
)
def test_a_receipt_is_redirected_too_and_comes_once(network, line, status, method, keeps_the_fields):
    line.says = {"/receipt": moved(status), "/there": ""}
    network.client().messages.create(to=JANE, from_=LINE, body="hi", status_callback=line.url + "/receipt")
    wait_for(lambda: len(line.params("/there")) == 3)
    statuses = ["delivered", "sending", "sent"]
    assert sorted(params["MessageStatus"] for params in line.params("/receipt")) == statuses
    followed = [(asked, params) for asked, path, _, params in line.asked if path == "/there"]
    assert [asked for asked, _ in followed] == [method] * 3
    assert sorted(params.get("MessageStatus", "") for _, params in followed) == (
        statuses if keeps_the_fields else ["", "", ""]
    )


# Cookies


def test_a_cookie_returns_with_later_requests_of_the_same_two_numbers_only(network, line):
    line.says = {
        "/sms": (200, XML, "<Response/>", [("Set-Cookie", "step=2; Path=/"), ("Set-Cookie", "name=x; Path=/")])
    }
    network.text("one")
    network.text("two")
    network.text("from another", sender="+16035550124")
    cookies = [headers.get("Cookie") for _, _, headers, _ in line.asked]
    assert [cookies[0], cookies[2]] == [None, None]
    assert sorted(cookies[1].split("; ")) == ["name=x", "step=2"]


def test_a_cookie_of_a_call_is_kept_through_its_turns(network, line):
    line.says = {
        "/voice": (200, XML, "<Response><Redirect>/next</Redirect></Response>", [("Set-Cookie", "a=1; Path=/")]),
        "/next": "<Say>Hi.</Say>",
    }
    network.call()
    assert line.asked[1][2]["Cookie"] == "a=1"


@pytest.mark.parametrize(
    ("cookie", "minutes", "kept"),
    [
        ("a=1", 239, True),
        ("a=1", 241, False),
        ("a=1; Max-Age=60", 2, False),
        ("a=1; Max-Age=999999", 241, False),
        ("a=1; Path=/other", 1, False),
        ("a=1; Secure", 1, False),
        ("a=1; Domain=example.com", 1, False),
    ],
)
def test_a_cookie_lives_for_four_hours_at_most(cookie, minutes, kept):
    now = settings_from({}, []).now()
    moments = [now]
    pair = Cookies(lambda: moments[-1]).of({"From": JANE, "To": LINE})
    pair.store("http://127.0.0.1:8000/sms", [cookie])
    moments.append(now + timedelta(minutes=minutes))
    assert pair.header("http://127.0.0.1:8000/sms") == ("a=1" if kept else "")


# Any address, GET or POST


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_voice_and_sms_may_have_any_address_and_method(line, method):
    line.says = {"/phone/in.php": "<Say>Hi.</Say>", "/text?x=1": "", "/text": "<Message>Yo</Message>"}
    network = Network(
        line, voice_webhook=Webhook("/phone/in.php", method), sms_webhook=Webhook(f"{line.url}/text?x=1", method)
    )
    assert network.call()["said"] == ["Hi."]
    assert network.text("hello")[1]["replies"] == ["Yo"]
    assert [asked[0] for asked in line.asked] == [method, method]
    for _, path, headers, params in line.asked:
        assert params["From"] == JANE
        fields = params if method == "POST" else {}
        assert RequestValidator(TOKEN).validate(line.url + path, fields, headers["X-Twilio-Signature"])
    network.close()


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SIMULATOR_VOICE_URL", "voice"),
        ("SIMULATOR_SMS_URL", "PUT /sms"),
        ("SIMULATOR_VOICE_FALLBACK_URL", "https://example.com/fallback"),
        ("SIMULATOR_STRICT", "perhaps"),
        ("SIMULATOR_API_KEY", "SK1:secret"),
    ],
)
def test_an_invalid_webhook_is_explained(variable, value):
    with pytest.raises(SettingsError) as raised:
        settings_from({variable: value}, [])
    assert variable in str(raised.value)


def test_webhooks_are_set_with_flags_or_variables():
    settings = settings_from({"SIMULATOR_SMS_URL": "GET /in"}, ["--voice-webhook", "http://127.0.0.1:5000/answer"])
    assert (settings.sms_webhook, settings.voice_webhook) == (
        Webhook("/in", "GET"),
        Webhook("http://127.0.0.1:5000/answer", "POST"),
    )


# Fallbacks


@pytest.mark.parametrize(
    ("answer", "code"),
    [((500, "text/plain", ""), "11200"), ("<Foo/>", "12200"), ((200, XML, "<Response"), "12100")],
)
def test_the_fallback_address_answers_when_the_first_fails(line, answer, code):
    network = Network(line, voice_fallback=Webhook("/fallback"), sms_fallback=Webhook("/fallback-text", "GET"))
    line.says = {"/voice": answer, "/sms": answer, "/fallback": "<Say>Sorry.</Say>"}
    line.says["/fallback-text"] = "<Message>Sorry.</Message>"
    turn = network.call()
    assert (turn["said"], turn["error"]) == (["Sorry."], None)
    assert network.text("hi")[1]["replies"] == ["Sorry."]
    for path, failed in (("/fallback", "/voice"), ("/fallback-text", "/sms")):
        params = line.params(path)[0]
        assert (params["ErrorCode"], params["ErrorUrl"], params["From"]) == (code, line.url + failed, JANE)
    assert codes(network) == [int(code), int(code)]
    network.close()


def test_the_fallback_also_answers_a_later_turn_and_its_own_failure_ends_the_call(line):
    network = Network(line, voice_fallback=Webhook("/fallback"))
    line.says = {"/voice": "<Gather action='/gone'/>", "/gone": (404, "text/plain", ""), "/fallback": (500, XML, "")}
    turn = network.heard(network.call(), keys="1")[1]
    assert turn["waits"] == "over"
    assert "/fallback" in turn["error"]
    assert line.params("/fallback")[0]["ErrorUrl"] == line.url + "/gone"
    network.close()


def test_a_text_stays_unanswered_when_the_fallback_fails_too(line):
    network = Network(line, sms_fallback=Webhook("/fallback"))
    line.says = {"/sms": (500, "text/plain", ""), "/fallback": "<Message"}
    assert network.text("hi")[0] == 502
    assert codes(network) == [11200, 12100]
    network.close()


# Status callbacks of incoming calls


@pytest.mark.parametrize(
    ("twiml", "status"),
    [("<Say>Hi.</Say>", "completed"), ("<Reject/>", "no-answer"), ("<Reject reason='busy'/>", "busy")],
)
def test_the_end_of_an_incoming_call_is_reported_to_its_number(line, twiml, status):
    network = Network(line, status_callback=Webhook("/receipts/call/incoming"))
    line.says = {"/voice": twiml}
    call = network.call()["call"]
    wait_for(lambda: line.params("/receipts/call/incoming"))
    [params] = line.params("/receipts/call/incoming")
    assert (params["CallSid"], params["CallStatus"], params["Direction"]) == (call, status, "inbound")
    assert {"CallDuration", "Duration", "Timestamp", "SequenceNumber"} <= set(params)
    network.close()


def test_a_refused_status_callback_of_a_call_is_a_warning(line):
    network = Network(line, status_callback=Webhook("/status"))
    line.says = {"/voice": "<Hangup/>", "/status": (500, "text/plain", "")}
    network.call()
    wait_for(lambda: network.ask("/simulator/errors")[1])
    assert [(entry["code"], entry["level"]) for entry in network.ask("/simulator/errors")[1]] == [(15003, "warning")]
    network.close()


# Faults


@pytest.mark.parametrize(
    ("twiml", "code"),
    [("<Message>" + "a" * 1601 + "</Message>", 14103), ("<Redirect>/sms</Redirect>", 14106)],
    ids=["too long", "a circle of documents"],
)
def test_a_reply_that_twilio_does_not_send_has_its_code(network, line, twiml, code):
    line.says = {"/sms": twiml}
    assert network.text("hi")[0] == 502
    assert codes(network) == [code]


def test_another_outermost_element_and_a_line_that_is_not_running_have_codes_of_their_own(network, line):
    line.says = {"/voice": (200, XML, "<Answer/>")}
    network.call()
    line.server.shutdown()
    line.server.server_close()
    network.call()
    assert codes(network) == [12102, 11202]


# Warnings


LENIENT = "words<Say tone='soft'>Hi.</Say><Gather actions='/x' action='/next'/>"


def test_an_unknown_attribute_is_a_warning_or_ends_the_call_if_strict(line):
    line.says = {"/voice": LENIENT, "/sms": "<Message priority='1'>Yo</Message>", "/next": "<Say>Next.</Say>"}
    lenient, strict = Network(line, strict=False), Network(line, strict=True)
    turn = lenient.call()
    assert (turn["said"], turn["waits"]) == (["Hi."], "keys")
    assert lenient.heard(turn, keys="1")[1]["said"] == ["Next."]
    assert lenient.text("hi")[1]["replies"] == ["Yo"]
    entries = lenient.ask("/simulator/errors")[1]
    assert [(entry["code"], entry["level"]) for entry in entries] == [(12200, "warning")] * 4
    assert "no attribute tone" in " ".join(entry["sentence"] for entry in entries)
    assert strict.call()["waits"] == "over"
    assert strict.text("hi")[0] == 502
    assert {entry["level"] for entry in strict.ask("/simulator/errors")[1]} == {"error"}
    lenient.close()
    strict.close()
