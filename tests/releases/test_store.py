"""Releases on both databases: folders are published once, all processes follow, and no broken release goes live."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select, update

from ivr.ledger import Ledger, LedgerUnavailable, open_ledger
from ivr.ledger.tables import release
from ivr.line.callflow.states import Key
from ivr.line.content.findings import BrokenPrompts
from ivr.line.content.loader import Content, content_digest, read_content
from ivr.releases import cache as cache_module
from ivr.releases.cache import ReleaseCache
from ivr.releases.disk_cache import MAX_COPIES, DiskCache
from ivr.releases.live import NoRelease, live_content
from ivr.releases.store import (
    Diverged,
    live_release,
    pack,
    publish_folder_if_changed,
    publish_release,
    stored_files,
    unpack,
)
from tests.releases.draft_files import SHIPPED, changed

NOW = datetime(2026, 12, 1, 15, tzinfo=UTC)
SECOND = read_content(changed("en/goodbye.md", "Take good care of yourself.", "Take very good care."))
THIRD = read_content(changed("en/goodbye.md", "Take good care of yourself.", "Take the best of care."))
BROKEN = {**SHIPPED, "en/cancer.md": b"\x00"}


@pytest.fixture
def var(tmp_path: Path) -> Path:
    return tmp_path / "var"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_files(tmp_path / "prompts", SHIPPED)


@pytest.fixture
def unreachable() -> Iterator[Ledger]:
    """A ledger whose server does not answer."""
    ledger = open_ledger("postgresql://nobody@127.0.0.1:1/none")
    yield ledger
    ledger.close()


def write_files(folder: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def count_releases(ledger: Ledger) -> int:
    with ledger.read() as connection:
        return connection.execute(select(func.count()).select_from(release)).scalar_one()


def damage(ledger: Ledger, digest: str, blob: bytes) -> None:
    with ledger.write() as connection:
        connection.execute(update(release).where(release.c.digest == digest).values(content=blob))


def put_broken(ledger: Ledger) -> str:
    """Insert a release that cannot be read, which no command does. Returns its digest."""
    values = {"digest": content_digest(BROKEN), "parent": None, "at": NOW, "by": "x", "note": "", "origin": "console"}
    with ledger.write() as connection:
        connection.execute(insert(release).values(**values, content=pack(BROKEN)))
    return content_digest(BROKEN)


def test_nothing_is_live_before_the_first_publish(ledger: Ledger) -> None:
    assert live_release(ledger) is None
    assert stored_files(ledger, "0" * 12) is None


def test_a_published_release_is_live_and_reads_back_byte_for_byte(ledger: Ledger, content: Content) -> None:
    first = publish_release(ledger, content, NOW, "ann", "the first", "folder")
    second = publish_release(ledger, SECOND, NOW + timedelta(hours=1), "bob", "a word", "console")
    assert live_release(ledger) == second
    assert (first.parent, second.parent, second.number > first.number) == (None, content.digest, True)
    assert (second.by, second.note, second.origin, second.at) == ("bob", "a word", "console", NOW + timedelta(hours=1))
    assert stored_files(ledger, content.digest) == dict(content.files)
    assert stored_files(ledger, SECOND.digest) == dict(SECOND.files)


def test_an_unchanged_folder_publishes_nothing(ledger: Ledger, content: Content) -> None:
    assert publish_folder_if_changed(ledger, content, NOW, "release")
    assert publish_folder_if_changed(ledger, content, NOW, "release") is None
    second = publish_folder_if_changed(ledger, SECOND, NOW, "release")
    assert second
    assert second.parent == content.digest
    assert publish_folder_if_changed(ledger, SECOND, NOW, "release") is None
    assert count_releases(ledger) == 2


def test_a_folder_is_refused_if_the_live_release_has_also_changed(ledger: Ledger, content: Content) -> None:
    publish_folder_if_changed(ledger, content, NOW, "release")
    publish_release(ledger, SECOND, NOW, "ann", "", "console")
    assert publish_folder_if_changed(ledger, content, NOW, "release") is None, "the folder did not change"
    with pytest.raises(Diverged, match=f"{THIRD.digest}.*{SECOND.digest}, by ann"):
        publish_folder_if_changed(ledger, THIRD, NOW, "release")
    live = live_release(ledger)
    assert live
    assert live.digest == SECOND.digest


def test_a_folder_that_equals_the_live_release_publishes_nothing(ledger: Ledger, content: Content) -> None:
    publish_folder_if_changed(ledger, content, NOW, "release")
    publish_release(ledger, SECOND, NOW, "ann", "", "console")
    assert publish_folder_if_changed(ledger, SECOND, NOW, "release") is None


def test_a_rollback_stays_live_until_the_same_folder_is_published_again(
    ledger: Ledger, content: Content, var: Path, folder: Path
) -> None:
    publish_folder_if_changed(ledger, content, NOW, "release")
    publish_folder_if_changed(ledger, SECOND, NOW, "release")
    cache = ReleaseCache(ledger, var, folder, "")
    rollback = publish_release(ledger, content, NOW, "ann", "", "rollback")
    assert publish_folder_if_changed(ledger, SECOND, NOW, "release") is None
    cache.refresh()
    assert cache.live
    assert cache.live.digest == content.digest
    again = publish_release(ledger, SECOND, NOW, "ann", "", "folder")
    assert [rollback.digest, again.digest, again.parent] == [content.digest, SECOND.digest, content.digest]
    cache.refresh()
    assert cache.live.digest == SECOND.digest
    assert count_releases(ledger) == 4


def test_concurrent_publishes_become_successive_releases(ledger: Ledger, content: Content) -> None:
    start = threading.Barrier(3)

    def publish_together(content: Content) -> None:
        start.wait()
        publish_release(ledger, content, NOW, "x", "", "console")

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(publish_together, [content, SECOND, THIRD]))
    with ledger.read() as connection:
        rows = connection.execute(select(release.c.digest, release.c.parent).order_by(release.c.number)).all()
    assert len(rows) == 3
    assert [row.parent for row in rows] == [None, *(row.digest for row in rows[:-1])]


def test_two_machines_that_deploy_the_same_folder_publish_it_once(ledger: Ledger, content: Content) -> None:
    start = threading.Barrier(4)

    def deploy(_machine: int) -> bool:
        start.wait()
        return publish_folder_if_changed(ledger, content, NOW, "x") is not None

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(deploy, range(4))) == [False, False, False, True]
    assert count_releases(ledger) == 1


@pytest.mark.parametrize(
    "blob",
    [b"", b"PK", b"not an archive", pack({"a": b"other text"})],
    ids=["empty", "cut short", "not an archive", "other content"],
)
def test_a_damaged_release_has_no_files(ledger: Ledger, content: Content, blob: bytes) -> None:
    publish_release(ledger, content, NOW, "x", "", "folder")
    damage(ledger, content.digest, blob)
    assert stored_files(ledger, content.digest) is None


def test_a_release_is_packed_into_the_same_bytes_every_time(content: Content) -> None:
    assert pack(content.files) == pack(dict(reversed(content.files.items())))
    damaged = bytearray(pack(content.files))
    damaged[len(damaged) // 2] ^= 0xFF
    assert unpack(bytes(damaged), content.digest) is None


def test_after_a_publish_a_call_in_progress_stays_on_its_release(
    ledger: Ledger, content: Content, var: Path, folder: Path
) -> None:
    publish_release(ledger, content, NOW, "x", "", "folder")
    cache = ReleaseCache(ledger, var, folder, "https://line.example.org")
    before = cache.live
    assert before
    publish_release(ledger, SECOND, NOW, "x", "", "console")
    cache.refresh()
    assert cache.live
    assert cache.live.digest == SECOND.digest
    assert cache.get(content.digest) is before
    turn = before.next_turn("en.menu-welcome", Key("1"), lambda _name: True)
    assert f"/voice/{content.digest}/".encode() in before.document(turn)


@pytest.mark.parametrize("source", ["database", "disk"])
def test_a_process_that_starts_after_a_publish_finds_the_older_release(
    source: str, ledger: Ledger, content: Content, var: Path, folder: Path, unreachable: Ledger
) -> None:
    publish_release(ledger, content, NOW, "x", "", "folder")
    publish_release(ledger, SECOND, NOW, "x", "", "console")
    if source == "disk":
        for release_content in (content, SECOND):
            DiskCache(var).keep(release_content)
    later = ReleaseCache(unreachable if source == "disk" else ledger, var, folder, "")
    assert later.live
    assert later.live.digest == SECOND.digest
    older = later.get(content.digest)
    assert older
    assert older.digest == content.digest
    assert later.live.digest == SECOND.digest


@pytest.mark.parametrize("digest", ["", "0" * 12, "../../etc/passwd", "0" * 12 + "\n", "ABCDEF123456", "%00"])
def test_an_unknown_digest_has_no_release(digest: str, ledger: Ledger, var: Path, folder: Path) -> None:
    assert ReleaseCache(ledger, var, folder, "").get(digest) is None


def test_a_broken_release_never_replaces_a_working_one(
    ledger: Ledger, content: Content, var: Path, folder: Path
) -> None:
    publish_release(ledger, content, NOW, "x", "", "folder")
    cache = ReleaseCache(ledger, var, folder, "")
    broken = put_broken(ledger)
    cache.refresh()
    assert cache.live
    assert cache.live.digest == content.digest
    assert cache.get(broken) is None
    restarted = live_content(ledger, var, write_files(folder, BROKEN))
    assert restarted.digest == content.digest, "the copy on disk is live"


def test_a_process_starts_even_if_the_live_release_is_damaged(
    ledger: Ledger, content: Content, var: Path, folder: Path
) -> None:
    publish_release(ledger, SECOND, NOW, "x", "", "folder")
    damage(ledger, SECOND.digest, b"damaged")
    assert live_content(ledger, var, folder).digest == content.digest
    cache = ReleaseCache(ledger, var, folder, "")
    cache.refresh()
    assert cache.get(SECOND.digest) is None


def test_before_the_first_publish_the_folder_is_live(ledger: Ledger, content: Content, var: Path, folder: Path) -> None:
    cache = ReleaseCache(ledger, var, folder, "")
    assert cache.live
    assert cache.live.digest == content.digest
    assert count_releases(ledger) == 0
    publish_release(ledger, SECOND, NOW, "x", "", "console")
    cache.refresh()
    assert cache.live.digest == SECOND.digest


def test_before_the_first_publish_a_copy_from_an_earlier_database_is_ignored(
    ledger: Ledger, content: Content, var: Path, folder: Path
) -> None:
    DiskCache(var).keep(SECOND)
    assert live_content(ledger, var, folder).digest == content.digest


def test_with_a_database_without_tables_the_copy_on_disk_is_live(
    content: Content, var: Path, folder: Path, tmp_path: Path
) -> None:
    bare = open_ledger(f"sqlite:///{tmp_path}/bare.db")
    with pytest.raises(LedgerUnavailable):
        live_release(bare)
    DiskCache(var).keep(SECOND)
    assert live_content(bare, var, folder).digest == SECOND.digest
    bare.close()


def test_without_a_database_the_copy_on_disk_is_live_or_else_the_folder(
    unreachable: Ledger, content: Content, var: Path, folder: Path
) -> None:
    assert live_content(unreachable, var, folder).digest == content.digest
    DiskCache(var).keep(SECOND)
    cache = ReleaseCache(unreachable, var, folder, "")
    assert cache.live
    assert cache.live.digest == SECOND.digest
    cache.refresh()
    assert cache.live.digest == SECOND.digest


def test_without_any_content_the_cache_is_empty_until_the_first_publish(
    ledger: Ledger, content: Content, var: Path, tmp_path: Path
) -> None:
    with pytest.raises(NoRelease, match=r"line\.yaml"):
        live_content(ledger, var, tmp_path / "nowhere")
    cache = ReleaseCache(ledger, var, tmp_path / "nowhere", "")
    cache.refresh()
    assert cache.live is None
    publish_release(ledger, content, NOW, "x", "", "folder")
    cache.refresh()
    assert cache.live
    assert cache.live.digest == content.digest


DAMAGES = [
    ("the copy is cut short", lambda copies: copies.write_bytes(copies.read_bytes()[:500])),
    ("the copy has other content", lambda copies: copies.write_bytes(pack({"line.yaml": b"x"}))),
    ("the copy is missing", lambda copies: copies.unlink()),
    ("the live marker is empty", lambda copies: (copies.parent / "live").write_bytes(b"")),
    ("the live marker is not text", lambda copies: (copies.parent / "live").write_bytes(b"\xff\xfe\x00")),
    (
        "the live marker points outside the folder",
        lambda copies: (copies.parent / "live").write_bytes(b"../../secrets"),
    ),
    ("the live marker is missing", lambda copies: (copies.parent / "live").unlink()),
]


@pytest.mark.parametrize(("label", "damage_copy"), DAMAGES, ids=[case[0] for case in DAMAGES])
def test_a_damaged_copy_on_disk_is_ignored(
    label: str, damage_copy, unreachable: Ledger, content: Content, var: Path, folder: Path
) -> None:
    DiskCache(var).keep(SECOND)
    damage_copy(var / "releases" / f"{SECOND.digest}.zip")
    assert live_content(unreachable, var, folder).digest == content.digest


def test_a_process_starts_even_if_the_disk_cache_cannot_be_written(
    ledger: Ledger, content: Content, var: Path, folder: Path
) -> None:
    var.mkdir()
    (var / "releases").write_text("a file where a folder should be")
    cache = ReleaseCache(ledger, var, folder, "")
    assert cache.live
    assert cache.live.digest == content.digest


def test_the_disk_cache_keeps_the_last_releases_and_deletes_the_oldest(content: Content, var: Path) -> None:
    copies = DiskCache(var)
    for number in range(MAX_COPIES + 4):
        copies.keep(Content(f"{number:012x}", content.config, {}, {"n": str(number).encode()}))
    assert len(list((var / "releases").glob("*.zip"))) == MAX_COPIES + 1
    copies.keep(content)
    assert copies.live() == dict(content.files)
    assert [path.name for path in (var / "releases").iterdir() if path.name.startswith(".")] == []


def test_requests_for_many_older_releases_do_not_evict_the_live_one(
    ledger: Ledger, content: Content, var: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = ReleaseCache(ledger, var, folder, "")
    live = cache.live
    assert live

    class FakeLine:
        matcher = None

        def __init__(self, content: Content, _base_url: str, **_options: object) -> None:
            self.digest = content.digest

    monkeypatch.setattr(cache_module, "CompiledLine", FakeLine)
    for number in range(MAX_COPIES + 4):
        cache._add(Content(f"{number:012x}", content.config, {}, {}))
    assert cache.get(content.digest) is live
    assert len(cache._lines) <= MAX_COPIES + 1


def test_a_hanging_database_does_not_delay_a_caller(
    ledger: Ledger, var: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = ReleaseCache(ledger, var, folder, "")
    hanging = threading.Event()
    queried: list[str] = []

    def hang(_ledger: Ledger, digest: str) -> None:
        queried.append(digest)
        hanging.wait(30)

    monkeypatch.setattr(cache_module, "stored_files", hang)
    monkeypatch.setattr(cache_module, "LEDGER_SECONDS", 0.02)
    assert [cache.get(f"{number:012x}") for number in range(5)] == [None] * 5
    hanging.set()
    cache._queries.shutdown()
    assert len(queried) == 1, "queries that timed out before they started are cancelled"


def test_a_broken_folder_cannot_be_read_for_publishing() -> None:
    with pytest.raises(BrokenPrompts, match=r"en/cancer\.md"):
        read_content(BROKEN)
