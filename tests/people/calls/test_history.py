"""What callers did: a token's place, each call's story, the summary, and the command that tells it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import delete, insert

from ivr import clock
from ivr.cli import main
from ivr.ledger import Ledger, open_ledger
from ivr.ledger.tables import call_turn
from ivr.people.calls.history import (
    CallPosition,
    LoggedTurn,
    parse_token,
    recent_calls,
    summarize_call,
    summarize_calls,
)
from ivr.settings import load

NOW = datetime(2026, 12, 1, 15, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
PIECES = {"cancer": 2, "what-they-are": 3, "the-visit": 1}
AWAY = "postgresql://nobody@127.0.0.1:1/none"


# Tokens


@pytest.mark.parametrize(
    ("token", "where"),
    [
        ("en.menu-welcome", CallPosition("en", "menu-welcome", "menu", "welcome")),
        ("en.menu-level-2", CallPosition("en", "menu-level-2", "menu", "level-2")),
        ("en.piece-cancer-0.s1.w2", CallPosition("en", "piece-cancer-0", "piece", "cancer", 0, 2)),
        ("es.piece-what-they-are-12.r3", CallPosition("es", "piece-what-they-are-12", "piece", "what-they-are", 12)),
        ("en.ending-cancer", CallPosition("en", "ending-cancer", "ending", "cancer")),
        ("en.ending-next-steps-1", CallPosition("en", "ending-next-steps-1", "ending", "next-steps", 1)),
        (
            "en.transfer-central-scheduling-1",
            CallPosition("en", "transfer-central-scheduling-1", "transfer", "central-scheduling", 1),
        ),
        (
            "es.offer-central-scheduling-no-one-free.s1",
            CallPosition("es", "offer-central-scheduling-no-one-free", "offer", "central-scheduling-no-one-free"),
        ),
        ("en.goodbye", CallPosition("en", "goodbye", "goodbye", "")),
        ("en.check-stop-", CallPosition("en", "check-stop-", "check", "stop-")),
        ("en.piece", CallPosition("en", "piece", "piece", "")),
        ("en.piece-0", CallPosition("en", "piece-0", "piece", "0")),
        ("en.menu-welcome.w", CallPosition("en", "menu-welcome", "menu", "welcome")),
        ("en.menu-welcome.wx.s\u00b2", CallPosition("en", "menu-welcome", "menu", "welcome")),
        ("", None),
        ("en", None),
        ("en.", None),
        (".menu-welcome", None),
    ],
)
def test_a_token_is_read_whatever_the_release(token, where):
    assert parse_token(token) == where


# Stories


def turns(*told: str) -> list[LoggedTurn]:
    """Rows written as `SECOND HEARD TOKEN`."""
    read = [(one + " ").split(" ") for one in told]
    return [LoggedTurn(NOW + timedelta(seconds=int(at)), heard, parse_token(token)) for at, heard, token, *_ in read]


HELLO = "0 start en.menu-welcome"
ENDINGS = [
    ("at once", (HELLO, "3 end:completed"), "hung_up", "menu-welcome", None, ()),
    ("without word of the end", (HELLO,), "hung_up", "menu-welcome", None, ()),
    (
        "after a whole topic",
        (HELLO, "5 key:2 en.piece-the-visit-0", "16 end:completed"),
        *("hung_up", "piece-the-visit-0", None, ("the-visit",)),
    ),
    (
        "a topic just begun",
        (HELLO, "5 key:2 en.piece-the-visit-0", "14 end:completed"),
        *("hung_up", "piece-the-visit-0", None, ()),
    ),
    (
        "after its first piece only",
        (HELLO, "5 key:1 en.piece-cancer-0", "40 end:completed"),
        *("hung_up", "piece-cancer-0", None, ()),
    ),
    (
        "the last piece, then silence",
        (HELLO, "5 key:1 es.piece-cancer-0", "9 key:1 es.piece-cancer-1", "30 silence es.piece-cancer-1.s1"),
        *("hung_up", "piece-cancer-1", None, ("cancer",)),
    ),
    (
        "skipped to the end",
        (HELLO, "5 key:1 en.piece-cancer-0", "9 key:# en.ending-cancer-1", "30 end:completed"),
        *("hung_up", "ending-cancer-1", None, ()),
    ),
    (
        "a topic of another release",
        (HELLO, "5 key:1 en.piece-gone-0", "60 silence en.piece-gone-0.s1"),
        *("hung_up", "piece-gone-0", None, ()),
    ),
    (
        "put through",
        (HELLO, "5 key:0 en.transfer-central-scheduling-0", "95 dial:completed en.goodbye", "99 end:completed"),
        *("transferred", None, ("central-scheduling", "completed"), ()),
    ),
    (
        "the second one answers",
        (
            HELLO,
            "5 key:0 en.transfer-central-scheduling-0",
            "9 dial:busy en.transfer-central-scheduling-1",
            "60 dial:completed en.goodbye",
        ),
        *("transferred", None, ("central-scheduling", "completed"), ()),
    ),
    (
        "nobody answers, and the line says goodbye",
        (
            HELLO,
            "5 key:0 en.transfer-breast-health-center-0",
            "30 dial:no-answer en.offer-breast-health-center-no-one-free",
            "50 silence en.offer-breast-health-center-no-one-free.s1",
            "70 silence en.goodbye",
            "75 end:completed",
        ),
        *("goodbye", None, ("breast-health-center", "no-answer"), ()),
    ),
    (
        "while it rings",
        (HELLO, "5 key:0 en.transfer-central-scheduling-0", "9 dial:canceled en.transfer-central-scheduling-1"),
        *("hung_up", "transfer-central-scheduling-0", ("central-scheduling", "canceled"), ()),
    ),
    (
        "while it rings, and the line never hears how that ended",
        (HELLO, "5 key:0 en.transfer-central-scheduling-0", "9 end:completed"),
        *("hung_up", "transfer-central-scheduling-0", ("central-scheduling", "unknown"), ()),
    ),
    (
        "the end is told by a clock that is behind",
        ("-1 end:completed", HELLO, "0 key:2 en.piece-the-visit-0"),
        *("hung_up", "piece-the-visit-0", None, ()),
    ),
    (
        "the start was dropped",
        ("9 dial:canceled en.offer-central-scheduling-no-one-free",),
        *("hung_up", None, None, ()),
    ),
]


@pytest.mark.parametrize(("label", "told", "ended", "gave_up_at", "transfer", "heard"), ENDINGS)
def test_how_a_call_ended_and_what_was_heard(label, told, ended, gave_up_at, transfer, heard):
    found = summarize_call(turns(*told), LATER, PIECES)
    assert found is not None
    assert (found.ended, found.gave_up_at, found.transfer, found.topics_heard) == (ended, gave_up_at, transfer, heard)


WALK = (
    HELLO,
    "8 silence en.menu-welcome.s1",
    "12 key:7 en.menu-welcome.s1.w1",
    "14 key:8 es.menu-welcome",
    "20 key:1 es.menu-calcifications",
    "26 words:cancer es.piece-cancer-0",
    "40 key:* es.piece-cancer-0.r1",
    "60 key:1 es.piece-cancer-1",
    "80 key:9 es.menu-calcifications",
    "90 end:completed",
)


def test_a_story_tells_path_length_language_and_misses():
    found = summarize_call(turns(*WALK), LATER, PIECES)
    assert found is not None
    assert found.path == (
        *("menu-welcome", "menu-calcifications", "piece-cancer-0", "piece-cancer-1"),
        "menu-calcifications",
    )
    assert (found.started_at, found.seconds, found.language) == (NOW, 90, "es")
    assert (found.silences, found.wrong_keys, found.topics_heard) == (1, 1, ("cancer",))


@pytest.mark.parametrize(
    ("last", "after", "over"),
    [
        ("9 key:2 en.piece-the-visit-0", timedelta(seconds=100), False),
        ("9 key:2 en.piece-the-visit-0", timedelta(seconds=140), True),
        ("9 end:completed", timedelta(seconds=10), True),
        ("9 key:0 en.transfer-central-scheduling-0", timedelta(hours=1), False),
        ("9 key:0 en.transfer-central-scheduling-0", timedelta(hours=3), True),
        ("9 dial:completed en.goodbye", timedelta(seconds=10), True),
    ],
)
def test_a_call_that_goes_on_has_no_story_yet(last, after, over):
    assert (summarize_call(turns(HELLO, last), NOW + after, PIECES) is not None) is over


def test_a_call_of_which_only_the_end_is_known_has_no_story():
    assert summarize_call(turns("3 end:no-answer"), LATER, PIECES) is None


def keep(ledger: Ledger, **calls: tuple[datetime, tuple[str, ...]]) -> None:
    """Rows for calls that begin at a moment, written as `turns` reads them, latest first."""
    found = [
        {"call": name, "at": begun + timedelta(seconds=int(at)), "release": "", "state": token, "heard": heard}
        for name, (begun, told) in calls.items()
        for at, heard, token in (f"{one} ".split(" ")[:3] for one in told)
    ]
    with ledger.write() as connection:
        connection.execute(insert(call_turn), [{"id": f"{n:032}", **one} for n, one in enumerate(reversed(found))])


def test_stories_are_those_of_calls_that_began_since_then_oldest_first(ledger):
    short = (HELLO, "9 key:2 en.piece-the-visit-0", "30 end:completed")
    keep(
        ledger,
        a=(NOW + timedelta(seconds=5), WALK),
        b=(NOW, short),
        before=(NOW - timedelta(seconds=1), WALK),
        under_way=(LATER - timedelta(seconds=20), (HELLO, "9 key:2 en.piece-the-visit-0")),
        only_the_end=(NOW, ("0 end:busy",)),
    )
    with ledger.read() as connection:
        found = recent_calls(connection, NOW, LATER, PIECES)
    assert [(one.started_at - NOW, one.seconds) for one in found] == [
        (timedelta(0), 30),
        (timedelta(seconds=5), 90),
    ]
    assert found[1].topics_heard == ("cancer",)


# The summary, and the command


MANY = {
    f"call-{number}": told
    for number, told in enumerate(
        [WALK, (HELLO, "3 end:completed"), *(told for label, told, *_ in ENDINGS if label in ("put through",))]
        + [told for label, told, *_ in ENDINGS if label.startswith(("the second", "nobody", "while it rings"))]
    )
}


def test_a_summary_counts_what_callers_did():
    told = [summarize_call(turns(*one), LATER, PIECES) for one in MANY.values()]
    assert summarize_calls([one for one in told if one]) == {
        "calls": 7,
        "median_seconds": 60,
        "languages": {"en": 6, "es": 1},
        "ended": {"hung_up": 4, "transferred": 2, "goodbye": 1},
        "transfers": {
            "breast-health-center": {"no-answer": 1},
            "central-scheduling": {"completed": 2, "canceled": 1, "unknown": 1},
        },
        "topics_heard": {"cancer": 1},
        "gave_up_at": {"transfer-central-scheduling-0": 2, "menu-calcifications": 1, "menu-welcome": 1},
        "silences": 3,
        "wrong_keys": 1,
    }


def test_a_summary_of_no_calls_says_so():
    nothing = summarize_calls([])
    assert (nothing["calls"], nothing["median_seconds"], nothing["ended"]) == (0, None, {})


@pytest.fixture
def called(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    """A ledger that the command finds, with many calls of an hour ago."""
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", database_url)
    ledger = open_ledger(load().database_url)
    ledger.upgrade()
    begun = clock.now() - timedelta(hours=1)
    keep(ledger, **{name: (begun, told) for name, told in MANY.items()}, old=(begun - timedelta(days=3), WALK))
    return ledger


def test_the_command_tells_programs_what_callers_did(called):
    told = CliRunner().invoke(main, ["calls", "--days", "2", "--json"])
    assert told.exit_code == 0
    counted = json.loads(told.output)
    assert (counted["days"], counted["calls"], counted["ended"]["transferred"]) == (2, 7, 2)
    assert json.loads(CliRunner().invoke(main, ["calls", "--json"]).output)["calls"] == 8


def test_the_command_knows_from_the_words_where_a_topic_ends(called, content):
    last = len(content.prompt("en", "cancer").spoken) - 1
    whole = (HELLO, f"9 words:cancer en.piece-cancer-{last}", f"40 silence en.piece-cancer-{last}.s1")
    with called.write() as connection:
        connection.execute(delete(call_turn))
    keep(called, whole=(clock.now() - timedelta(hours=1), whole), part=(clock.now() - timedelta(hours=1), WALK))
    told = json.loads(CliRunner().invoke(main, ["calls", "--json"]).output)
    assert (told["calls"], told["topics_heard"]) == (2, {"cancer": 1})


def test_the_command_tells_people_on_80_columns(called):
    told = CliRunner().invoke(main, ["calls"]).output
    assert max(len(one) for one in told.splitlines()) <= 80
    assert "in the last 7 days" in told
    assert "central-scheduling: completed 2, canceled 1" in " ".join(told.split())
    assert "Where callers hung up   menu-calcifications 2" in told


def test_the_command_says_when_nobody_called(tmp_path, monkeypatch):
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    told = CliRunner().invoke(main, ["calls", "--days", "1"])
    assert (told.exit_code, told.output) == (0, "No calls in the last day.\n")


def test_the_command_says_when_the_ledger_is_away(tmp_path, monkeypatch):
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", AWAY)
    assert CliRunner().invoke(main, ["calls"]).exit_code == 2
