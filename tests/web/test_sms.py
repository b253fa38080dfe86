"""The conversations of tests/conversations/texts, one file each: the texts, the replies, and what is stored afterward.

`REWRITE=1 pytest tests/web/test_sms.py` rewrites the files with the current replies.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import copytree
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from twilio.request_validator import RequestValidator

from ivr import clock, create_app
from ivr.ledger import Ledger, open_ledger
from ivr.ledger.tables import appointment, incoming_text, opt_out_event, person, text, unanswered
from ivr.line.text.gsm7 import count_segments
from ivr.people.work_items import pending_work_items
from ivr.reminders.alarms import Alarm, raised
from ivr.settings import load
from ivr.web import health
from tests.support.clinic import Clinic
from tests.support.paths import ROOT

FOLDER = ROOT / "tests" / "conversations" / "texts"
FILES = sorted(FOLDER.glob("*.yaml"))
TOKEN, BASE, SENDER, LINE = "token", "http://127.0.0.1:8000", "+16035550123", "+16035550100"
START = "2026-12-01T10:00-05:00"


class Texter:
    """A sender who texts a web process at given times, by default one minute after the last text."""

    def __init__(self, app: Flask, patch: pytest.MonkeyPatch) -> None:
        self.app, self.client, self.patch = app, app.test_client(), patch
        self.now = datetime.fromisoformat(START)
        self.sent = 0

    def texts(self, turn: dict[str, Any]) -> list[str]:
        """Send the text of a turn and return the replies."""
        self.now = datetime.fromisoformat(turn["at"]) if "at" in turn else self.now + timedelta(minutes=1)
        now = self.now.astimezone(UTC)
        self.patch.setattr(clock, "now", lambda: now)
        self.sent += 1
        fields = {"From": turn.get("from", SENDER), "To": LINE, "Body": turn["texted"], "NumMedia": "0"}
        fields |= {"MessageSid": turn.get("sid", f"SM{self.sent:032d}"), **turn.get("fields", {})}
        signature = RequestValidator(TOKEN).compute_signature(f"{BASE}/sms", fields)
        response = self.client.post("/sms", data=fields, headers={"X-Twilio-Signature": signature})
        assert response.status_code == 200
        return [message.text or "" for message in ElementTree.fromstring(response.text).iter("Message")]


def stored(app: Flask) -> dict[str, Any]:
    """Return the contents of the database after a conversation, without empty values."""
    services = app.extensions["infoline"]
    services.texts.flush()
    services.unanswered.flush()
    with services.ledger.read() as connection:
        persons = connection.execute(select(person.c.opted_out_at, person.c.language)).all()
        events = connection.execute(select(opt_out_event.c.kind).order_by(opt_out_event.c.id)).scalars()
        answered = connection.execute(select(appointment).where(appointment.c.answer.is_not(None)))
        work_items = pending_work_items(connection, services.vault)
        values = {
            "opted_out": any(row.opted_out_at for row in persons),
            "events": list(events),
            "language": next((row.language for row in persons if row.language), None),
            "answers": {row.appointment_id: row.answer for row in answered},
            "work_items": [f"{item.kind} {item.appointment_id}" for item in work_items],
            "unanswered": len(connection.execute(select(unanswered.c.id)).all()),
            "texts": len(connection.execute(select(incoming_text.c.id)).all()),
        }
    return {name: value for name, value in values.items() if value}


@pytest.fixture
def texter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sqlite_with_tables: Path):
    def make(conversation: dict[str, Any]) -> Texter:
        url = f"sqlite:///{tmp_path}/infoline.db"
        (tmp_path / "infoline.db").write_bytes(sqlite_with_tables.read_bytes())
        if conversation.get("database") == "down":
            url = "postgresql://nobody@127.0.0.1:9/nothing"
        monkeypatch.setenv("VAR_DIR", str(tmp_path))
        monkeypatch.setenv("DATABASE_URL", url)
        monkeypatch.setenv("TWILIO_AUTH_TOKEN", TOKEN)
        monkeypatch.setenv("KEYWORDS_ANSWERED_BY", conversation.get("keywords_answered_by", "carrier"))
        if "prompts" in conversation:
            monkeypatch.setenv("PROMPTS_DIR", conversation["prompts"])
        app = create_app(load())
        if conversation.get("appointments"):
            _book(app, conversation)
        return Texter(app, monkeypatch)

    return make


def _book(app: Flask, conversation: dict[str, Any]) -> None:
    services = app.extensions["infoline"]
    rows = [{"phone": SENDER, **row} for row in conversation["appointments"]]
    now = datetime.fromisoformat(START).astimezone(UTC)
    clinic = Clinic(services.ledger, services.vault, services.releases.live.content, services.settings.var_dir)
    clinic.import_rows(*rows, now=now)
    if conversation.get("reminded"):
        _remind(services.ledger, conversation["reminded"], now)


def _remind(ledger: Ledger, step: str, now: datetime) -> None:
    with ledger.write() as connection:
        row = connection.execute(select(appointment)).first()
        connection.execute(
            text.insert().values(
                appointment_id=row.id,
                person_id=row.person_id,
                starts_at=row.starts_at,
                step=step,
                state="delivered",
                tries=1,
                looks=0,
                claimed_at=now - timedelta(hours=3),
                updated_at=now,
            )
        )


@pytest.mark.parametrize("file", FILES, ids=[file.stem for file in FILES])
def test_a_conversation_matches_its_file(file: Path, texter) -> None:
    source = file.read_text()
    expected = yaml.safe_load(source)
    sender = texter(expected)
    turns = [{**turn, "replies": sender.texts(turn)} for turn in expected["turns"]]
    actual = {**expected, "turns": turns}
    if expected.get("database") != "down":
        actual["stored"] = stored(sender.app)
    if os.environ.get("REWRITE"):
        comment = source.split("\n")[0]
        file.write_text(f"{comment}\n" + yaml.safe_dump(actual, allow_unicode=True, sort_keys=False, width=110))
    assert actual == expected or os.environ.get("REWRITE")


def test_texts_spooled_while_the_database_is_down_are_replayed_in_order(texter, tmp_path: Path) -> None:
    sender = texter({"database": "down"})
    for body in ("stop texting me", "START", "wrong number"):
        sender.texts({"texted": body})
    services = sender.app.extensions["infoline"]
    ledger = open_ledger(f"sqlite:///{tmp_path}/infoline.db")
    services.spool._ledger = ledger
    assert services.spool.replay() == 3
    with ledger.read() as connection:
        kinds = list(connection.execute(select(opt_out_event.c.kind).order_by(opt_out_event.c.id)).scalars())
        assert kinds == ["stop", "start"]
        assert [item.kind for item in pending_work_items(connection, services.vault)] == ["wrong-number"]


def test_over_the_limit_of_the_hour_only_red_flags_and_opt_outs_are_answered(
    texter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANSWERED_TEXTS_PER_HOUR", "2")
    sender = texter({})
    numbers = [f"+1603555010{digit}" for digit in range(1, 7)]
    words = ["is it cancer", "6", "how do I get ready", "chest pain", "stop texting me", "START"]
    answers = [sender.texts({"texted": text, "from": number}) for number, text in zip(numbers, words, strict=True)]
    assert [bool(answer) for answer in answers] == [True, True, False, True, True, False]
    services = sender.app.extensions["infoline"]
    assert services.answers.was_reached()
    sender.texts({"texted": "6", "from": "+16035550108", "at": "2026-12-01T11:10-05:00"})
    assert not services.answers.was_reached()


@pytest.mark.parametrize("words", ["chest pain", "I want to die", "stop texting me"])
def test_one_red_flag_or_opt_out_more_than_the_limit_is_answered_and_raises_the_alarm(
    texter, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    monkeypatch.setenv("ANSWERED_TEXTS_PER_HOUR", "3")
    sender = texter({})
    services = sender.app.extensions["infoline"]
    for digit in range(1, 4):
        assert sender.texts({"texted": words, "from": f"+1603555010{digit}"})
    health._watch_limits(services, clock.now())
    with services.ledger.read() as connection:
        assert raised(connection) == {}
    assert sender.texts({"texted": words, "from": "+16035550104"})
    assert sender.texts({"texted": "6", "from": "+16035550105"}) == []
    health._watch_limits(services, clock.now())
    with services.ledger.read() as connection:
        assert list(raised(connection)) == [Alarm.ANSWERED_TEXTS_CAPPED]


def test_texts_that_get_no_reply_do_not_count(texter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANSWERED_TEXTS_PER_HOUR", "2")
    sender = texter({})
    for digit in range(1, 4):
        assert sender.texts({"texted": "chest pain", "from": f"+1900234100{digit}"}) == []
        assert sender.texts({"texted": "6", "from": f"+1900234100{digit}"}) == []
    assert not sender.app.extensions["infoline"].answers.was_reached()


def test_an_older_spooled_stop_does_not_undo_a_newer_start(texter) -> None:
    sender = texter({})
    spool = sender.app.extensions["infoline"].spool
    assert spool.save("stop", sender.now.astimezone(UTC), phone=SENDER, source="text", evidence="stop")
    sender.texts({"texted": "stop texting me", "at": "2026-12-01T10:05-05:00"})
    sender.texts({"texted": "START", "at": "2026-12-01T10:06-05:00"})
    spool.replay()
    assert "opted_out" not in stored(sender.app)


def test_an_unreadable_spool_file_does_not_block_later_ones(texter, tmp_path: Path) -> None:
    sender = texter({})
    spool = sender.app.extensions["infoline"].spool
    (tmp_path / "kept").mkdir(exist_ok=True)
    (tmp_path / "kept" / "00000000000000000001-bad").write_bytes(b"not sealed")
    assert spool.save("stop", sender.now.astimezone(UTC), phone=SENDER, source="text", evidence="stop")
    assert spool.replay() == 1
    assert stored(sender.app)["opted_out"]


def test_the_thirtieth_answer_within_an_hour_is_the_last(texter) -> None:
    sender = texter({})
    bodies = [f"can i wear deodorant number {number} please" for number in range(31)]
    replies = [sender.texts({"texted": body}) for body in bodies]
    assert all(replies[:29])
    assert "will not answer" in replies[29][0]
    assert replies[30] == []


@pytest.mark.parametrize("restarts", [False, True], ids=["one process", "a process that knows only the database"])
def test_an_automatic_reply_with_a_red_flag_gets_three_answers_even_among_hundreds(texter, restarts: bool) -> None:
    sender = texter({})
    body = "I am out of the office. If this is an emergency call 911, I have chest pain"
    start = datetime.fromisoformat(START)
    answered = 0
    for number in range(150):
        turn = {"texted": body, "at": (start + timedelta(seconds=10 * number)).isoformat()}
        answered += bool(sender.texts(turn))
        if restarts:
            texts = sender.app.extensions["infoline"].texts
            texts.flush()
            texts._latest.clear()
    assert answered == 3


def test_an_opt_out_in_a_red_flag_that_is_no_longer_answered_is_stored_and_confirmed(texter) -> None:
    sender = texter({})
    for _ in range(5):
        replies = sender.texts({"texted": "I have chest pain"})
    assert replies == []
    replies = sender.texts({"texted": "I have chest pain and stop texting me"})
    assert len(replies) == 1
    assert "no more texts" in replies[0]
    assert sender.texts({"texted": "I have chest pain and stop texting me"}) == []
    assert stored(sender.app)["opted_out"]


def test_who_is_harassed_and_in_danger_keeps_the_texts_and_reads_how_to_stop_them(texter) -> None:
    sender = texter({})
    replies = sender.texts({"texted": "i want to kill myself leave me alone"})
    assert "988" in replies[0]
    assert "you will get no more texts" not in " ".join(replies)
    assert "STOP" in replies[-1]
    assert "opted_out" not in stored(sender.app)


@pytest.mark.parametrize("body", ["R", "C", "wrong number", "stop texting me", "START"])
def test_what_can_be_neither_stored_nor_spooled_is_not_promised_and_the_number_to_call_is_given(
    texter, tmp_path: Path, body: str
) -> None:
    (tmp_path / "kept").write_text("a file where the folder should be")
    (reply,) = texter({"database": "down", "keywords_answered_by": "line"}).texts({"texted": body})
    assert "could not pass this on" in reply
    assert "603-663-2180" in reply


def test_two_appointments_at_one_time_are_named_by_their_site_and_two_at_one_site_are_one(texter, tmp_path) -> None:
    line = (ROOT / "prompts" / "line.yaml").read_text()
    name = "name: {en: The Annex, es: El Anexo}"
    second = f"  - {{id: annex, {name}, timezone: America/New_York, directory: central-scheduling}}"
    prompts = tmp_path / "prompts"
    copytree(ROOT / "prompts", prompts)
    (prompts / "line.yaml").write_text(line.replace("\nsites:\n", f"\nsites:\n{second}\n"))
    starts = "2026-12-03T09:00-05:00"
    sites = {"A1": "elliot", "A2": "annex", "A3": "annex"}
    visits = [{"appointment_id": id_, "starts_at": starts, "site": site} for id_, site in sites.items()]
    sender = texter({"appointments": visits, "prompts": str(prompts)})
    (reply,) = sender.texts({"texted": "C"})
    assert reply.splitlines()[1:3] == [
        "C1: Thu Dec 3 9:00 AM, Elliot Hospital",
        "C2: Thu Dec 3 9:00 AM, The Annex",
    ]
    sender.texts({"texted": "C2"})
    assert stored(sender.app)["answers"] == {"A2": "confirmed", "A3": "confirmed"}


def test_an_answer_of_somebody_without_an_appointment_does_not_wait_for_others_to_write(texter) -> None:
    sender = texter({})
    with sender.app.extensions["infoline"].ledger.write() as connection:
        sender.app.extensions["infoline"].ledger.exclusive_lock(connection)
        (reply,) = sender.texts({"texted": "C"})
    assert reply.startswith("We do not see an upcoming appointment")


def test_a_reply_during_a_silence_is_still_stored(texter) -> None:
    sender = texter({"appointments": [{"appointment_id": "A1", "starts_at": "2026-12-03T09:00-05:00"}]})
    for _ in range(6):
        sender.texts({"texted": "beep"})
    assert sender.texts({"texted": "R"}) == []
    assert stored(sender.app)["answers"] == {"A1": "change"}


def test_a_text_redelivered_to_another_process_gets_the_same_answer(texter, monkeypatch: pytest.MonkeyPatch) -> None:
    first = texter({})
    second = Texter(create_app(load()), monkeypatch)
    replies = first.texts({"texted": "hello", "sid": "SM7"})
    first.app.extensions["infoline"].texts.flush()
    assert second.texts({"texted": "hello", "sid": "SM7"}) == replies


@pytest.mark.parametrize("restarted", [False, True], ids=["in memory", "in the database"])
def test_a_recorded_start_that_is_sent_again_after_hours_does_not_opt_in(
    texter, monkeypatch: pytest.MonkeyPatch, restarted: bool
) -> None:
    sender = texter({})
    replies = [sender.texts({"texted": word, "sid": f"SM{word}"}) for word in ("STOP", "START", "STOP ALL")]
    assert stored(sender.app)["opted_out"]
    again = Texter(create_app(load()), monkeypatch) if restarted else sender
    again.now = sender.now + timedelta(hours=9)
    assert again.texts({"texted": "START", "sid": "SMSTART"}) == replies[1]
    assert stored(again.app)["events"] == ["stop", "start", "stop"]


ODD_BODIES = st.one_of(
    st.text(max_size=300),
    st.lists(st.sampled_from(["stop", "lump", "c", "r2", "yes", "cáncer", "5", "\x00", "👍", "cita"]), max_size=8).map(
        " ".join
    ),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=ODD_BODIES,
    media=st.sampled_from(["0", "1", "", "x"]),
    opt_out_type=st.sampled_from(["", "STOP", "HELP", "START", "?"]),
)
def test_any_text_gets_at_most_two_replies_of_at_most_three_segments(
    shared_texter: Texter, body: str, media: str, opt_out_type: str
) -> None:
    shared_texter.now += timedelta(hours=2)
    fields = {"NumMedia": media} | ({"OptOutType": opt_out_type} if opt_out_type else {})
    replies = shared_texter.texts({"texted": body.encode("utf-8", "replace").decode(), "fields": fields})
    assert all(count_segments(reply).segments <= 3 for reply in replies)
    assert len(replies) <= 2


@pytest.fixture
def shared_texter(texter) -> Texter:
    return texter({"appointments": [{"appointment_id": "A1", "starts_at": "2026-12-03T09:00-05:00"}]})
