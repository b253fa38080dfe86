"""The list of releases, their word-by-word differences, rollbacks, exports, and concurrent publishes."""

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
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ivr import clock
from ivr.cli import main
from ivr.cli.prompts import publish as releases_command
from ivr.ledger import Ledger
from ivr.line.content.findings import BrokenPrompts, Finding
from ivr.line.content.loader import Content, content_digest, read_content, read_folder
from ivr.line.content.revisions.diff import diff_files, summarize_changes
from ivr.releases import rollback
from ivr.releases.history import FolderNotEmpty, export_release, release_history
from ivr.releases.store import AlreadyLive, ConcurrentPublish, live_release, publish_release, stored_files
from tests.releases.draft_files import SHIPPED, changed
from tests.releases.test_store import count_releases, damage, put_broken, write_files
from tests.support.processes import ROOT, environment, wait_until

NOW = datetime(2026, 12, 1, 15, tzinfo=UTC)


SECOND = changed("en/goodbye.md", "Take good care of yourself.", "Take very good care.")
ENDINGS = {"ann": "the calcifications", "bob": "the appointment", "cho": "the menu"}

Run = Callable[..., Result]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_files(tmp_path / "prompts", SHIPPED)


@pytest.fixture
def run(ledger_url: str, ledger: Ledger, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`infoline prompts` on each database, with a check that only reads: the real one takes seconds."""
    for name, value in {"VAR_DIR": tmp_path / "var", "DATABASE_URL": ledger_url, "PROMPTS_DIR": folder}.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setattr(clock, "now", lambda: NOW)
    monkeypatch.setattr(releases_command, "check_files", quick_check)
    monkeypatch.setattr(rollback, "check_content", check_with())
    monkeypatch.setattr("ivr.line.lint.runner.check_content", check_with())
    return lambda *arguments, **more: CliRunner().invoke(main, ["prompts", *arguments], **more)


def check_with(*findings: Finding):
    """A check with these findings."""
    return lambda *_arguments, **_options: releases_command.CheckReport(1, 1, findings)


def quick_check(files, parallel=False):
    try:
        read_content(files)
    except BrokenPrompts as broken:
        return releases_command.CheckReport(0, 0, tuple(broken.findings))
    return releases_command.CheckReport(1, 1, ())


def change(folder: Path, old: str, new: str, file: str = "en/goodbye.md") -> None:
    path = folder / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


CHANGED = [
    (
        "a spoken word",
        {"en/goodbye.md": SECOND["en/goodbye.md"]},
        [("en/goodbye.md", "Spoken", "Take {+very} good {-care of yourself.} {+care.} You can hang up whenever …")],
    ),
    (
        "a key of line.yaml",
        {"line.yaml": SHIPPED["line.yaml"].replace(b"ring: 25", b"ring: 30", 1)},
        [("line.yaml", "directory.central-scheduling.ring", "{-25} {+30}")],
    ),
    ("a comment in line.yaml", {"line.yaml": b"# new\n" + SHIPPED["line.yaml"]}, [("line.yaml", None, "")]),
    (
        "a new phrase",
        {"en/cancer.md": SHIPPED["en/cancer.md"].replace(b"phrases:\n", b"phrases:\n  - is it bad bad\n", 1)},
        [("en/cancer.md", "phrases", "{+- is it bad bad}")],
    ),
    ("an unreadable line.yaml", {"line.yaml": b"a: ["}, None),
    ("a new file", {"en/new.md": b"x"}, [("en/new.md", "added", "")]),
    ("a new recording", {"recordings/en/keys.mp3": b"\xff\xfb\x90\x00"}, [("recordings/en/keys.mp3", "added", "")]),
    ("binary content", {"en/goodbye.md": b"\xff\xfe\x00 one"}, None),
]


@pytest.mark.parametrize(("label", "other", "expected"), CHANGED, ids=[case[0] for case in CHANGED])
def test_a_change_is_shown_by_file_part_and_word(label, other, expected) -> None:
    shown = []
    for change in diff_files(SHIPPED, {**SHIPPED, **other}):
        marks = {"=": "{}", "-": "{{-{}}}", "+": "{{+{}}}"}
        parts = [(part.name, " ".join(marks[sign].format(words) for sign, words in part.runs)) for part in change.parts]
        whole_file = [(change.kind if change.kind != "changed" else None, "")]
        shown += [(change.file, *part) for part in parts or whole_file]
    assert {file for file, *_ in shown} == set(other)
    assert expected is None or shown == expected
    assert diff_files(SHIPPED, SHIPPED) == []


def test_the_spoken_parts_of_a_topic_are_numbered() -> None:
    second = SHIPPED["en/cancer.md"].replace(b"Their edges are uneven", b"Their edges are rough", 1)
    (change,) = diff_files(SHIPPED, {**SHIPPED, "en/cancer.md": second})
    assert [part.name for part in change.parts] == ["Spoken 2"]


def test_changed_files_are_summarized_in_one_line() -> None:
    assert summarize_changes([("en/a.md", "changed"), ("es/a.md", "changed"), ("line.yaml", "removed")]) == (
        "a (en, es), line.yaml removed"
    )


def test_publishing_identical_content_creates_no_release(run: Run, ledger: Ledger) -> None:
    assert "Release 1 (" in run("publish", "--note", "first").output
    again = run("publish")
    assert (again.exit_code, "is live and identical" in again.output, count_releases(ledger)) == (0, True, 1)
    with pytest.raises(AlreadyLive):
        publish_release(ledger, read_content(SHIPPED), NOW, "x", "", "folder")


def test_history_lists_all_releases_and_shows_the_words_that_one_changed_in_80_columns(run: Run, folder: Path) -> None:
    assert "the folder is live" in run("history").output
    run("publish", "--note", "the first")
    change(folder, "Take good care of yourself.", "Take very good care.")
    (folder / "recordings/en").mkdir(parents=True)
    (folder / "recordings/en/goodbye.mp3").write_bytes(b"\xff\xfb\x90\x00")
    run("publish", "--note", "kinder")
    listed = run("history").output
    assert re.search(r"2 .* folder +kinder: goodbye \(en\), rec", listed)
    assert "Release 2 is live" in listed
    shown = run("history", "2").output
    assert "{+very+} good" in shown
    assert "recordings/en/goodbye.mp3 added" in shown
    assert "\x1b" not in listed + shown
    assert "\x1b[32m{+very+}" in run("history", "2", color=True).output
    assert all(len(line) <= 80 for line in (listed + shown + run("history", "1").output).splitlines())
    releases = json.loads(run("history", "--json").output)["releases"]
    assert [(release["number"], release["live"]) for release in releases] == [(2, True), (1, False)]
    assert {"file": "en/goodbye.md", "kind": "changed"} in releases[0]["changed"]
    release = json.loads(run("history", "2", "--json").output)
    changed_files = [change["file"] for change in release["changes"]]
    assert (release["note"], changed_files) == ("kinder", ["en/goodbye.md", "recordings/en/goodbye.mp3"])
    assert run("history", "9").exit_code == 2


def test_the_history_shows_sign_offs(run: Run, folder: Path) -> None:
    assert run("sign", "goodbye", "--by", "Dr. Lee", "--language", "en", "--on", "2026-11-30").exit_code == 0
    run("publish")
    assert "en/goodbye.md was signed off by Dr. Lee on 2026-11-30" in run("history", "1").output
    change(folder, "Take good care of yourself.", "Take very good care.")
    assert run("publish", "--yes").exit_code == 0
    assert json.loads(run("history", "2", "--json").output)["signed"] == []
    signed = json.loads(run("history", "1", "--json").output)["signed"]
    assert signed == [{"file": "en/goodbye.md", "by": "Dr. Lee", "on": "2026-11-30"}]


def test_the_history_marks_a_damaged_release(run: Run, ledger: Ledger, content: Content) -> None:
    publish_release(ledger, content, NOW, "ann", "", "folder")
    damage(ledger, content.digest, b"damaged")
    assert [entry.changed for entry in release_history(ledger)] == [None]
    assert "damaged" in run("history").output
    shown = run("history", "1")
    assert (shown.exit_code, "damaged" in shown.output) == (1, True)


def test_a_rollback_publishes_an_earlier_release_as_a_new_one(run: Run, folder: Path, ledger: Ledger) -> None:
    run("publish")
    change(folder, "Take good care of yourself.", "Take very good care.")
    run("publish")
    assert "Release 3 (" in run("rollback", "1", "--note", "too sweet").output
    live = live_release(ledger)
    assert live
    assert (live.digest, live.origin, live.note) == (content_digest(SHIPPED), "rollback", "too sweet")
    again = run("rollback", "1")
    assert (again.exit_code, "live and identical" in again.output, count_releases(ledger)) == (0, True, 3)
    assert run("rollback", "77").exit_code == 2


RULES = [
    ("text that is too hard under today's rules", "grade", "en/cancer.md", 0),
    ("a phrase that leads to another topic today", "phrase", "en/cancer.md", 0),
    ("a red flag that is no longer recognized", "phrase", "en/urgent.md", 1),
    ("an opt-out that is no longer recognized", "phrase", "es/stop.md", 1),
    ("a state without a help key", "no-help", "line.yaml", 1),
    ("a number that is not in the directory", "number", "en/cancer.md", 1),
]


@pytest.mark.parametrize(("label", "rule", "file", "status"), RULES, ids=[case[0] for case in RULES])
def test_a_rollback_may_break_style_rules_only(
    label, rule, file, status, run: Run, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_release(ledger, read_content(SHIPPED), NOW, "ann", "", "folder")
    publish_release(ledger, read_content(SECOND), NOW, "ann", "", "folder")
    finding = Finding(file, 1, rule, "error", "An error.")
    monkeypatch.setattr(rollback, "check_content", check_with(finding))
    rolled_back = run("rollback", "1")
    assert (rolled_back.exit_code, count_releases(ledger)) == (status, 3 - status)
    assert "Traceback" not in rolled_back.output


def test_an_unreadable_release_cannot_become_live(run: Run, ledger: Ledger) -> None:
    broken = put_broken(ledger)
    publish_release(ledger, read_content(SHIPPED), NOW, "ann", "", "folder")
    rolled_back = run("rollback", "1")
    assert (rolled_back.exit_code, "en/cancer.md" in rolled_back.output, count_releases(ledger)) == (1, True, 2)
    damage(ledger, broken, b"damaged")
    assert "damaged" in run("rollback", "1").output


def test_an_exported_release_has_the_same_digest(run: Run, ledger: Ledger, tmp_path: Path) -> None:
    publish_release(ledger, read_content(SHIPPED), NOW, "ann", "", "folder")
    publish_release(ledger, read_content(SECOND), NOW, "ann", "", "folder")
    assert run("export", str(tmp_path / "live")).exit_code == 0
    assert read_folder(tmp_path / "live") == SECOND
    assert run("export", str(tmp_path / "first"), "--release", "1").exit_code == 0
    assert content_digest(read_folder(tmp_path / "first")) == content_digest(SHIPPED)
    not_empty = run("export", str(tmp_path / "live"))
    assert (not_empty.exit_code, "is not empty" in not_empty.output) == (2, True)
    assert run("export", str(tmp_path / "x"), "--release", "9").exit_code == 2


def test_an_export_writes_nothing_outside_the_folder(tmp_path: Path) -> None:
    export_release({"../outside": b"x", "in/side": b"y"}, tmp_path / "a" / "b")
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["side"]
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FolderNotEmpty):
        export_release({}, tmp_path / "file")


def test_one_of_several_concurrent_publishes_wins_and_the_others_report_whose(ledger: Ledger, content: Content) -> None:
    seen = publish_release(ledger, content, NOW, "ann", "", "folder").number

    def attempt(by: str) -> str | None:
        own = read_content(changed("en/goodbye.md", "Take good care of yourself.", f"Take good care of {ENDINGS[by]}."))
        try:
            publish_release(ledger, own, NOW, by, f"by {by}", "console", seen=seen)
        except ConcurrentPublish as error:
            return str(error)
        return None

    with ThreadPoolExecutor(3) as pool:
        errors = dict(zip(ENDINGS, pool.map(attempt, ENDINGS), strict=True))
    (winner,) = [by for by, error in errors.items() if error is None]
    live = live_release(ledger)
    assert live
    assert (live.by, count_releases(ledger)) == (winner, 2)
    message = f"{winner} published release 2 ({live.digest}) in the meantime, on 2026-12-01 at 10:00"
    for by in ENDINGS.keys() - {winner}:
        assert message in str(errors[by])
        assert f"by {winner}" in str(errors[by])


def test_a_publish_fails_if_another_one_happens_during_its_check(
    run: Run, folder: Path, ledger: Ledger, content: Content, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_release(ledger, content, NOW, "ann", "", "folder")
    change(folder, "Take good care of yourself.", "Take the best of care.")

    def check_during_publish(files, parallel):
        publish_release(ledger, read_content(SECOND), NOW, "bob", "", "console")
        return quick_check(files)

    monkeypatch.setattr(releases_command, "check_files", check_during_publish)
    failed = run("publish")
    assert (failed.exit_code, "bob published release 2" in failed.output, count_releases(ledger)) == (1, True, 2)


def test_publishing_asks_about_outdated_translations_and_missing_sign_offs(
    run: Run, folder: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    outdated = Finding("es/cancer.md", 1, "behind", "warning", "The English changed since.")
    other = Finding("line.yaml", 1, "unconfirmed", "warning", "Assumed.")
    monkeypatch.setattr(releases_command, "check_files", check_with(other, outdated))
    monkeypatch.setattr(releases_command, "is_terminal", lambda: True)
    refused = run("publish", input="n\n")
    assert (refused.exit_code, "[behind]" in refused.output, count_releases(ledger)) == (1, True, 0)
    assert "[unconfirmed]" not in refused.output
    assert run("publish", input="y\n").exit_code == 0
    change(folder, "Take good care of yourself.", "Take very good care.")
    assert run("publish", "--yes").exit_code == 0
    change(folder, "Take very good care.", "Take the best care.")
    monkeypatch.setattr(releases_command, "is_terminal", lambda: False)
    warned = run("publish")
    assert (warned.exit_code, "[behind]" in warned.output, count_releases(ledger)) == (0, True, 3)


def test_publishing_asks_before_it_reverts_a_release_that_is_not_in_the_folder(
    run: Run, folder: Path, ledger: Ledger
) -> None:
    run("publish")
    publish_release(ledger, read_content(SECOND), NOW, "ann", "", "console")
    change(folder, "ring: 25", "ring: 30", "line.yaml")
    refused = run("publish")
    assert (refused.exit_code, "by ann, has changes that this folder lacks: goodbye (en)" in refused.output) == (
        1,
        True,
    )
    (folder / "en/goodbye.md").write_bytes(SECOND["en/goodbye.md"])
    assert run("publish").exit_code == 0, "the folder contains the change now"


def test_the_release_command_shows_both_sides_when_the_live_release_changed_too(
    run: Run, folder: Path, ledger: Ledger
) -> None:
    def release() -> Result:
        return CliRunner().invoke(main, ["release"])

    assert "Release 1" in release().output
    assert release().stdout == ""
    publish_release(ledger, read_content(SECOND), NOW, "ann", "", "console")
    assert release().exit_code == 0, "the folder did not change"
    change(folder, "ring: 25", "ring: 30", "line.yaml")
    diverged = release()
    assert (diverged.exit_code, count_releases(ledger)) == (1, 2)
    folder_side, live_side = diverged.output.split("Changed in the live release")
    assert "directory.central-scheduling.ring: [-25-] {+30+}" in folder_side
    assert "goodbye" not in folder_side
    assert "{+very+}" in live_side
    assert "ring" not in live_side


STOPS_BEFORE_COMMIT = """
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


def test_a_publish_that_is_killed_before_its_commit_changes_nothing(
    ledger: Ledger, ledger_url: str, folder: Path, content: Content, tmp_path: Path
) -> None:
    publish_release(ledger, content, NOW, "ann", "", "folder")
    change(folder, "Take good care of yourself.", "Take very good care.")
    env = environment(tmp_path, DATABASE_URL=ledger_url, PROMPTS_DIR=folder)
    output = tmp_path / "publish.log"
    with output.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", STOPS_BEFORE_COMMIT], cwd=ROOT, env=env, stdout=log, stderr=log
        )
    wait_until(lambda: "half-way" in output.read_text())
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert count_releases(ledger) == 1
    live = live_release(ledger)
    assert live
    assert stored_files(ledger, live.digest) == SHIPPED
    assert (
        publish_release(ledger, read_content(SECOND), NOW, "ann", "", "folder", seen=live.number).parent
        == content.digest
    )
