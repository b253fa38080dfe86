"""Replies with trimmings, reactions, quotes and automatic replies, through the real reply path."""

from __future__ import annotations

import csv
from typing import Any

import pytest
from sqlalchemy import select

from ivr.ledger.tables import incoming_text
from tests.support.paths import ROOT
from tests.web.test_sms import stored, texter  # noqa: F401

TABLE = ROOT / "tests" / "conversations" / "odd-replies.tsv"
with TABLE.open(encoding="utf-8", newline="") as _file:
    CASES = [tuple(row.values()) for row in csv.DictReader(_file, delimiter="\t", quoting=csv.QUOTE_NONE)]


def conversation(context: str, language: str) -> dict[str, Any]:
    """A sender without a reminder, or one whose last reminder asked for C or R."""
    visit = {"appointment_id": "A1", "starts_at": "2026-12-03T09:00-05:00", "language": language}
    return {"appointments": [visit], "reminded": "2d"} if context == "reminded" else {}


@pytest.mark.parametrize(("context", "language", "expected", "body"), CASES, ids=[case[3][:40] for case in CASES])
def test_what_comes_of_an_odd_reply(texter, context: str, language: str, expected: str, body: str) -> None:  # noqa: F811
    sender = texter(conversation(context, language))
    if context == "opted-out":
        sender.texts({"texted": "please quit texting me"})
    before = stored(sender.app)
    replies = sender.texts({"texted": body.replace("\\n", "\n")})
    after = stored(sender.app)
    services = sender.app.extensions["infoline"]
    with services.ledger.read() as connection:
        outcomes = connection.execute(select(incoming_text.c.outcome).order_by(incoming_text.c.at)).scalars().all()
    assert outcomes[-1] in expected.split(", ")
    if expected == "automatic":
        assert replies == []
        assert {**after, "texts": 0} == {**before, "texts": 0}
    elif expected == "stop":
        assert (after["opted_out"], after["events"]) == (True, ["stop"])
    elif expected in ("confirmed", "change"):
        assert after["answers"] == {"A1": expected}
        assert replies[0].startswith(("Thank you", "Your appointment") if language == "en" else ("Gracias", "Su cita"))
    if expected != "stop":
        assert after.get("events", []) == before.get("events", [])
