"""Recordings are stored with their release, found in memory and on disk, and served to anyone."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from ivr import create_app
from ivr.ledger import Ledger, open_ledger
from ivr.line.content.loader import Content, read_content, read_folder
from ivr.line.content.recordings import Recording, read_recording
from ivr.releases import cache as release_cache
from ivr.releases import disk_cache
from ivr.releases.cache import ReleaseCache
from ivr.releases.disk_cache import MAX_COPIES, DiskCache
from ivr.releases.store import pack, publish_release, stored_files, unpack
from ivr.settings import load
from tests.line.content.test_recordings import GOODBYE, MP3, OTHER, WAV, R, wav, with_recordings
from tests.releases.test_store import write_files

# No call under way can have begun with a release that was replaced then.
LONG_AGO = datetime(2025, 12, 1, 15, tzinfo=UTC)
NOW = datetime(2026, 12, 1, 15, tzinfo=UTC)
YEAR = "public, max-age=31536000, immutable"
FIRST = read_content(with_recordings({"goodbye.wav": WAV, "cancer-2.mp3": MP3}))
SECOND = read_content(with_recordings({"goodbye.wav": OTHER, "cancer-2.mp3": MP3}))
FIRST_GOODBYE, SECOND_GOODBYE = (content.recordings["en", "goodbye", 0] for content in (FIRST, SECOND))


@pytest.fixture
def var(tmp_path: Path) -> Path:
    return tmp_path / "var"


@pytest.fixture
def no_database() -> Iterator[Ledger]:
    """A database that is down."""
    ledger = open_ledger("postgresql://nobody@127.0.0.1:1/none")
    yield ledger
    ledger.close()


def test_a_recording_is_stored_and_read_byte_for_byte(ledger: Ledger) -> None:
    every_byte = read_content(with_recordings({"goodbye.wav": wav(frames=128) + bytes(range(256)) * 8}))
    publish_release(ledger, every_byte, NOW, "ann", "", "folder")
    files = stored_files(ledger, every_byte.digest)
    assert files == dict(every_byte.files)
    assert read_content(files).audio == every_byte.audio


def test_packing_is_deterministic_and_a_damaged_package_is_rejected() -> None:
    blob = pack(FIRST.files)
    assert blob == pack(dict(reversed(FIRST.files.items())))
    damaged = bytearray(blob)
    damaged[blob.index(WAV) + 100] ^= 0xFF
    assert unpack(bytes(damaged), FIRST.digest) is None


def test_a_folder_is_read_with_its_recordings(tmp_path: Path) -> None:
    assert read_content(read_folder(write_files(tmp_path, dict(FIRST.files)))).audio == FIRST.audio


def test_a_process_serves_the_live_release_and_those_of_calls_in_progress(ledger: Ledger, var: Path) -> None:
    publish_release(ledger, FIRST, NOW, "x", "", "folder")
    cache = ReleaseCache(ledger, var, var, "")
    publish_release(ledger, SECOND, NOW, "x", "", "folder")
    cache.refresh()
    assert cache.live
    assert cache.live.digest == SECOND.digest
    assert cache.audio(FIRST_GOODBYE.digest) == FIRST_GOODBYE
    assert cache.audio(SECOND_GOODBYE.digest) == SECOND_GOODBYE


def test_a_recording_shared_by_two_releases_is_in_memory_once(ledger: Ledger, var: Path) -> None:
    publish_release(ledger, FIRST, NOW, "x", "", "folder")
    cache = ReleaseCache(ledger, var, var, "")
    before = cache.live
    third = read_content({**SECOND.files, "recordings/es/goodbye.wav": WAV})
    publish_release(ledger, third, NOW, "x", "", "folder")
    cache.refresh()
    assert before
    assert cache.live
    assert cache.live is not before
    assert cache.live.content.files[f"{R}cancer-2.mp3"] is before.content.files[f"{R}cancer-2.mp3"]
    assert cache.live.content.files["recordings/es/goodbye.wav"] is before.content.files[GOODBYE]


def test_a_restarted_process_serves_an_older_release_from_disk(no_database: Ledger, var: Path) -> None:
    for content in (FIRST, SECOND):
        DiskCache(var).keep(content)
    cache = ReleaseCache(no_database, var, var, "")
    assert cache.live
    assert cache.live.digest == SECOND.digest
    assert cache.audio(FIRST_GOODBYE.digest) == FIRST_GOODBYE


def test_a_process_serves_a_recording_that_another_process_fetched(
    ledger: Ledger, no_database: Ledger, var: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ivr.releases.cache.LEDGER_SECONDS", 10.0)
    publish_release(ledger, FIRST, LONG_AGO, "x", "", "folder")
    publish_release(ledger, SECOND, LONG_AGO, "x", "", "folder")
    first, second = ReleaseCache(ledger, var, var, ""), ReleaseCache(no_database, var, var, "")
    assert second.audio(FIRST_GOODBYE.digest) is None
    assert first.get(FIRST.digest)
    assert second.audio(FIRST_GOODBYE.digest) == FIRST_GOODBYE
    assert DiskCache(var).live() == dict(SECOND.files)


def test_a_recording_is_on_disk_before_its_release_is_live(
    ledger: Ledger, var: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_release(ledger, FIRST, NOW, "x", "", "folder")
    cache = ReleaseCache(ledger, var, var, "")
    publish_release(ledger, SECOND, NOW, "x", "", "folder")
    live: list[str] = []
    keep = cache._copies.keep

    def watched(content: Content) -> None:
        live.append(cache.live.digest if cache.live else "")
        keep(content)

    monkeypatch.setattr(cache._copies, "keep", watched)
    cache.refresh()
    assert live == [FIRST.digest]


def test_fetched_copies_never_evict_the_live_release_from_disk(content: Content, var: Path) -> None:
    copies = DiskCache(var)
    copies.keep(FIRST)
    for number in range(MAX_COPIES + 4):
        copies.keep(Content(f"{number:012x}", content.config, {}, {"n": b"x"}), live=False)
    assert copies.live() == dict(FIRST.files)
    assert len(list((var / "releases").glob("*.zip"))) == MAX_COPIES + 1


UNKNOWN = [
    "0" * 32,
    "",
    "x" * 32,
    "0" * 31,
    "0" * 33,
    "0" * 32 + "\n",
    FIRST_GOODBYE.digest.upper(),
    "../../passwd",
]


@pytest.mark.parametrize("wanted", UNKNOWN)
def test_an_unknown_digest_has_no_recording(wanted: str, no_database: Ledger, var: Path) -> None:
    DiskCache(var).keep(FIRST)
    assert ReleaseCache(no_database, var, var, "").audio(wanted) is None


def test_unknown_digests_unpack_nothing_and_list_each_copy_once(
    no_database: Ledger, var: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    DiskCache(var).keep(FIRST)
    cache = ReleaseCache(no_database, var, var, "")
    listed: list[Path] = []
    list_copy = disk_cache.packed_recordings

    def watched(path: Path) -> dict[str, str]:
        listed.append(path)
        return list_copy(path)

    def never(*_: object) -> None:
        raise AssertionError("a copy was unpacked, or the database queried")

    monkeypatch.setattr(disk_cache, "packed_recordings", watched)
    for module, name in ((disk_cache, "unpack"), (disk_cache, "unpack_recording"), (release_cache, "stored_files")):
        monkeypatch.setattr(module, name, never)
    assert [cache.audio(f"{number:032x}") for number in range(50)] == [None] * 50
    assert len(listed) == 1
    DiskCache(var).keep(SECOND)
    assert [cache.audio(f"{number:032x}") for number in range(50)] == [None] * 50
    assert len(listed) == 2


DAMAGED = [
    ("a truncated copy", lambda data: data[:500]),
    ("an empty copy", lambda data: data[:0]),
    ("a changed sound", lambda data: data.replace(WAV, OTHER)),
    ("a wrong digest", lambda data: data.replace(FIRST_GOODBYE.digest.encode(), b"0" * 32)),
    ("a malformed digest", lambda data: data.replace(FIRST_GOODBYE.digest.encode(), b"\xff" * 32)),
]


@pytest.mark.parametrize(("label", "damage"), DAMAGED, ids=[case[0] for case in DAMAGED])
def test_nothing_is_served_from_a_damaged_copy(label: str, damage, no_database: Ledger, var: Path) -> None:
    DiskCache(var).keep(FIRST)
    path = var / "releases" / f"{FIRST.digest}.zip"
    path.write_bytes(damage(path.read_bytes()))
    copies = DiskCache(var)
    assert copies.recording(FIRST_GOODBYE.digest) is None
    assert copies.recording("0" * 32) is None
    DiskCache(var).keep(FIRST)
    assert copies.recording(FIRST_GOODBYE.digest) == FIRST_GOODBYE, "a rewritten copy is listed again"


def test_copies_may_appear_and_disappear_during_requests(no_database: Ledger, var: Path) -> None:
    DiskCache(var).keep(FIRST)
    cache = ReleaseCache(no_database, var, var, "")
    ended = threading.Event()

    def replace_copies() -> None:
        for _ in range(30):
            DiskCache(var).keep(SECOND, live=False)
            (var / "releases" / f"{SECOND.digest}.zip").unlink(missing_ok=True)
        ended.set()

    thread = threading.Thread(target=replace_copies)
    thread.start()
    served = set()
    while not ended.is_set():
        served.add(cache.audio(SECOND_GOODBYE.digest))
    thread.join()
    assert served <= {None, SECOND_GOODBYE}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """The web process of a line with recordings and without a database."""
    folder = tmp_path_factory.mktemp("recorded")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VAR_DIR", str(folder / "var"))
        patch.setenv("PROMPTS_DIR", str(write_files(folder / "prompts", dict(FIRST.files))))
        return create_app(load())


@pytest.fixture
def client(app: Flask) -> Iterator[FlaskClient]:
    with app.test_client() as client:
        yield client


KINDS = [(FIRST_GOODBYE, "audio/wav"), (FIRST.recordings["en", "cancer", 1], "audio/mpeg")]


@pytest.mark.parametrize(("recording", "media_type"), KINDS, ids=["wav", "mp3"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_recording_is_public_and_cached_for_a_year(
    client: FlaskClient, recording: Recording, media_type: str, method: str
) -> None:
    response = client.open(f"/audio/{recording.digest}", method=method)
    assert response.status_code == 200
    assert response.data == (recording.data if method == "GET" else b"")
    assert response.headers["Content-Type"] == media_type
    assert response.headers["Content-Length"] == str(len(recording.data))
    assert response.headers["ETag"] == f'"{recording.digest}"'
    assert response.headers["Cache-Control"] == YEAR
    assert response.headers["Accept-Ranges"] == "bytes"
    assert "Set-Cookie" not in response.headers


CONDITIONAL = [
    ("the current tag", '"{0}"', 304),
    ("the current tag, weak", 'W/"{0}"', 304),
    ("the current tag among others", '"x", "{0}"', 304),
    ("any tag", "*", 304),
    ("another tag", '"x"', 200),
]


@pytest.mark.parametrize(("label", "etag", "status"), CONDITIONAL, ids=[case[0] for case in CONDITIONAL])
def test_a_conditional_request_gets_304_only_for_the_current_tag(
    client: FlaskClient, label: str, etag: str, status: int
) -> None:
    digest = FIRST_GOODBYE.digest
    response = client.get(f"/audio/{digest}", headers={"If-None-Match": etag.format(digest)})
    assert response.status_code == status
    assert response.data == (WAV if status == 200 else b"")
    assert (response.headers["ETag"], response.headers["Cache-Control"]) == (f'"{digest}"', YEAR)


RANGES = [
    ("the first bytes", "bytes=0-3", WAV[:4], "0-3"),
    ("from the middle", "bytes=100-", WAV[100:], "100-1643"),
    ("the last bytes", "bytes=-4", WAV[-4:], "1640-1643"),
    ("beyond the end", "bytes=1600-99999", WAV[1600:], "1600-1643"),
]


@pytest.mark.parametrize(("label", "wanted", "data", "content_range"), RANGES, ids=[case[0] for case in RANGES])
def test_a_range_of_a_recording_is_served(
    client: FlaskClient, label: str, wanted: str, data: bytes, content_range: str
) -> None:
    response = client.get(f"/audio/{FIRST_GOODBYE.digest}", headers={"Range": wanted})
    assert (response.status_code, response.data) == (206, data)
    assert response.headers["Content-Range"] == f"bytes {content_range}/{len(WAV)}"


@pytest.mark.parametrize("wanted", ["bytes=99999-", "bytes=3-0", "bytes=0-3,8-11"])
def test_an_unsatisfiable_range_is_rejected(client: FlaskClient, wanted: str) -> None:
    assert client.get(f"/audio/{FIRST_GOODBYE.digest}", headers={"Range": wanted}).status_code == 416


@pytest.mark.parametrize("path", ["0" * 32, "x", "", FIRST_GOODBYE.digest + "/", "%00", "..%2fline.yaml", "x.wav"])
def test_an_unknown_recording_is_404_and_not_cached(client: FlaskClient, path: str) -> None:
    response = client.get(f"/audio/{path}")
    assert response.status_code == 404
    assert "max-age" not in response.headers.get("Cache-Control", "")
    assert "ETag" not in response.headers


def test_a_post_to_a_recording_is_405(client: FlaskClient) -> None:
    assert client.post(f"/audio/{FIRST_GOODBYE.digest}").status_code == 405


def test_a_recording_is_served_without_the_database(
    client: FlaskClient, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> None:
        raise AssertionError("the database was queried")

    ledger = app.extensions["infoline"].ledger
    for name in ("read", "write", "check"):
        monkeypatch.setattr(ledger, name, never)
    assert client.get(f"/audio/{FIRST_GOODBYE.digest}").status_code == 200
    assert client.get(f"/audio/{read_recording(GOODBYE, b'x').digest}").status_code == 404
