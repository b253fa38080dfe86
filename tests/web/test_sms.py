"""The texts of tests/conversations/texts, one file each, through the real door: what is texted, what comes back, and
what the ledger holds then. `REWRITE=1 pytest tests/test_text_conversations.py` writes down what comes back now."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
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
from ivr.settings import load
from tests.support.clinic import Clinic
from tests.support.paths import ROOT

FOLDER = ROOT / "tests" / "conversations" / "texts"
FILES = sorted(FOLDER.glob("*.yaml"))
TOKEN, BASE, HER, OURS = "token", "http://127.0.0.1:8000", "+16035550123", "+16035550100"
BEGINS = "2026-12-01T10:00-05:00"


class Texter:
    """Somebody who texts a web process of her own, at moments that the story tells."""

    def __init__(self, app: Flask, patch: pytest.MonkeyPatch) -> None:
        self.app, self.client, self.patch = app, app.test_client(), patch
        self.now = datetime.fromisoformat(BEGINS)
        self.sent = 0

    def texts(self, told: dict[str, Any]) -> list[str]:
        self.now = datetime.fromisoformat(told["at"]) if "at" in told else self.now + timedelta(minutes=1)
        moment = self.now.astimezone(UTC)
        self.patch.setattr(clock, "now", lambda: moment)
        self.sent += 1
        fields = {"From": told.get("from", HER), "To": OURS, "Body": told["texted"], "NumMedia": "0"}
        fields |= {"MessageSid": told.get("sid", f"SM{self.sent:032d}"), **told.get("fields", {})}
        signature = RequestValidator(TOKEN).compute_signature(f"{BASE}/sms", fields)
        answer = self.client.post("/sms", data=fields, headers={"X-Twilio-Signature": signature})
        assert answer.status_code == 200
        return [message.text or "" for message in ElementTree.fromstring(answer.text).iter("Message")]


def held(app: Flask) -> dict[str, Any]:
    """What the ledger holds about her, without what is empty."""
    here = app.extensions["infoline"]
    here.texts.flush()
    here.unanswered.flush()
    with here.ledger.read() as connection:
        out = connection.execute(select(person.c.opted_out_at, person.c.language)).all()
        told = {
            "opted_out": any(one.opted_out_at for one in out),
            "events": list(connection.execute(select(opt_out_event.c.kind).order_by(opt_out_event.c.id)).scalars()),
            "language": next((one.language for one in out if one.language), None),
            "answers": {
                row.appointment_id: row.answer for row in connection.execute(select(appointment)) if row.answer
            },
            "todos": [f"{one.kind} {one.appointment_id}" for one in pending_work_items(connection, here.vault)],
            "unanswered": len(connection.execute(select(unanswered.c.id)).all()),
            "texts": len(connection.execute(select(incoming_text.c.id)).all()),
        }
    return {name: value for name, value in told.items() if value}


@pytest.fixture
def texter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sqlite_with_tables: Path):
    def begin(story: dict[str, Any]) -> Texter:
        url = f"sqlite:///{tmp_path}/infoline.db"
        (tmp_path / "infoline.db").write_bytes(sqlite_with_tables.read_bytes())
        if story.get("ledger") == "away":
            url = "postgresql://nobody@127.0.0.1:9/nothing"
        monkeypatch.setenv("VAR_DIR", str(tmp_path))
        monkeypatch.setenv("DATABASE_URL", url)
        monkeypatch.setenv("TWILIO_AUTH_TOKEN", TOKEN)
        monkeypatch.setenv("KEYWORDS_ANSWERED_BY", story.get("keywords_answered_by", "carrier"))
        app = create_app(load())
        if story.get("appointments"):
            _book(app, story)
        return Texter(app, monkeypatch)

    return begin


def _book(app: Flask, story: dict[str, Any]) -> None:
    here = app.extensions["infoline"]
    rows = [{"phone": HER, **told} for told in story["appointments"]]
    moment = datetime.fromisoformat(BEGINS).astimezone(UTC)
    Clinic(here.ledger, here.vault, here.releases.live.content, here.settings.var_dir).take(*rows, now=moment)
    if story.get("reminded"):
        _remind(here.ledger, story["reminded"], moment)


def _remind(ledger: Ledger, step: str, moment: datetime) -> None:
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
                claimed_at=moment - timedelta(hours=3),
                updated_at=moment,
            )
        )


@pytest.mark.parametrize("file", FILES, ids=[file.stem for file in FILES])
def test_a_conversation_goes_as_it_is_written(file: Path, texter) -> None:
    words = file.read_text()
    story = yaml.safe_load(words)
    her = texter(story)
    turns = [{**turn, "replies": her.texts(turn)} for turn in story["turns"]]
    now = {**story, "turns": turns}
    if story.get("ledger") != "away":
        now["ledger_holds"] = held(her.app)
    if os.environ.get("REWRITE"):
        comment = words.split("\n")[0]
        file.write_text(f"{comment}\n" + yaml.safe_dump(now, allow_unicode=True, sort_keys=False, width=110))
    assert now == story or os.environ.get("REWRITE")


def test_what_was_kept_while_the_ledger_was_away_is_entered_in_order(texter, tmp_path: Path) -> None:
    her = texter({"ledger": "away"})
    for words in ("stop texting me", "START", "wrong number"):
        her.texts({"texted": words})
    here = her.app.extensions["infoline"]
    ledger = open_ledger(f"sqlite:///{tmp_path}/infoline.db")
    here.spool._ledger = ledger
    assert here.spool.replay() == 3
    with ledger.read() as connection:
        kinds = list(connection.execute(select(opt_out_event.c.kind).order_by(opt_out_event.c.id)).scalars())
        assert kinds == ["stop", "start"]
        assert [one.kind for one in pending_work_items(connection, here.vault)] == ["wrong-number"]


def test_an_older_stop_that_was_kept_does_not_undo_a_newer_start(texter) -> None:
    her = texter({})
    here = her.app.extensions["infoline"]
    assert here.spool.save("stop", her.now.astimezone(UTC), phone=HER, source="text", evidence="stop")
    her.texts({"texted": "stop texting me", "at": "2026-12-01T10:05-05:00"})
    her.texts({"texted": "START", "at": "2026-12-01T10:06-05:00"})
    here.spool.replay()
    assert "opted_out" not in held(her.app)


def test_a_kept_file_that_nobody_can_read_holds_nothing_back(texter, tmp_path: Path) -> None:
    her = texter({})
    here = her.app.extensions["infoline"]
    (tmp_path / "kept").mkdir(exist_ok=True)
    (tmp_path / "kept" / "00000000000000000001-bad").write_bytes(b"not sealed")
    assert here.spool.save("stop", her.now.astimezone(UTC), phone=HER, source="text", evidence="stop")
    assert here.spool.replay() == 1
    assert held(her.app)["opted_out"]


def test_thirty_answers_in_an_hour_are_enough(texter) -> None:
    her = texter({})
    words = [f"can i wear deodorant number {number} please" for number in range(31)]
    answers = [her.texts({"texted": one}) for one in words]
    assert all(answers[:29])
    assert "silent" in answers[29][0]
    assert answers[30] == []


def test_a_silent_line_still_writes_down_what_somebody_wants(texter) -> None:
    her = texter({"appointments": [{"appointment_id": "A1", "starts_at": "2026-12-03T09:00-05:00"}]})
    for _ in range(6):
        her.texts({"texted": "beep"})
    assert her.texts({"texted": "R"}) == []
    assert held(her.app)["answers"] == {"A1": "change"}


def test_two_processes_share_what_they_heard(texter, monkeypatch: pytest.MonkeyPatch) -> None:
    one = texter({})
    other = Texter(create_app(load()), monkeypatch)
    first = one.texts({"texted": "hello", "sid": "SM7"})
    one.app.extensions["infoline"].texts.flush()
    assert other.texts({"texted": "hello", "sid": "SM7"}) == first


ODD = st.one_of(
    st.text(max_size=300),
    st.lists(st.sampled_from(["stop", "lump", "c", "r2", "yes", "cáncer", "5", "\x00", "👍", "cita"]), max_size=8).map(
        " ".join
    ),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=ODD, media=st.sampled_from(["0", "1", "", "x"]), kind=st.sampled_from(["", "STOP", "HELP", "START", "?"]))
def test_no_text_whatever_makes_an_error_or_an_answer_over_three_segments(
    shared_texter: Texter, words: str, media: str, kind: str
) -> None:
    shared_texter.now += timedelta(hours=2)
    fields = {"NumMedia": media} | ({"OptOutType": kind} if kind else {})
    replies = shared_texter.texts({"texted": words.encode("utf-8", "replace").decode(), "fields": fields})
    assert all(count_segments(reply).segments <= 3 for reply in replies)
    assert len(replies) <= 2


@pytest.fixture
def shared_texter(texter) -> Texter:
    return texter({"appointments": [{"appointment_id": "A1", "starts_at": "2026-12-03T09:00-05:00"}]})
