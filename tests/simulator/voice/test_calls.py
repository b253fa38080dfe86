"""Calls that the line makes, changes and deletes over the REST API."""

import pytest
from twilio.base.exceptions import TwilioRestException

from tests.support.network import JANE, LINE, wait_for


def code_of(request):
    with pytest.raises(TwilioRestException) as caught:
        request()
    return caught.value.status, caught.value.code


def said(network, call):
    return [words for turn in network.ask(f"/simulator/calls/{call}")[1]["turns"] for words in turn["said"]]


MENU = "<Gather action='/next'><Say>Press a key.</Say></Gather>"


@pytest.mark.parametrize(
    ("to", "error"),
    [("not a number", (400, 21211)), ("+1", (400, 21211)), ("", (400, 21201)), ("+15005550001", (400, 21217))],
)
def test_a_call_needs_a_number(network, to, error):
    assert code_of(lambda: network.client().calls.create(to=to, from_=LINE, twiml="<Response/>")) == error


def test_a_call_in_progress_gets_another_document_by_its_address_or_as_twiml(network, line):
    line.says = {"/voice": MENU, "/other": MENU.replace("Press", "Now press")}
    turn = network.call()
    call = network.client().calls(turn["call"])
    assert call.update(url=line.url + "/other", method="GET").status == "in-progress"
    wait_for(lambda: "Now press a key." in said(network, turn["call"]))
    assert line.asked[-1][:2][0] == "GET"
    call.update(twiml="<Response><Say>Goodbye.</Say></Response>")
    wait_for(lambda: call.fetch().status == "completed")
    assert said(network, turn["call"]) == ["Press a key.", "Now press a key.", "Goodbye."]
    assert code_of(lambda: call.update(twiml="<Response/>")) == (400, 21220)


def test_a_webhook_may_change_the_call_that_it_answers(network, line):
    client = network.client()

    def change(params):
        client.calls(params["CallSid"]).update(twiml="<Response><Say>Changed.</Say></Response>")
        return MENU

    line.says = {"/voice": MENU, "/next": change}
    turn = network.heard(network.call(), keys="1")[1]
    wait_for(lambda: said(network, turn["call"]) == ["Press a key.", "Press a key.", "Changed."])


def test_a_webhook_may_end_the_call_that_it_answers(network, line):
    client = network.client()

    def hang_up(params):
        client.calls(params["CallSid"]).update(status="completed")
        return MENU

    line.says = {"/voice": MENU, "/next": hang_up}
    call = network.heard(network.call(), keys="1")[1]["call"]
    wait_for(lambda: client.calls(call).fetch().status == "completed")


def test_a_ringing_call_is_canceled_and_cannot_be_redirected(network, line):
    client = network.client()
    call = client.calls(client.calls.create(to=JANE, from_=LINE, url=line.url).sid)
    assert code_of(lambda: call.update(url=line.url)) == (400, 21220)
    assert call.update(status="canceled").status == "canceled"
    assert code_of(lambda: call.update(status="busy")) == (400, 21220)


def test_a_call_that_is_over_can_be_deleted(network, line):
    line.says = {"/voice": MENU}
    client, turn = network.client(), network.call()
    call = client.calls(turn["call"])
    assert code_of(call.delete) == (409, 20009)
    network.heard(turn, hangup=True)
    assert call.delete()
    assert client.calls.list() == []


def test_the_phone_hears_the_keys_that_the_line_sends(network, line):
    line.says = {"/hello": "<Play digits='w12#'/><Say>Hi.</Say>"}
    client = network.client()
    call = client.calls.create(to=JANE, from_=LINE, url=line.url + "/hello", send_digits="wwww1928#")
    turn = network.heard({"call": call.sid}, answer=True)[1]
    assert turn["said"] == ["[keys wwww1928#]", "[keys w12#]", "Hi."]
    assert code_of(lambda: client.calls.create(to=JANE, from_=LINE, url=line.url, send_digits="five")) == (400, 21206)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"timeout": 0}, 21208),
        ({"method": "PUT"}, 21209),
        ({"status_callback": "https://example.com/"}, 21609),
        ({"status_callback_event": ["hung-up"]}, 21626),
        ({"twiml": "a" * 4001}, 32018),
    ],
    ids=str,
)
def test_a_call_with_an_invalid_field_is_rejected_with_the_code_for_it(network, line, fields, code):
    given = {"to": JANE, "from_": LINE, "url": line.url, **fields}
    assert code_of(lambda: network.client().calls.create(**given)) == (400, code)


def test_the_fallback_of_a_call_answers_when_its_address_fails(network, line):
    line.says = {"/gone": (404, "text/plain", ""), "/fallback": "<Say>Sorry.</Say>"}
    client = network.client()
    call = client.calls.create(
        to=JANE, from_=LINE, url=line.url + "/gone", fallback_url=line.url + "/fallback", fallback_method="GET"
    )
    assert network.heard({"call": call.sid}, answer=True)[1]["said"] == ["Sorry."]
    assert line.params("/fallback")[0]["ErrorCode"] == "11200"


@pytest.mark.parametrize(
    ("twiml", "dialed"),
    [
        ("<Client>jenny</Client>", "client:jenny"),
        ("<Client><Identity>jenny</Identity><Parameter name='a' value='b'/></Client>", "client:jenny"),
        ("<Sip>sip:jenny@example.com</Sip>", "sip:jenny@example.com"),
    ],
)
def test_a_client_or_a_sip_phone_rings_like_any_other(network, line, twiml, dialed):
    line.says = {"/voice": f"<Dial action='/done'>{twiml}</Dial>", "/done": "<Say>Bye.</Say>"}
    turn = network.call()
    assert turn["dial"] == [dialed]
    assert network.heard(turn, dial="no-answer")[1]["said"] == ["Bye."]
    assert line.params("/done")[0]["DialCallStatus"] == "no-answer"
    client = network.client()
    call = client.calls.create(to=dialed, from_=LINE, twiml="<Response><Say>Hi.</Say></Response>")
    assert network.heard({"call": call.sid}, answer=True)[1]["said"] == ["Hi."]


@pytest.mark.parametrize(
    ("twiml", "code"),
    [
        ("<Dial/>", 13223),
        ("<Dial>" + "<Number>+16036632180</Number>" * 11 + "</Dial>", 12200),
        ("<Dial><Client/></Dial>", 12200),
        ("<Dial><Sip>jenny</Sip></Dial>", 13243),
        ("<Dial><Conference/></Dial>", 13237),
        ("<Dial><Conference>a</Conference><Number>+16036632180</Number></Dial>", 13000),
        ("<Enqueue>support</Enqueue>", 12200),
        ("<Dial><Queue>support</Queue></Dial>", 12200),
        ("<Connect><Stream url='wss://example.com'/></Connect>", 12200),
        ("<Pay/>", 12200),
        ("<Say>" + "a" * 4097 + "</Say>", 13521),
        ("<Play/>", 11100),
    ],
)
def test_what_is_not_simulated_or_not_valid_ends_the_call_with_a_code(network, line, twiml, code):
    line.says = {"/voice": twiml}
    assert network.call()["waits"] == "over"
    assert [entry["code"] for entry in network.ask("/simulator/errors")[1]] == [code]


# The calls that a <Dial> makes

NUMBERS = (
    "<Dial action='/done' callerId='+16035550100'>"
    "<Number statusCallback='/one' statusCallbackEvent='initiated ringing answered completed'>+16036632180</Number>"
    "<Client statusCallback='/two'>jenny</Client></Dial>"
)


def statuses(line, path):
    return sorted(params["CallStatus"] for params in line.params(path))


def test_each_phone_of_a_transfer_is_a_call_whose_changes_are_reported(network, line):
    line.says = {"/voice": NUMBERS}
    turn = network.call()
    client = network.client()
    children = client.calls.list(parent_call_sid=turn["call"])
    assert [(child.to, child.status, child.direction) for child in children[::-1]] == [
        ("+16036632180", "ringing", "outbound-dial"),
        ("client:jenny", "ringing", "outbound-dial"),
    ]
    wait_for(lambda: statuses(line, "/one") == ["initiated", "ringing"])
    network.heard(turn, dial="completed", number="+16036632180")
    wait_for(lambda: statuses(line, "/one") == ["completed", "in-progress", "initiated", "ringing"])
    wait_for(lambda: statuses(line, "/two") == ["no-answer"])
    child = client.calls(line.params("/done")[0]["DialCallSid"]).fetch()
    assert (child.to, child._from, child.duration, child.parent_call_sid) == (
        "+16036632180",
        LINE,
        line.params("/done")[0]["DialCallDuration"],
        turn["call"],
    )
    assert len(client.calls.list()) == 3


@pytest.mark.parametrize("action", [{"hangup": True}, {"dial": "busy"}])
def test_the_phones_of_a_transfer_stop_ringing_when_it_ends(network, line, action):
    line.says = {"/voice": NUMBERS}
    network.heard(network.call(), **action)
    expected = "canceled" if "hangup" in action else "busy"
    wait_for(lambda: statuses(line, "/two") == [expected])


def test_the_phones_of_a_transfer_stop_ringing_when_the_line_redirects_the_caller(network, line):
    line.says = {"/voice": NUMBERS}
    turn = network.call()
    network.client().calls(turn["call"]).update(twiml="<Response><Gather/></Response>")
    wait_for(lambda: statuses(line, "/two") == ["canceled"])
