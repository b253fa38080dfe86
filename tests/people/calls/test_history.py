"""Call history: parsed tokens, summaries of calls, statistics, and the command that prints them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import delete, insert

from ivr import clock
from ivr.cli import main
from ivr.ledger import Ledger
from ivr.ledger.tables import call_turn
from ivr.people.calls.history import (
    CallPosition,
    LoggedTurn,
    parse_token,
    recent_calls,
    summarize_call,
    summarize_calls,
)
from tests.support.clinic import write_empty_ledger

NOW = datetime(2026, 12, 1, 15, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
PARTS = {"cancer": 2, "what-they-are": 3, "the-visit": 1}
NO_DATABASE = "postgresql://nobody@127.0.0.1:1/none"


# Tokens


@pytest.mark.parametrize(
    ("token", "position"),
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
def test_a_token_gives_its_position_in_any_release(token, position):
    assert parse_token(token) == position


# Summaries of calls


def turns(*lines: str) -> list[LoggedTurn]:
    """Parse lines of `SECOND HEARD TOKEN`."""
    cells = [(line + " ").split(" ") for line in lines]
    return [LoggedTurn(NOW + timedelta(seconds=int(at)), heard, parse_token(token)) for at, heard, token, *_ in cells]


HELLO = "0 start en.menu-welcome"
ENDINGS = [
    ("at once", (HELLO, "3 end:completed"), "hung_up", "menu-welcome", None, ()),
    ("without a logged end", (HELLO,), "hung_up", "menu-welcome", None, ()),
    (
        "after a whole topic",
        (HELLO, "5 key:2 en.piece-the-visit-0", "16 end:completed"),
        *("hung_up", "piece-the-visit-0", None, ("the-visit",)),
    ),
    (
        "a topic that had just begun",
        (HELLO, "5 key:2 en.piece-the-visit-0", "14 end:completed"),
        *("hung_up", "piece-the-visit-0", None, ()),
    ),
    (
        "after the first part only",
        (HELLO, "5 key:1 en.piece-cancer-0", "40 end:completed"),
        *("hung_up", "piece-cancer-0", None, ()),
    ),
    (
        "the last part, then silence",
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
        "transferred",
        (HELLO, "5 key:0 en.transfer-central-scheduling-0", "95 dial:completed en.goodbye", "99 end:completed"),
        *("transferred", None, ("central-scheduling", "completed"), ()),
    ),
    (
        "the second number answers",
        (
            HELLO,
            "5 key:0 en.transfer-central-scheduling-0",
            "9 dial:busy en.transfer-central-scheduling-1",
            "60 dial:completed en.goodbye",
        ),
        *("transferred", None, ("central-scheduling", "completed"), ()),
    ),
    (
        "no one answers, and the line says goodbye",
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
        "during a dial",
        (HELLO, "5 key:0 en.transfer-central-scheduling-0", "9 dial:canceled en.transfer-central-scheduling-1"),
        *("hung_up", "transfer-central-scheduling-0", ("central-scheduling", "canceled"), ()),
    ),
    (
        "during a dial without a logged result",
        (HELLO, "5 key:0 en.transfer-central-scheduling-0", "9 end:completed"),
        *("hung_up", "transfer-central-scheduling-0", ("central-scheduling", "unknown"), ()),
    ),
    (
        "the end was logged by a clock that is behind",
        ("-1 end:completed", HELLO, "0 key:2 en.piece-the-visit-0"),
        *("hung_up", "piece-the-visit-0", None, ()),
    ),
    (
        "the start was not logged",
        ("9 dial:canceled en.offer-central-scheduling-no-one-free",),
        *("hung_up", None, None, ()),
    ),
]


@pytest.mark.parametrize(
    ("lines", "ended", "gave_up_at", "transfer", "topics"),
    [case[1:] for case in ENDINGS],
    ids=[case[0] for case in ENDINGS],
)
def test_a_summary_has_the_end_and_the_topics_heard(lines, ended, gave_up_at, transfer, topics):
    summary = summarize_call(turns(*lines), LATER, PARTS)
    assert summary is not None
    assert (summary.ended, summary.gave_up_at) == (ended, gave_up_at)
    assert (summary.transfer, summary.topics_heard) == (transfer, topics)


LONG_CALL = (
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


def test_a_summary_has_the_path_length_language_silences_and_wrong_keys():
    summary = summarize_call(turns(*LONG_CALL), LATER, PARTS)
    assert summary is not None
    assert summary.path == (
        *("menu-welcome", "menu-calcifications", "piece-cancer-0", "piece-cancer-1"),
        "menu-calcifications",
    )
    assert (summary.started_at, summary.seconds, summary.language) == (NOW, 90, "es")
    assert (summary.silences, summary.wrong_keys, summary.topics_heard) == (1, 1, ("cancer",))


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
def test_a_call_has_a_summary_only_once_it_is_over(last, after, over):
    assert (summarize_call(turns(HELLO, last), NOW + after, PARTS) is not None) is over


def test_a_call_with_only_a_logged_end_has_no_summary():
    assert summarize_call(turns("3 end:no-answer"), LATER, PARTS) is None


def insert_calls(ledger: Ledger, **calls: tuple[datetime, tuple[str, ...]]) -> None:
    """Insert rows for calls that start at a time, given as lines for `turns`, latest first."""
    rows = [
        {"call": name, "at": start + timedelta(seconds=int(at)), "release": "", "state": token, "heard": heard}
        for name, (start, lines) in calls.items()
        for at, heard, token in (f"{line} ".split(" ")[:3] for line in lines)
    ]
    with ledger.write() as connection:
        connection.execute(insert(call_turn), [{"id": f"{n:032}", **row} for n, row in enumerate(reversed(rows))])


def test_recent_calls_began_at_or_after_a_time_and_are_listed_oldest_first(ledger):
    short_call = (HELLO, "9 key:2 en.piece-the-visit-0", "30 end:completed")
    insert_calls(
        ledger,
        a=(NOW + timedelta(seconds=5), LONG_CALL),
        b=(NOW, short_call),
        before=(NOW - timedelta(seconds=1), LONG_CALL),
        in_progress=(LATER - timedelta(seconds=20), (HELLO, "9 key:2 en.piece-the-visit-0")),
        only_the_end=(NOW, ("0 end:busy",)),
    )
    with ledger.read() as connection:
        calls = recent_calls(connection, NOW, LATER, PARTS)
    assert [(call.started_at - NOW, call.seconds) for call in calls] == [
        (timedelta(0), 30),
        (timedelta(seconds=5), 90),
    ]
    assert calls[1].topics_heard == ("cancer",)


# Statistics, and the command


SOME_ENDINGS = ("transferred", "the second number", "no one answers", "during a dial")
CALLS = {
    f"call-{number}": lines
    for number, lines in enumerate(
        [LONG_CALL, (HELLO, "3 end:completed"), *(case[1] for case in ENDINGS if case[0].startswith(SOME_ENDINGS))]
    )
}


def test_the_statistics_count_what_callers_did():
    summaries = [summarize_call(turns(*lines), LATER, PARTS) for lines in CALLS.values()]
    assert summarize_calls([summary for summary in summaries if summary]) == {
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


def test_the_statistics_of_no_calls_are_zero_or_none():
    empty = summarize_calls([])
    assert (empty["calls"], empty["median_seconds"], empty["ended"]) == (0, None, {})


@pytest.fixture
def stored_calls(ledger_url: str, ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    """The database that the command reads, with calls from an hour ago."""
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", ledger_url)
    start = clock.now() - timedelta(hours=1)
    calls = {name: (start, lines) for name, lines in CALLS.items()}
    insert_calls(ledger, **calls, old=(start - timedelta(days=3), LONG_CALL))
    return ledger


def test_the_command_prints_the_statistics_as_json(stored_calls):
    result = CliRunner().invoke(main, ["calls", "--days", "2", "--json"])
    assert result.exit_code == 0
    counted = json.loads(result.output)
    assert (counted["days"], counted["calls"], counted["ended"]["transferred"]) == (2, 7, 2)
    assert json.loads(CliRunner().invoke(main, ["calls", "--json"]).output)["calls"] == 8


def test_the_command_takes_the_last_part_of_a_topic_from_the_prompts(stored_calls, content):
    last = len(content.prompt("en", "cancer").spoken) - 1
    whole = (HELLO, f"9 words:cancer en.piece-cancer-{last}", f"40 silence en.piece-cancer-{last}.s1")
    with stored_calls.write() as connection:
        connection.execute(delete(call_turn))
    insert_calls(
        stored_calls,
        whole=(clock.now() - timedelta(hours=1), whole),
        part=(clock.now() - timedelta(hours=1), LONG_CALL),
    )
    counted = json.loads(CliRunner().invoke(main, ["calls", "--json"]).output)
    assert (counted["calls"], counted["topics_heard"]) == (2, {"cancer": 1})


def test_the_command_prints_the_statistics_in_80_columns(stored_calls):
    output = CliRunner().invoke(main, ["calls"]).output
    assert max(len(line) for line in output.splitlines()) <= 80
    assert "in the last 7 days" in output
    assert "central-scheduling: completed 2, canceled 1" in " ".join(output.split())
    assert "Where callers hung up   menu-calcifications 2" in output


def test_the_command_prints_a_sentence_when_there_were_no_calls(tmp_path, monkeypatch):
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    write_empty_ledger(tmp_path / "infoline.db")
    result = CliRunner().invoke(main, ["calls", "--days", "1"])
    assert (result.exit_code, result.output) == (0, "No calls in the last day.\n")


def test_the_command_exits_2_when_the_database_is_down(tmp_path, monkeypatch):
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", NO_DATABASE)
    assert CliRunner().invoke(main, ["calls"]).exit_code == 2
