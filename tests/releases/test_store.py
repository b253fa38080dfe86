"""Releases: published once, followed by every process, and never replaced by what is broken. On both stores."""

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
from ivr.releases import cache as shelves
from ivr.releases.cache import NoRelease, ReleaseCache, live_content
from ivr.releases.disk_cache import MAX_COPIES, DiskCache
from ivr.releases.store import (
    Diverged,
    live_release,
    pack,
    publish,
    publish_folder_if_changed,
    stored_files,
    unpack,
)
from tests.line.content.test_loader import SHIPPED, changed

NOW = datetime(2026, 12, 1, 15, tzinfo=UTC)
SECOND = read_content(changed("en/goodbye.md", "Take good care.", "Take very good care."))
THIRD = read_content(changed("en/goodbye.md", "Take good care.", "Take the best of care."))
BROKEN = {**SHIPPED, "en/cancer.md": b"\x00"}


@pytest.fixture
def var(tmp_path: Path) -> Path:
    return tmp_path / "var"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return written(tmp_path / "prompts", SHIPPED)


@pytest.fixture
def away() -> Iterator[Ledger]:
    """A ledger where nothing answers."""
    opened = open_ledger("postgresql://nobody@127.0.0.1:1/none")
    yield opened
    opened.close()


def written(folder: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def count(ledger: Ledger) -> int:
    with ledger.read() as connection:
        return connection.execute(select(func.count()).select_from(release)).scalar_one()


def damage(ledger: Ledger, digest: str, blob: bytes) -> None:
    with ledger.write() as connection:
        connection.execute(update(release).where(release.c.digest == digest).values(content=blob))


def put_broken(ledger: Ledger) -> str:
    """What no command does: a release in the ledger that cannot be read."""
    values = {"digest": content_digest(BROKEN), "parent": None, "at": NOW, "by": "x", "note": "", "origin": "console"}
    with ledger.write() as connection:
        connection.execute(insert(release).values(**values, content=pack(BROKEN)))
    return content_digest(BROKEN)


def test_nothing_is_live_before_anything_is_published(ledger: Ledger) -> None:
    assert live_release(ledger) is None
    assert stored_files(ledger, "0" * 12) is None


def test_what_is_published_is_live_and_comes_back_byte_by_byte(ledger: Ledger, content: Content) -> None:
    first = publish(ledger, content, NOW, "ann", "the first", "folder")
    second = publish(ledger, SECOND, NOW + timedelta(hours=1), "bob", "a word", "console")
    assert live_release(ledger) == second
    assert (first.parent, second.parent, second.number > first.number) == (None, content.digest, True)
    assert (second.by, second.note, second.origin, second.at) == ("bob", "a word", "console", NOW + timedelta(hours=1))
    assert stored_files(ledger, content.digest) == dict(content.files)
    assert stored_files(ledger, SECOND.digest) == dict(SECOND.files)


def test_a_folder_that_did_not_change_publishes_nothing(ledger: Ledger, content: Content) -> None:
    assert publish_folder_if_changed(ledger, content, NOW, "release")
    assert publish_folder_if_changed(ledger, content, NOW, "release") is None
    changed_once = publish_folder_if_changed(ledger, SECOND, NOW, "release")
    assert changed_once
    assert changed_once.parent == content.digest
    assert publish_folder_if_changed(ledger, SECOND, NOW, "release") is None
    assert count(ledger) == 2


def test_words_changed_in_two_places_are_refused_and_told(ledger: Ledger, content: Content) -> None:
    publish_folder_if_changed(ledger, content, NOW, "release")
    publish(ledger, SECOND, NOW, "ann", "", "console")
    assert publish_folder_if_changed(ledger, content, NOW, "release") is None, "the folder did not change"
    with pytest.raises(Diverged, match=f"{THIRD.digest}.*{SECOND.digest}, by ann"):
        publish_folder_if_changed(ledger, THIRD, NOW, "release")
    live = live_release(ledger)
    assert live
    assert live.digest == SECOND.digest


def test_a_folder_that_caught_up_with_what_is_live_publishes_nothing(ledger: Ledger, content: Content) -> None:
    publish_folder_if_changed(ledger, content, NOW, "release")
    publish(ledger, SECOND, NOW, "ann", "", "console")
    assert publish_folder_if_changed(ledger, SECOND, NOW, "release") is None


def test_a_rollback_stays_though_the_folder_is_newer_and_the_same_digest_can_be_live_again(
    ledger: Ledger, content: Content, var: Path, folder: Path
) -> None:
    publish_folder_if_changed(ledger, content, NOW, "release")
    publish_folder_if_changed(ledger, SECOND, NOW, "release")
    shelf = ReleaseCache(ledger, var, folder, "")
    back = publish(ledger, content, NOW, "ann", "", "rollback")
    assert publish_folder_if_changed(ledger, SECOND, NOW, "release") is None
    shelf.refresh()
    assert shelf.live
    assert shelf.live.digest == content.digest
    again = publish(ledger, SECOND, NOW, "ann", "", "folder")
    assert [back.digest, again.digest, again.parent] == [content.digest, SECOND.digest, content.digest]
    shelf.refresh()
    assert shelf.live.digest == SECOND.digest
    assert count(ledger) == 4


def test_two_publishes_at_the_same_moment_stand_one_after_the_other(ledger: Ledger, content: Content) -> None:
    start = threading.Barrier(3)

    def one(what: Content) -> None:
        start.wait()
        publish(ledger, what, NOW, "x", "", "console")

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(one, [content, SECOND, THIRD]))
    with ledger.read() as connection:
        rows = connection.execute(select(release.c.digest, release.c.parent).order_by(release.c.number)).all()
    assert len(rows) == 3
    assert [row.parent for row in rows] == [None, *(row.digest for row in rows[:-1])]


def test_two_machines_that_deploy_the_same_folder_publish_it_once(ledger: Ledger, content: Content) -> None:
    start = threading.Barrier(4)

    def one(_machine: int) -> bool:
        start.wait()
        return publish_folder_if_changed(ledger, content, NOW, "x") is not None

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(one, range(4))) == [False, False, False, True]
    assert count(ledger) == 1


@pytest.mark.parametrize(
    "blob", [b"", b"PK", b"no archive", pack({"a": b"other words"})], ids=["empty", "cut", "x", "other"]
)
def test_a_damaged_release_is_none(ledger: Ledger, content: Content, blob: bytes) -> None:
    publish(ledger, content, NOW, "x", "", "folder")
    damage(ledger, content.digest, blob)
    assert stored_files(ledger, content.digest) is None


def test_a_packed_release_is_the_same_bytes_every_time(content: Content) -> None:
    assert pack(content.files) == pack(dict(reversed(content.files.items())))
    spoilt = bytearray(pack(content.files))
    spoilt[len(spoilt) // 2] ^= 0xFF
    assert unpack(bytes(spoilt), content.digest) is None


def test_the_shelf_follows_a_publish_and_serves_the_older_release_to_a_call_under_way(
    ledger: Ledger, content: Content, var: Path, folder: Path
) -> None:
    publish(ledger, content, NOW, "x", "", "folder")
    shelf = ReleaseCache(ledger, var, folder, "https://line.example.org")
    before = shelf.live
    assert before
    publish(ledger, SECOND, NOW, "x", "", "console")
    shelf.refresh()
    assert shelf.live
    assert shelf.live.digest == SECOND.digest
    assert shelf.get(content.digest) is before
    turn = before.step("en.menu-welcome", Key("1"), lambda _name: True)
    assert f"/voice/{content.digest}/".encode() in before.document(turn)


@pytest.mark.parametrize("kept", ["in the ledger", "on disk"])
def test_a_process_that_started_later_finds_the_older_release(
    kept: str, ledger: Ledger, content: Content, var: Path, folder: Path, away: Ledger
) -> None:
    publish(ledger, content, NOW, "x", "", "folder")
    publish(ledger, SECOND, NOW, "x", "", "console")
    if kept == "on disk":
        for one in (content, SECOND):
            DiskCache(var).keep(one)
    later = ReleaseCache(away if kept == "on disk" else ledger, var, folder, "")
    assert later.live
    assert later.live.digest == SECOND.digest
    older = later.get(content.digest)
    assert older
    assert older.digest == content.digest
    assert later.live.digest == SECOND.digest


@pytest.mark.parametrize("wanted", ["", "0" * 12, "../../etc/passwd", "0" * 12 + "\n", "ABCDEF123456", "%00"])
def test_a_release_that_is_nowhere_is_none(wanted: str, ledger: Ledger, var: Path, folder: Path) -> None:
    assert ReleaseCache(ledger, var, folder, "").get(wanted) is None


def test_what_is_broken_in_the_ledger_never_replaces_what_works(
    ledger: Ledger, content: Content, var: Path, folder: Path
) -> None:
    publish(ledger, content, NOW, "x", "", "folder")
    shelf = ReleaseCache(ledger, var, folder, "")
    broken = put_broken(ledger)
    shelf.refresh()
    assert shelf.live
    assert shelf.live.digest == content.digest
    assert shelf.get(broken) is None
    restarted = live_content(ledger, var, written(folder, BROKEN))
    assert restarted.digest == content.digest, "the copy on disk"


def test_a_damaged_live_release_does_not_stop_a_start(
    ledger: Ledger, content: Content, var: Path, folder: Path
) -> None:
    publish(ledger, SECOND, NOW, "x", "", "folder")
    damage(ledger, SECOND.digest, b"damaged")
    assert live_content(ledger, var, folder).digest == content.digest
    shelf = ReleaseCache(ledger, var, folder, "")
    shelf.refresh()
    assert shelf.get(SECOND.digest) is None


def test_with_nothing_published_the_folder_is_live(ledger: Ledger, content: Content, var: Path, folder: Path) -> None:
    shelf = ReleaseCache(ledger, var, folder, "")
    assert shelf.live
    assert shelf.live.digest == content.digest
    assert count(ledger) == 0
    publish(ledger, SECOND, NOW, "x", "", "console")
    shelf.refresh()
    assert shelf.live.digest == SECOND.digest


def test_with_nothing_published_a_copy_of_an_earlier_ledger_is_not_live(
    ledger: Ledger, content: Content, var: Path, folder: Path
) -> None:
    DiskCache(var).keep(SECOND)
    assert live_content(ledger, var, folder).digest == content.digest


def test_a_ledger_without_tables_is_away_and_no_crash(
    content: Content, var: Path, folder: Path, tmp_path: Path
) -> None:
    bare = open_ledger(f"sqlite:///{tmp_path}/bare.db")
    with pytest.raises(LedgerUnavailable):
        live_release(bare)
    DiskCache(var).keep(SECOND)
    assert live_content(bare, var, folder).digest == SECOND.digest
    bare.close()


def test_without_the_ledger_the_copy_on_disk_is_live_else_the_folder(
    away: Ledger, content: Content, var: Path, folder: Path
) -> None:
    assert live_content(away, var, folder).digest == content.digest
    DiskCache(var).keep(SECOND)
    shelf = ReleaseCache(away, var, folder, "")
    assert shelf.live
    assert shelf.live.digest == SECOND.digest
    shelf.refresh()
    assert shelf.live.digest == SECOND.digest


def test_without_anything_to_say_a_shelf_stays_empty_until_there_is_something(
    ledger: Ledger, content: Content, var: Path, tmp_path: Path
) -> None:
    with pytest.raises(NoRelease, match=r"line\.yaml"):
        live_content(ledger, var, tmp_path / "nowhere")
    shelf = ReleaseCache(ledger, var, tmp_path / "nowhere", "")
    shelf.refresh()
    assert shelf.live is None
    publish(ledger, content, NOW, "x", "", "folder")
    shelf.refresh()
    assert shelf.live
    assert shelf.live.digest == content.digest


SPOILT = [
    ("the copy cut short", lambda copies: copies.write_bytes(copies.read_bytes()[:500])),
    ("the copy of something else", lambda copies: copies.write_bytes(pack({"line.yaml": b"x"}))),
    ("no copy", lambda copies: copies.unlink()),
    ("an empty mark", lambda copies: (copies.parent / "live").write_bytes(b"")),
    ("a mark that is no text", lambda copies: (copies.parent / "live").write_bytes(b"\xff\xfe\x00")),
    ("a mark that leads elsewhere", lambda copies: (copies.parent / "live").write_bytes(b"../../secrets")),
    ("no mark", lambda copies: (copies.parent / "live").unlink()),
]


@pytest.mark.parametrize(("label", "spoil"), SPOILT, ids=[case[0] for case in SPOILT])
def test_a_damaged_copy_on_disk_is_ignored(
    label: str, spoil, away: Ledger, content: Content, var: Path, folder: Path
) -> None:
    DiskCache(var).keep(SECOND)
    spoil(var / "releases" / f"{SECOND.digest}.zip")
    assert live_content(away, var, folder).digest == content.digest


def test_a_disk_that_cannot_be_written_does_no_harm(ledger: Ledger, content: Content, var: Path, folder: Path) -> None:
    var.mkdir()
    (var / "releases").write_text("a file where a folder should be")
    shelf = ReleaseCache(ledger, var, folder, "")
    assert shelf.live
    assert shelf.live.digest == content.digest


def test_the_disk_keeps_the_last_releases_and_drops_the_oldest(content: Content, var: Path) -> None:
    copies = DiskCache(var)
    for number in range(MAX_COPIES + 4):
        copies.keep(Content(f"{number:012x}", content.config, {}, {"n": str(number).encode()}))
    assert len(list((var / "releases").glob("*.zip"))) == MAX_COPIES + 1
    copies.keep(content)
    assert copies.live() == dict(content.files)
    assert [path.name for path in (var / "releases").iterdir() if path.name.startswith(".")] == []


def test_memory_keeps_the_live_release_however_many_older_ones_are_asked_for(
    ledger: Ledger, content: Content, var: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = ReleaseCache(ledger, var, folder, "")
    live = shelf.live
    assert live

    class Light:
        matcher = None

        def __init__(self, content: Content, _base_url: str) -> None:
            self.digest = content.digest

    monkeypatch.setattr(shelves, "CompiledLine", Light)
    for number in range(MAX_COPIES + 4):
        shelf._add(Content(f"{number:012x}", content.config, {}, {}))
    assert shelf.get(content.digest) is live
    assert len(shelf._lines) <= MAX_COPIES + 1


def test_a_ledger_that_hangs_does_not_hold_up_a_caller(
    ledger: Ledger, var: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = ReleaseCache(ledger, var, folder, "")
    hanging = threading.Event()
    asked: list[str] = []

    def hang(_ledger: Ledger, wanted: str) -> None:
        asked.append(wanted)
        hanging.wait(30)

    monkeypatch.setattr(shelves, "stored_files", hang)
    monkeypatch.setattr(shelves, "LEDGER_SECONDS", 0.02)
    assert [shelf.get(f"{number:012x}") for number in range(5)] == [None] * 5
    hanging.set()
    shelf._asking.shutdown()
    assert len(asked) == 1, "questions that nobody waits for any more are not asked"


def test_a_broken_folder_is_refused_before_it_can_be_published() -> None:
    with pytest.raises(BrokenPrompts, match=r"en/cancer\.md"):
        read_content(BROKEN)
