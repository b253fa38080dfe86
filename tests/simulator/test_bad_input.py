"""Requests and answers that nobody should send: each has Twilio's code, and none a traceback."""

import base64
import json
import socket
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from twilio.base.exceptions import TwilioRestException

from simulator.webhook import Webhook
from tests.support.network import JANE, LINE, SID, TOKEN, Network

FORM = "application/x-www-form-urlencoded"
BASIC = "Basic " + base64.b64encode(f"{SID}:{TOKEN}".encode()).decode()
MESSAGES = f"/2010-04-01/Accounts/{SID}/Messages.json"
XML = "text/xml"


@pytest.fixture(autouse=True)
def _no_traceback(caplog):
    yield
    assert [record for record in caplog.records if record.exc_info] == []


@pytest.fixture
def lenient(line):
    network = Network(line, strict=False)
    yield network
    network.close()


def post(network, path, body, media_type=FORM):
    """(status, JSON) of a POST with exactly this body."""
    headers = {"Authorization": BASIC, "Content-Type": media_type}
    try:
        with urllib.request.urlopen(urllib.request.Request(network.url + path, body, headers)) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def codes(network):
    return [entry["code"] for entry in network.ask("/simulator/errors")[1]]


# Requests to the REST API


def test_a_half_sent_request_is_an_error_in_twilios_format_and_sends_nothing(network):
    address = urlsplit(network.url)
    head = [f"POST {MESSAGES} HTTP/1.1", f"Host: {address.netloc}", f"Authorization: {BASIC}", f"Content-Type: {FORM}"]
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall("\r\n".join([*head, "Content-Length: 1000", "", "To=%2B1603"]).encode())
        connection.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] == 20400
    assert network.ask("/simulator/log")[1] == []


def test_a_request_that_is_no_http_leaves_the_simulator_running(network, capfd):
    address = urlsplit(network.url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(b"\x16\x03\x01 " + JANE.encode() + b"\r\n\r\n")
        connection.recv(65536)
    assert network.client().messages.create(to=JANE, from_=LINE, body="hi").sid
    assert JANE not in capfd.readouterr().err


FIELDS = f"To=%2B{JANE[1:]}&From=%2B{LINE[1:]}&Body=".encode()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (FIELDS + b"a" * 2 * 1024 * 1024, (413, 20413)),
        (b"To=%ff%fe&From=" + LINE.encode() + b"&Body=x", (400, 21211)),
        ("To=%2B１６０３５５５０１２３&Body=x&From=%2B16035550100".encode(), (400, 21211)),
        ("To=%2B1٦٠٣٥٥٥٠١٢٣&Body=x&From=%2B16035550100".encode(), (400, 21211)),
        (FIELDS.replace(b"&From", b"%00&From") + b"x", (400, 21211)),
        (FIELDS.replace(b"&From", b"%3Bext=5&From") + b"x", (400, 21211)),
        (FIELDS + b"x&MediaUrl=http://[::1", (400, 21620)),
        (FIELDS + b"x" + b"&MediaUrl=http://127.0.0.1/a.png" * 11, (400, 21623)),
        (FIELDS + b"x&ValidityPeriod=" + b"9" * 5000, (400, 20001)),
    ],
    ids=["huge", "no UTF-8", "wide digits", "other digits", "zero byte", "extension", "URL", "media", "number"],
)
def test_a_form_that_nobody_should_send_has_twilios_code(network, body, expected):
    status, answer = post(network, MESSAGES, body)
    assert (status, answer["code"]) == expected
    assert network.ask("/simulator/log")[1] == []


def test_the_first_of_two_equal_fields_counts(network):
    status, answer = post(network, MESSAGES, FIELDS + b"one&Body=two&To=%2B16035550124")
    assert (status, answer["body"], answer["to"]) == (201, "one", JANE)


def test_thousands_of_fields_are_one_warning(lenient):
    assert post(lenient, MESSAGES, FIELDS + b"x" + b"".join(b"&f%d=1" % n for n in range(3000)))[0] == 201
    [entry] = lenient.ask("/simulator/errors")[1]
    assert (entry["code"], len(entry["sentence"]) < 700) == (20001, True)


def test_a_number_with_digits_of_another_script_cannot_be_bought(network):
    with pytest.raises(TwilioRestException) as caught:
        network.client().incoming_phone_numbers.create(phone_number="+160355501٦٧")
    assert caught.value.code == 21421


@pytest.mark.parametrize(
    "query",
    ["PageSize=" + "9" * 5000, "PageSize=x", "PageToken=x", "DateSent=0001-01-01T00:00:00%2B14:00", "DateSent=soon"],
    ids=lambda query: query[:30],
)
def test_a_filter_that_cannot_be_read_has_twilios_code(network, query):
    response = network.client().request("GET", f"{network.url}{MESSAGES}?{query}")
    assert (response.status_code, json.loads(response.text)["code"]) == (400, 20001)


@pytest.mark.parametrize("credentials", ["Basic !!!", "Basic /w==", "Bearer x", "Basic"])
def test_credentials_that_cannot_be_read_are_refused(network, credentials):
    request = urllib.request.Request(network.url + MESSAGES, headers={"Authorization": credentials})
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request)
    assert json.load(caught.value)["code"] == 20003


# Requests to the phones


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("texts", b"[" * 100_000),
        ("texts", b'{"from":' + b"[" * 100_000),
        ("texts", b'{"from": "+16035550123", "body": "\\ud800"}'),
        ("texts", b'{"from": "+16035550123", "body": "x", "media": 1e400}'),
        ("calls", b'{"from": ["anonymous"]}'),
        ("calls", '{"from": "+1٦٠٣٥٥٥٠١٢٣"}'.encode()),
        ("faults", b'{"seed": [1]}'),
        ("faults", b'{"429": NaN}'),
    ],
    ids=lambda value: value[:40],
)
def test_a_phone_refuses_what_it_cannot_read_with_a_sentence(network, path, body):
    status, answer = post(network, f"/simulator/{path}", body, "application/json")
    assert (status, answer["error"].endswith(".")) == (400, True)


# The answers of the line

ANSWERS = [
    ("<Say>" + "<emphasis>" * 2900 + "</emphasis>" * 2900 + "</Say>", 12100),
    ("<Message>" * 3000 + "</Message>" * 3000, 12100),
    ((200, XML, "<!DOCTYPE a [<!ENTITY b 'b'><!ENTITY c '&b;&b;'>]><Response>&c;</Response>"), 12100),
    ("<Say>&c;</Say>", 12100),
    ((200, XML, "<Response>\0</Response>"), 12100),
    ((200, XML, "<?xml version='1.0' encoding='nope'?><Response/>"), 12100),
    ((200, "text/html", "<html><body><br><p>Welcome</body></html>"), 12100),
    ((200, "text/html", "<html><body>Welcome</body></html>"), 12102),
    ((200, "application/json", "{}"), 12300),
    ("<!--" + "a" * 66_000 + "-->", 11750),
    ("<Redirect>http://[::1</Redirect>", 11100),
    ("<Redirect>http://127.0.0.1:99999/</Redirect>", 11100),
    ("<Redirect>/a b</Redirect>", 11100),
    ((302, XML, "", [("Location", "http://[::1")]), 11216),
    ((302, XML, "", [("Location", "/a b")]), 11216),
    ((999, XML, "<Response/>"), 11200),
]


@pytest.mark.parametrize(("answer", "code"), ANSWERS, ids=[str(answer)[:60] for answer, _ in ANSWERS])
@pytest.mark.parametrize("strict", [True, False], ids=["strict", "lenient"])
def test_an_answer_that_nobody_should_give_ends_the_call_and_the_text(line, answer, code, strict):
    network = Network(line, strict=strict)
    line.says = {"/voice": answer, "/sms": answer}
    turn = network.call()
    assert (turn["waits"], turn["said"]) == ("over", [])
    assert network.text("hi")[1]["replies"] == []
    assert codes(network) == [code, code]
    assert turn["error"].endswith((".", ")."))
    network.close()


@pytest.mark.parametrize("answer", [(200, XML, ""), (204, XML, ""), (200, "text/html", " ")], ids=str)
def test_an_empty_answer_ends_a_call_with_a_code_and_leaves_a_text_unanswered(network, line, answer):
    line.says = {"/voice": answer, "/sms": answer}
    assert network.call()["waits"] == "over"
    assert network.text("hi") == (200, {"sid": network.client().messages.list()[0].sid, "replies": []})
    assert codes(network) == [12100]


@pytest.mark.parametrize(
    "twiml",
    ["<Redirect>/voice</Redirect>", "<Redirect/>", "<Say>Hi.</Say><Redirect method='GET'>/voice?x=1</Redirect>"],
)
def test_a_circle_of_documents_ends_the_call(network, line, twiml):
    line.says = {"/voice": twiml}
    assert network.call()["waits"] == "over"
    assert (codes(network), len(line.asked)) == ([11100], 100)


def test_a_url_with_letters_beyond_ascii_is_requested_in_percent_codes(network, line):
    line.says = {"/voice": "<Redirect>/men\u00fc</Redirect>", "/men%C3%BC": "<Say>Hi.</Say>"}
    assert network.call()["said"] == ["Hi."]
    network.client().messages.create(to=JANE, from_=LINE, body="x", status_callback=line.url + "/\u0142")


def test_a_line_that_answers_after_the_time_limit_is_a_failed_connection_and_the_fallback_answers(line, monkeypatch):
    monkeypatch.setattr("simulator.webhook.TOTAL_SECONDS", 0.2)
    answered = threading.Event()

    def late(_):
        answered.wait(10)
        return "<Say>Too late.</Say>"

    line.says = {"/voice": late, "/sms": late, "/fallback": "<Say>Sorry.</Say>"}
    network = Network(line, voice_fallback=Webhook("/fallback"))
    assert network.call()["said"] == ["Sorry."]
    assert network.text("hi")[0] == 502
    answered.set()
    assert (codes(network), line.params("/fallback")[0]["ErrorCode"]) == ([11205, 11205], "11205")
    network.close()


@contextmanager
def answering(data):
    """A server that answers every connection with these bytes and closes it; its address."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                connection.sendall(data)
                # A reset would overtake what was sent.
                connection.shutdown(socket.SHUT_WR)
                time.sleep(0.05)

    threading.Thread(target=serve, daemon=True).start()
    yield f"http://127.0.0.1:{server.getsockname()[1]}"
    server.close()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"HTTP",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\r\nHel",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n50\r\nHel",
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nA: " + b"b" * 70_000 + b"\r\n\r\n",
    ],
    ids=lambda data: repr(data[:70]),
)
def test_a_half_sent_answer_violates_the_protocol(line, data):
    with answering(data) as address:
        network = Network(line, voice_webhook=Webhook(address + "/voice"), sms_webhook=Webhook(address + "/sms"))
        assert network.call()["waits"] == "over"
        assert network.text("hi")[0] == 502
        assert codes(network) == [11206, 11206]
        network.close()
