"""What was published is listed, compared word by word, taken back and exported; two who publish at once are told."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import insert

from ivr import clock
from ivr.cli import main
from ivr.cli import releases as door
from ivr.ledger import Ledger
from ivr.ledger.tables import release as releases
from ivr.line.content.diff import diff_files, summarize_changes
from ivr.line.content.findings import BrokenPrompts, Finding
from ivr.line.content.loader import Content, content_digest, read_content, read_folder
from ivr.line.content.prompt import read_prompt
from ivr.releases.history import FolderNotEmpty, export_release, release_history
from ivr.releases.store import AlreadyLive, ConcurrentPublish, live_release, pack, publish, stored_files
from tests.line.content.test_loader import SHIPPED, changed
from tests.releases.test_store import count, damage, put_broken, written
from tests.support.processes import ROOT, environment, wait_until

NOW = datetime(2026, 12, 1, 15, tzinfo=UTC)


@pytest.fixture(autouse=True, scope="module")
def _read_once():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ivr.line.content.loader.read_prompt", cache(read_prompt))
        yield


SECOND = changed("en/goodbye.md", "Take good care.", "Take very good care.")
NAMES = {"ann": "the calcifications", "bob": "the visit", "cho": "the menu"}

Run = Callable[..., Result]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return written(tmp_path / "prompts", SHIPPED)


@pytest.fixture
def run(ledger_url: str, ledger: Ledger, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command on each store. The proof of words that pass has tests of its own, and takes seconds."""
    for name, value in {"VAR_DIR": tmp_path / "var", "DATABASE_URL": ledger_url, "PROMPTS_DIR": folder}.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setattr(clock, "now", lambda: NOW)
    monkeypatch.setattr(door, "check_files", quick_check)
    monkeypatch.setattr(door, "check_content", finds())
    monkeypatch.setattr("ivr.line.lint.runner.check_files", quick_check)
    return lambda *words, **more: CliRunner().invoke(main, ["prompts", *words], **more)


def finds(*findings: Finding):
    """A proof that finds just this."""
    return lambda *_words, **_how: door.CheckReport(1, 1, findings)


def quick_check(files, in_two=False):
    try:
        read_content(files)
    except BrokenPrompts as broken:
        return door.CheckReport(0, 0, tuple(broken.findings))
    return door.CheckReport(1, 1, ())


def change(folder: Path, old: str, new: str, file: str = "en/goodbye.md") -> None:
    path = folder / file
    words = path.read_text()
    assert old in words
    path.write_text(words.replace(old, new, 1))


CHANGED = [
    (
        "a word said",
        {"en/goodbye.md": SECOND["en/goodbye.md"]},
        [("en/goodbye.md", "Spoken", "Take {+very} good care. You may hang …")],
    ),
    (
        "a key of line.yaml, by its path",
        {"line.yaml": SHIPPED["line.yaml"].replace(b"ring: 25", b"ring: 30", 1)},
        [("line.yaml", "directory.central-scheduling.ring", "{-25} {+30}")],
    ),
    ("a comment of line.yaml", {"line.yaml": b"# new\n" + SHIPPED["line.yaml"]}, [("line.yaml", None, "")]),
    (
        "a phrase more",
        {"en/cancer.md": SHIPPED["en/cancer.md"].replace(b"phrases:\n", b"phrases:\n  - is it bad bad\n", 1)},
        [("en/cancer.md", "phrases", "{+- is it bad bad}")],
    ),
    ("line.yaml that cannot be read", {"line.yaml": b"a: ["}, None),
    ("a file more", {"en/new.md": b"x"}, [("en/new.md", "added", "")]),
    ("a recording more", {"recordings/en/keys.mp3": b"\xff\xfb\x90\x00"}, [("recordings/en/keys.mp3", "added", "")]),
    ("bytes that are no text", {"en/goodbye.md": b"\xff\xfe\x00 one"}, None),
]


@pytest.mark.parametrize(("label", "other", "expected"), CHANGED, ids=[case[0] for case in CHANGED])
def test_what_changed_is_told_by_file_place_and_word(label, other, expected) -> None:
    found = diff_files(SHIPPED, {**SHIPPED, **other})
    told = []
    for one in found:
        marks = {"=": "{}", "-": "{{-{}}}", "+": "{{+{}}}"}
        shown = [(place.name, " ".join(marks[sign].format(words) for sign, words in place.runs)) for place in one.parts]
        nothing = [(one.kind if one.kind != "changed" else None, "")]
        told += [(one.file, *place) for place in shown or nothing]
    assert {file for file, *_ in told} == set(other)
    assert expected is None or told == expected
    assert diff_files(SHIPPED, SHIPPED) == []


def test_the_second_piece_of_a_topic_is_told_apart_from_the_first() -> None:
    words = SHIPPED["en/cancer.md"].replace(b"Their edges are uneven.", b"Their edges are rough.", 1)
    (one,) = diff_files(SHIPPED, {**SHIPPED, "en/cancer.md": words})
    assert [place.name for place in one.parts] == ["Spoken 2"]


def test_many_files_are_told_in_a_line() -> None:
    assert summarize_changes([("en/a.md", "changed"), ("es/a.md", "changed"), ("line.yaml", "removed")]) == (
        "a (en, es), line.yaml removed"
    )


def test_a_publish_that_changes_nothing_says_so_and_makes_no_release(run: Run, ledger: Ledger) -> None:
    assert "Release 1 (" in run("publish", "--note", "first").output
    again = run("publish")
    assert (again.exit_code, "is live and says the same" in again.output, count(ledger)) == (0, True, 1)
    with pytest.raises(AlreadyLive):
        publish(ledger, read_content(SHIPPED), NOW, "x", "", "folder")


def test_history_lists_all_and_shows_one_word_by_word_on_80_columns(run: Run, folder: Path) -> None:
    assert "the folder is live" in run("history").output
    run("publish", "--note", "the first")
    change(folder, "Take good care.", "Take very good care.")
    (folder / "recordings/en").mkdir(parents=True)
    (folder / "recordings/en/goodbye.mp3").write_bytes(b"\xff\xfb\x90\x00")
    run("publish", "--note", "kinder")
    listed = run("history").output
    assert re.search(r"2 .* folder +kinder: goodbye \(en\), rec", listed)
    assert "Release 2 is live" in listed
    shown = run("history", "2").output
    assert "Spoken: Take {+very+} good care." in shown
    assert "recordings/en/goodbye.mp3 added" in shown
    assert "\x1b" not in listed + shown
    assert "\x1b[32m{+very+}" in run("history", "2", color=True).output
    assert all(len(line) <= 80 for line in (listed + shown + run("history", "1").output).splitlines())
    told = json.loads(run("history", "--json").output)["releases"]
    assert [(one["number"], one["live"]) for one in told] == [(2, True), (1, False)]
    assert {"file": "en/goodbye.md", "kind": "changed"} in told[0]["changed"]
    one = json.loads(run("history", "2", "--json").output)
    assert (one["note"], [each["file"] for each in one["changes"]]) == (
        "kinder",
        ["en/goodbye.md", "recordings/en/goodbye.mp3"],
    )
    assert run("history", "9").exit_code == 2


def test_the_history_tells_who_signed_which_words_off(run: Run, folder: Path) -> None:
    assert run("sign", "goodbye", "--by", "Dr. Lee", "--language", "en", "--on", "2026-11-30").exit_code == 0
    run("publish")
    assert "en/goodbye.md was signed off by Dr. Lee on 2026-11-30" in run("history", "1").output
    change(folder, "Take good care.", "Take very good care.")
    assert run("publish", "--yes").exit_code == 0
    assert json.loads(run("history", "2", "--json").output)["signed"] == []
    signed = json.loads(run("history", "1", "--json").output)["signed"]
    assert signed == [{"file": "en/goodbye.md", "by": "Dr. Lee", "on": "2026-11-30"}]


def test_a_damaged_release_stands_in_the_history_as_damaged(run: Run, ledger: Ledger, content: Content) -> None:
    publish(ledger, content, NOW, "ann", "", "folder")
    damage(ledger, content.digest, b"damaged")
    assert [one.changed for one in release_history(ledger)] == [None]
    assert "damaged" in run("history").output
    shown = run("history", "1")
    assert (shown.exit_code, "damaged" in shown.output) == (1, True)


def test_an_earlier_release_is_made_live_again_as_a_new_one(run: Run, folder: Path, ledger: Ledger) -> None:
    run("publish")
    change(folder, "Take good care.", "Take very good care.")
    run("publish")
    assert "Release 3 (" in run("rollback", "1", "--note", "too sweet").output
    live = live_release(ledger)
    assert live
    assert (live.digest, live.origin, live.note) == (content_digest(SHIPPED), "rollback", "too sweet")
    again = run("rollback", "1")
    assert (again.exit_code, "says the same" in again.output, count(ledger)) == (0, True, 3)
    assert run("rollback", "77").exit_code == 2


RULES = [
    ("words that are too hard by today's rules", "grade", "en/cancer.md", 0),
    ("a phrase that leads elsewhere today", "phrase", "en/cancer.md", 0),
    ("a red flag that is not understood any more", "phrase", "en/urgent.md", 1),
    ("a wish to stop that is not understood any more", "phrase", "es/stop.md", 1),
    ("a state without help", "no-help", "line.yaml", 1),
    ("a number that nobody owns", "number", "en/cancer.md", 1),
]


@pytest.mark.parametrize(("label", "rule", "file", "status"), RULES, ids=[case[0] for case in RULES])
def test_only_style_may_be_worse_after_a_rollback(
    label, rule, file, status, run: Run, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(ledger, read_content(SHIPPED), NOW, "ann", "", "folder")
    publish(ledger, read_content(SECOND), NOW, "ann", "", "folder")
    fault = Finding(file, 1, rule, "error", "It is so.")
    monkeypatch.setattr(door, "check_content", finds(fault))
    back = run("rollback", "1")
    assert (back.exit_code, count(ledger)) == (status, 3 - status)
    assert "Traceback" not in back.output


def test_what_cannot_be_read_can_never_become_live(run: Run, ledger: Ledger) -> None:
    broken = put_broken(ledger)
    publish(ledger, read_content(SHIPPED), NOW, "ann", "", "folder")
    back = run("rollback", "1")
    assert (back.exit_code, "en/cancer.md" in back.output, count(ledger)) == (1, True, 2)
    damage(ledger, broken, b"damaged")
    assert "damaged" in run("rollback", "1").output


def test_what_is_exported_publishes_to_the_same_digest(run: Run, ledger: Ledger, tmp_path: Path) -> None:
    publish(ledger, read_content(SHIPPED), NOW, "ann", "", "folder")
    publish(ledger, read_content(SECOND), NOW, "ann", "", "folder")
    assert run("export", str(tmp_path / "live")).exit_code == 0
    assert read_folder(tmp_path / "live") == SECOND
    assert run("export", str(tmp_path / "first"), "--release", "1").exit_code == 0
    assert content_digest(read_folder(tmp_path / "first")) == content_digest(SHIPPED)
    full = run("export", str(tmp_path / "live"))
    assert (full.exit_code, "is not empty" in full.output) == (2, True)
    assert run("export", str(tmp_path / "x"), "--release", "9").exit_code == 2


def test_nothing_is_exported_outside_the_folder(tmp_path: Path) -> None:
    export_release({"../outside": b"x", "in/side": b"y"}, tmp_path / "a" / "b")
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["side"]
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FolderNotEmpty):
        export_release({}, tmp_path / "file")


def test_of_two_who_publish_at_once_one_wins_and_the_other_is_told_who_did(ledger: Ledger, content: Content) -> None:
    seen = publish(ledger, content, NOW, "ann", "", "folder").number

    def one(by: str) -> str | None:
        mine = read_content(changed("en/goodbye.md", "Take good care.", f"Take good care of {NAMES[by]}."))
        try:
            publish(ledger, mine, NOW, by, f"by {by}", "console", seen=seen)
        except ConcurrentPublish as error:
            return str(error)
        return None

    with ThreadPoolExecutor(3) as pool:
        told = dict(zip(NAMES, pool.map(one, NAMES), strict=True))
    (winner,) = [by for by, error in told.items() if error is None]
    live = live_release(ledger)
    assert live
    assert (live.by, count(ledger)) == (winner, 2)
    for by in NAMES.keys() - {winner}:
        assert f"{winner} published release 2 ({live.digest}) meanwhile, on 2026-12-01 at 10:00" in str(told[by])
        assert f"by {winner}" in str(told[by])


def test_whoever_is_overtaken_while_the_words_are_proved_is_told_and_publishes_nothing(
    run: Run, folder: Path, ledger: Ledger, content: Content, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(ledger, content, NOW, "ann", "", "folder")
    change(folder, "Take good care.", "Take the best of care.")

    def meanwhile(files, in_two):
        publish(ledger, read_content(SECOND), NOW, "bob", "", "console")
        return quick_check(files)

    monkeypatch.setattr(door, "check_files", meanwhile)
    told = run("publish")
    assert (told.exit_code, "bob published release 2" in told.output, count(ledger)) == (1, True, 2)


def test_publishing_asks_when_translations_lag_or_nobody_signed_off(
    run: Run, folder: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    behind = Finding("es/cancer.md", 1, "behind", "warning", "The English changed since.")
    other = Finding("line.yaml", 1, "unconfirmed", "warning", "Assumed.")
    monkeypatch.setattr(door, "check_files", finds(other, behind))
    monkeypatch.setattr(door, "is_terminal", lambda: True)
    refused = run("publish", input="n\n")
    assert (refused.exit_code, "[behind]" in refused.output, count(ledger)) == (1, True, 0)
    assert "[unconfirmed]" not in refused.output
    assert run("publish", input="y\n").exit_code == 0
    change(folder, "Take good care.", "Take very good care.")
    assert run("publish", "--yes").exit_code == 0
    change(folder, "Take very good care.", "Take the best care.")
    monkeypatch.setattr(door, "is_terminal", lambda: False)
    told = run("publish")
    assert (told.exit_code, "[behind]" in told.output, count(ledger)) == (0, True, 3)


def test_publishing_asks_before_it_takes_back_what_was_published_elsewhere(
    run: Run, folder: Path, ledger: Ledger
) -> None:
    run("publish")
    publish(ledger, read_content(SECOND), NOW, "ann", "", "console")
    change(folder, "ring: 25", "ring: 30", "line.yaml")
    refused = run("publish")
    assert (refused.exit_code, "by ann, changed what this folder has not: goodbye (en)" in refused.output) == (1, True)
    (folder / "en/goodbye.md").write_bytes(SECOND["en/goodbye.md"])
    assert run("publish").exit_code == 0, "the folder has it now"


def test_release_shows_both_sides_when_the_words_were_changed_elsewhere_too(
    run: Run, folder: Path, ledger: Ledger
) -> None:
    release = lambda: CliRunner().invoke(main, ["release"])  # noqa: E731
    assert "Release 1" in release().output
    assert release().output == ""
    publish(ledger, read_content(SECOND), NOW, "ann", "", "console")
    assert release().exit_code == 0, "the folder did not change"
    change(folder, "ring: 25", "ring: 30", "line.yaml")
    both = release()
    assert (both.exit_code, count(ledger)) == (1, 2)
    folder_side, live_side = both.output.split("Changed in what is live")
    assert "directory.central-scheduling.ring: [-25-] {+30+}" in folder_side
    assert "goodbye" not in folder_side
    assert "{+very+}" in live_side
    assert "ring" not in live_side


HALF_WAY = """
import sys, time
from sqlalchemy import event
from sqlalchemy.engine import Engine

@event.listens_for(Engine, "after_cursor_execute")
def stop(connection, cursor, statement, *rest):
    if statement.startswith("INSERT INTO release"):
        print("half-way", flush=True)
        time.sleep(600)

from ivr.cli import main
main(["prompts", "publish", "--yes"])
"""


def test_a_publish_that_is_killed_half_way_changes_nothing(
    ledger: Ledger, ledger_url: str, folder: Path, content: Content, tmp_path: Path
) -> None:
    publish(ledger, content, NOW, "ann", "", "folder")
    change(folder, "Take good care.", "Take very good care.")
    told = environment(tmp_path, DATABASE_URL=ledger_url, PROMPTS_DIR=folder)
    output = tmp_path / "publish.log"
    with output.open("wb") as log:
        process = subprocess.Popen([sys.executable, "-c", HALF_WAY], cwd=ROOT, env=told, stdout=log, stderr=log)
    wait_until(lambda: "half-way" in output.read_text())
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert count(ledger) == 1
    live = live_release(ledger)
    assert live
    assert stored_files(ledger, live.digest) == SHIPPED
    assert publish(ledger, read_content(SECOND), NOW, "ann", "", "folder", seen=live.number).parent == content.digest


def test_a_release_that_stands_in_the_ledger_twice_is_shown_each_time(ledger: Ledger, content: Content) -> None:
    """As a rollback leaves it."""
    second = read_content(SECOND)
    for one, origin in ((content, "folder"), (second, "folder"), (content, "rollback")):
        with ledger.write() as connection:
            values = {"parent": None, "at": NOW, "by": "x", "note": "", "origin": origin}
            connection.execute(insert(releases).values(digest=one.digest, content=pack(one.files), **values))
    listed = [[name for name, _ in entry.changed or ()] for entry in release_history(ledger)]
    assert listed[:2] == [["en/goodbye.md"], ["en/goodbye.md"]]
