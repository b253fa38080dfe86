"""`infoline reminders reconcile --since`: every release that a text may have gone out with is considered."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from ivr import clock
from ivr.cli import main
from ivr.cli.context import CommandContext
from ivr.cli.reminders.reconcile import contents_since
from ivr.ledger import Ledger
from ivr.line.content.findings import BrokenPrompts
from ivr.line.content.loader import content_digest, read_content
from ivr.line.content.revisions.sign_off import with_sign_off
from ivr.line.content.revisions.upgrades import open_release
from ivr.releases.disk_cache import DiskCache
from ivr.releases.store import publish_release
from ivr.settings import load
from tests.line.content.test_loader import SHIPPED, changed
from tests.releases.test_upgrades import PROMPTS, store

NOW = clock.now()
# A release of an older version, which lacks a prompt that this version requires, and has another reminder.
FORMER = changed("en/reminder-2d.md", "## Texted\n\n", "## Texted\n\nHello. ")
del FORMER["en/whisper.md"]


@pytest.fixture
def context(ledger: Ledger, ledger_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandContext:
    for name, value in {"VAR_DIR": tmp_path / "var", "DATABASE_URL": ledger_url, "PROMPTS_DIR": PROMPTS}.items():
        monkeypatch.setenv(name, str(value))
    return CommandContext(load(), ledger)


def publish(ledger: Ledger, number: int, at) -> str:
    files = changed("en/goodbye.md", "Take good care of yourself.", f"Take good care, {number} times.")
    publish_release(ledger, read_content(files), at, "ann", "", "folder")
    return content_digest(files)


def test_texts_of_a_release_that_must_be_upgraded_to_be_read_are_recognized(context: CommandContext) -> None:
    with pytest.raises(BrokenPrompts):
        read_content(FORMER)
    former = store(context.ledger, FORMER)
    live = publish(context.ledger, 1, NOW)
    contents = contents_since(context, NOW - timedelta(days=1))
    assert [content.digest for content in contents] == [live, former]
    assert contents[1].texted("en", "reminder-2d").startswith("Hello. ")


def test_every_release_since_the_backup_counts_and_no_older_one(context: CommandContext) -> None:
    digests = [publish(context.ledger, number, NOW - timedelta(hours=20 - number)) for number in range(10)]
    since = NOW - timedelta(hours=18, minutes=30)
    assert [content.digest for content in contents_since(context, since)] == digests[:0:-1]


def test_a_release_that_the_restored_database_lacks_is_read_from_this_machines_copy(context: CommandContext) -> None:
    live = publish(context.ledger, 1, NOW - timedelta(days=2))
    lost = read_content(changed("en/goodbye.md", "Take good care of yourself.", "Be well."))
    DiskCache(context.settings.var_dir).keep(lost)
    assert [content.digest for content in contents_since(context, NOW)] == [live, lost.digest]


def test_the_history_shows_the_sign_offs_of_a_release_that_must_be_upgraded_to_be_read(context: CommandContext) -> None:
    signed = {**FORMER, "en/cancer.md": with_sign_off(SHIPPED["en/cancer.md"], "Dr. Lee", NOW.date())}
    assert open_release(signed, PROMPTS)
    store(context.ledger, signed)
    shown = CliRunner().invoke(main, ["prompts", "history", "1", "--json"])
    (sign_off,) = json.loads(shown.stdout)["signed"]
    assert (sign_off["file"], sign_off["by"]) == ("en/cancer.md", "Dr. Lee")
