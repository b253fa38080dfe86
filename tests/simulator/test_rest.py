"""The simulated Twilio REST API, through the official library, and the simulator as a process."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from datetime import UTC, datetime, timedelta

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.request_validator import RequestValidator

from simulator.resource import segments
from simulator.rest.fields import (
    CREATE_CALL,
    CREATE_MESSAGE,
    CREATE_NUMBER,
    CREATE_PARTICIPANT,
    UPDATE_CALL,
    UPDATE_CONFERENCE,
    UPDATE_MESSAGE,
    UPDATE_NUMBER,
    UPDATE_PARTICIPANT,
)
from tests.support.network import JANE, LINE, SERVICE, SID, TOKEN, wait_for
from tests.support.paths import ROOT, SHARED

DATA = SHARED / "data"
MENU = '<Gather numDigits="1" action="/next"><Say>Press a key.</Say></Gather>'


def rest_error(request):
    with pytest.raises(TwilioRestException) as caught:
        request()
    return caught.value.status, caught.value.code


# The REST API


def test_a_text_is_accepted_delivered_and_reported_with_signed_receipts(network, line):
    client, callback = network.client(), line.url + "/receipts/text/abc?x=1"
    text = client.messages.create(to=JANE, from_=LINE, body="Hello", status_callback=callback)
    assert (text.status, text.direction, text.num_segments, text.error_code) == ("queued", "outbound-api", "1", None)
    assert text.sid.startswith("SM")
    assert len(text.sid) == 34
    wait_for(lambda: len(line.params("/receipts/text/abc")) == 3)
    # Receipts are posted in parallel, so on a busy machine one may overtake another.
    statuses = {params["MessageStatus"] for params in line.params("/receipts/text/abc")}
    assert statuses == {"sending", "sent", "delivered"}
    for _, path, headers, params in line.asked:
        assert RequestValidator(TOKEN).validate(line.url + path, params, headers["X-Twilio-Signature"])
    fetched = client.messages(text.sid).fetch()
    assert (fetched.status, fetched.body, fetched.to) == ("delivered", "Hello", JANE)
    assert abs(fetched.date_sent - datetime.now(UTC)) < timedelta(minutes=1)


def test_the_account_is_active_for_its_own_credentials_only(network):
    assert network.client().api.v2010.accounts(SID).fetch().status == "active"
    assert rest_error(network.client("a-wrong-token").api.v2010.accounts(SID).fetch) == (401, 20003)
    assert rest_error(network.client().api.v2010.accounts("AC" + "9" * 32).fetch) == (404, 20404)


def test_a_messaging_service_accepts_a_text_before_it_picks_the_sender(network):
    client = network.client()
    text = client.messages.create(to="603-555-0123", messaging_service_sid=SERVICE, body="Hello")
    assert (text.status, text.from_, text.num_segments, text.to) == ("accepted", None, "0", JANE)
    wait_for(lambda: client.messages(text.sid).fetch().status == "delivered")
    assert client.messages(text.sid).fetch().from_ == LINE


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"to": "+15005550001"}, (400, 21211)),
        ({"to": "+15005550002"}, (400, 21612)),
        ({"to": "+15005550003"}, (403, 21408)),
        ({"to": "+15005550004"}, (400, 21610)),
        ({"to": "+15005550009"}, (400, 21614)),
        ({"to": "not a number"}, (400, 21211)),
        ({"to": ""}, (400, 21604)),
        ({"body": ""}, (400, 21602)),
        ({"body": "a" * 1601}, (400, 21617)),
        ({"from_": "+15005550001"}, (400, 21212)),
        ({"from_": "+15005550007"}, (400, 21606)),
        ({"from_": "+15005550008"}, (429, 21611)),
        ({"from_": "+16035559999"}, (400, 21659)),
        ({"from_": ""}, (400, 21603)),
        ({"messaging_service_sid": "MG" + "9" * 32}, (404, 21701)),
        ({"messaging_service_sid": "MG9"}, (400, 21705)),
        ({"status_callback": "https://example.com/receipts"}, (400, 21609)),
        ({"validity_period": 36001}, (400, 20001)),
        ({"to": "whatsapp:+16035550123", "from_": "whatsapp:+16035550100"}, (400, 63007)),
        ({"to": LINE}, (400, 21266)),
        ({"content_sid": "HX" + "1" * 32}, (400, 21655)),
        ({"body": None, "media_url": ["ftp://example.com/a.png"]}, (400, 21620)),
        ({"send_at": datetime(2030, 1, 1, tzinfo=UTC)}, (400, 35126)),
        ({"schedule_type": "fixed"}, (400, 35111)),
    ],
    ids=str,
)
def test_a_text_that_twilio_rejects_is_rejected_with_the_same_code(network, fields, expected):
    params = {"to": JANE, "from_": LINE, "body": "Hello", **fields}
    assert rest_error(lambda: network.client().messages.create(**params)) == expected
    assert network.ask("/simulator/log")[1] == []


def test_the_test_sender_is_accepted_and_bad_credentials_and_unknown_resources_are_not(network):
    assert network.client().messages.create(to=JANE, from_="+15005550006", body="Hello").sid
    assert rest_error(lambda: network.client("wrong").messages.create(to=JANE, from_=LINE, body="Hi")) == (401, 20003)
    assert rest_error(lambda: network.client().messages("SM" + "0" * 32).fetch()) == (404, 20404)
    assert rest_error(lambda: network.client().calls("CA" + "0" * 32).fetch()) == (404, 20404)
    status, body = network.ask(f"/2010-04-01/Accounts/{SID}/Nothing.json")
    assert (status, body["code"], set(body)) == (404, 20404, {"code", "message", "more_info", "status"})


def test_an_unknown_field_is_rejected(network):
    url = f"{network.url}/2010-04-01/Accounts/{SID}/Messages.json"
    form = {"To": JANE, "From": LINE, "Body": "Hi", "Bodi": "x"}
    answer = network.client().request("POST", url, data=form)
    assert (answer.status_code, json.loads(answer.text)["code"]) == (400, 20001)


@pytest.mark.parametrize(
    ("form", "schema"),
    [
        (CREATE_MESSAGE, "CreateMessageRequest"),
        (CREATE_CALL, "CreateCallRequest"),
        (UPDATE_CALL, "UpdateCallRequest"),
        (UPDATE_MESSAGE, "UpdateMessageRequest"),
        (CREATE_PARTICIPANT, "CreateParticipantRequest"),
        (UPDATE_PARTICIPANT, "UpdateParticipantRequest"),
        (UPDATE_CONFERENCE, "UpdateConferenceRequest"),
        (CREATE_NUMBER, "CreateIncomingPhoneNumberRequest"),
        (UPDATE_NUMBER, "UpdateIncomingPhoneNumberRequest"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_field_tables_match_twilios_openapi_description(form, schema):
    file = DATA / "twilio-oai" / "twilio_api_v2010.json"
    if not file.exists():
        pytest.skip("Twilio's OpenAPI description is not available")
    schemas = [
        body["content"]["application/x-www-form-urlencoded"]["schema"]
        for path in json.loads(file.read_text())["paths"].values()
        for method in path.values()
        if isinstance(method, dict) and (body := method.get("requestBody"))
    ]
    described = next(candidate for candidate in schemas if candidate["title"] == schema)
    assert form.known | form.unsupported == set(described["properties"])


def test_segment_counts_match_twilios():
    file = DATA / "segments" / "vectors.json"
    if not file.exists():
        pytest.skip("the segment vectors are not available")
    for vector in json.loads(file.read_text()):
        assert segments(vector["text"]) == max(1, vector["segments"])


def test_the_official_library_can_filter_and_page_lists(network):
    client = network.client()
    sids = [client.messages.create(to=JANE, from_=LINE, body=str(number)).sid for number in range(7)]
    client.messages.create(to="+16035550124", from_=LINE, body="another")
    network.text("in")
    now = datetime.now(UTC)
    assert [text.sid for text in client.messages.list(to=JANE, page_size=3)] == sids[::-1]
    assert [text.sid for text in client.messages.list(to=JANE, from_=LINE, limit=2)] == sids[:-3:-1]
    assert [text.body for text in client.messages.list(from_=JANE)] == ["in"]
    hour = timedelta(hours=1)
    assert len(client.messages.list(to=JANE, date_sent_after=now - hour, date_sent_before=now + hour)) == 7
    assert client.messages.list(to=JANE, date_sent_after=now + hour) == []
    assert client.messages.list(to=JANE, date_sent_before=now - hour) == []
    assert len(client.messages.list(to=JANE, date_sent=now)) == 7
    assert client.messages.list(date_sent=now - timedelta(days=2)) == []


@pytest.mark.parametrize(
    ("to", "statuses", "error"),
    [
        ("+16035550190", ["sending", "sent", "undelivered"], "30003"),
        ("+18025550191", ["sending", "sent", "undelivered"], "30005"),
        ("+16035550192", ["sending", "sent", "undelivered"], "30006"),
        ("+16035550196", ["sending", "sent"], None),
        ("+16035550197", ["sending", "failed"], "30001"),
        ("+16035550199", ["delivered", "sent", "sending"], None),
    ],
    ids=str,
)
def test_reserved_numbers_fail_after_acceptance(network, line, to, statuses, error):
    network.client().messages.create(to=to, from_=LINE, body="Hello", status_callback=line.url + "/receipt")
    wait_for(lambda: len(line.params("/receipt")) == len(statuses))
    assert [params["MessageStatus"] for params in line.params("/receipt")] == statuses
    assert line.params("/receipt")[-1].get("ErrorCode") == error


@pytest.mark.parametrize(
    ("fault", "status", "stored"),
    [
        ({"429": 1}, (429, 20429), 0),
        ({"500": 1}, (500, 20500), 0),
        ({"500_stored": 1}, (500, 20500), 1),
        ({"drop_stored": 1}, None, 1),
        ({"html": 1}, (502, 502), 0),
        ({"auth": True}, (401, 20003), 0),
        ({"slow_stored": {"share": 1, "seconds": 0.1}, "latency": 0.1, "seed": 1}, (201, None), 1),
    ],
    ids=str,
)
def test_an_active_fault_is_injected_until_an_empty_body_resets_it(network, fault, status, stored):
    assert network.ask("/simulator/faults", fault) == (200, fault)
    started = time.monotonic()
    try:
        network.client().messages.create(to=JANE, from_=LINE, body="Hello")
        result = (201, None)
    except TwilioRestException as error:
        result = (error.status, error.code)
    except Exception:
        result = None
    assert result == status
    assert time.monotonic() - started > (0.2 if "latency" in fault else 0)
    assert len(network.ask("/simulator/log")[1]) == stored
    urllib.request.urlopen(urllib.request.Request(network.url + "/simulator/faults", b"")).close()
    assert network.ask("/simulator/faults") == (200, {})
    assert network.client().messages.create(to=JANE, from_=LINE, body="Hello").sid


@pytest.mark.parametrize(("fault", "count"), [("doubled", 6), ("shuffled", 3), ("never", 0)])
def test_receipts_can_be_doubled_shuffled_or_dropped(network, line, fault, count):
    network.ask("/simulator/faults", {"receipts": {fault: 1}, "seed": 2})
    text = network.client().messages.create(to=JANE, from_=LINE, body="Hi", status_callback=line.url + "/receipt")
    wait_for(lambda: network.client().messages(text.sid).fetch().status == "delivered")
    wait_for(lambda: len(line.params("/receipt")) >= count)
    statuses = [params["MessageStatus"] for params in line.params("/receipt")]
    assert len(statuses) == count
    assert set(statuses) == ({"sending", "sent", "delivered"} if count else set())
    assert (statuses != ["sending", "sent", "delivered"]) or fault != "shuffled"


@pytest.mark.parametrize(
    "faults", [{"418": 1}, {"429": 2}, {"429": 0.6, "500": 0.6}, {"receipts": {"lost": 1}}], ids=str
)
def test_invalid_faults_are_rejected_with_a_sentence(network, faults):
    status, body = network.ask("/simulator/faults", faults)
    assert status == 400
    assert body["error"].endswith(".")


def test_an_outbound_call_rings_is_answered_and_reports_its_status(network, line):
    line.says = {"/reminder": MENU, "/next": "<Say>Thank you.</Say>"}
    client = network.client()
    call = client.calls.create(
        to=JANE, from_=LINE, url=line.url + "/reminder", status_callback=line.url + "/status",
        status_callback_event=["initiated", "ringing", "answered", "completed"], machine_detection="Enable",
    )  # fmt: skip
    wait_for(lambda: client.calls(call.sid).fetch().status == "ringing")
    turn = network.heard({"call": call.sid}, answer=True)[1]
    assert (turn["said"], turn["waits"]) == (["Press a key."], "keys")
    assert line.params("/reminder")[0]["AnsweredBy"] == "human"
    assert network.heard(turn, keys="1")[1]["waits"] == "over"
    wait_for(lambda: len(line.params("/status")) == 4)
    statuses = {params["CallStatus"] for params in line.params("/status")}
    assert statuses == {"initiated", "ringing", "in-progress", "completed"}
    assert [ended.sid for ended in client.calls.list(to=JANE, status="completed")] == [call.sid]
    assert rest_error(lambda: client.calls.create(to=JANE, from_=LINE, url="https://example.com/")) == (400, 21205)
    assert rest_error(lambda: client.calls.create(to=JANE, from_="+16035559999", url=line.url)) == (400, 21210)
    ringing = client.calls.create(to="+16035550180", from_=LINE, twiml="<Response/>")
    wait_for(lambda: client.calls(ringing.sid).fetch().status == "busy")


# The process


def run(*flags, **environment):
    return subprocess.Popen(
        [sys.executable, "-m", "simulator", *flags],
        cwd=ROOT,
        env={**os.environ, "SIMULATOR_PORT": "0", "PUBLIC_URL": "http://127.0.0.1:8000", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(
    ("environment", "name"),
    [
        ({"PUBLIC_URL": "https://example.com"}, "PUBLIC_URL"),
        ({"PUBLIC_URL": "http://127.0.0.1@example.com"}, "PUBLIC_URL"),
        ({"SIMULATOR_PORT": "many"}, "SIMULATOR_PORT"),
        ({"TWILIO_FROM": "603"}, "TWILIO_FROM"),
        ({"CLOCK_SHIFT_SECONDS": "nan"}, "CLOCK_SHIFT_SECONDS"),
        ({"KEYWORDS_ANSWERED_BY": "nobody"}, "KEYWORDS_ANSWERED_BY"),
    ],
    ids=str,
)
def test_an_invalid_setting_is_one_sentence_and_exit_status_2(environment, name):
    process = run(**environment)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 2
    assert (out, err.count("\n")) == ("", 1)
    assert name in err


def test_a_port_in_use_is_one_sentence_and_exit_status_2(network):
    process = run("--port", network.url.rpartition(":")[2])
    _, err = process.communicate(timeout=20)
    assert (process.returncode, err.count("\n")) == (2, 1)
    assert "already" in err


@pytest.mark.parametrize("name", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_process_at_once_without_output(name):
    process = run(CLOCK_SHIFT_SECONDS="86400")
    url = process.stdout.readline().split()[-1]
    with urllib.request.urlopen(f"{url}/phone/{JANE}") as phone:
        tomorrow = (datetime.now(UTC) + timedelta(days=1)).strftime("%d %b")
        assert tomorrow in json.load(phone)["time"]
    process.send_signal(name)
    assert process.communicate(timeout=2) == ("", "")
    assert process.returncode == 0
