"""The attributes of `<Dial>` and `<Number>` that decide who rings, what they hear, and how long they talk."""

import pytest

from tests.support.network import LINE, wait_for

SCHEDULING, HEALTH = "+16036632180", "+16036683067"
IN_ORDER = (
    "<Dial action='/done' sequential='true'>"
    f"<Number statusCallback='/one'>{SCHEDULING}</Number><Number statusCallback='/two'>{HEALTH}</Number></Dial>"
)


def step(network, turn, **action):
    status, turn = network.heard(turn, **action)
    assert status == 200
    return turn


def statuses(line, path):
    return [params["CallStatus"] for params in line.params(path)]


@pytest.mark.parametrize("outcome", ["busy", "no-answer", "failed"])
def test_in_sequence_the_next_phone_rings_when_one_is_not_answered(network, line, outcome):
    line.says = {"/voice": IN_ORDER, "/done": "<Say>Bye.</Say>"}
    turn = network.call()
    children = network.client().calls
    assert (turn["dial"], [child.to for child in children.list(parent_call_sid=turn["call"])]) == (
        [SCHEDULING],
        [SCHEDULING],
    )
    turn = step(network, turn, dial=outcome)
    assert (turn["dial"], turn["waits"], line.params("/done")) == ([HEALTH], "transfer", [])
    wait_for(lambda: statuses(line, "/one") == [outcome])
    turn = step(network, turn, dial="no-answer")
    assert (turn["said"], turn["waits"]) == (["Bye."], "over")
    done = line.params("/done")[0]
    assert done["DialCallStatus"] == "no-answer"
    assert children(done["DialCallSid"]).fetch().to == HEALTH


@pytest.mark.parametrize("picked", [SCHEDULING, HEALTH])
def test_in_sequence_the_phone_that_rings_is_picked_up_and_no_other(network, line, picked):
    line.says = {"/voice": IN_ORDER}
    turn = network.call()
    if picked == HEALTH:
        turn = step(network, turn, dial="busy")
    other = {SCHEDULING: HEALTH, HEALTH: SCHEDULING}[picked]
    assert network.heard(turn, pick_up=other)[0] == 400
    step(network, step(network, turn, pick_up=picked), other_hangup=True)
    assert line.params("/done")[0]["DialBridged"] == "true"
    assert line.params("/two") == [] or picked == HEALTH


STAR = f"<Dial action='/done' hangupOnStar='{{}}'>{SCHEDULING}</Dial>"


def test_a_star_of_the_caller_hangs_up_the_other_end_once_they_talk(network, line):
    line.says = {"/voice": STAR.format("true"), "/done": "<Say>Still here.</Say>"}
    turn = network.call()
    assert network.heard(turn, keys="*")[0] == 409
    turn = step(network, turn, pick_up=SCHEDULING)
    assert network.heard(turn, keys="1#")[0] == 409
    turn = step(network, turn, keys="*")
    assert (turn["said"], turn["other_end"]) == (["Still here."], "ended")
    done = line.params("/done")[0]
    assert (done["DialCallStatus"], done["DialBridged"]) == ("completed", "true")


def test_a_star_does_nothing_unless_the_dial_allows_it(network, line):
    line.says = {"/voice": STAR.format("false")}
    turn = step(network, network.call(), pick_up=SCHEDULING)
    status, answer = network.heard(turn, keys="*")
    assert (status, "hangupOnStar" in answer["error"], line.params("/done")) == (409, True, [])


def test_a_star_leaves_a_conference(network, line):
    line.says = {"/voice": "<Dial hangupOnStar='true' action='/done'><Conference>Room</Conference></Dial>"}
    line.says["/done"] = "<Say>Bye.</Say>"
    assert step(network, network.call(), keys="*")["said"] == ["Bye."]
    assert [room.status for room in network.client().conferences.list()] == ["completed"]


def test_a_talk_ends_at_its_time_limit_and_the_document_goes_on(network, line):
    line.says = {"/voice": f"<Dial action='/done' timeLimit='1'>{SCHEDULING}</Dial>", "/done": "<Gather/>"}
    turn = step(network, network.call(), pick_up=SCHEDULING)
    wait_for(lambda: line.params("/done"), 30)
    done = line.params("/done")[0]
    assert (done["DialCallStatus"], done["DialBridged"], done["DialCallDuration"]) == ("completed", "true", "1")
    call = f"/simulator/calls/{turn['call']}"
    wait_for(lambda: network.ask(call)[1]["turns"][-1].get("other_end") == "limit", 30)
    assert network.ask(call)[1]["waits"] == "keys"


@pytest.mark.parametrize(("limit", "seconds"), [("", "60"), ("timeLimit='20'", "20"), ("timeLimit='600'", "60")])
def test_a_talk_in_one_step_is_as_long_as_its_time_limit_allows(network, line, limit, seconds):
    line.says = {"/voice": f"<Dial action='/done' {limit}>{SCHEDULING}</Dial>"}
    step(network, network.call(), dial="completed")
    assert line.params("/done")[0]["DialCallDuration"] == seconds


def test_a_time_limit_that_passes_after_the_talk_changes_nothing(network, line):
    line.says = {"/voice": f"<Dial action='/done' timeLimit='1'>{SCHEDULING}</Dial>", "/done": IN_ORDER}
    turn = step(network, network.call(), pick_up=SCHEDULING)
    turn = step(network, turn, other_hangup=True)
    late = network.call(**{"from": "+16035550124"})
    step(network, late, pick_up=SCHEDULING)
    wait_for(lambda: len(line.params("/done")) == 2, 30)
    turns = network.ask(f"/simulator/calls/{turn['call']}")[1]["turns"]
    assert [each.get("other_end") for each in turns] == [None, "talk", "ended"]


def test_a_conference_ends_for_a_caller_at_the_time_limit(network, line):
    line.says = {"/voice": "<Dial timeLimit='1' action='/done'><Conference>Room</Conference></Dial>"}
    network.call()
    wait_for(lambda: line.params("/done"), 30)
    assert line.params("/done")[0]["DialCallStatus"] == "answered"


@pytest.mark.parametrize(("whisper", "then"), [("", []), ("url='/whisper'", ["Hello."])])
def test_the_phone_that_is_picked_up_hears_the_keys_of_its_number_first(network, line, whisper, then):
    line.says = {"/voice": f"<Dial action='/done'><Number sendDigits='wwww1928' {whisper}>{SCHEDULING}</Number></Dial>"}
    line.says["/whisper"] = "<Say>Hello.</Say>"
    turn = step(network, network.call(), pick_up=SCHEDULING)
    assert (turn["whispered"], turn["other_end"]) == (["[keys wwww1928]", *then], "talk")
    assert step(network, network.call(), dial="completed")["whispered"] == ["[keys wwww1928]", *then]


@pytest.mark.parametrize(
    ("prompts", "said"),
    [
        ("<Say loop='3'>Hi.</Say>", ["Hi."] * 3),
        ("<Say loop='0'>Hi.</Say>", ["Hi."]),
        ("<Gather><Say loop='2'>Hi.</Say></Gather>", ["Hi."] * 2),
        ("<Play loop='2'>/tune</Play>", ["[audio {line}/tune]"] * 2),
    ],
)
def test_a_prompt_is_heard_as_often_as_it_says(network, line, prompts, said):
    line.says = {"/voice": prompts, "/tune": (200, "audio/mpeg", "")}
    assert network.call()["said"] == [words.format(line=line.url) for words in said]
    assert len(line.params("/tune")) == ("Play" in prompts)


def test_a_call_of_the_line_ends_at_its_time_limit(network, line):
    line.says = {"/menu": "<Gather timeout='600'/>"}
    client = network.client()
    call = client.calls.create(
        to="+16035550123", from_=LINE, url=line.url + "/menu", time_limit=1, status_callback=line.url + "/status"
    )
    assert network.heard({"call": call.sid}, answer=True)[1]["waits"] == "keys"
    wait_for(lambda: statuses(line, "/status") == ["completed"], 30)
    assert client.calls(call.sid).fetch().status == "completed"
