"""Work that is taken and done through the API: by two systems at once, and HL7 messages that cannot be read."""

from __future__ import annotations

import json
import threading

import pytest
from sqlalchemy import select

from ivr.feeds.hl7.process import Feed
from ivr.ledger.tables import alarm, callback, hl7_message
from ivr.settings import load
from tests.feeds.hl7.messages import siu
from tests.web.api.conftest import Api, Client, problem
from tests.web.api.test_people import add_staff, ask_for_calls
from tests.web.console.work.test_messages import PERSONAL

ANN, BEN = "ann@example.org", "ben@example.org"


def test_a_call_back_is_claimed_and_done(api_on_each_database):
    api = api_on_each_database
    client = api.client()
    ask_for_calls(api, 1)
    user = add_staff(api)
    assert client.post("/callbacks/1/claim", {"user": ANN}).json == {"id": 1, "claimed_by": "Ann Example"}
    assert api.clinic.all(callback)[0].claimed_by == user.id
    assert client.post("/callbacks/1/done").json == {"id": 1, "done": True}
    assert client.get("/callbacks").json["callbacks"] == []
    assert [kind for _, kind in api.audited()][:2] == ["work_claimed", "work_done"]


def test_of_two_systems_that_claim_a_call_back_one_gets_it_and_the_other_a_problem(api_on_each_database):
    api = api_on_each_database
    ask_for_calls(api, 1)
    users = {add_staff(api, email).id: email for email in (ANN, BEN)}
    together, answers = threading.Barrier(2), {}

    def claim(email: str, key: str) -> None:
        together.wait(20)
        answers[email] = Client(api.app.test_client(), key).post("/callbacks/1/claim", {"user": email})

    threads = [threading.Thread(target=claim, args=(email, api.key())) for email in users.values()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    winner = users[api.clinic.all(callback)[0].claimed_by]
    loser = ANN if winner == BEN else BEN
    assert answers[winner].status_code == 200
    assert problem(answers[loser]) == (409, "work_taken")


@pytest.fixture
def feed_api(api: Api) -> Api:
    """A feed has sent a good message, and two with a number that is not one."""
    feed = Feed(load(), api.clinic.ledger, api.clinic.vault, api.clinic.content)
    feed.replay(siu(2, phone="603-555-01") + siu(3) + siu(4, phone="603-555-01"))
    return api


def states(api):
    with api.services.ledger.read() as connection:
        return {row.id: row.state for row in connection.execute(select(hl7_message.c.id, hl7_message.c.state))}


def test_messages_that_cannot_be_read_are_listed_without_what_they_say_of_the_patient(feed_api):
    client = feed_api.client()
    first = client.get("/work-items/messages?limit=1")
    [item] = first.json["items"]
    assert (item["kind"], item["appointment_id"], item["place"], item["code"]) == (
        *("message", "A2", "PID-13"),
        "phone_invalid",
    )
    assert item["message"].startswith("This is not a phone number: enter ten digits")
    second = client.get("/work-items/messages", query_string={"limit": 1, "cursor": first.json["next"]}).json
    assert ([item["appointment_id"] for item in second["items"]], second["next"]) == (["A4"], None)
    assert not any(word in json.dumps([first.json, second]) for word in PERSONAL)


def test_a_message_is_claimed_and_completed_and_the_last_one_ends_the_alarm(feed_api):
    client, user = feed_api.client(), add_staff(feed_api)
    first, second = (item["id"] for item in client.get("/work-items/messages").json["items"])
    claimed = client.post(f"/work-items/messages/{first}/claim", {"user": ANN})
    assert claimed.json == {"id": first, "claimed_by": "Ann Example"}
    assert problem(client.post(f"/work-items/messages/{first}/claim", {"user": ANN})) == (409, "work_taken")
    assert [row.claimed_by for row in feed_api.clinic.all(hl7_message) if row.id == first] == [user.id]
    assert client.post(f"/work-items/messages/{first}/done").json == {"id": first, "done": True}
    assert [row.name for row in feed_api.clinic.all(alarm)] == ["hl7_unread"]
    assert client.post(f"/work-items/messages/{second}/done").status_code == 200
    assert feed_api.clinic.all(alarm) == []
    assert client.get("/work-items/messages").json == {"items": [], "next": None}
    assert problem(client.post(f"/work-items/messages/{first}/done")) == (404, "not_found")


def test_a_message_that_was_read_is_no_work_item(feed_api):
    client = feed_api.client()
    add_staff(feed_api)
    [number] = [number for number, state in states(feed_api).items() if state != "unread"]
    assert problem(client.post(f"/work-items/messages/{number}/claim", {"user": ANN})) == (409, "work_taken")
    assert problem(client.post(f"/work-items/messages/{number}/done")) == (404, "not_found")


def test_operators_do_not_see_work_items(feed_api):
    assert problem(feed_api.client("operator").get("/work-items/messages")) == (403, "role")
