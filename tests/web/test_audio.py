"""Recordings are kept with their release, found in memory and on the disk, and served to anybody."""

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
from ivr.releases import cache as shelves
from ivr.releases import disk_cache as disk
from ivr.releases.cache import ReleaseCache
from ivr.releases.disk_cache import MAX_COPIES, DiskCache
from ivr.releases.store import pack, publish, stored_files, unpack
from ivr.settings import load
from tests.line.content.test_recordings import GOODBYE, MP3, OTHER, WAV, R, recorded, wav
from tests.releases.test_store import written

NOW = datetime(2026, 12, 1, 15, tzinfo=UTC)
YEAR = "public, max-age=31536000, immutable"
FIRST = read_content(recorded({"goodbye.wav": WAV, "cancer-2.mp3": MP3}))
SECOND = read_content(recorded({"goodbye.wav": OTHER, "cancer-2.mp3": MP3}))
FIRST_GOODBYE, SECOND_GOODBYE = (content.recordings["en", "goodbye", 0] for content in (FIRST, SECOND))


@pytest.fixture
def var(tmp_path: Path) -> Path:
    return tmp_path / "var"


@pytest.fixture
def away() -> Iterator[Ledger]:
    """A ledger where nothing answers."""
    opened = open_ledger("postgresql://nobody@127.0.0.1:1/none")
    yield opened
    opened.close()


def test_a_recording_comes_back_from_the_ledger_byte_by_byte(ledger: Ledger) -> None:
    every_byte = read_content(recorded({"goodbye.wav": wav(frames=128) + bytes(range(256)) * 8}))
    publish(ledger, every_byte, NOW, "ann", "", "folder")
    files = stored_files(ledger, every_byte.digest)
    assert files == dict(every_byte.files)
    assert read_content(files).audio == every_byte.audio


def test_a_packed_recording_is_the_same_bytes_every_time_and_a_spoilt_one_is_refused() -> None:
    blob = pack(FIRST.files)
    assert blob == pack(dict(reversed(FIRST.files.items())))
    spoilt = bytearray(blob)
    spoilt[blob.index(WAV) + 100] ^= 0xFF
    assert unpack(bytes(spoilt), FIRST.digest) is None


def test_a_folder_with_recordings_is_read_whole(tmp_path: Path) -> None:
    assert read_content(read_folder(written(tmp_path, dict(FIRST.files)))).audio == FIRST.audio


def test_a_process_plays_the_live_release_and_those_that_calls_are_under_way_on(ledger: Ledger, var: Path) -> None:
    publish(ledger, FIRST, NOW, "x", "", "folder")
    shelf = ReleaseCache(ledger, var, var, "")
    publish(ledger, SECOND, NOW, "x", "", "folder")
    shelf.refresh()
    assert shelf.live
    assert shelf.live.digest == SECOND.digest
    assert shelf.audio(FIRST_GOODBYE.digest) == FIRST_GOODBYE
    assert shelf.audio(SECOND_GOODBYE.digest) == SECOND_GOODBYE


def test_a_recording_that_two_releases_share_is_held_once(ledger: Ledger, var: Path) -> None:
    publish(ledger, FIRST, NOW, "x", "", "folder")
    shelf = ReleaseCache(ledger, var, var, "")
    before = shelf.live
    third = read_content({**SECOND.files, "recordings/es/goodbye.wav": WAV})
    publish(ledger, third, NOW, "x", "", "folder")
    shelf.refresh()
    assert before
    assert shelf.live
    assert shelf.live is not before
    assert shelf.live.content.files[f"{R}cancer-2.mp3"] is before.content.files[f"{R}cancer-2.mp3"]
    assert shelf.live.content.files["recordings/es/goodbye.wav"] is before.content.files[GOODBYE]


def test_a_process_that_restarted_plays_an_older_release_from_the_disk(away: Ledger, var: Path) -> None:
    for content in (FIRST, SECOND):
        DiskCache(var).keep(content)
    shelf = ReleaseCache(away, var, var, "")
    assert shelf.live
    assert shelf.live.digest == SECOND.digest
    assert shelf.audio(FIRST_GOODBYE.digest) == FIRST_GOODBYE


def test_another_process_plays_what_this_one_fetched_from_the_ledger(
    ledger: Ledger, away: Ledger, var: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ivr.releases.cache.LEDGER_SECONDS", 10.0)
    publish(ledger, FIRST, NOW, "x", "", "folder")
    publish(ledger, SECOND, NOW, "x", "", "folder")
    one, other = ReleaseCache(ledger, var, var, ""), ReleaseCache(away, var, var, "")
    assert other.audio(FIRST_GOODBYE.digest) is None
    assert one.get(FIRST.digest)
    assert other.audio(FIRST_GOODBYE.digest) == FIRST_GOODBYE
    assert DiskCache(var).live() == dict(SECOND.files)


def test_a_recording_is_on_the_disk_before_the_first_caller_is_sent_to_it(
    ledger: Ledger, var: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(ledger, FIRST, NOW, "x", "", "folder")
    shelf = ReleaseCache(ledger, var, var, "")
    publish(ledger, SECOND, NOW, "x", "", "folder")
    live: list[str] = []
    keep = shelf._copies.keep

    def watched(content: Content) -> None:
        live.append(shelf.live.digest if shelf.live else "")
        keep(content)

    monkeypatch.setattr(shelf._copies, "keep", watched)
    shelf.refresh()
    assert live == [FIRST.digest]


def test_fetched_copies_never_push_the_live_one_from_the_disk(content: Content, var: Path) -> None:
    copies = DiskCache(var)
    copies.keep(FIRST)
    for number in range(MAX_COPIES + 4):
        copies.keep(Content(f"{number:012x}", content.config, {}, {"n": b"x"}), live=False)
    assert copies.live() == dict(FIRST.files)
    assert len(list((var / "releases").glob("*.zip"))) == MAX_COPIES + 1


NOWHERE = ["0" * 32, "", "x" * 32, "0" * 31, "0" * 33, "0" * 32 + "\n", FIRST_GOODBYE.digest.upper(), "../../passwd"]


@pytest.mark.parametrize("wanted", NOWHERE)
def test_a_digest_that_nobody_made_is_no_recording(wanted: str, away: Ledger, var: Path) -> None:
    DiskCache(var).keep(FIRST)
    assert ReleaseCache(away, var, var, "").audio(wanted) is None


def test_digests_that_nobody_made_unpack_nothing_and_list_each_copy_once(
    away: Ledger, var: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    DiskCache(var).keep(FIRST)
    shelf = ReleaseCache(away, var, var, "")
    listed: list[Path] = []
    list_copy = disk.packed_recordings

    def watched(path: Path) -> dict[str, str]:
        listed.append(path)
        return list_copy(path)

    def never(*_: object) -> None:
        raise AssertionError("unpacked, or asked of the ledger")

    monkeypatch.setattr(disk, "packed_recordings", watched)
    for module, name in ((disk, "unpack"), (disk, "unpack_recording"), (shelves, "stored_files")):
        monkeypatch.setattr(module, name, never)
    assert [shelf.audio(f"{number:032x}") for number in range(50)] == [None] * 50
    assert len(listed) == 1
    DiskCache(var).keep(SECOND)
    assert [shelf.audio(f"{number:032x}") for number in range(50)] == [None] * 50
    assert len(listed) == 2


SPOILT = [
    ("the copy cut short", lambda data: data[:500]),
    ("the copy empty", lambda data: data[:0]),
    ("a sound that is not as it was", lambda data: data.replace(WAV, OTHER)),
    ("a digest that is not the sound's", lambda data: data.replace(FIRST_GOODBYE.digest.encode(), b"0" * 32)),
    ("a digest that is none", lambda data: data.replace(FIRST_GOODBYE.digest.encode(), b"\xff" * 32)),
]


@pytest.mark.parametrize(("label", "spoil"), SPOILT, ids=[case[0] for case in SPOILT])
def test_nothing_wrong_is_played_from_a_damaged_copy(label: str, spoil, away: Ledger, var: Path) -> None:
    DiskCache(var).keep(FIRST)
    path = var / "releases" / f"{FIRST.digest}.zip"
    path.write_bytes(spoil(path.read_bytes()))
    copies = DiskCache(var)
    assert copies.recording(FIRST_GOODBYE.digest) is None
    assert copies.recording("0" * 32) is None
    DiskCache(var).keep(FIRST)
    assert copies.recording(FIRST_GOODBYE.digest) == FIRST_GOODBYE, "a copy that was written again is listed again"


def test_copies_that_come_and_go_under_many_requests_do_no_harm(away: Ledger, var: Path) -> None:
    DiskCache(var).keep(FIRST)
    shelf = ReleaseCache(away, var, var, "")
    ended = threading.Event()

    def come_and_go() -> None:
        for _ in range(30):
            DiskCache(var).keep(SECOND, live=False)
            (var / "releases" / f"{SECOND.digest}.zip").unlink(missing_ok=True)
        ended.set()

    thread = threading.Thread(target=come_and_go)
    thread.start()
    found = set()
    while not ended.is_set():
        found.add(shelf.audio(SECOND_GOODBYE.digest))
    thread.join()
    assert found <= {None, SECOND_GOODBYE}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """The web process of a line that has recordings, and no ledger."""
    folder = tmp_path_factory.mktemp("recorded")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VAR_DIR", str(folder / "var"))
        patch.setenv("PROMPTS_DIR", str(written(folder / "prompts", dict(FIRST.files))))
        return create_app(load())


@pytest.fixture
def client(app: Flask) -> Iterator[FlaskClient]:
    with app.test_client() as client:
        yield client


KINDS = [(FIRST_GOODBYE, "audio/wav"), (FIRST.recordings["en", "cancer", 1], "audio/mpeg")]


@pytest.mark.parametrize(("recording", "media_type"), KINDS, ids=["wav", "mp3"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_recording_is_served_to_anybody_and_kept_for_a_year(
    client: FlaskClient, recording: Recording, media_type: str, method: str
) -> None:
    answer = client.open(f"/audio/{recording.digest}", method=method)
    assert answer.status_code == 200
    assert answer.data == (recording.data if method == "GET" else b"")
    assert answer.headers["Content-Type"] == media_type
    assert answer.headers["Content-Length"] == str(len(recording.data))
    assert answer.headers["ETag"] == f'"{recording.digest}"'
    assert answer.headers["Cache-Control"] == YEAR
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert "Set-Cookie" not in answer.headers


ASKED_AGAIN = [
    ("the same", '"{0}"', 304),
    ("the same, weakly", 'W/"{0}"', 304),
    ("the same among others", '"x", "{0}"', 304),
    ("whatever it is", "*", 304),
    ("another", '"x"', 200),
]


@pytest.mark.parametrize(("label", "etag", "status"), ASKED_AGAIN, ids=[case[0] for case in ASKED_AGAIN])
def test_who_has_a_recording_already_is_told_so(client: FlaskClient, label: str, etag: str, status: int) -> None:
    digest = FIRST_GOODBYE.digest
    answer = client.get(f"/audio/{digest}", headers={"If-None-Match": etag.format(digest)})
    assert answer.status_code == status
    assert answer.data == (WAV if status == 200 else b"")
    assert (answer.headers["ETag"], answer.headers["Cache-Control"]) == (f'"{digest}"', YEAR)


RANGES = [
    ("the first bytes", "bytes=0-3", WAV[:4], "0-3"),
    ("from the middle on", "bytes=100-", WAV[100:], "100-1643"),
    ("the last bytes", "bytes=-4", WAV[-4:], "1640-1643"),
    ("further than there is", "bytes=1600-99999", WAV[1600:], "1600-1643"),
]


@pytest.mark.parametrize(("label", "wanted", "data", "told"), RANGES, ids=[case[0] for case in RANGES])
def test_a_part_of_a_recording_can_be_asked_for(
    client: FlaskClient, label: str, wanted: str, data: bytes, told: str
) -> None:
    answer = client.get(f"/audio/{FIRST_GOODBYE.digest}", headers={"Range": wanted})
    assert (answer.status_code, answer.data) == (206, data)
    assert answer.headers["Content-Range"] == f"bytes {told}/{len(WAV)}"


@pytest.mark.parametrize("wanted", ["bytes=99999-", "bytes=3-0", "bytes=0-3,8-11"])
def test_a_part_that_there_is_not_is_refused(client: FlaskClient, wanted: str) -> None:
    assert client.get(f"/audio/{FIRST_GOODBYE.digest}", headers={"Range": wanted}).status_code == 416


@pytest.mark.parametrize("path", ["0" * 32, "x", "", FIRST_GOODBYE.digest + "/", "%00", "..%2fline.yaml", "x.wav"])
def test_what_is_no_recording_is_404_and_not_kept(client: FlaskClient, path: str) -> None:
    answer = client.get(f"/audio/{path}")
    assert answer.status_code == 404
    assert "max-age" not in answer.headers.get("Cache-Control", "")
    assert "ETag" not in answer.headers


def test_a_recording_is_only_fetched_and_never_posted_to(client: FlaskClient) -> None:
    assert client.post(f"/audio/{FIRST_GOODBYE.digest}").status_code == 405


def test_a_recording_needs_no_ledger(client: FlaskClient, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("the ledger was asked")

    ledger = app.extensions["infoline"].ledger
    for name in ("read", "write", "check"):
        monkeypatch.setattr(ledger, name, never)
    assert client.get(f"/audio/{FIRST_GOODBYE.digest}").status_code == 200
    assert client.get(f"/audio/{read_recording(GOODBYE, b'x').digest}").status_code == 404
