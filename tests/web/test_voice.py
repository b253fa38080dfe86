"""The voice webhook: the state of a call, what it stores, and what the caller hears when that fails."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from xml.etree import ElementTree

import pytest
from flask import Flask
from sqlalchemy import func, select
from twilio.request_validator import RequestValidator

from ivr import clock, create_app
from ivr.ledger import Ledger, Vault
from ivr.ledger.tables import call_turn, callback, opt_out_event, person, text
from ivr.people.callbacks import pending_callbacks
from ivr.people.spool import open_spool
from ivr.settings import load
from tests.support.databases import on_one_database
from tests.support.paths import ROOT

TOKEN, BASE = "token", "http://127.0.0.1:8000"
LINE, CALLER, OTHER = "+16035550100", "+16035550123", "+16035550144"
SUNDAY, TUESDAY = "2026-12-06T23:00-05:00", "2026-12-01T10:00-05:00"


class Phone:
    """A caller who posts signed webhooks to one web process, each to the action URL of the last TwiML."""

    def __init__(self, app: Flask, caller: str = CALLER, **fields: str) -> None:
        self.app, self.client = app, app.test_client()
        self.fields = {"CallSid": "CA" + "2" * 32, "From": caller, "To": LINE, "CallStatus": "in-progress", **fields}
        self.post(f"{BASE}/voice")

    def post(self, url: str, token: str = "", **given: str) -> Phone:
        fields = {**self.fields, **given}
        headers = {"X-Twilio-Signature": RequestValidator(TOKEN).compute_signature(url, fields)}
        if token:
            headers["I-Twilio-Idempotency-Token"] = token
        response = self.client.post(url.removeprefix(BASE), data=fields, headers=headers)
        assert response.status_code == 200
        self.document = response.text
        self.root = ElementTree.fromstring(response.text)
        self.said = " ".join("".join(say.itertext()) for say in self.root.iter("Say"))
        return self

    @property
    def action(self) -> str:
        return unescape(re.search(r'action="([^"]+)"', self.document)[1])

    def answers(self, token: str = "", **given: str) -> Phone:
        return self.post(self.action, token, **given)

    def presses(self, *keys: str) -> Phone:
        for key in keys:
            self.answers(Digits=key)
        return self

    @property
    def rings(self) -> str | None:
        return self.root.findtext("Dial/Number")


def make_app(tmp_path: Path, patch: pytest.MonkeyPatch, **environment: str) -> Flask:
    for name, value in {"VAR_DIR": str(tmp_path), "TWILIO_AUTH_TOKEN": TOKEN, **environment}.items():
        patch.setenv(name, value)
    return create_app(load())


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ledger_url: str) -> Flask:
    # On a busy machine, a task may take longer than a caller waits.
    monkeypatch.setattr("ivr.web.call_tasks.SECONDS", 20.0)
    return make_app(tmp_path, monkeypatch, DATABASE_URL=ledger_url)


@pytest.fixture
def app_without_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Flask:
    """A web process whose database and queue are down."""
    return make_app(
        tmp_path,
        monkeypatch,
        DATABASE_URL="postgresql://nobody@127.0.0.1:9/nothing",
        REDIS_URL="redis://127.0.0.1:9/0",
    )


@pytest.fixture(autouse=True)
def _outside_office_hours(monkeypatch: pytest.MonkeyPatch) -> None:
    set_time(monkeypatch, SUNDAY)


def set_time(monkeypatch: pytest.MonkeyPatch, time: str) -> None:
    monkeypatch.setattr(clock, "now", lambda: datetime.fromisoformat(time).astimezone(UTC))


def count(app: Flask, table) -> int:
    with app.extensions["infoline"].ledger.read() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


def callbacks(app: Flask) -> list[tuple[str, str, str, str]]:
    services = app.extensions["infoline"]
    with services.ledger.read() as connection:
        pending = pending_callbacks(connection, services.vault)
    return [(row.phone, row.language, row.entry, row.wished) for row in pending]


def test_a_call_back_to_the_callers_own_number_is_stored(app: Flask) -> None:
    phone = Phone(app).presses("0", "1")
    assert "603-555-0123" in phone.said
    phone.presses("1", "2")
    assert "I wrote that down for our staff" in phone.said
    assert callbacks(app) == [(CALLER, "en", "central-scheduling", "afternoon")]


def test_a_keyed_in_number_is_read_back_and_stored_and_never_readable_in_a_url(app: Flask) -> None:
    phone = Phone(app).presses("8", "0", "1", "2", "6035550144")
    assert "603-555-0144" in phone.said
    assert not re.search("5550144|555-0144", phone.action)
    phone.presses("1")
    assert not re.search("5550144|555-0144", phone.action)
    phone.presses("3")
    assert callbacks(app) == [(OTHER, "es", "central-scheduling", "any")]


@on_one_database
def test_a_sealed_number_opens_in_its_own_call_only(app: Flask) -> None:
    stolen = Phone(app).presses("0", "1", "2", "6035550144").action
    other = Phone(app, CallSid="CA" + "9" * 32).post(stolen, Digits="1")
    assert "Please enter the number" in other.said
    assert "0144" not in other.said


@on_one_database
@pytest.mark.parametrize("held", ["", "garbage", "AAAA", "%00", "é"])
def test_without_a_readable_sealed_number_the_caller_keys_it_in_again(app: Flask, held: str) -> None:
    url = Phone(app).presses("0", "1", "2", "6035550144").action.split("?")[0]
    phone = Phone(app).post(url + (f"?held={held}" if held.isascii() else ""), Digits="1")
    assert "Please enter the number" in phone.said
    assert callbacks(app) == []


@on_one_database
@pytest.mark.parametrize("digits", ["911", "988", "0000000000", "603555", LINE[2:], "*" * 10, "9" * 40, "é"])
def test_keys_that_are_not_a_phone_number_are_rejected(app: Flask, digits: str) -> None:
    phone = Phone(app).presses("0", "1", "2").answers(Digits=digits)
    assert "You entered" not in phone.said


@pytest.mark.parametrize("second", ["a retry of the same request", "another request of the same call"])
def test_repeated_call_back_requests_of_a_call_are_stored_once(app: Flask, second: str) -> None:
    phone = Phone(app).presses("0", "1", "1")
    url = phone.action
    first = phone.post(url, "token-1", Digits="1").document
    repeated = phone.post(url, "token-1" if "a retry" in second else "token-2", Digits="1").document
    assert first == repeated
    assert len(callbacks(app)) == 1


def test_a_text_is_stored_once_and_a_retry_gets_the_same_answer(app: Flask) -> None:
    phone = Phone(app).presses("3", "2", "5")
    url = phone.action
    first = phone.post(url, "token-1", Digits="1")
    assert "on its way" in first.said
    document = first.document
    assert phone.post(url, "token-1", Digits="1").document == document
    assert "already" in phone.post(url, "token-2", Digits="1").said
    assert count(app, text) == 1


def test_a_caller_on_a_known_landline_hears_that_it_cannot_get_texts(app: Flask) -> None:
    phone = Phone(app).presses("3", "2", "5", "1")
    with app.extensions["infoline"].ledger.write() as connection:
        connection.execute(person.update().values(landline=True))
    phone = Phone(app, CallSid="CA" + "8" * 32).presses("3", "2", "5", "1")
    assert "landline" in phone.said
    assert count(app, text) == 1


@on_one_database
def test_a_caller_from_a_country_that_the_line_does_not_text_hears_so_and_nothing_is_stored(app: Flask) -> None:
    phone = Phone(app, "+442071838750").presses("3", "2", "5")
    assert "could not send a text message" in phone.said
    assert count(app, text) == 0


def test_saying_stop_texting_me_opts_out_once(app: Flask) -> None:
    phone = Phone(app)
    url = phone.action
    for _ in range(2):
        phone.post(url, "token-1", SpeechResult="Stop texting me.", Confidence="0.91")
        assert "no more texts to this number" in phone.said
    assert count(app, opt_out_event) == 1


def test_a_red_flag_with_an_opt_out_is_answered_first_and_the_opt_out_is_stored(app: Flask) -> None:
    phone = Phone(app).answers(SpeechResult="I have chest pain and stop texting me")
    assert "hang up and call 911" in phone.said
    app.extensions["infoline"].tasks.close()
    assert count(app, opt_out_event) == 1


def test_while_the_database_is_down_a_call_back_and_an_opt_out_are_spooled_and_replayed(
    app_without_database: Flask, tmp_path: Path, ledger: Ledger
) -> None:
    assert "I wrote that down" in Phone(app_without_database).presses("0", "1", "1", "1").said
    assert "no more texts" in Phone(app_without_database).answers(SpeechResult="stop texting me").said
    files = [path for path in (tmp_path / "kept").iterdir() if not path.name.startswith(".")]
    assert len(files) == 2
    assert not any(re.search(rb"5550123", path.read_bytes()) for path in files)
    vault = app_without_database.extensions["infoline"].vault
    assert open_spool(tmp_path, ledger, vault).replay() == 2
    with ledger.read() as connection:
        assert [row.phone for row in pending_callbacks(connection, vault)] == [CALLER]
        assert connection.execute(select(opt_out_event.c.source)).scalar_one() == "call"
    assert open_spool(tmp_path, ledger, vault).replay() == 0


FAILURES = [
    ("a call-back", ("0", "1", "1", "1"), {}, "do not wait for a call", "I wrote down"),
    ("a text", ("3", "2", "5", "1"), {}, "could not send a text message", "on its way"),
    ("an opt-out", (), {"SpeechResult": "stop texting me"}, "send us the word STOP", "no more texts"),
]


@pytest.mark.parametrize(
    ("keys", "given", "expected", "never"), [case[1:] for case in FAILURES], ids=[case[0] for case in FAILURES]
)
def test_nothing_is_promised_that_is_not_stored(
    app_without_database: Flask, tmp_path: Path, keys: tuple[str, ...], given: dict[str, str], expected: str, never: str
) -> None:
    (tmp_path / "kept").write_text("a file where the folder should be")
    phone = Phone(app_without_database).presses(*keys)
    if given:
        phone.answers(**given)
    assert expected in phone.said
    assert never not in phone.said


@on_one_database
def test_a_call_does_not_say_that_thanks_and_condolences_are_a_topic_that_ends(app: Flask) -> None:
    for words, answer in (("thank you so much", "You are welcome"), ("she passed away", "We are so sorry")):
        phone = Phone(app).answers(SpeechResult=words)
        assert answer in phone.said
        assert "To hear it again, press star." in phone.said
        assert "end of the topic" not in phone.said


@on_one_database
def test_a_caller_with_a_withheld_number_is_never_texted_and_keys_one_in(app: Flask) -> None:
    for caller in ("anonymous", "+266696687", "Restricted", ""):
        phone = Phone(app, caller).presses("3", "2", "5")
        assert "does not show us its number" in phone.said
        assert "Please enter the number" in Phone(app, caller).presses("0", "1").said
    assert count(app, text) == 0


@on_one_database
@pytest.mark.parametrize(
    "fields",
    [
        {"To": "+16036632180"},
        {"ForwardedFrom": "+16036632180"},
    ],
    ids=["the number called", "the number that forwards to the line"],
)
def test_the_line_never_dials_a_number_that_leads_back_to_it(
    app: Flask, monkeypatch: pytest.MonkeyPatch, fields: dict[str, str]
) -> None:
    set_time(monkeypatch, TUESDAY)
    assert Phone(app).presses("0").rings == "+16036632180"
    assert Phone(app, **fields).presses("0").rings == "+16036683067"


@on_one_database
def test_a_call_picked_up_and_declined_counts_as_unanswered(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    set_time(monkeypatch, TUESDAY)
    phone = Phone(app).presses("0").answers(DialCallStatus="completed", DialBridged="false")
    assert phone.rings == "+16036683067"
    assert "No one picked up" in phone.said
    bridged = Phone(app).presses("0").answers(DialCallStatus="completed", DialBridged="true")
    assert bridged.root.find("Hangup") is not None


WHISPERS = [("none", None, ""), ("say", "say", "The caller speaks Spanish"), ("accept", "accept", "press any key")]


@pytest.mark.parametrize(("whisper", "kind", "said"), WHISPERS, ids=[case[0] for case in WHISPERS])
def test_the_person_who_picks_up_hears_the_whisper(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whisper: str, kind: str | None, said: str
) -> None:
    set_time(monkeypatch, TUESDAY)
    prompts = tmp_path / "prompts"
    for file in (ROOT / "prompts").rglob("*"):
        if file.is_file():
            copy = prompts / file.relative_to(ROOT / "prompts")
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(file.read_bytes().replace(b"whisper: none", f"whisper: {whisper}".encode()))
    app = make_app(tmp_path / "var", monkeypatch, PROMPTS_DIR=str(prompts))
    phone = Phone(app).presses("8", "0")
    url = phone.root.find("Dial/Number").get("url")
    assert (url is None) is (kind is None)
    if url is None:
        return
    phone.post(url)
    assert said in phone.said
    assert [child.tag for child in phone.root] == (["Gather", "Hangup"] if kind == "accept" else ["Say"])
    if kind == "accept":
        assert list(phone.answers(Digits="5").root) == []


def test_the_turns_of_a_call_are_logged_without_a_phone_number(app: Flask) -> None:
    Phone(app).presses("0", "1", "2", "6035550144", "1", "1")
    services = app.extensions["infoline"]
    services.calls.flush()
    with services.ledger.read() as connection:
        rows = connection.execute(select(call_turn).order_by(call_turn.c.at)).all()
    assert {row.heard for row in rows} >= {"start", "key:0", "key:1", "number"}
    assert not any(re.search("5550144|5550123", str(value)) for row in rows for value in row)
    assert {len(row.call) for row in rows} == {64}


def test_a_call_back_request_has_the_topic_heard_last(app: Flask) -> None:
    phone = Phone(app).presses("1", "2")
    app.extensions["infoline"].calls.flush()
    phone.presses("0", "1", "1", "1")
    with app.extensions["infoline"].ledger.read() as connection:
        assert connection.execute(select(callback.c.topic)).scalar_one() == "cancer"


@on_one_database
@pytest.mark.parametrize(
    "given",
    [
        {"Digits": "1", "SpeechResult": "yes"},
        {"SpeechResult": "x" * 5000},
        {"SpeechResult": "\x00\ud7ff"},
        {"CallStatus": "never-heard-of"},
        {"DialCallStatus": "completed"},
        {"Confidence": "NaN", "SpeechResult": "yes"},
    ],
    ids=lambda given: ",".join(given),
)
def test_odd_fields_get_a_document(app: Flask, given: dict[str, str]) -> None:
    assert Phone(app).answers(**given).root.tag == "Response"


@on_one_database
def test_two_inputs_at_one_state_each_get_their_own_response(app: Flask) -> None:
    phone = Phone(app)
    url = phone.action
    assert "deodorant" in phone.post(url, Digits="3").said
    assert "About cancer" in phone.post(url, Digits="1").said


def test_a_sealed_number_opens_with_an_older_key_too() -> None:
    old, new = b"o" * 32, b"n" * 32
    assert Vault([new, old]).open(Vault([old]).seal("CA2 +16035550144")) == "CA2 +16035550144"
