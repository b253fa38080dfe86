"""The account: how a program signs in, its balance, its numbers and its debugger."""

import urllib.request
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from twilio.base.exceptions import TwilioRestException

from simulator.settings import Settings
from tests.support.network import JANE, LINE, SERVICE, SID, Network, wait_for

KEY, SECRET = Settings().api_key.split(":")


def code_of(request):
    with pytest.raises(TwilioRestException) as caught:
        request()
    return caught.value.status, caught.value.code


def test_an_api_key_signs_in_as_the_account_does(network):
    client = network.client(SECRET, KEY)
    assert client.messages.create(to=JANE, from_=LINE, body="hi").account_sid == SID
    assert code_of(network.client("wrong", KEY).balance.fetch) == (401, 20003)
    assert code_of(network.client(SECRET, "SK" + "9" * 32).balance.fetch) == (401, 20003)


def test_the_account_has_a_balance(network):
    client = network.client()
    assert client.api.v2010.accounts(SID).fetch().type == "Full"
    balance = client.balance.fetch()
    assert (balance.account_sid, balance.currency, float(balance.balance) > 0) == (SID, "USD", True)


def test_another_product_of_twilio_is_a_404_in_its_format(network):
    assert code_of(network.client().lookups.v2.phone_numbers(JANE).fetch) == (404, 20404)


# Numbers


def test_a_number_shows_its_webhooks_and_a_changed_one_is_used_at_once(network, line):
    client = network.client()
    [number] = client.incoming_phone_numbers.list(phone_number=LINE)
    assert (number.voice_url, number.sms_url, number.voice_method) == (line.url + "/voice", line.url + "/sms", "POST")
    assert number.capabilities["sms"] is True
    client.incoming_phone_numbers(number.sid).update(
        friendly_name="Main", voice_url=line.url + "/answer", voice_method="GET", sms_url=line.url + "/in",
        voice_fallback_url=line.url + "/fallback", status_callback=line.url + "/status",
    )  # fmt: skip
    line.says = {"/answer": (500, "text/plain", ""), "/fallback": "<Say>Sorry.</Say>", "/in": "<Message>Yo</Message>"}
    assert network.call()["said"] == ["Sorry."]
    assert network.text("hi")[1]["replies"] == ["Yo"]
    wait_for(lambda: line.params("/status"))
    assert line.asked[0][0] == "GET"
    fetched = client.incoming_phone_numbers(number.sid).fetch()
    assert (fetched.friendly_name, fetched.voice_url) == ("Main", line.url + "/answer")


FAILED = (500, "text/plain", "")
# A field of a number, what the line's other addresses answer, and what a phone then does.
WEBHOOKS = [
    ("voice", "url", {}, lambda network: network.call()),
    ("voice_fallback", "url", {"/voice": FAILED}, lambda network: network.call()),
    ("sms", "url", {}, lambda network: network.text("hi")),
    ("sms_fallback", "url", {"/sms": FAILED}, lambda network: network.text("hi")),
    ("status", "callback", {"/voice": "<Hangup/>"}, lambda network: network.call()),
]


@pytest.mark.parametrize(("name", "suffix", "says", "act"), WEBHOOKS, ids=[name for name, *_ in WEBHOOKS])
def test_each_webhook_is_changed_for_the_next_call_or_text(network, line, name, suffix, says, act):
    client = network.client()
    number = client.incoming_phone_numbers(client.incoming_phone_numbers.list()[0].sid)
    line.says = {**says, "/one": "", "/two": ""}
    method = "status_callback_method" if name == "status" else f"{name}_method"
    for path, verb in (("/one", "POST"), ("/two", "GET")):
        number.update(**{f"{name}_{suffix}": line.url + path, method: verb})
        act(network)
        wait_for(lambda path=path: line.params(path))
        assert [asked[0] for asked in line.asked if asked[1].partition("?")[0] == path] == [verb]
    assert len(line.params("/one")) == 1


def test_a_call_in_progress_keeps_the_webhooks_that_it_began_with(network, line):
    line.says = {"/voice": "<Gather action='/gone'/>", "/gone": FAILED}
    client = network.client()
    number = client.incoming_phone_numbers(client.incoming_phone_numbers.list()[0].sid)
    number.update(voice_fallback_url=line.url + "/first", status_callback=line.url + "/ended")
    turn = network.call()
    number.update(voice_fallback_url=line.url + "/second", status_callback=line.url + "/other")
    network.heard(turn, keys="1")
    wait_for(lambda: line.params("/ended"))
    assert (len(line.params("/first")), line.params("/second"), line.params("/other")) == (1, [], [])


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"voice_url": "https://example.com/voice"}, 21402),
        ({"sms_url": "no address"}, 21402),
        ({"voice_url": "", "voice_fallback_url": "http://127.0.0.1/x"}, 21405),
        ({"voice_method": "PUT"}, 21403),
        ({"trunk_sid": "TK" + "1" * 32}, 20001),
    ],
    ids=str,
)
def test_a_webhook_that_twilio_rejects_changes_nothing(network, line, fields, code):
    numbers = network.client().incoming_phone_numbers
    number = numbers(numbers.list()[0].sid)
    assert code_of(lambda: number.update(**fields)) == (400, code)
    assert number.fetch().voice_url == line.url + "/voice"


def test_a_bought_number_calls_texts_and_is_called_with_webhooks_of_its_own(network, line):
    client = network.client()
    second = "+16035550111"
    assert code_of(lambda: client.incoming_phone_numbers.create(phone_number=LINE)) == (400, 21422)
    assert code_of(lambda: client.incoming_phone_numbers.create(area_code="603")) == (400, 21452)
    assert code_of(lambda: client.incoming_phone_numbers.create(phone_number="603")) == (400, 21421)
    for magic, code in (("+15005550000", 21422), ("+15005550001", 21421)):
        assert code_of(partial(client.incoming_phone_numbers.create, phone_number=magic)) == (400, code)
    bought = client.incoming_phone_numbers.create(phone_number=second, voice_url=line.url + "/second")
    line.says = {"/second": "<Say>Second.</Say>", "/voice": "<Say>First.</Say>"}
    assert network.call(to=second)["said"] == ["Second."]
    assert network.call()["said"] == ["First."]
    assert client.messages.create(to=JANE, from_=second, body="hi").from_ == second
    assert client.calls.create(to=JANE, from_=second, twiml="<Response/>")._from == second
    assert [number.phone_number for number in client.incoming_phone_numbers.list()] == [LINE, second]
    assert client.incoming_phone_numbers(bought.sid).delete()
    assert code_of(lambda: client.messages.create(to=JANE, from_=second, body="hi")) == (400, 21659)


def test_the_number_that_the_phones_call_is_kept_and_unknown_ones_are_refused(network):
    client = network.client()
    numbers = client.incoming_phone_numbers
    assert code_of(numbers(numbers.list()[0].sid).delete) == (400, 20001)
    assert code_of(numbers("PN" + "9" * 32).fetch) == (404, 20404)
    assert code_of(partial(numbers.create, phone_number="")) == (400, 21451)
    assert [number.phone_number for number in numbers.list(friendly_name="Another")] == []


# The debugger


def test_the_debugger_lists_faults_and_warnings_newest_first_in_pages(line):
    network = Network(line, strict=False)
    client = network.client()
    line.says = {"/voice": "<Say tone='soft'>Hi.</Say>"}
    network.call()
    line.says = {"/voice": (500, "text/plain", "")}
    for _ in range(3):
        network.call()
    alerts = client.monitor.v1.alerts.list(page_size=2)
    assert [(alert.error_code, alert.log_level) for alert in alerts] == [("11200", "error")] * 3 + [
        ("12200", "warning")
    ]
    assert [alert.error_code for alert in client.monitor.v1.alerts.list(log_level="warning")] == ["12200"]
    now, hour = datetime.now(UTC), timedelta(hours=1)
    assert len(client.monitor.v1.alerts.list(start_date=now - hour, end_date=now + hour)) == 4
    assert client.monitor.v1.alerts.list(start_date=now + hour) == []
    fetched = client.monitor.v1.alerts(alerts[0].sid).fetch()
    assert (fetched.request_url, "500" in fetched.alert_text) == ("/voice", True)
    assert code_of(client.monitor.v1.alerts("NO" + "9" * 32).fetch) == (404, 20404)
    assert code_of(network.client("wrong").monitor.v1.alerts("NO" + "9" * 32).fetch) == (401, 20003)
    assert JANE not in urllib.request.urlopen(network.url + "/simulator/errors").read().decode()
    network.close()


# The messaging service


def test_the_messaging_service_has_the_numbers_and_may_answer_their_texts(network, line):
    services = network.client().messaging.v1.services
    assert [service.sid for service in services.list()] == [SERVICE]
    service = services(SERVICE)
    assert service.fetch().use_inbound_webhook_on_number is True
    assert [member.phone_number for member in service.phone_numbers.list()] == [LINE]
    line.says = {"/sms": "<Message>Number</Message>", "/service": "<Message>Service</Message>"}
    assert network.text("hi")[1]["replies"] == ["Number"]
    service.update(inbound_request_url=line.url + "/service", use_inbound_webhook_on_number=False)
    assert network.text("hi")[1]["replies"] == ["Service"]
    service.update(inbound_method="GET")
    network.text("hi")
    assert line.asked[-1][0] == "GET"
    service.update(use_inbound_webhook_on_number=True)
    assert network.text("hi")[1]["replies"] == ["Number"]
    assert code_of(lambda: service.update(inbound_request_url="https://example.com/")) == (400, 21402)
    assert code_of(services("MG" + "9" * 32).fetch) == (404, 20404)
