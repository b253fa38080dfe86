"""The JSON API of the page: what it takes, from whom, and what it keeps."""

import http.client
from urllib.parse import urlsplit

import pytest

from simulator.phone_page.handsets import NUMBERS
from tests.simulator.phone_page.page import PAGE, act, ask, state
from tests.support.network import JANE, Network, wait_for

GATHER = '<Gather action="/next" numDigits="1" timeout="7"><Say language="es-US">Hola</Say></Gather>'


POSTS = (
    "/phone/assign",
    f"/phone/{JANE}/text",
    f"/phone/{JANE}/call",
    f"/phone/{JANE}/act",
    f"/phone/{JANE}/leave",
    f"/phone/{JANE}/failure",
    "/phone/hour",
    "/phone/too-many",
)


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "application/json"},
        {"Content-Type": "text/plain"},
        {**PAGE, "Origin": "https://evil.example"},
        {**PAGE, "Origin": "null"},
        {**PAGE, "Sec-Fetch-Site": "cross-site"},
        {**PAGE, "Host": "rebound.example"},
        {**PAGE, "Host": "127.0.0.1:1"},
    ],
    ids=str,
)
def test_no_website_can_use_the_phones(network, line, headers):
    answers = {path: ask(network, path, {"body": "STOP", "hour": "now"}, headers)[0] for path in POSTS}
    assert answers == dict.fromkeys(POSTS, 403)
    assert line.asked == []


@pytest.mark.parametrize("path", ["/", f"/phone/{JANE}", f"/phone/{JANE}/exchanges", "/phone/sound/CA1/0/0"])
def test_no_website_can_read_the_phones(network, path):
    for headers in ({"Host": "rebound.example"}, {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}):
        assert ask(network, path, headers=headers)[0] == 403


def test_no_website_can_frame_the_page_or_run_scripts_in_it(network):
    headers = ask(network, "/")[1]
    assert headers["X-Frame-Options"] == "DENY"
    policy = headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


def test_the_simulator_allows_no_website_a_preflight(network):
    address = urlsplit(network.url)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=10)
    connection.request(
        "OPTIONS",
        "/phone/assign",
        headers={"Origin": "https://evil.example", "Access-Control-Request-Headers": "x-phone-page"},
    )
    response = connection.getresponse()
    assert response.status == 403
    assert response.headers["Access-Control-Allow-Origin"] is None
    connection.close()


def test_each_tab_gets_another_number_and_the_first_that_of_the_commands(network):
    numbers = [ask(network, "/phone/assign", {})[2]["phone"] for _ in range(3)]
    assert numbers == list(NUMBERS[:3])
    assert numbers[0] == JANE


def test_the_number_of_a_closed_tab_goes_to_the_next_one_and_its_call_ends(network, line):
    line.says["/voice"] = GATHER
    ask(network, "/phone/assign", {})
    ask(network, f"/phone/{JANE}/call", {})
    ask(network, f"/phone/{JANE}/leave", {})
    assert ask(network, "/phone/assign", {})[2]["phone"] == JANE
    assert state(network)["call"]["waits"] == "over"


def test_all_numbers_are_for_fiction_and_none_has_an_outcome_of_its_own(network):
    for number in NUMBERS:
        assert number.startswith("+160355501")
        assert int(number[-2:]) < 80


def test_what_a_caller_did_is_kept_with_the_call(network, line):
    line.says |= {"/voice": GATHER, "/next": GATHER}
    call = ask(network, f"/phone/{JANE}/call", {})[2]["call"]
    call = act(network, call, keys="1")[2]["call"]
    act(network, call, hangup=True)
    call = state(network)["call"]
    assert [(action["turn"], action["kind"], action["value"]) for action in call["actions"]] == [
        (1, "keys", "1"),
        (2, "hangup", "True"),
    ]
    assert call["waits"] == "over"
    assert line.params("/next")[0]["Digits"] == "1"


def test_an_action_is_done_once_even_if_it_is_sent_twice(network, line):
    line.says |= {"/voice": GATHER, "/next": GATHER}
    call = ask(network, f"/phone/{JANE}/call", {})[2]["call"]
    assert act(network, call, keys="1")[0] == 200
    status, _, answer = act(network, call, keys="1")
    assert (status, answer["error"]) == (409, "The call has gone on since.")
    assert len(line.params("/next")) == 1


def test_a_phone_has_one_call_at_a_time(network, line):
    line.says["/voice"] = GATHER
    ask(network, f"/phone/{JANE}/call", {})
    assert ask(network, f"/phone/{JANE}/call", {})[0] == 409


def test_a_hidden_number_is_hidden_from_the_line_and_shown_to_its_phone(network, line):
    line.says["/voice"] = GATHER
    call = ask(network, f"/phone/{JANE}/call", {"hidden": True})[2]["call"]
    assert line.params("/voice")[0]["From"] == "anonymous"
    assert state(network)["call"]["sid"] == call["sid"]
    assert [each["form"]["From"] for each in ask(network, f"/phone/{JANE}/exchanges")[2]] == ["anonymous"]


def test_the_webhooks_of_another_phone_are_not_shown(network, line):
    line.says["/sms"] = ""
    ask(network, f"/phone/{JANE}/text", {"body": "hello"})
    assert ask(network, f"/phone/{NUMBERS[1]}/exchanges")[2] == []


def test_a_text_and_its_reply_show_how_far_they_got(network, line):
    line.says["/sms"] = "<Message>Hello back</Message>"
    ask(network, f"/phone/{JANE}/text", {"body": "hello"})
    texts = wait_for(lambda: (found := state(network)["texts"])[-1]["status"] == "delivered" and found)
    assert [(text["mine"], text["body"], text["status"]) for text in texts] == [
        (True, "hello", "received"),
        (False, "Hello back", "delivered"),
    ]


@pytest.mark.parametrize(("failure", "error"), [("unreachable", 30003), ("landline", 30006), ("unregistered", 30034)])
def test_texts_to_a_phone_fail_as_it_was_set(network, line, failure, error):
    line.says["/sms"] = "<Message>Hello back</Message>"
    assert ask(network, f"/phone/{JANE}/failure", {"failure": failure})[2]["failure"] == failure
    ask(network, f"/phone/{JANE}/text", {"body": "hello"})
    wait_for(lambda: state(network)["texts"][-1]["error"] == error)


def test_a_phone_that_opted_out_is_blocked_until_it_is_set_back(network):
    ask(network, f"/phone/{JANE}/failure", {"failure": "opted-out"})
    assert state(network)["failure"] == "opted-out"
    assert ask(network, f"/phone/{JANE}/failure", {"failure": ""})[2]["failure"] == ""


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (f"/phone/{JANE}/text", {"body": " "}),
        (f"/phone/{JANE}/text", {"body": 1}),
        (f"/phone/{JANE}/text", []),
        ("/phone/603/text", {"body": "hello"}),
        (f"/phone/{JANE}/failure", {"failure": "asleep"}),
    ],
)
def test_a_malformed_request_is_refused_with_a_sentence(network, path, body):
    status, _, answer = ask(network, path, body)
    assert status == 400
    assert answer["error"].endswith(".")


def test_an_unchanged_phone_is_not_sent_again(network):
    tag = ask(network, f"/phone/{JANE}")[1]["ETag"]
    assert ask(network, f"/phone/{JANE}", headers={"If-None-Match": tag})[0] in (200, 304)
    other = ask(network, f"/phone/{JANE}", headers={"If-None-Match": '"another"'})
    assert other[0] == 200


def test_a_sentence_of_a_call_is_heard_in_the_local_voice(network, line):
    pytest.importorskip("py_nanotts", reason="there is no local voice")
    line.says["/voice"] = GATHER
    call = ask(network, f"/phone/{JANE}/call", {})[2]["call"]
    status, headers, sound = ask(network, f"/phone/sound/{call['sid']}/0/0")
    assert (status, headers["Content-Type"], sound[:4], sound[8:12]) == (200, "audio/wav", b"RIFF", b"WAVE")
    assert len(sound) > 16_000
    for missing in (f"{call['sid']}/0/1", f"{call['sid']}/1/0", "CA0/0/0"):
        assert ask(network, f"/phone/sound/{missing}")[0] == 404


def test_the_hour_of_the_line_and_of_the_network_change_together(line, tmp_path):
    file = tmp_path / "clock-shift"
    network = Network(line, clock_file=str(file))
    try:
        assert ask(network, "/phone/hour", {"hour": "2030-07-04T09:30"})[0] == 200
        assert state(network)["time"] == "Thu 04 Jul 09:30"
        assert float(file.read_text()) > 86_400
        ask(network, "/phone/hour", {"hour": "now"})
        assert float(file.read_text()) == 0
        assert not state(network)["shifted"]
        assert ask(network, "/phone/hour", {"hour": "soon"})[0] == 400
    finally:
        network.close()


def test_a_line_that_cannot_change_its_clock_says_so(network):
    status, _, answer = ask(network, "/phone/hour", {"hour": "night"})
    assert status == 409
    assert "infoline run" in answer["error"]
