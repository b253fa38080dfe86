"""What becomes of a text after it exists: redacted, deleted, scheduled, canceled; and its media."""

import urllib.request
from datetime import UTC, datetime, timedelta

import pytest
from twilio.base.exceptions import TwilioRestException

from tests.support.network import JANE, LINE, SERVICE, wait_for


def code_of(request):
    with pytest.raises(TwilioRestException) as caught:
        request()
    return caught.value.status, caught.value.code


@pytest.fixture
def sent(network):
    """The context of a delivered text."""
    client = network.client()
    text = client.messages(client.messages.create(to=JANE, from_=LINE, body="A secret").sid)
    wait_for(lambda: text.fetch().status == "delivered")
    return text


def test_a_delivered_text_is_redacted_and_then_deleted(network, sent):
    assert code_of(lambda: sent.update(body="Other words")) == (400, 20001)
    assert sent.update(body="").body == ""
    assert sent.fetch().body == ""
    assert sent.delete()
    assert code_of(sent.fetch) == (404, 20404)
    assert network.client().messages.list() == []
    assert network.ask("/simulator/threads")[1] == {}
    assert urllib.request.urlopen(network.url).status == 200


def test_a_text_on_its_way_can_be_neither_redacted_nor_deleted_nor_canceled(network):
    client = network.client()
    scheduled = client.messages.create(
        to=JANE, messaging_service_sid=SERVICE, body="x", schedule_type="fixed",
        send_at=datetime.now(UTC) + timedelta(hours=1),
    )  # fmt: skip
    text = client.messages(scheduled.sid)
    assert code_of(lambda: text.update(body="")) == (409, 20009)
    assert code_of(text.delete) == (409, 20009)


def test_a_delivered_text_cannot_be_canceled(sent):
    assert code_of(lambda: sent.update(status="canceled")) == (409, 30409)


def test_a_scheduled_text_waits_and_its_cancellation_is_reported(network, line):
    client = network.client()
    text = client.messages.create(
        to=JANE, messaging_service_sid=SERVICE, body="Later", schedule_type="fixed",
        send_at=datetime.now(UTC) + timedelta(hours=1), status_callback=line.url + "/receipt",
    )  # fmt: skip
    assert (text.status, text.from_, text.num_segments) == ("scheduled", None, "0")
    assert client.messages(text.sid).update(status="canceled").status == "canceled"
    wait_for(lambda: [params["MessageStatus"] for params in line.params("/receipt")] == ["canceled"])


def test_a_scheduled_text_goes_out_at_its_time(network, monkeypatch):
    monkeypatch.setattr("simulator.rest.messages.EARLIEST", timedelta(0))
    client = network.client()
    text = client.messages.create(
        to=JANE, messaging_service_sid=SERVICE, body="Soon", schedule_type="fixed",
        send_at=datetime.now(UTC) + timedelta(seconds=1.5),
    )  # fmt: skip
    assert text.status == "scheduled"
    wait_for(lambda: client.messages(text.sid).fetch().status == "delivered", 10)


@pytest.mark.parametrize("ahead", [timedelta(minutes=5, seconds=10), timedelta(days=34, hours=23)], ids=str)
def test_a_text_is_scheduled_from_5_minutes_to_35_days_ahead(network, ahead):
    text = network.client().messages.create(
        to=JANE, messaging_service_sid=SERVICE, body="x", schedule_type="fixed", send_at=datetime.now(UTC) + ahead
    )
    assert text.status == "scheduled"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"send_at": timedelta(minutes=4, seconds=50)}, 35114),
        ({"send_at": timedelta(days=35, seconds=10)}, 35114),
        ({"send_at": "tomorrow"}, 35114),
        ({"schedule_type": "later"}, 35126),
        ({"messaging_service_sid": None, "from_": LINE}, 35118),
    ],
    ids=str,
)
def test_a_schedule_that_twilio_rejects_is_rejected(network, fields, code):
    given = {
        "to": JANE, "body": "x", "messaging_service_sid": SERVICE, "schedule_type": "fixed",
        "send_at": timedelta(hours=1), **fields,
    }  # fmt: skip
    if isinstance(given["send_at"], timedelta):
        given["send_at"] = datetime.now(UTC) + given["send_at"]
    assert code_of(lambda: network.client().messages.create(**given))[1] == code


def test_the_line_fetches_lists_and_deletes_the_picture_of_a_text(network, line):
    line.says = {"/sms": ""}
    network.text("look", media=2)
    params = line.params("/sms")[0]
    with urllib.request.urlopen(params["MediaUrl1"]) as picture:
        assert picture.headers["Content-Type"] == params["MediaContentType1"] == "image/png"
        assert picture.read().startswith(b"\x89PNG")
    client = network.client()
    text = client.messages(params["MessageSid"])
    assert (text.fetch().num_media, len(text.media.list())) == ("2", 2)
    media = text.media(text.media.list()[0].sid)
    assert media.fetch().content_type == "image/png"
    assert media.delete()
    assert (text.fetch().num_media, len(text.media.list())) == ("1", 1)
    assert code_of(media.fetch) == (404, 20404)


def test_the_media_of_the_line_leads_to_its_address(network, line):
    line.says = {"/cat.png": (200, "image/png", "cat"), "/sms": "<Message>Hi<Media>/cat.png</Media></Message>"}
    client = network.client()
    text = client.messages.create(to=JANE, from_=LINE, media_url=[line.url + "/cat.png"])
    assert text.sid.startswith("MM")
    [media] = client.messages(text.sid).media.list()
    with urllib.request.urlopen(network.url + media.uri.removesuffix(".json")) as file:
        assert file.read() == b"cat"
    network.text("a cat please")
    [reply] = [sent for sent in client.messages.list(to=JANE) if sent.direction == "outbound-reply"]
    assert [media.content_type for media in client.messages(reply.sid).media.list()] == ["image/png"]
