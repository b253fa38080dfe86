"""`infoline prompts draft` and `publish --draft`: the shared draft in a terminal."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ivr import clock
from ivr.cli import main
from ivr.ledger import Ledger
from ivr.line.content.findings import Finding
from ivr.line.content.loader import read_content, read_file
from ivr.line.content.training_questions import LARGEST_QUESTIONS
from ivr.line.lint.runner import CheckReport
from ivr.releases.drafts import Drafts, file_version
from ivr.releases.store import publish_release
from tests.releases.draft_files import CANCER, GOODBYE, KINDER, KINDEST, LATER, SHIPPED, live_files, put, quick_check
from tests.releases.test_store import count_releases, write_files

Run = Callable[..., Result]


@pytest.fixture
def run(drafts: Drafts, ledger_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    for name, value in {"VAR_DIR": tmp_path / "var", "DATABASE_URL": ledger_url}.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setattr(clock, "now", lambda: LATER)
    monkeypatch.setattr("ivr.cli.context.process_user", lambda: "ann")
    monkeypatch.delenv("SUDO_USER", raising=False)
    monkeypatch.setattr("ivr.cli.prompts.draft.check_in_parallel", quick_check)
    return lambda *arguments, **more: CliRunner().invoke(main, ["prompts", *arguments], **more)


def test_the_command_edits_a_file_in_the_draft_and_publishes_it(run: Run, ledger: Ledger, tmp_path: Path) -> None:
    assert "There is no draft" in run("draft").output
    folder = write_files(tmp_path / "edited", {GOODBYE: KINDER})
    saved = run("draft", "put", str(folder / GOODBYE))
    assert (saved.exit_code, f"{GOODBYE} is in the draft" in saved.output) == (0, True)
    assert run("draft", "get", GOODBYE, "-o", str(tmp_path / "out.md")).exit_code == 0
    assert (tmp_path / "out.md").read_bytes() == KINDER
    assert run("draft", "drop", "en/questions.tsv").exit_code == 0
    listed = run("draft").output
    assert "Started by ann on 2026-12-01 10:20" in listed
    assert "removed" in listed
    assert all(len(line) <= 80 for line in listed.splitlines())
    files = json.loads(run("draft", "--json").output)["files"]
    assert [(file["file"], file["removed"]) for file in files] == [(GOODBYE, False), ("en/questions.tsv", True)]
    assert run("draft", "check").exit_code == 0
    assert "Release 2" in run("publish", "--draft", "--note", "kinder").output
    files = live_files(ledger)
    assert files
    assert files[GOODBYE] == KINDER
    nothing = run("publish", "--draft")
    assert (nothing.exit_code, "change a file first" in nothing.output) == (1, True)


def test_the_command_overwrites_changes_by_others_only_with_the_over_option(
    run: Run, drafts: Drafts, tmp_path: Path
) -> None:
    put(drafts, GOODBYE, KINDER, "bob")
    edited = write_files(tmp_path / "edited", {GOODBYE: KINDEST}) / GOODBYE
    refused = run("draft", "put", str(edited))
    assert (refused.exit_code, "bob saved it" in refused.output, "--over" in refused.output) == (1, True, True)
    assert run("draft", "put", str(edited), "--version", "0" * 12).exit_code == 1
    assert run("draft", "drop", GOODBYE).exit_code == 1
    discarded = run("draft", "discard")
    assert (discarded.exit_code, f"bob changed {GOODBYE}" in discarded.output, "--over" in discarded.output) == (
        1,
        True,
        True,
    )
    fetched = run("draft", "get", GOODBYE, "-o", str(tmp_path / "theirs.md"))
    assert f"bob changed {GOODBYE} on 2026-12-01 at 10:00" in fetched.output
    as_live = write_files(tmp_path / "live", {CANCER: SHIPPED[CANCER]}) / CANCER
    assert "is the same as the live file" in run("draft", "put", str(as_live)).output
    assert run("draft", "put", str(edited), "--version", file_version(KINDER)).exit_code == 0
    assert drafts.open().files[GOODBYE] == KINDEST
    assert run("draft", "discard").exit_code == 0


def test_the_command_lists_the_errors_of_a_draft_and_publishes_nothing(
    run: Run, ledger: Ledger, tmp_path: Path
) -> None:
    broken = write_files(tmp_path, {"typed.md": b"no fields"}) / "typed.md"
    assert run("draft", "put", str(broken)).exit_code == 1, "is not a file name"
    assert run("draft", "put", str(broken), "--as", GOODBYE).exit_code == 0
    for command in (("draft", "check"), ("publish", "--draft")):
        result = run(*command)
        assert (result.exit_code, f"{GOODBYE}:1" in result.output, "Traceback" in result.output) == (1, True, False)
    assert count_releases(ledger) == 1


def test_a_huge_file_is_refused_without_reading_all_of_it(run: Run, drafts: Drafts, tmp_path: Path) -> None:
    huge = tmp_path / "keys.mp3"
    with huge.open("wb") as file:
        file.truncate(200_000_000)
    refused = run("draft", "put", str(huge), "--as", "recordings/en/keys.mp3")
    assert (refused.exit_code, "larger than 5 MB" in refused.output) == (1, True)
    assert len(read_file(huge)) == LARGEST_QUESTIONS + 1


def test_the_command_asks_before_it_publishes_a_draft_without_a_sign_off(
    run: Run, drafts: Drafts, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    unsigned = Finding(GOODBYE, 1, "sign-off", "warning", "Nobody signed these words off.")
    monkeypatch.setattr("ivr.cli.prompts.draft.check_in_parallel", lambda _files: CheckReport(1, 1, (unsigned,)))
    monkeypatch.setattr("ivr.cli.prompts.publish.is_terminal", lambda: True)
    put(drafts, GOODBYE, KINDER, "ann")
    refused = run("publish", "--draft", input="n\n")
    assert (refused.exit_code, "[sign-off]" in refused.output, count_releases(ledger)) == (1, True, 1)
    assert run("publish", "--draft", "--yes").exit_code == 0


def test_a_draft_with_a_conflict_is_shown_and_not_published(run: Run, drafts: Drafts, ledger: Ledger) -> None:
    put(drafts, GOODBYE, KINDER, "ann")
    publish_release(ledger, read_content({**SHIPPED, GOODBYE: KINDEST}), LATER, "bob", "", "folder")
    shown = run("draft").output
    assert "went live since, by bob" in shown
    assert "but the live file changed too" in " ".join(shown.split())
    assert run("publish", "--draft").exit_code == 1
    assert count_releases(ledger) == 2


def test_before_the_first_publish_each_draft_command_says_what_to_do(
    ledger: Ledger, ledger_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"VAR_DIR": tmp_path / "var", "DATABASE_URL": ledger_url}.items():
        monkeypatch.setenv(name, str(value))
    run = partial(CliRunner().invoke, main)
    file = write_files(tmp_path, {GOODBYE: KINDER}) / GOODBYE
    out = str(tmp_path / "x")
    for arguments in ([], ["check"], ["put", str(file)], ["get", GOODBYE, "-o", out], ["drop", GOODBYE], ["discard"]):
        result = run(["prompts", "draft", *arguments])
        assert (result.exit_code, "publish the folder first" in result.output) == (1, True)
