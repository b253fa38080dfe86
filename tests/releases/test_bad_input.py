"""Bad input: wrong numbers and notes, damaged and oversized releases, concurrent changes."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ivr.cli import main
from ivr.cli.prompts import publish as releases_command
from ivr.ledger import Ledger
from ivr.line.content.loader import Content, content_digest, read_content
from ivr.line.content.revisions.diff import diff_files
from ivr.line.lint.runner import CheckReport
from ivr.releases import cache as cache_module
from ivr.releases.cache import ReleaseCache
from ivr.releases.drafts import Drafts, EditConflict
from ivr.releases.store import live_release, pack, publish_release, stored_files, unpack
from tests.releases.draft_files import SHIPPED, changed
from tests.releases.test_store import count_releases, damage, write_files

NOW = datetime(2026, 12, 1, 15, tzinfo=UTC)
GOODBYE, CANCER = "en/goodbye.md", "es/cancer.md"
KINDER = changed(GOODBYE, "Take good care of yourself.", "Take very good care.")[GOODBYE]
SECOND = read_content({**SHIPPED, GOODBYE: KINDER})

Run = Callable[..., Result]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_files(tmp_path / "prompts", SHIPPED)


@pytest.fixture
def var(tmp_path: Path) -> Path:
    return tmp_path / "var"


@pytest.fixture
def run(ledger_url: str, ledger: Ledger, folder: Path, var: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`infoline prompts` on each database, with a check that always passes: the real one takes seconds."""
    for name, value in {"VAR_DIR": var, "DATABASE_URL": ledger_url, "PROMPTS_DIR": folder}.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setattr(releases_command, "check_files", lambda _files, **_how: CheckReport(1, 1, ()))
    return lambda *arguments: CliRunner().invoke(main, ["prompts", *arguments])


@pytest.mark.parametrize("number", ["0", "-1", "2147483648", "9" * 20, "9" * 5000, "two", "1.0"])
@pytest.mark.parametrize(
    "command", [["history"], ["rollback"], ["export", "folder", "--release"]], ids=lambda command: command[0]
)
def test_an_invalid_release_number_is_reported(command: list[str], number: str, run: Run) -> None:
    refused = run(*command, *(["--"] if command[-1] != "--release" else []), number)
    assert (refused.exit_code, "is not a number" in refused.output) == (2, True), refused.output


def test_a_note_that_is_not_utf8_is_reported_before_the_check(run: Run, ledger: Ledger) -> None:
    refused = run("publish", "--note", "caf\udce9")
    assert (refused.exit_code, "UTF-8" in refused.output, count_releases(ledger)) == (2, True, 0)


def test_a_user_without_an_account_name_can_publish(run: Run, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_name(uid: int) -> str:
        raise KeyError("getpwuid(): uid not found: 4711")

    monkeypatch.setattr("pwd.getpwuid", no_name)
    monkeypatch.delenv("SUDO_USER", raising=False)
    assert run("publish").exit_code == 0
    live = live_release(ledger)
    assert live
    assert live.by == f"user {os.getuid()}"


def test_long_texts_with_few_distinct_words_are_compared() -> None:
    start = SHIPPED["en/goodbye.md"].partition(b"## Spoken")[0] + b"## Spoken\n"
    before, after = (start + text.encode() for text in ("la lo " * 4_000, "lo la " * 4_000 + "end"))
    (change,) = diff_files({"en/goodbye.md": before}, {"en/goodbye.md": after})
    assert "end" in change.parts[0].runs[-1][1]


def test_a_release_that_is_too_large_for_memory_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"en/a.md": b"a" * 1000, "en/b.md": b"b" * 1000}
    assert unpack(pack(files), content_digest(files)) == files
    monkeypatch.setattr("ivr.releases.store.LARGEST_UNPACKED", 1999)
    monkeypatch.setattr("zipfile.ZipFile.read", lambda *_arguments: pytest.fail("the archive was read"))
    assert unpack(pack(files), content_digest(files)) is None


def test_a_damaged_release_is_fetched_once_and_its_content_can_be_published_again(
    ledger: Ledger, content: Content, var: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_release(ledger, content, NOW, "x", "", "folder")
    cache = ReleaseCache(ledger, var, folder, "")
    publish_release(ledger, SECOND, NOW, "x", "", "folder")
    damage(ledger, SECOND.digest, b"damaged")
    fetched: list[str] = []
    monkeypatch.setattr(
        cache_module, "stored_files", lambda ledger, digest: fetched.append(digest) or stored_files(ledger, digest)
    )
    for _ in range(3):
        cache.refresh()
    assert fetched == [SECOND.digest]
    publish_release(ledger, content, NOW, "x", "", "folder")
    publish_release(ledger, SECOND, NOW, "x", "", "folder")
    cache.refresh()
    assert cache.live
    assert cache.live.digest == SECOND.digest


def test_a_discard_is_refused_if_another_person_has_saved_since(ledger: Ledger, content: Content) -> None:
    publish_release(ledger, content, NOW, "release", "", "folder")
    drafts = Drafts(ledger, UTC)
    drafts.save(GOODBYE, KINDER, "ann", NOW, None)
    seen = drafts.open()
    drafts.save(CANCER, b"typed", "bob", NOW, None)
    with pytest.raises(EditConflict, match=r"Nothing was discarded: bob saved es/cancer\.md"):
        drafts.discard(None, seen)
    assert drafts.open().files[CANCER] == b"typed"
    drafts.discard(None, drafts.open())
    assert drafts.open().begun_at is None
