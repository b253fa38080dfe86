"""The developers' pane: each webhook, what the account's debugger says about it, and what to do."""

import re
import socket
import time

import pytest

from simulator import webhook
from simulator.webhook import Webhook
from tests.simulator.phone_page.page import after, ask, exchanges, place_call
from tests.support.network import JANE, LINE, Line, Network, wait_for

GATHER = '<Gather action="/next" numDigits="1" timeout="7"><Say language="es-US">Hola</Say></Gather>'


def test_a_webhook_shows_its_form_its_signature_and_the_states_around_it(network, line):
    line.says |= {"/voice": GATHER.replace('"/next"', '"/next?state=menu"'), "/next": "<Say>Bye</Say>"}
    after(network, place_call(network), keys="1")
    first, second = exchanges(network)
    assert (first["before"], first["after"]) == ("/voice", "/next?state=menu")
    assert (second["before"], second["after"]) == ("/next?state=menu", "")
    assert second["form"]["Digits"] == "1"
    assert second["status"] == 200
    sent = next(headers for _, path, headers, _ in line.asked if path.startswith("/next"))
    assert second["signature"] == sent["X-Twilio-Signature"]
    assert second["document"] == "<Response>\n  <Say>Bye</Say>\n</Response>"
    assert exchanges(network, first["revision"]) == [second]
    assert second["milliseconds"] > 0


def slow(_params):
    time.sleep(0.3)
    return ""


@pytest.mark.parametrize(
    ("answer", "status", "code", "what_to_do"),
    [
        ((403, "text/plain", "bad signature"), 403, 11200, "auth token and PUBLIC_URL"),
        ((404, "text/html", "?"), 404, 11200, "no such address"),
        ((405, "text/html", "?"), 405, 11200, "GET or POST"),
        ((500, "text/html", "oops"), 500, 11200, "web.log"),
        ((200, "text/xml", "<Response><Say>Bye"), 200, 12100, "well-formed"),
        ((200, "text/xml", "<Answer/>"), 200, 12102, "outermost"),
        ("<Shout>Hello</Shout>", 200, 12200, "names"),
        ("<Dial/>", 200, 13223, "number"),
        ((200, "image/png", "?"), 200, 12300, "text/xml"),
        ((304, "text/xml", ""), 304, 11216, "301, 302, 303, or 307"),
        ("<Redirect>https://example.com/voice</Redirect>", 200, 11100, "absolute http URL"),
        (slow, None, 11205, "15 seconds"),
    ],
    ids=lambda value: value.__name__ if callable(value) else str(value),
)
def test_a_webhook_that_failed_has_its_code_and_what_to_do(
    network, line, monkeypatch, answer, status, code, what_to_do
):
    monkeypatch.setattr(webhook, "TOTAL_SECONDS", 0.15)
    line.says["/voice"] = answer
    place_call(network)
    [shown] = exchanges(network)
    assert (shown["path"], shown["status"]) == ("/voice", status)
    [fault] = shown["faults"]
    assert (fault["code"], fault["level"]) == (code, "error")
    assert fault["sentence"]
    assert what_to_do in fault["advice"]
    assert fault["page"] == f"https://www.twilio.com/docs/api/errors/{code}"


def test_a_line_that_is_not_running_is_shown_with_what_was_sent(line):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        network = Network(line, public_url=f"http://127.0.0.1:{unused.getsockname()[1]}")
        try:
            place_call(network)
            [shown] = exchanges(network)
        finally:
            network.close()
    assert (shown["status"], shown["document"], shown["form"]["From"]) == (None, "", JANE)
    assert re.fullmatch(r"[A-Za-z0-9+/]{27}=", shown["signature"])
    assert [fault["code"] for fault in shown["faults"]] == [11202]
    assert "Start the line" in shown["faults"][0]["advice"]


def test_a_text_that_the_line_cannot_answer_shows_its_fault(network, line):
    line.says["/sms"] = "<Message/>"
    ask(network, f"/phone/{JANE}/text", {"body": "hello"})
    [shown] = exchanges(network)
    assert [fault["code"] for fault in shown["faults"]] == [14103]
    assert shown["is_text"]


def test_a_refused_receipt_shows_its_fault(network, line):
    line.says |= {"/sms": '<Message statusCallback="/receipts">Hello</Message>', "/receipts": (500, "text/plain", "")}
    ask(network, f"/phone/{JANE}/text", {"body": "hello"})
    shown = wait_for(lambda: [each for each in exchanges(network) if each["path"] == "/receipts" and each["faults"]])
    assert (shown[0]["status"], shown[0]["faults"][0]["code"]) == (500, 11200)


def test_a_refused_status_callback_is_a_warning(line):
    line.says |= {"/voice": "<Hangup/>", "/status": (500, "text/plain", "")}
    network = Network(line, status_callback=Webhook("/status"))
    try:
        place_call(network)
        shown = wait_for(lambda: [each for each in exchanges(network) if each["path"] == "/status"])
        fault = wait_for(lambda: exchanges(network)[-1]["faults"])[0]
    finally:
        network.close()
    assert shown[0]["status"] == 500
    assert (fault["code"], fault["level"]) == (15003, "warning")


def test_a_fault_that_is_found_later_is_sent_to_a_page_that_has_the_webhook_already(network, line):
    line.says |= {"/voice": GATHER, "/next": "<Shout/>"}
    call = place_call(network)
    [first] = exchanges(network)
    after(network, call, keys="1")
    [second] = exchanges(network, first["revision"])
    assert second["revision"] > second["number"]
    assert exchanges(network, second["number"]) == [second]
    assert exchanges(network, second["revision"]) == []


def test_a_webhook_without_a_fault_has_none(network, line):
    line.says |= {"/voice": GATHER, "/next": "<Shout/>"}
    after(network, place_call(network), keys="1")
    assert [len(each["faults"]) for each in exchanges(network)] == [0, 1]


@pytest.mark.parametrize("status", [301, 302, 303, 307])
def test_after_a_redirect_both_requests_are_shown_and_a_fault_is_at_the_one_with_the_document(network, line, status):
    line.says |= {"/voice": (status, "text/plain", "", [("Location", "/there")]), "/there": "<Shout/>"}
    place_call(network)
    first, second = exchanges(network)
    assert (first["path"], first["status"], first["faults"]) == ("/voice", status, [])
    assert (second["path"], second["status"]) == ("/there", 200)
    assert second["document"] == "<Response>\n  <Shout/>\n</Response>"
    assert ("From" in second["form"]) == (status == 307)
    assert [fault["code"] for fault in second["faults"]] == [12200]


@pytest.fixture
def elsewhere():
    """A program on another port than the line's."""
    other = Line()
    yield other
    other.close()


def test_a_webhook_to_another_port_is_shown(line, elsewhere):
    elsewhere.says["/answer"] = (500, "text/plain", "")
    network = Network(
        line, voice_webhook=Webhook(f"{elsewhere.url}/answer"), voice_fallback=Webhook(f"{elsewhere.url}/fallback")
    )
    try:
        place_call(network)
        assert [(each["path"], each["status"]) for each in exchanges(network)] == [("/answer", 500), ("/fallback", 200)]
    finally:
        network.close()


ROOM = "<Dial><Conference statusCallback='/events' statusCallbackEvent='join'>Room</Conference></Dial>"


@pytest.mark.parametrize("hidden", [False, True])
def test_callbacks_about_a_call_are_shown_also_those_without_its_number(network, line, hidden):
    line.says |= {"/voice": "<Record action='/room' recordingStatusCallback='/recorded'/>", "/room": ROOM}
    call = ask(network, f"/phone/{JANE}/call", {"hidden": hidden})[2]["call"]
    after(network, call, keys="#")
    network.heard(network.call(**{"from": "+16035550124"}), keys="#")
    wait_for(lambda: len(line.params("/recorded")) == len(line.params("/events")) == 2)
    wait_for(lambda: {"/recorded", "/events"} <= {each["path"] for each in exchanges(network)})
    callbacks = [each["form"] for each in exchanges(network) if each["path"] in ("/recorded", "/events")]
    assert {form["CallSid"] for form in callbacks} == {call["sid"]}
    assert not {"From", "To"} & {name for form in callbacks for name in form}


def test_callbacks_about_a_call_of_the_line_are_shown_on_the_phone_that_it_called(network, line):
    call = network.client().calls.create(
        to=JANE, from_=LINE, twiml=f"<Response>{ROOM}</Response>", record=True,
        recording_status_callback=line.url + "/recorded",
    )  # fmt: skip
    network.heard({"call": call.sid}, answer=True)
    network.heard({"call": call.sid}, hangup=True)
    wait_for(lambda: {"/events", "/recorded"} <= {each["path"] for each in exchanges(network)})
    assert ask(network, "/phone/+16035550124/exchanges")[2] == []
