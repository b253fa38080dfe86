"""The Twilio client over real HTTP: each response, or lack of one, has an error class."""

from __future__ import annotations

import http.client
import http.server
import json
import socket
import ssl
import threading
from datetime import timedelta, timezone
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest

from ivr import clock
from ivr.carrier.twilio.client import LONGEST_VALIDITY, Accepted, Carrier, Refused
from ivr.carrier.twilio.errors import ErrorClass
from ivr.carrier.twilio.transport import Broken, NotSent, Transport
from tests.carrier.twilio.fake_twilio import (
    ACCOUNT,
    CALLBACK,
    JANE,
    NOW,
    OURS,
    PAGE,
    SERVICE,
    TOKEN,
    FakeTwilio,
    garbage,
    half_a_response,
    hang_up,
    message,
    refusal,
)
from tests.conftest import shared_json


@pytest.fixture
def twilio():
    twilio = FakeTwilio()
    yield twilio
    twilio.server.shutdown()
    twilio.server.server_close()


@pytest.fixture
def carrier(twilio):
    return Carrier(ACCOUNT, TOKEN, twilio.url + "/prefix", OURS)


def send(carrier, **more):
    return carrier.send(JANE, "¿Hello & goodbye?", CALLBACK, **more)


def test_a_text_is_sent_with_its_callback_and_validity_period(twilio, carrier):
    assert send(carrier, valid_seconds=90) == Accepted("SM" + "a" * 32, "queued")
    (method, path, headers, _), (form,) = twilio.requests[0], twilio.forms()
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


def test_a_messaging_service_replaces_the_sender_number(twilio):
    send(Carrier(ACCOUNT, TOKEN, twilio.url, SERVICE))
    (form,) = twilio.forms()
    assert form["MessagingServiceSid"] == SERVICE
    assert not form.keys() & {"From", "ValidityPeriod"}


def test_the_validity_period_never_exceeds_the_maximum(twilio, carrier):
    send(carrier, valid_seconds=LONGEST_VALIDITY * 2)
    assert twilio.forms()[0]["ValidityPeriod"] == str(LONGEST_VALIDITY)


def test_every_field_and_filter_that_we_send_is_in_twilios_openapi_document(twilio, carrier):
    path = "/2010-04-01/Accounts/{AccountSid}/Messages.json"
    document = shared_json("twilio-oai/twilio_api_v2010.json")["paths"][path]
    form = document["post"]["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]["properties"]
    twilio.responses = [(201, json.dumps(message())), (201, json.dumps(message())), (200, json.dumps({"messages": []}))]
    send(carrier, valid_seconds=60)
    send(Carrier(ACCOUNT, TOKEN, twilio.url, SERVICE))
    list(carrier.find(JANE, NOW))
    sent = {name for form_sent in twilio.forms() for name in form_sent}
    assert sent == {"To", "From", "MessagingServiceSid", "Body", "StatusCallback", "ValidityPeriod"}
    assert sent <= form.keys()
    assert form["ValidityPeriod"]["type"] == "integer"
    filters = {name for name, _ in parse_qsl(urlsplit(twilio.requests[-1][1]).query)}
    assert filters <= {parameter["name"] for parameter in document["get"]["parameters"]}


S, P, T, U, O = ErrorClass.STOP, ErrorClass.PERMANENT, ErrorClass.TRANSIENT, ErrorClass.UNCERTAIN, ErrorClass.OPTED_OUT  # noqa: E741
RESPONSES = [
    ("too fast", refusal(20429, 429), T, 20429),
    ("too fast, without a body", (429, ""), T, None),
    ("too fast, from a proxy", (429, PAGE), T, None),
    ("wrong password", refusal(20003, 401), S, 20003),
    ("wrong password, without a body", (401, ""), S, None),
    ("forbidden by a proxy", (403, PAGE), S, None),
    ("a bad request by a proxy", (400, PAGE), S, None),
    ("not Twilio's URL", (404, PAGE), S, None),
    ("a redirect", (302, ""), S, None),
    ("an unknown account", refusal(20404, 404), S, 20404),
    ("not our sender", refusal(21659), S, 21659),
    ("no such number", refusal(21211), P, 21211),
    ("an opt-out", refusal(21610), O, 21610),
    ("the queue is full", refusal(21611, 429), T, 21611),
    ("an unknown code", refusal(21999), P, 21999),
    ("a code that is not a number", (400, json.dumps({"code": "no", "message": "no"})), S, None),
    ("a server error", refusal(20500, 500), U, 20500),
    ("a server error with a code of another kind", refusal(21211, 503), U, 21211),
    ("a server error of a proxy", (502, PAGE), U, None),
    ("a time-out of a proxy", (408, PAGE), U, None),
    ("an HTML page", (200, PAGE), U, None),
    ("an empty body", (201, ""), U, None),
    ("a list", (201, "[]"), U, None),
    ("null", (201, "null"), U, None),
    ("a message without an id", (201, json.dumps({"status": "queued"})), U, None),
    ("a message with a malformed id", (201, json.dumps(message(sid="XX1"))), U, None),
    ("a problem document", (400, json.dumps({"type": "t", "title": "t", "status": 400, "code": 21211})), P, 21211),
    ("a closed connection", hang_up, U, None),
    ("half a response", half_a_response, U, None),
    ("a response that is not HTTP", garbage, U, None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("response", "kind", "code"), [case[1:] for case in RESPONSES], ids=[case[0] for case in RESPONSES]
)
def test_each_response_has_its_class_and_the_text_is_sent_once(twilio, carrier, response, kind, code):
    twilio.responses = [response]
    result = send(carrier)
    assert isinstance(result, Refused)
    assert (result.kind, result.code) == (kind, code)
    assert JANE[1:] not in result.detail
    assert len(twilio.requests) == 1


def test_a_text_without_a_response_is_uncertain(twilio):
    release = threading.Event()
    twilio.responses = [lambda _: release.wait(2)]
    carrier = Carrier(ACCOUNT, TOKEN, twilio.url, OURS)
    carrier._client.http_client = Transport(twilio.url, 0.1)
    result = send(carrier)
    release.set()
    assert result == Refused(ErrorClass.UNCERTAIN, None, "Broken")


def test_a_text_whose_time_passes_while_its_connection_opens_is_not_sent(twilio, carrier, monkeypatch):
    latest = clock.Deadline(clock.now() + timedelta(hours=1))
    assert isinstance(send(carrier, latest=latest), Accepted)
    carrier._transport._close()
    connect = http.client.HTTPConnection.connect

    def connect_slowly(connection):
        connect(connection)
        clock.set_shift(3601)

    monkeypatch.setattr(http.client.HTTPConnection, "connect", connect_slowly)
    try:
        assert send(carrier, latest=latest) == Refused(ErrorClass.TRANSIENT, None, "too late")
        assert isinstance(send(carrier), Accepted)
    finally:
        clock.set_shift(0)
    assert len(twilio.requests) == 2


def closed_port():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return unused.getsockname()[1]


@pytest.mark.parametrize(
    "address",
    [f"http://127.0.0.1:{closed_port()}", "http://no-such-host.invalid"],
    ids=["a closed port", "an unknown host"],
)
def test_without_a_connection_the_text_was_not_sent_and_may_be_retried(address):
    result = send(Carrier(ACCOUNT, TOKEN, address, OURS))
    assert (result.kind, result.code) == (ErrorClass.TRANSIENT, None)
    with pytest.raises(NotSent):
        list(Carrier(ACCOUNT, TOKEN, address, OURS).find(JANE, NOW))


def test_a_failed_tls_handshake_means_that_nothing_was_sent(twilio):
    transport = Transport(twilio.url.replace("http:", "https:"), 2)
    with pytest.raises(NotSent) as caught:
        transport.request("POST", "https://api.twilio.com/2010-04-01/x", data={"Body": "x"})
    assert isinstance(caught.value.__cause__, ssl.SSLError)
    assert twilio.requests == []


# Connections


def test_texts_share_one_connection(twilio, carrier):
    assert all(isinstance(send(carrier), Accepted) for _ in range(5))
    assert (twilio.connections, len(twilio.requests)) == (1, 5)


def test_a_connection_that_twilio_closed_is_replaced_before_the_next_text(twilio, carrier):
    twilio.closes_silently = True
    for _ in range(3):
        assert isinstance(send(carrier), Accepted)
        idle = carrier._client.http_client._local.connection.sock
        idle.settimeout(1)
        # Wait for the end of the stream.
        assert idle.recv(1, socket.MSG_PEEK) == b""
    assert (twilio.connections, len(twilio.requests)) == (3, 3)


def test_after_a_broken_connection_the_next_text_uses_a_new_one(twilio, carrier):
    twilio.responses = [hang_up, (201, json.dumps(message()))]
    assert send(carrier).kind is ErrorClass.UNCERTAIN
    assert isinstance(send(carrier), Accepted)
    assert twilio.connections == 2


def test_each_thread_has_its_own_connection(twilio, carrier):
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
    assert (twilio.connections, len(twilio.requests)) == (2, 4)


# The log


def test_the_log_is_filtered_by_number_and_by_a_time_in_utc(twilio, carrier):
    twilio.responses = [(200, json.dumps({"messages": [message(status="sent", error_code=30006)]}))]
    eastern = timezone(timedelta(hours=-5))
    (logged,) = carrier.find(JANE, NOW.astimezone(eastern))
    query = parse_qs(urlsplit(twilio.requests[0][1]).query)
    assert (query["To"], query["DateSent>"]) == ([JANE], ["2026-12-01T15:00:00Z"])
    assert (logged.sid, logged.status, logged.body) == ("SM" + "a" * 32, "sent", "Hello")
    assert (logged.created_at, logged.error_code) == (NOW, 30006)
    assert carrier.is_ours(logged)


def test_the_log_is_read_to_its_last_page(twilio, carrier):
    next_page = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json?PageSize=1&Page=1&PageToken=PA1"
    first = {"messages": [message()], "next_page_uri": next_page}
    second = {"messages": [message(sid="SM" + "b" * 32)], "next_page_uri": None}
    twilio.responses = [(200, json.dumps(first)), (200, json.dumps(second))]
    assert [logged.sid[-1] for logged in carrier.find(JANE, NOW)] == ["a", "b"]


@pytest.mark.parametrize(
    "response",
    [(500, ""), (200, PAGE), (200, "[]"), (200, "null"), (401, "{}"), (302, ""), hang_up],
    ids=["a server error", "an HTML page", "a list", "null", "wrong password", "a redirect", "a closed connection"],
)
def test_an_unreadable_log_raises_and_is_never_taken_for_an_empty_one(twilio, carrier, response):
    twilio.responses = [response]
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
    ids=["our number", "another number", "our service", "our service, before it picks a number", "not our service"],
)
def test_a_logged_text_is_ours_if_our_sender_sent_it(twilio, sender, change, ours):
    twilio.responses = [(200, json.dumps({"messages": [message(**change)]}))]
    carrier = Carrier(ACCOUNT, TOKEN, twilio.url, sender)
    (logged,) = carrier.find(JANE, NOW)
    assert carrier.is_ours(logged) is ours


@pytest.mark.parametrize(
    ("sender", "change", "to_us"),
    [
        (OURS, {"to": OURS}, True),
        (OURS, {"to": "+16035550199"}, False),
        (OURS, {"to": OURS, "direction": "outbound-api"}, False),
        (SERVICE, {"to": OURS, "messaging_service_sid": SERVICE}, True),
        (SERVICE, {"to": OURS}, False),
    ],
    ids=["our number", "another number", "not incoming", "our service", "not our service"],
)
def test_a_logged_text_is_to_us_if_it_came_in_to_our_sender(twilio, sender, change, to_us):
    incoming = message(**{"from": JANE, "direction": "inbound", **change})
    twilio.responses = [(200, json.dumps({"messages": [incoming]}))]
    carrier = Carrier(ACCOUNT, TOKEN, twilio.url, sender)
    (logged,) = carrier.find(JANE, NOW)
    assert carrier.is_to_us(logged) is to_us


# One message


def test_a_message_is_fetched_by_its_id(twilio, carrier):
    twilio.responses = [(200, json.dumps(message(status="undelivered", error_code=30005)))]
    fetched = carrier.fetch("SM" + "a" * 32)
    assert (fetched.sid, fetched.status, fetched.error_code) == ("SM" + "a" * 32, "undelivered", 30005)
    assert twilio.requests[0][:2] == ("GET", f"/prefix/2010-04-01/Accounts/{ACCOUNT}/Messages/SM{'a' * 32}.json")


def test_a_message_that_twilio_no_longer_has_is_none(twilio, carrier):
    twilio.responses = [refusal(20404, 404)]
    assert carrier.fetch("SM" + "a" * 32) is None


@pytest.mark.parametrize(
    "response",
    [
        (404, PAGE),
        (500, ""),
        (200, PAGE),
        (200, "{}"),
        (200, "null"),
        refusal(20003, 401),
        refusal(20429, 429),
        hang_up,
    ],
    ids=[
        "not Twilio",
        "a server error",
        "an HTML page",
        "another object",
        "null",
        "wrong password",
        "too fast",
        "no response",
    ],
)
def test_a_message_that_cannot_be_read_is_never_taken_for_a_deleted_one(twilio, carrier, response):
    twilio.responses = [response]
    with pytest.raises(Broken):
        carrier.fetch("SM" + "a" * 32)


# The account


def account(**change):
    return 200, json.dumps({"sid": ACCOUNT, "status": "active", "friendly_name": "The line", **change})


def test_credentials_that_twilio_accepts_need_nothing(twilio, carrier):
    twilio.responses = [account()]
    assert carrier.check_credentials() is None
    assert twilio.requests[0][:2] == ("GET", f"/prefix/2010-04-01/Accounts/{ACCOUNT}.json")


@pytest.mark.parametrize(
    ("response", "says"),
    [
        (refusal(20003, 401), "correct TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN"),
        (refusal(20003, 403), "correct TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN"),
        (refusal(20404, 404), "correct TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN"),
        (account(status="suspended"), "reactivate it in the Twilio Console"),
        (account(status="closed"), "reactivate it in the Twilio Console"),
    ],
    ids=["a wrong token", "forbidden", "an unknown account", "suspended", "closed"],
)
def test_refused_credentials_say_what_to_do(twilio, carrier, response, says):
    twilio.responses = [response]
    assert says in carrier.check_credentials()


@pytest.mark.parametrize(
    "response",
    [(500, ""), (429, ""), (200, PAGE), (200, "{}"), (200, "null"), hang_up],
    ids=["a server error", "too fast", "an HTML page", "another object", "null", "no response"],
)
def test_credentials_that_cannot_be_checked_are_neither_accepted_nor_refused(twilio, carrier, response):
    twilio.responses = [response]
    with pytest.raises(Broken):
        carrier.check_credentials()
