"""The releases that calls under way began with are open before a web process answers its first request."""

from __future__ import annotations

import threading
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from ivr import clock, create_app
from ivr.ledger import Ledger, open_ledger
from ivr.line.content.loader import Content, content_digest, read_content
from ivr.releases import cache as cache_module
from ivr.releases.cache import LONGEST_CALL, MOST_FORMER, ReleaseCache
from ivr.releases.disk_cache import DiskCache
from ivr.releases.store import publish_release
from ivr.settings import load
from tests.releases.draft_files import SHIPPED, changed, few_questions
from tests.releases.test_upgrades import FIRST, PROMPTS, store

SECOND = read_content(changed("en/goodbye.md", "Take good care of yourself.", "Take very good care."))


@pytest.fixture
def no_more_opening(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """A function after which no release can be read or compiled."""

    def forbid() -> None:
        for name in ("open_release", "CompiledLine"):
            monkeypatch.setattr(cache_module, name, lambda *_arguments: pytest.fail("opened during a call"))

    return forbid


def test_a_release_of_an_older_version_and_the_live_one_are_open_when_the_web_process_starts(
    ledger: Ledger, ledger_url: str, content: Content, tmp_path: Path, monkeypatch, no_more_opening
) -> None:
    with zipfile.ZipFile(FIRST) as archive:
        files = {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}
    first = store(ledger, few_questions(files))
    publish_release(ledger, content, clock.now(), "ann", "", "folder")
    for name, value in {"VAR_DIR": tmp_path / "var", "DATABASE_URL": ledger_url}.items():
        monkeypatch.setenv(name, str(value))
    releases = create_app(load()).extensions["infoline"].releases
    no_more_opening()
    for digest in (first, content.digest):
        line = releases.get(digest)
        assert line.digest == digest
        assert "matcher" in vars(line), "callers do not wait for the matcher either"
    assert releases.live.digest == content.digest


def test_with_the_database_down_the_releases_of_calls_under_way_are_opened_from_the_disk(
    content: Content, tmp_path: Path, no_more_opening
) -> None:
    unreachable = open_ledger("postgresql://nobody@127.0.0.1:1/none")
    for release_content in (content, SECOND):
        DiskCache(tmp_path).keep(release_content)
    releases = ReleaseCache(unreachable, tmp_path, PROMPTS, "")
    unreachable.close()
    no_more_opening()
    assert [releases.get(each.digest).digest for each in (content, SECOND)] == [content.digest, SECOND.digest]


def test_releases_that_no_call_can_still_use_are_not_opened_at_the_start(
    ledger: Ledger, content: Content, tmp_path: Path
) -> None:
    replaced = clock.now() - LONGEST_CALL - timedelta(minutes=1)
    publish_release(ledger, content, replaced - timedelta(days=1), "ann", "", "folder")
    publish_release(ledger, SECOND, replaced, "ann", "", "folder")
    releases = ReleaseCache(ledger, tmp_path, PROMPTS, "")
    assert list(releases._lines) == [SECOND.digest]


def test_a_busy_hour_of_publishing_opens_only_the_last_few_releases(ledger: Ledger, tmp_path: Path) -> None:
    digests = []
    for number in range(MOST_FORMER + 3):
        files = changed("en/goodbye.md", "Take good care of yourself.", f"Take good care, {'very ' * number}good care.")
        digests.append(content_digest(files))
        publish_release(ledger, read_content(files), clock.now(), "ann", "", "folder")
    releases = ReleaseCache(ledger, tmp_path, PROMPTS, "")
    assert sorted(releases._lines) == sorted(digests[-MOST_FORMER - 1 :])


def test_a_release_that_many_callers_need_at_once_is_opened_once(
    ledger: Ledger, content: Content, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_release(ledger, content, clock.now() - timedelta(days=9), "ann", "", "folder")
    publish_release(ledger, SECOND, clock.now() - timedelta(days=8), "ann", "", "folder")
    releases = ReleaseCache(ledger, tmp_path, PROMPTS, "")
    callers = 8
    opened: list[object] = []
    all_wait = threading.Barrier(callers)

    def open_counted(files: dict[str, bytes], _folder: Path) -> Content:
        opened.append(files)
        return read_content(SHIPPED)

    monkeypatch.setattr(cache_module, "open_release", open_counted)

    def answer(_caller: int) -> object:
        all_wait.wait(30)
        return releases.get(content.digest)

    with ThreadPoolExecutor(callers) as pool:
        lines = list(pool.map(answer, range(callers)))
    assert len(opened) == 1
    assert {id(line) for line in lines} == {id(lines[0])}
