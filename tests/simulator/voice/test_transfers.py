"""A transfer one step at a time, over the JSON API of the phones: pick up, the whisper's key, the talk, hang up."""

from tests.support.network import wait_for

SCHEDULING = "+16036632180"
EVENTS = "statusCallbackEvent='initiated ringing answered completed'"
DIAL = (
    "<Dial action='/done' record='record-from-answer'>"
    f"<Number url='/whisper' statusCallback='/one' {EVENTS}>{SCHEDULING}</Number>"
    "<Number statusCallback='/two'>+16036683067</Number></Dial>"
)
WHISPER = "<Gather action='/joined' numDigits='1'><Say>Press 1.</Say></Gather><Hangup/>"


def step(network, turn, **action):
    status, turn = network.heard(turn, **action)
    assert status == 200
    return turn


def test_a_transfer_can_be_driven_one_step_at_a_time(network, line):
    line.says = {"/voice": DIAL, "/whisper": WHISPER, "/joined": "", "/done": "<Say>Bye.</Say>"}
    turn = step(network, network.call(), pick_up=SCHEDULING)
    assert (turn["waits"], turn["said"], turn["whispered"], turn["dial"]) == ("transfer", [], ["Press 1."], [])
    wait_for(lambda: [params["CallStatus"] for params in line.params("/two")] == ["no-answer"])
    turn = step(network, turn, other_keys="1")
    assert (turn["waits"], turn["other_end"]) == ("transfer", "talk")
    assert network.client().calls.list(to=SCHEDULING)[0].status == "in-progress"
    turn = step(network, turn, other_hangup=True)
    assert (turn["said"], turn["waits"]) == (["Bye."], "over")
    done = line.params("/done")[0]
    assert (done["DialCallStatus"], done["DialBridged"], "RecordingSid" in done) == ("completed", "true", True)
    wait_for(lambda: len(line.params("/one")) == 4)
    assert {params["CallStatus"] for params in line.params("/one")} == {
        "initiated",
        "ringing",
        "in-progress",
        "completed",
    }


def test_the_next_transfer_rings_when_nobody_takes_the_first(network, line):
    line.says = {"/voice": DIAL, "/whisper": WHISPER, "/done": "<Dial>+16036634490</Dial>"}
    turn = step(network, network.call(), pick_up=SCHEDULING)
    turn = step(network, turn, other_silence=True)
    assert (turn["other_end"], turn["waits"], turn["dial"]) == ("declined", "transfer", ["+16036634490"])
    assert line.params("/done")[0]["DialBridged"] == "false"
    assert "RecordingSid" not in line.params("/done")[0]


def test_the_line_may_take_the_caller_out_of_a_talk(network, line):
    line.says = {"/voice": DIAL, "/whisper": WHISPER, "/joined": ""}
    turn = step(network, network.call(), pick_up=SCHEDULING)
    step(network, turn, other_keys="1")
    network.client().calls(turn["call"]).update(twiml="<Response><Gather/></Response>")
    wait_for(lambda: network.client().calls.list(to=SCHEDULING)[0].status == "completed")
    assert network.heard(turn, other_hangup=True)[0] == 409
    assert network.heard(turn, keys="1")[0] == 200


def test_a_redirected_caller_is_transferred_to_somebody_else(network, line):
    line.says = {"/voice": DIAL}
    turn = network.call()
    network.client().calls(turn["call"]).update(twiml="<Response><Dial>+16036634490</Dial></Response>")

    def statuses():
        calls = network.client().calls
        return [call.status for number in (SCHEDULING, "+16036634490") for call in calls.list(to=number)]

    wait_for(lambda: statuses() == ["canceled", "ringing"])
