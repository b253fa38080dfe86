"""The developers' pane: each webhook, what the account's debugger says about it, and what to do."""

import re
import socket
import time

import pytest

from simulator import webhook
from tests.simulator.phone_page.page import after, ask, exchanges, place_call
from tests.support.network import JANE, Network, wait_for

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
    assert [fault["code"] for fault in exchanges(network)[0]["faults"]] == [14103]


def test_a_refused_receipt_shows_its_fault(network, line):
    line.says |= {"/sms": '<Message statusCallback="/receipts">Hello</Message>', "/receipts": (500, "text/plain", "")}
    ask(network, f"/phone/{JANE}/text", {"body": "hello"})
    shown = wait_for(lambda: [each for each in exchanges(network) if each["path"] == "/receipts" and each["faults"]])
    assert (shown[0]["status"], shown[0]["faults"][0]["code"]) == (500, 11200)


def test_a_refused_status_callback_is_a_warning(line):
    line.says |= {"/voice": "<Hangup/>", "/status": (500, "text/plain", "")}
    network = Network(line, status_callback=webhook.Webhook("/status"))
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
