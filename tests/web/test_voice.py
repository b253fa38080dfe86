"""Calls at the door: what only a turn knows, what a call writes down, and what becomes of it when that fails."""

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
from tests.support.paths import ROOT

TOKEN, BASE = "token", "http://127.0.0.1:8000"
OWN, CALLER, OTHER = "+16035550100", "+16035550123", "+16035550144"
SUNDAY, TUESDAY = "2026-12-06T23:00-05:00", "2026-12-01T10:00-05:00"


class Phone:
    """A caller at the door of one web process: signed posts that go on where the last answer said."""

    def __init__(self, app: Flask, caller: str = CALLER, **fields: str) -> None:
        self.app, self.client = app, app.test_client()
        self.fields = {"CallSid": "CA" + "2" * 32, "From": caller, "To": OWN, "CallStatus": "in-progress", **fields}
        self.post(f"{BASE}/voice")

    def post(self, url: str, token: str = "", **heard: str) -> Phone:
        fields = {**self.fields, **heard}
        headers = {"X-Twilio-Signature": RequestValidator(TOKEN).compute_signature(url, fields)}
        if token:
            headers["I-Twilio-Idempotency-Token"] = token
        answer = self.client.post(url.removeprefix(BASE), data=fields, headers=headers)
        assert answer.status_code == 200
        self.document = answer.text
        self.root = ElementTree.fromstring(answer.text)
        self.said = " ".join("".join(said.itertext()) for said in self.root.iter("Say"))
        return self

    @property
    def action(self) -> str:
        return unescape(re.search(r'action="([^"]+)"', self.document)[1])

    def hears(self, token: str = "", **heard: str) -> Phone:
        return self.post(self.action, token, **heard)

    def presses(self, *keys: str) -> Phone:
        for key in keys:
            self.hears(Digits=key)
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
    # A busy machine may take longer than a caller is kept waiting.
    monkeypatch.setattr("ivr.web.call_tasks.SECONDS", 20.0)
    return make_app(tmp_path, monkeypatch, DATABASE_URL=ledger_url)


@pytest.fixture
def away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Flask:
    """A web process whose ledger and queue do not answer."""
    return make_app(
        tmp_path,
        monkeypatch,
        DATABASE_URL="postgresql://nobody@127.0.0.1:9/nothing",
        REDIS_URL="redis://127.0.0.1:9/0",
    )


@pytest.fixture(autouse=True)
def _by_night(monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, SUNDAY)


def at(monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    monkeypatch.setattr(clock, "now", lambda: datetime.fromisoformat(moment).astimezone(UTC))


def count(app: Flask, table) -> int:
    with app.extensions["infoline"].ledger.read() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


def callbacks(app: Flask) -> list[tuple[str, str, str, str]]:
    here = app.extensions["infoline"]
    with here.ledger.read() as connection:
        waiting = pending_callbacks(connection, here.vault)
    return [(one.phone, one.language, one.entry, one.wished) for one in waiting]


def test_a_call_back_on_the_callers_own_number_is_kept(app: Flask) -> None:
    phone = Phone(app).presses("0", "1")
    assert "603-555-0123" in phone.said
    phone.presses("1", "2")
    assert "I wrote down your wish" in phone.said
    assert callbacks(app) == [(CALLER, "en", "central-scheduling", "afternoon")]


def test_a_keyed_in_number_is_read_back_and_kept_and_stands_in_no_address(app: Flask) -> None:
    phone = Phone(app).presses("8", "0", "1", "2", "6035550144")
    assert "603-555-0144" in phone.said
    assert not re.search("5550144|555-0144", phone.action)
    phone.presses("1")
    assert not re.search("5550144|555-0144", phone.action)
    phone.presses("3")
    assert callbacks(app) == [(OTHER, "es", "central-scheduling", "any")]


def test_a_sealed_number_is_of_no_use_on_another_call(app: Flask) -> None:
    stolen = Phone(app).presses("0", "1", "2", "6035550144").action
    thief = Phone(app, CallSid="CA" + "9" * 32).post(stolen, Digits="1")
    assert "Please key in" in thief.said
    assert "0144" not in thief.said


@pytest.mark.parametrize("held", ["", "garbage", "AAAA", "%00", "é"])
def test_a_number_that_got_lost_is_asked_for_anew(app: Flask, held: str) -> None:
    address = Phone(app).presses("0", "1", "2", "6035550144").action.split("?")[0]
    phone = Phone(app).post(address + (f"?held={held}" if held.isascii() else ""), Digits="1")
    assert "Please key in" in phone.said
    assert callbacks(app) == []


@pytest.mark.parametrize("digits", ["911", "988", "0000000000", "603555", OWN[2:], "*" * 10, "9" * 40, "é"])
def test_what_is_no_number_is_not_taken_as_one(app: Flask, digits: str) -> None:
    phone = Phone(app).presses("0", "1", "2").hears(Digits=digits)
    assert "You keyed in" not in phone.said


@pytest.mark.parametrize("twice", ["the same request again", "another request of the same call"])
def test_a_call_back_stands_once_however_often_it_is_posted(app: Flask, twice: str) -> None:
    phone = Phone(app).presses("0", "1", "1")
    address = phone.action
    first = phone.post(address, "token-1", Digits="1").document
    again = phone.post(address, "token-1" if "same request" in twice else "token-2", Digits="1").document
    assert first == again
    assert len(callbacks(app)) == 1


def test_a_text_is_kept_once_and_a_replay_is_answered_the_same(app: Flask) -> None:
    phone = Phone(app).presses("3", "5")
    address = phone.action
    first = phone.post(address, "token-1", Digits="1")
    assert "on its way" in first.said
    document = first.document
    assert phone.post(address, "token-1", Digits="1").document == document
    assert "already" in phone.post(address, "token-2", Digits="1").said
    assert count(app, text) == 1


def test_a_known_landline_is_told_so(app: Flask) -> None:
    phone = Phone(app).presses("3", "5", "1")
    with app.extensions["infoline"].ledger.write() as connection:
        connection.execute(person.update().values(landline=True))
    phone = Phone(app, CallSid="CA" + "8" * 32).presses("3", "5", "1")
    assert "landline" in phone.said
    assert count(app, text) == 1


def test_a_caller_whose_country_the_line_does_not_text_is_told_so_and_nothing_is_written(app: Flask) -> None:
    phone = Phone(app, "+442071838750").presses("3", "5", "1")
    assert "could not send that text" in phone.said
    assert count(app, text) == 0


def test_stop_texting_me_said_aloud_opts_out_once(app: Flask) -> None:
    phone = Phone(app)
    address = phone.action
    for _ in range(2):
        phone.post(address, "token-1", SpeechResult="Stop texting me.", Confidence="0.91")
        assert "no more texts to this number" in phone.said
    assert count(app, opt_out_event) == 1


def test_a_red_flag_with_stop_is_answered_first_and_the_stop_is_kept(app: Flask) -> None:
    phone = Phone(app).hears(SpeechResult="I have chest pain and stop texting me")
    assert "call 911 now" in phone.said
    app.extensions["infoline"].tasks.close()
    assert count(app, opt_out_event) == 1


FAILS = [
    ("a call-back", ("0", "1", "1", "1"), {}, "do not wait for a call", "I wrote down"),
    ("a text", ("3", "5", "1"), {}, "could not send that text", "on its way"),
    ("an opt-out", (), {"SpeechResult": "stop texting me"}, "text us the word STOP", "no more texts"),
]


def test_with_the_ledger_away_a_call_back_and_an_opt_out_wait_on_disk_and_are_entered_later(
    away: Flask, tmp_path: Path, ledger: Ledger
) -> None:
    assert "I wrote down" in Phone(away).presses("0", "1", "1", "1").said
    assert "no more texts" in Phone(away).hears(SpeechResult="stop texting me").said
    files = [path for path in (tmp_path / "kept").iterdir() if not path.name.startswith(".")]
    assert len(files) == 2
    assert not any(re.search(rb"5550123", path.read_bytes()) for path in files)
    vault = away.extensions["infoline"].vault
    assert open_spool(tmp_path, ledger, vault).replay() == 2
    with ledger.read() as connection:
        assert [one.phone for one in pending_callbacks(connection, vault)] == [CALLER]
        assert connection.execute(select(opt_out_event.c.source)).scalar_one() == "call"
    assert open_spool(tmp_path, ledger, vault).replay() == 0


def test_what_came_too_late_for_the_caller_does_not_come_true_later(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ivr.web.call_tasks.SECONDS", -1.0)
    phone = Phone(app).presses("3", "5", "1")
    assert "could not send" in phone.said
    app.extensions["infoline"].tasks.close()
    assert count(app, text) == 0


@pytest.mark.parametrize(("what", "keys", "heard", "told", "never"), FAILS, ids=[case[0] for case in FAILS])
def test_nothing_is_promised_that_was_not_written_down(
    away: Flask, tmp_path: Path, what: str, keys: tuple[str, ...], heard: dict[str, str], told: str, never: str
) -> None:
    (tmp_path / "kept").write_text("a file where the folder should be")
    phone = Phone(away).presses(*keys)
    if heard:
        phone.hears(**heard)
    assert told in phone.said
    assert never not in phone.said


def test_who_hides_her_number_is_never_texted_and_keys_one_in(app: Flask) -> None:
    for caller in ("anonymous", "+266696687", "Restricted", ""):
        phone = Phone(app, caller).presses("3", "5")
        assert "does not show us its number" in phone.said
        assert "Please key in" in Phone(app, caller).presses("0", "1").said
    assert count(app, text) == 0


@pytest.mark.parametrize(
    ("how", "fields"),
    [
        ("the number called", {"To": "+16036632180"}),
        ("the number that forwards here", {"ForwardedFrom": "+16036632180"}),
    ],
)
def test_the_line_never_rings_a_number_that_leads_back_to_it(
    app: Flask, monkeypatch: pytest.MonkeyPatch, how: str, fields: dict[str, str]
) -> None:
    at(monkeypatch, TUESDAY)
    assert Phone(app).presses("0").rings == "+16036632180"
    assert Phone(app, **fields).presses("0").rings == "+16036683067"


def test_who_picks_up_and_does_not_take_the_call_has_not_answered(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, TUESDAY)
    phone = Phone(app).presses("0").hears(DialCallStatus="completed", DialBridged="false")
    assert phone.rings == "+16036683067"
    assert "No one picked up" in phone.said
    over = Phone(app).presses("0").hears(DialCallStatus="completed", DialBridged="true")
    assert over.root.find("Hangup") is not None


WHISPERS = [("none", None, ""), ("say", "say", "The caller speaks Spanish"), ("accept", "accept", "press any key")]


@pytest.mark.parametrize(("whisper", "kind", "said"), WHISPERS, ids=[case[0] for case in WHISPERS])
def test_who_picks_up_hears_who_is_calling(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whisper: str, kind: str | None, said: str
) -> None:
    at(monkeypatch, TUESDAY)
    prompts = tmp_path / "prompts"
    for file in (ROOT / "prompts").rglob("*"):
        if file.is_file():
            copy = prompts / file.relative_to(ROOT / "prompts")
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(file.read_bytes().replace(b"whisper: none", f"whisper: {whisper}".encode()))
    app = make_app(tmp_path / "var", monkeypatch, PROMPTS_DIR=str(prompts))
    phone = Phone(app).presses("8", "0")
    address = phone.root.find("Dial/Number").get("url")
    assert (address is None) is (kind is None)
    if address is None:
        return
    heard = phone.post(address)
    assert said in heard.said
    if kind == "accept":
        assert [child.tag for child in heard.root] == ["Gather", "Hangup"]
        heard.hears(Digits="5")
    else:
        assert [child.tag for child in heard.root] == ["Say"]
        return
    assert list(heard.root) == []


def test_what_happened_reaches_the_ledger_without_a_number(app: Flask) -> None:
    Phone(app).presses("0", "1", "2", "6035550144", "1", "1")
    here = app.extensions["infoline"]
    here.calls.flush()
    with here.ledger.read() as connection:
        rows = connection.execute(select(call_turn).order_by(call_turn.c.at)).all()
    assert {row.heard for row in rows} >= {"start", "key:0", "key:1", "number"}
    assert not any(re.search("5550144|5550123", str(value)) for row in rows for value in row)
    assert {len(row.call) for row in rows} == {64}


def test_a_call_back_knows_what_she_was_hearing_about(app: Flask) -> None:
    phone = Phone(app).presses("1", "2")
    app.extensions["infoline"].calls.flush()
    phone.presses("0", "1", "1", "1")
    with app.extensions["infoline"].ledger.read() as connection:
        assert connection.execute(select(callback.c.topic)).scalar_one() == "cancer"


@pytest.mark.parametrize(
    "heard",
    [
        {"Digits": "1", "SpeechResult": "yes"},
        {"SpeechResult": "x" * 5000},
        {"SpeechResult": "\x00\ud7ff"},
        {"CallStatus": "never-heard-of"},
        {"DialCallStatus": "completed"},
        {"Confidence": "NaN", "SpeechResult": "yes"},
    ],
    ids=lambda heard: ",".join(heard),
)
def test_odd_fields_get_a_document(app: Flask, heard: dict[str, str]) -> None:
    assert Phone(app).hears(**heard).root.tag == "Response"


def test_two_answers_to_one_state_each_get_their_own(app: Flask) -> None:
    phone = Phone(app)
    address = phone.action
    assert "deodorant" in phone.post(address, Digits="3").said
    assert "how to get ready" in phone.post(address, Digits="2").said


def test_a_sealed_number_opens_with_an_older_key_too() -> None:
    old, new = b"o" * 32, b"n" * 32
    assert Vault([new, old]).open(Vault([old]).seal("CA2 +16035550144")) == "CA2 +16035550144"
