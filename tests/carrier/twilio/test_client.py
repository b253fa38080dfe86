"""The carrier's REST door over real HTTP: what each answer, and each way of not answering, means for a text."""

from __future__ import annotations

import http.server
import json
import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest

from ivr.carrier.twilio.client import LONGEST_VALIDITY, Accepted, Carrier, Refused
from ivr.carrier.twilio.errors import CLASSES, ErrorClass, classify
from ivr.carrier.twilio.statuses import STATE_BY_STATUS
from ivr.carrier.twilio.transport import Broken, NotSent, Transport
from tests.conftest import shared_json

ACCOUNT, TOKEN, OURS, SERVICE = "AC" + "1" * 32, "a-token", "+16035550100", "MG" + "2" * 32
JANE, CALLBACK = "+16035550123", "https://line.example.org/receipts/text/" + "a" * 32
NOW = datetime(2026, 12, 1, 15, tzinfo=UTC)
PAGE = "<html><body><h1>Bad gateway</h1></body></html>"


def message(**change):
    fields = {"sid": "SM" + "a" * 32, "status": "queued", "body": "Hello", "from": OURS, "to": JANE}
    fields["direction"] = "outbound-api"
    dates = dict.fromkeys(("date_created", "date_sent", "date_updated"), "Tue, 01 Dec 2026 15:00:00 +0000")
    return {**fields, **dates, "messaging_service_sid": None, "error_code": None, **change}


def refusal(code, status=400):
    return status, json.dumps({"code": code, "message": "no", "more_info": "", "status": status})


class Door:
    """An HTTP server that answers as it is told, and remembers what it was asked and over how many connections."""

    def __init__(self):
        self.asked, self.connections = [], 0
        self.says = [(201, json.dumps(message()))]
        self.closes = False
        door = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self):
                super().setup()
                door.connections += 1

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                door.asked.append((self.command, self.path, self.headers, body))
                said = door.says.pop(0) if len(door.says) > 1 else door.says[0]
                if callable(said):
                    said(self)
                    return
                status, text = said
                self.send_response(status)
                self.send_header("Content-Length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())
                # Without a word in the headers, as an idle connection ends.
                self.close_connection = door.closes

            do_GET = do_POST

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def forms(self):
        return [dict(parse_qsl(body)) for *_, body in self.asked]


@pytest.fixture
def door():
    door = Door()
    yield door
    door.server.shutdown()
    door.server.server_close()


@pytest.fixture
def carrier(door):
    return Carrier(ACCOUNT, TOKEN, door.url + "/prefix", OURS)


def hang_up(handler):
    handler.connection.shutdown(socket.SHUT_RDWR)
    handler.close_connection = True


def half_an_answer(handler):
    handler.wfile.write(b"HTTP/1.1 201 Created\r\nContent-Length: 500\r\n\r\n{")
    handler.wfile.flush()
    hang_up(handler)


def noise(handler):
    handler.wfile.write(b"\x00\x01 this is not HTTP\r\n\r\n")
    handler.wfile.flush()
    hang_up(handler)


def send(carrier, **more):
    return carrier.send(JANE, "¿Hello & goodbye?", CALLBACK, **more)


def test_a_text_goes_out_with_its_callback_and_its_time_to_live(door, carrier):
    assert send(carrier, valid_seconds=90) == Accepted("SM" + "a" * 32, "queued")
    (method, path, headers, _), (form,) = door.asked[0], door.forms()
    assert (method, path) == ("POST", f"/prefix/2010-04-01/Accounts/{ACCOUNT}/Messages.json")
    assert headers["Authorization"].startswith("Basic ")
    expected = {
        "To": JANE,
        "From": OURS,
        "Body": "¿Hello & goodbye?",
        "StatusCallback": CALLBACK,
        "ValidityPeriod": "90",
    }
    assert form == expected


def test_a_messaging_service_sends_in_place_of_a_number(door):
    send(Carrier(ACCOUNT, TOKEN, door.url, SERVICE))
    (form,) = door.forms()
    assert form["MessagingServiceSid"] == SERVICE
    assert not form.keys() & {"From", "ValidityPeriod"}


def test_the_carrier_is_never_asked_to_keep_a_text_for_longer_than_it_does(door, carrier):
    send(carrier, valid_seconds=LONGEST_VALIDITY * 2)
    assert door.forms()[0]["ValidityPeriod"] == str(LONGEST_VALIDITY)


def test_every_field_that_we_send_or_ask_by_is_one_that_the_carrier_knows(door, carrier):
    path = "/2010-04-01/Accounts/{AccountSid}/Messages.json"
    described = shared_json("twilio-oai/twilio_api_v2010.json")["paths"][path]
    form = described["post"]["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]["properties"]
    door.says = [(201, json.dumps(message())), (201, json.dumps(message())), (200, json.dumps({"messages": []}))]
    send(carrier, valid_seconds=60)
    send(Carrier(ACCOUNT, TOKEN, door.url, SERVICE))
    list(carrier.find(JANE, NOW))
    sent = {name for form_sent in door.forms() for name in form_sent}
    assert sent == {"To", "From", "MessagingServiceSid", "Body", "StatusCallback", "ValidityPeriod"}
    assert sent <= form.keys()
    assert form["ValidityPeriod"]["type"] == "integer"
    asked = {name for name, _ in parse_qsl(urlsplit(door.asked[-1][1]).query)}
    assert asked <= {parameter["name"] for parameter in described["get"]["parameters"]}


S, P, T, U, O = ErrorClass.STOP, ErrorClass.PERMANENT, ErrorClass.TRANSIENT, ErrorClass.UNCERTAIN, ErrorClass.OPTED_OUT  # noqa: E741
ANSWERS = [
    ("too fast", refusal(20429, 429), T, 20429),
    ("too fast, without a word", (429, ""), T, None),
    ("a proxy says too fast", (429, PAGE), T, None),
    ("wrong password", refusal(20003, 401), S, 20003),
    ("wrong password, without a word", (401, ""), S, None),
    ("a proxy forbids", (403, PAGE), S, None),
    ("a proxy cannot read it", (400, PAGE), S, None),
    ("an address that is not the carrier's", (404, PAGE), S, None),
    ("a redirect", (302, ""), S, None),
    ("the account is not there", refusal(20404, 404), S, 20404),
    ("not our sender", refusal(21659), S, 21659),
    ("no such number", refusal(21211), P, 21211),
    ("she said STOP", refusal(21610), O, 21610),
    ("the queue is full", refusal(21611, 429), T, 21611),
    ("a new code", refusal(21999), P, 21999),
    ("a code of words", (400, json.dumps({"code": "no", "message": "no"})), S, None),
    ("a server error", refusal(20500, 500), U, 20500),
    ("a server error with a code of another kind", refusal(21211, 503), U, 21211),
    ("a proxy's server error", (502, PAGE), U, None),
    ("a proxy waited too long", (408, PAGE), U, None),
    ("a page in place of an answer", (200, PAGE), U, None),
    ("nothing in place of an answer", (201, ""), U, None),
    ("a list in place of an answer", (201, "[]"), U, None),
    ("null in place of an answer", (201, "null"), U, None),
    ("an answer without an id", (201, json.dumps({"status": "queued"})), U, None),
    ("an answer with a strange id", (201, json.dumps(message(sid="XX1"))), U, None),
    ("a problem document", (400, json.dumps({"type": "t", "title": "t", "status": 400, "code": 21211})), P, 21211),
    ("it hangs up", hang_up, U, None),
    ("half an answer", half_an_answer, U, None),
    ("noise", noise, U, None),
]  # fmt: skip


@pytest.mark.parametrize(("says", "kind", "code"), [case[1:] for case in ANSWERS], ids=[case[0] for case in ANSWERS])
def test_each_answer_has_its_class_and_the_text_is_sent_once(door, carrier, says, kind, code):
    door.says = [says]
    answer = send(carrier)
    assert isinstance(answer, Refused)
    assert (answer.kind, answer.code) == (kind, code)
    assert JANE[1:] not in answer.detail
    assert len(door.asked) == 1


def test_an_answer_that_does_not_come_is_uncertain(door):
    release = threading.Event()
    door.says = [lambda _: release.wait(2)]
    carrier = Carrier(ACCOUNT, TOKEN, door.url, OURS)
    carrier._client.http_client = Transport(door.url, 0.1)
    answer = send(carrier)
    release.set()
    assert answer == Refused(ErrorClass.UNCERTAIN, None, "Broken")


def closed_port():
    with socket.socket() as wire:
        wire.bind(("127.0.0.1", 0))
        return wire.getsockname()[1]


@pytest.mark.parametrize(
    "address",
    [f"http://127.0.0.1:{closed_port()}", "http://no-such-host.invalid"],
    ids=["nobody listens", "no such host"],
)
def test_without_a_connection_nothing_was_sent_and_it_may_be_tried_again(address):
    answer = send(Carrier(ACCOUNT, TOKEN, address, OURS))
    assert (answer.kind, answer.code) == (ErrorClass.TRANSIENT, None)
    with pytest.raises(NotSent):
        list(Carrier(ACCOUNT, TOKEN, address, OURS).find(JANE, NOW))


def test_a_carrier_that_does_not_speak_tls_has_seen_nothing(door):
    transport = Transport(door.url.replace("http:", "https:"), 2)
    with pytest.raises(NotSent) as caught:
        transport.request("POST", "https://api.twilio.com/2010-04-01/x", data={"Body": "x"})
    assert isinstance(caught.value.__cause__, ssl.SSLError)
    assert door.asked == []


# Connections


def test_texts_share_one_connection(door, carrier):
    assert all(isinstance(send(carrier), Accepted) for _ in range(5))
    assert (door.connections, len(door.asked)) == (1, 5)


def test_a_kept_connection_that_the_carrier_has_closed_is_dropped_before_it_is_used(door, carrier):
    door.closes = True
    for _ in range(3):
        assert isinstance(send(carrier), Accepted)
        kept = carrier._client.http_client._kept.connection.sock
        kept.settimeout(1)
        # Wait until the other side's goodbye is here.
        assert kept.recv(1, socket.MSG_PEEK) == b""
    assert (door.connections, len(door.asked)) == (3, 3)


def test_after_a_break_the_next_text_goes_out_over_a_new_connection(door, carrier):
    door.says = [hang_up, (201, json.dumps(message()))]
    assert send(carrier).kind is ErrorClass.UNCERTAIN
    assert isinstance(send(carrier), Accepted)
    assert door.connections == 2


def test_each_thread_has_a_connection_of_its_own(door, carrier):
    both = threading.Barrier(2)

    def work():
        send(carrier)
        both.wait()
        send(carrier)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (door.connections, len(door.asked)) == (2, 4)


# The log


def test_the_log_is_asked_for_one_number_since_a_moment_in_utc(door, carrier):
    door.says = [(200, json.dumps({"messages": [message(status="sent", error_code=30006)]}))]
    here = timezone(timedelta(hours=-5))
    (found,) = carrier.find(JANE, NOW.astimezone(here))
    asked = parse_qs(urlsplit(door.asked[0][1]).query)
    assert (asked["To"], asked["DateSent>"]) == ([JANE], ["2026-12-01T15:00:00Z"])
    assert (found.sid, found.status, found.body) == ("SM" + "a" * 32, "sent", "Hello")
    assert (found.created_at, found.error_code) == (NOW, 30006)
    assert carrier.is_ours(found)


def test_the_log_is_read_to_its_last_page(door, carrier):
    onward = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json?PageSize=1&Page=1&PageToken=PA1"
    first = {"messages": [message()], "next_page_uri": onward}
    second = {"messages": [message(sid="SM" + "b" * 32)], "next_page_uri": None}
    door.says = [(200, json.dumps(first)), (200, json.dumps(second))]
    assert [found.sid[-1] for found in carrier.find(JANE, NOW)] == ["a", "b"]


@pytest.mark.parametrize(
    "says",
    [(500, ""), (200, PAGE), (200, "[]"), (200, "null"), (401, "{}"), (302, ""), hang_up],
    ids=["a server error", "a page", "a list", "null", "wrong password", "a redirect", "it hangs up"],
)
def test_a_log_that_cannot_be_read_is_told_and_never_taken_for_an_empty_one(door, carrier, says):
    door.says = [says]
    with pytest.raises(Broken):
        list(carrier.find(JANE, NOW))


@pytest.mark.parametrize(
    ("sender", "change", "ours"),
    [
        (OURS, {}, True),
        (OURS, {"from": "+16035550199"}, False),
        (SERVICE, {"messaging_service_sid": SERVICE}, True),
        (SERVICE, {"messaging_service_sid": SERVICE, "from": None}, True),
        (SERVICE, {}, False),
    ],
    ids=["our number", "another number", "our service", "our service, before it chose a number", "not our service"],
)
def test_a_text_of_the_log_is_ours_when_it_came_from_our_sender(door, sender, change, ours):
    door.says = [(200, json.dumps({"messages": [message(**change)]}))]
    carrier = Carrier(ACCOUNT, TOKEN, door.url, sender)
    (found,) = carrier.find(JANE, NOW)
    assert carrier.is_ours(found) is ours


# Tables


def test_the_classes_are_those_of_the_carriers_own_list():
    stop = {20003, 30002, 30007, 30034, 30032, 21408}
    # Wrong settings of ours, which would meet every text.
    stop |= {21606, 21608, 21609, 21626, 21659, 21703, 21705}
    permanent = {21211, 21614, 21635, 30005, 30006, 21612, 30004}
    transient = {20429, 21611, 30001, 30003, 30008, 30022}
    assert {CLASSES[code] for code in stop} == {ErrorClass.STOP}
    assert {CLASSES[code] for code in permanent} == {ErrorClass.PERMANENT}
    assert {CLASSES[code] for code in transient} == {ErrorClass.TRANSIENT}
    assert classify(503, 21211) is ErrorClass.UNCERTAIN


def test_every_status_that_the_carrier_has_for_an_outgoing_text_means_something():
    described = shared_json("twilio-oai/twilio_api_v2010.json")
    statuses = set(described["components"]["schemas"]["message_enum_status"]["enum"])
    inbound = {"receiving", "received"}
    assert statuses - inbound - {"partially_delivered"} <= STATE_BY_STATUS.keys() <= statuses
