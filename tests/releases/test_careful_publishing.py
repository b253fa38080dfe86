"""A publish asks before it gives a reminder or a number another meaning, and packs recordings outside its lock."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ivr import clock
from ivr.cli import main
from ivr.cli.prompts import publish as publish_command
from ivr.ledger import Ledger
from ivr.line.content.loader import LINE_FILE, Content, read_content
from ivr.line.lint.runner import check_content
from ivr.releases import rollback
from ivr.releases import store as store_module
from ivr.releases.drafts import Drafts
from ivr.releases.store import publish_folder_if_changed, publish_release
from tests.releases.draft_files import SHIPPED, changed
from tests.releases.test_history import check_with, quick_check
from tests.releases.test_store import NOW, count_releases, write_files
from tests.support.databases import on_one_database

RENAMED = changed(LINE_FILE, "{id: 2d,", "{id: two-days,")
SECOND = changed("en/goodbye.md", "Take good care of yourself.", "Take very good care.")


@pytest.fixture
def folder(ledger: Ledger, ledger_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a renamed reminder; the shipped prompts are live."""
    folder = write_files(tmp_path / "prompts", SHIPPED)
    for name, value in {"VAR_DIR": tmp_path / "var", "DATABASE_URL": ledger_url, "PROMPTS_DIR": folder}.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setattr(clock, "now", lambda: NOW)
    monkeypatch.setattr(publish_command, "check_files", quick_check)
    monkeypatch.setattr(rollback, "check_content", check_with())
    monkeypatch.setattr("ivr.line.lint.runner.check_content", check_with())
    monkeypatch.setattr("ivr.cli.prompts.draft.check_in_parallel", quick_check)
    publish_folder_if_changed(ledger, read_content(SHIPPED), NOW, "ann")
    return write_files(folder, RENAMED)


def run(*arguments: str, **more: Any) -> Result:
    return CliRunner().invoke(main, arguments, **more)


def test_a_script_does_not_publish_a_renamed_reminder_without_yes(folder: Path, ledger: Ledger) -> None:
    for command in (("prompts", "publish"), ("release",)):
        refused = run(*command)
        said = " ".join(refused.output.split())
        assert (refused.exit_code, count_releases(ledger)) == (1, 1), refused.output
        assert "The reminder `2d` is now called `two-days`: patients who got it may get it again." in said
    assert run("prompts", "publish", "--yes").exit_code == 0
    assert count_releases(ledger) == 2
    assert run("release").exit_code == 0


@on_one_database
def test_a_deployment_publishes_no_folder_that_breaks_a_rule(
    folder: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ivr.line.lint.runner.check_content", check_content)
    write_files(folder, changed("en/goodbye.md", "Take good care of yourself.", "Call 603-555-0142."))
    refused = run("release")
    assert (refused.exit_code, count_releases(ledger)) == (1, 1), refused.output
    assert "603-555-0142" in refused.output
    assert "fix these errors first" in refused.output


def test_a_person_is_asked_before_a_draft_with_a_renamed_reminder_goes_live(
    folder: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publish_command, "is_terminal", lambda: True)
    assert run("prompts", "draft", "put", str(folder / LINE_FILE)).exit_code == 0
    refused = run("prompts", "publish", "--draft", input="n\n")
    assert (refused.exit_code, "`two-days`" in refused.output, count_releases(ledger)) == (1, True, 1)
    assert run("prompts", "publish", "--draft", input="y\n").exit_code == 0
    assert count_releases(ledger) == 2


def test_a_topic_does_not_get_the_number_of_another_one_without_yes(folder: Path, ledger: Ledger) -> None:
    text = SHIPPED[LINE_FILE].replace(b"next-steps, number: 4", b"next-steps, number: 8")
    write_files(folder, {LINE_FILE: text.replace(b"people, number: 7", b"people, number: 4")})
    for command in (("prompts", "publish"), ("release",)):
        refused = run(*command)
        said = " ".join(refused.output.split())
        assert (refused.exit_code, count_releases(ledger)) == (1, 1), refused.output
        assert "reply `4` to an old text message would get `people` instead of `next-steps`." in said
    assert run("prompts", "publish", "--yes").exit_code == 0


def test_a_rollback_to_another_id_says_so_and_is_not_delayed(folder: Path, ledger: Ledger) -> None:
    publish_release(ledger, read_content(RENAMED), NOW, "ann", "", "folder")
    back = run("prompts", "rollback", "1")
    assert (back.exit_code, "`two-days` is now called `2d`" in " ".join(back.output.split())) == (0, True)


@pytest.fixture
def in_transaction(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set while a write transaction is open."""
    is_open, write = threading.Event(), Ledger.write

    @contextmanager
    def watched(ledger: Ledger) -> Iterator[Any]:
        with write(ledger) as connection:
            is_open.set()
            try:
                yield connection
            finally:
                is_open.clear()

    monkeypatch.setattr(Ledger, "write", watched)
    return is_open


def test_no_recording_is_packed_or_unpacked_while_other_writers_wait(
    ledger: Ledger, content: Content, in_transaction: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    worked: list[tuple[str, bool]] = []
    for name in ("pack", "unpack"):
        original = getattr(store_module, name)

        def watched(*arguments: Any, name: str = name, original: Any = original) -> Any:
            worked.append((name, in_transaction.is_set()))
            return original(*arguments)

        monkeypatch.setattr(store_module, name, watched)
    publish_folder_if_changed(ledger, content, NOW, "ann")
    publish_release(ledger, read_content(SECOND), NOW, "ann", "", "folder")
    drafts = Drafts(ledger, clock.now().tzinfo or content.config.zone, quick_check)
    drafts.save("en/goodbye.md", SHIPPED["en/goodbye.md"], "ann", NOW, None)
    drafts.publish("ann", NOW, "", drafts.open())
    assert {name for name, _ in worked} == {"pack", "unpack"}
    assert [name for name, is_open in worked if is_open] == []
