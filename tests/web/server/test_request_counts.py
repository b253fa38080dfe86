"""Counts of requests: over all processes and restarts, and a log line for each reason at most once a minute."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from ivr import log
from ivr.web.server.request_counts import (
    ALIVE_SECONDS,
    BUCKETS,
    LOG_SECONDS,
    Refusal,
    RefusalLog,
    RequestCounts,
    Totals,
)

WRONG = ("voice", "403", "wrong_signature")


def saved(folder: Path, name: str, *keys: tuple[str, str, str]) -> RequestCounts:
    counts = RequestCounts(folder)
    counts.save_as(name)
    for key in keys:
        counts.record(*key)
    counts.save()
    return counts


def test_the_totals_are_the_sum_over_all_processes(tmp_path: Path) -> None:
    first, second = saved(tmp_path, "8000-0", WRONG), saved(tmp_path, "8000-1", WRONG, ("sms", "200", ""))
    for counts in (first, second, RequestCounts(tmp_path)):
        assert counts.totals().requests == {WRONG: 2, ("sms", "200", ""): 1}
        assert (counts.totals().wrong_signatures, counts.totals().accepted) == (2, 1)


def test_a_process_that_replaces_another_continues_its_counts(tmp_path: Path) -> None:
    saved(tmp_path, "8000-0", WRONG)
    assert saved(tmp_path, "8000-0", WRONG).totals().requests == {WRONG: 2}


def test_events_and_receipts_are_added_up_too_and_survive_a_restart(tmp_path: Path) -> None:
    for seconds in (2.0, 20.0):
        counts = saved(tmp_path, "8000-0")
        counts.note("calls", "started", "")
        counts.note_receipt(seconds)
        counts.save()
    other = saved(tmp_path, "8000-1")
    other.note("calls", "started", "")
    totals = other.totals()
    assert totals.events == {("calls", "started", ""): 3}
    assert (totals.seconds["receipt"], sum(totals.durations["receipt"])) == (22.0, 2)


def test_processes_that_run_are_counted_and_those_that_ended_are_not(tmp_path: Path) -> None:
    counts = saved(tmp_path, "8001-0", WRONG)
    long_ago = time.time() - ALIVE_SECONDS - 1
    for name in ("8002-0.json", "8003-0.json", "8003-0-console.json"):
        (tmp_path / name).write_text("{}")
    os.utime(tmp_path / "8002-0.json", (long_ago, long_ago))
    assert counts.processes() == 2
    # Also a process without anything new to save is alive.
    os.utime(tmp_path / "8001-0.json", (long_ago, long_ago))
    counts.save()
    assert counts.processes() == 2


def test_a_file_that_somebody_deleted_is_written_again(tmp_path: Path) -> None:
    counts = saved(tmp_path, "8001-0", WRONG)
    (tmp_path / "8001-0.json").unlink()
    counts.save()
    assert RequestCounts(tmp_path).totals().requests == {WRONG: 1}


def test_events_of_many_threads_are_all_counted(tmp_path: Path) -> None:
    counts = saved(tmp_path, "8000-0")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _number: (counts.note("calls", "started", ""), counts.totals()), range(400)))
    assert counts.totals().events == {("calls", "started", ""): 400}


def test_the_file_of_a_version_without_events_is_continued(tmp_path: Path) -> None:
    (tmp_path / "8000-0.json").write_text(json.dumps({"requests": [[*WRONG, 2]], "durations": {}, "seconds": {}}))
    assert saved(tmp_path, "8000-0", WRONG).totals().requests == {WRONG: 3}


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"requests": [1], "durations": {}, "seconds": {}}', '{"requests": []}', "null"]
)
def test_a_damaged_file_counts_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "8000-0.json").write_text(text)
    assert saved(tmp_path, "8000-0", WRONG).totals().requests == {WRONG: 1}


def test_counts_that_cannot_be_saved_are_logged_once_and_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log.configure()
    (tmp_path / "file").write_text("")
    counts = saved(tmp_path / "file" / "folder", "8000-0", WRONG)
    counts.record(*WRONG)
    counts.save()
    structlog.reset_defaults()
    assert counts.totals().requests == {WRONG: 2}
    assert capsys.readouterr().err.count("request_counts_not_saved") == 1


def test_a_handler_without_a_reason_gets_the_one_of_its_status() -> None:
    counts = RequestCounts(Path("none"))
    for status in ("200", "500", "503"):
        counts.record("sms", status)
    assert set(counts.totals().requests) == {
        ("sms", "200", ""),
        ("sms", "500", "failed"),
        ("sms", "503", "unavailable"),
    }


def test_durations_are_counted_for_calls_and_texts_that_were_not_refused() -> None:
    counts = RequestCounts(Path("none"))
    for route, status, seconds in (
        ("voice", "200", 0.0004),
        ("voice", "200", 60.0),
        ("voice", "403", 1),
        ("audio", "200", 1),
    ):
        counts.record(route, status, "", seconds)
    totals = counts.totals()
    assert totals.durations == {"voice": [1, *[0] * (len(BUCKETS) - 1), 1]}
    assert totals.seconds == {"voice": 60.0004}


keys = st.tuples(st.sampled_from(["voice", "sms"]), st.sampled_from(["200", "403"]), st.sampled_from(["", "unsigned"]))


@given(st.lists(st.tuples(keys, st.floats(0, 20)), max_size=30))
def test_any_counts_survive_saving(responses: list[tuple[tuple[str, str, str], float]]) -> None:
    counts = RequestCounts(Path("none"))
    for key, seconds in responses:
        counts.record(*key, seconds)
    assert Totals.from_json(counts.totals().to_json()) == counts.totals()


def test_refusals_are_logged_once_a_minute_for_each_reason_with_their_number() -> None:
    logs = RefusalLog()

    def due(now: float, **counts: int) -> list[Refusal]:
        requests = Counter({("voice", "403", reason): count for reason, count in counts.items()})
        requests["sms", "403", "unsigned"] = counts.get("unsigned", 0)
        requests["voice", "200", ""] = 1000
        requests["other", "404", ""] = 1000
        return list(logs.due(requests, now))

    assert due(0, unsigned=1) == [Refusal("unsigned", ["sms", "voice"], 2)]
    assert due(1, unsigned=500) == []
    assert due(2, unsigned=500, wrong_signature=1) == [Refusal("wrong_signature", ["voice"], 1)]
    assert due(LOG_SECONDS, unsigned=600, wrong_signature=1) == [Refusal("unsigned", ["sms", "voice"], 1198)]
    assert due(9 * LOG_SECONDS, unsigned=600, wrong_signature=1) == []


def test_a_log_line_about_refusals_names_neither_paths_nor_addresses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log.configure()
    saved(tmp_path, "8000-0", WRONG, WRONG)
    structlog.reset_defaults()
    line = json.loads(capsys.readouterr().err)
    del line["timestamp"]
    expected = {"event": "requests_refused", "level": "warning", "reason": "wrong_signature", "routes": ["voice"]}
    assert line == {**expected, "count": 2}
