"""Webhooks that somebody forged with a wrong token, changed, recorded and sent again, or sent ten thousand times."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from urllib.parse import quote_plus, urlencode

import pytest

from ivr.carrier.twilio.signature import compute_signature
from ivr.ledger.tables import callback, opt_out_event, person, text
from ivr.line.callflow.states import Key, SaveCallback
from ivr.line.twiml.release import CompiledLine
from tests.attack.target import FORM, Target
from tests.attack.test_words import LONG, SIZE
from tests.support.network import LINE, TOKEN
from tests.support.processes import wait_until
from tests.support.serving import Client, http_request
from tests.support.webhooks import state_that_sends_a_text

pytestmark = pytest.mark.processes

STRANGER = "+16035550166"
STOP = {"From": STRANGER, "To": LINE, "Body": "STOP", "MessageSid": "SM" + "a" * 32}
Pairs = list[tuple[str, str]]


def signed(target: Target, pairs: Pairs, url: str = "", token: str = TOKEN) -> str:
    return compute_signature(url or f"{target.url}/sms", pairs, token).decode()


FORGED: dict[str, Callable[[Target, Pairs], tuple[Pairs, dict[str, str]]]] = {
    "the token of another account": lambda target, pairs: (
        pairs,
        {"X-Twilio-Signature": signed(target, pairs, token="t" * 32)},
    ),
    "an empty token": lambda target, pairs: (pairs, {"X-Twilio-Signature": signed(target, pairs, token="")}),
    "another path": lambda target, pairs: (pairs, {"X-Twilio-Signature": signed(target, pairs, f"{target.url}/voice")}),
    "another host": lambda target, pairs: (
        pairs,
        {"X-Twilio-Signature": signed(target, pairs, "https://evil.example/sms"), "Host": "evil.example"},
    ),
    "another scheme": lambda target, pairs: (
        pairs,
        {"X-Twilio-Signature": signed(target, pairs, f"{target.url}/sms".replace("http:", "https:"))},
    ),
    "another scheme that a proxy names": lambda target, pairs: (
        pairs,
        {
            "X-Twilio-Signature": signed(target, pairs, f"{target.url}/sms".replace("http:", "https:")),
            "X-Forwarded-Proto": "https",
        },
    ),
    "another port": lambda target, pairs: (
        pairs,
        {"X-Twilio-Signature": signed(target, pairs, "http://127.0.0.1:1/sms"), "Host": "127.0.0.1:1"},
    ),
    "a field too many": lambda target, pairs: (
        [*pairs, ("OptOutType", "STOP")],
        {"X-Twilio-Signature": signed(target, pairs)},
    ),
    "a field too few": lambda target, pairs: (pairs[:-1], {"X-Twilio-Signature": signed(target, pairs)}),
    "a second value of a field": lambda target, pairs: (
        [*pairs, ("From", "+16035550101")],
        {"X-Twilio-Signature": signed(target, pairs)},
    ),
    "a changed letter": lambda target, pairs: (
        [(name, value.replace("STOP", "STOp")) for name, value in pairs],
        {"X-Twilio-Signature": signed(target, pairs)},
    ),
    "a right signature and a wrong one": lambda target, pairs: (
        pairs,
        {"X-Twilio-Signature": f"{signed(target, pairs)},YQ=="},
    ),
    "a signature in lower case": lambda target, pairs: (
        pairs,
        {"X-Twilio-Signature": signed(target, pairs).lower()},
    ),
    "a signature with a letter less": lambda target, pairs: (
        pairs,
        {"X-Twilio-Signature": signed(target, pairs)[:-1]},
    ),
    "a right signature of a body that is not a form": lambda target, pairs: (
        pairs,
        {"X-Twilio-Signature": signed(target, pairs), "Content-Type": "multipart/form-data; boundary=x"},
    ),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_text_is_refused_and_changes_nothing(target: Target, name: str) -> None:
    before = target.ledger_rows()
    pairs, headers = FORGED[name](target, list(STOP.items()))
    assert target.ask("POST", "/sms", urlencode(pairs), {"Content-Type": FORM, **headers})[0] == 403
    assert target.ledger_rows() == before


def test_a_text_that_is_sent_again_changes_nothing_and_gets_the_same_answer(target: Target) -> None:
    start = {**STOP, "Body": "START", "MessageSid": "SM" + "b" * 32}
    first = target.webhook("/sms", start)
    target.webhook("/sms", {**STOP, "MessageSid": "SM" + "c" * 32})
    consent = target.clinic.all(opt_out_event)
    again = [target.webhook("/sms", start) for _ in range(3)]
    assert again == [first] * 3
    assert target.clinic.all(opt_out_event) == consent
    assert target.clinic.all(person, person.c.opted_out_at.is_not(None))


def state_that_saves_a_call_back(line: CompiledLine) -> tuple[str, str]:
    """A state, and the key that has the line save a request to be called back at the caller's number."""
    for token, state in line.states.items():
        for key in "123":
            task = line.graph.next_turn(state, Key(key), lambda _fact: False).state.node
            if isinstance(task, SaveCallback) and task.number == "caller":
                return token, key
    raise AssertionError("no state saves a request")


def test_a_turn_of_a_call_that_is_sent_again_asks_for_one_text_and_one_call_back(
    target: Target, line: CompiledLine
) -> None:
    state, key = state_that_sends_a_text(line)
    saves, saving_key = state_that_saves_a_call_back(line)
    call = {"From": "+16035550167", "To": LINE, "CallSid": "CA" + "d" * 32}
    for path, heard in ((f"/voice/{line.digest}/{state.token}", key), (f"/voice/{line.digest}/{saves}", saving_key)):
        answers = [target.webhook(path, {**call, "Digits": heard}) for _ in range(3)]
        assert {status for status, _ in answers} == {200}
    assert len(target.clinic.all(text, text.c.asked_in.is_not(None))) == 1
    assert len(target.clinic.all(callback)) == 1


def test_texts_of_60_kb_are_answered_before_twilio_gives_up_while_others_call(target: Target) -> None:
    with target.others_call() as served:
        for number, part in enumerate(LONG.values()):
            # As large as a webhook may be once its characters are encoded.
            body = (part * SIZE)[: SIZE // len(quote_plus(part)) * len(part)]
            status, answer = target.text(body, f"SM{number:032d}", f"+160355501{number:02}")
            assert (status, b"<Response" in answer) == (200, True)
    assert set(served.statuses) == {200}
    assert served.slowest < 15, "Twilio waits 15 s"


FLOOD, CONNECTIONS = 10_000, 4
FLOODER = "+16035550168"
# 30 in an hour, and one that says that no more follow.
MOST_ANSWERS = 31


def send_flood(target: Target, connection: int) -> int:
    """Send a share of the texts on one connection. Returns how many answers they got."""
    replies = 0
    with Client(int(target.processes.web_port)) as client:
        for number in range(connection, FLOOD, CONNECTIONS):
            fields = {"From": FLOODER, "To": LINE, "Body": f"hello {number}", "MessageSid": f"SM{number:030d}ff"}
            signature = signed(target, list(fields.items()))
            body = urlencode(fields).encode()
            client.send(http_request("/sms", body, Content_Type=FORM, X_Twilio_Signature=signature))
            status, _, answer = client.response()
            assert status == 200
            replies += answer.count(b"<Message>")
    return replies


def silenced(target: Target) -> float:
    """How many texts got no answer because their sender sent too many."""
    counts = re.findall(rb'infoline_incoming_texts_total\{reply="silenced"\} (\S+)', target.ask("GET", "/metrics")[1])
    return sum(map(float, counts))


def test_ten_thousand_texts_from_one_number_cost_few_answers_and_others_are_answered(target: Target) -> None:
    memory = target.memory()
    with target.others_call() as served, ThreadPoolExecutor(CONNECTIONS) as threads:
        replies = sum(threads.map(partial(send_flood, target), range(CONNECTIONS)))
    assert 1 <= replies <= MOST_ANSWERS
    assert set(served.statuses) == {200}
    assert served.slowest < 15, "Twilio waits 15 s"
    assert target.memory() - memory < 60
    assert b"<Message>" in target.text("1", "SM" + "e" * 32, "+16035550169")[1]
    wait_until(lambda: silenced(target) >= FLOOD - MOST_ANSWERS)
    # Who sends too many can still opt out.
    assert target.text("STOP", "SM" + "f" * 32, FLOODER)[0] == 200
    opted_out = target.clinic.vault.hash(FLOODER)
    assert target.clinic.all(person, person.c.phone_hash == opted_out, person.c.opted_out_at.is_not(None))
