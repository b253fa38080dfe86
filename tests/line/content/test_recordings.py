"""Recordings: named like what they say, and refused when nobody could hear them."""

from __future__ import annotations

import io
import wave
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.line.content import recordings as line_recordings
from ivr.line.content.findings import BrokenPrompts, Finding
from ivr.line.content.loader import LINE_FILE, Content, read_content, read_folder
from ivr.line.content.prompt import read_prompt
from ivr.line.content.recordings import LARGEST, RecordingKey, find_recording_errors
from tests.line.content.test_loader import SHIPPED

R = "recordings/en/"
GOODBYE = f"{R}goodbye.wav"


def wav(sample: int = 1, frames: int = 800, channels: int = 1, rate: int = 8000) -> bytes:
    """A WAV of 16-bit samples that all have one value."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(sample.to_bytes(2, "little", signed=True) * frames * channels)
    return file.getvalue()


def tag(size: int, flags: int = 0) -> bytes:
    """An ID3v2 tag with `size` bytes in it, below 16 kB."""
    footer = bytes(10) if flags else b""
    return b"ID3\x04\x00" + bytes([flags, 0, 0, size >> 7, size & 0x7F]) + b"t" * size + footer


FRAME = b"\xff\xfb\x90\x00" + bytes(413)
WAV, OTHER, MP3 = wav(), wav(2), FRAME * 3
CONTENT = read_content(SHIPPED)


def recorded(english: dict[str, bytes]) -> dict[str, bytes]:
    """The shipped folder with recordings in English."""
    return {**SHIPPED, **{f"{R}{name}": data for name, data in english.items()}}


@pytest.fixture(autouse=True, scope="module")
def _read_once() -> Iterator[None]:
    """The files that a case leaves alone are read once for all cases."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ivr.line.content.loader.read_prompt", cache(read_prompt))
        yield


def told(files: dict[str, bytes]) -> list[tuple[str, str]]:
    """The files and sentences of what is wrong with the recordings; anything else that is wrong fails."""
    findings: list[Finding] = []
    try:
        read_content(files)
    except BrokenPrompts as broken:
        findings = broken.findings
    assert {(one.rule, one.line, one.level) for one in findings} <= {("recording", 0, "error")}
    return [(one.file, one.message) for one in findings]


NAMES: list[tuple[str, RecordingKey]] = [
    ("recordings/en/goodbye.wav", ("en", "goodbye", 0)),
    ("recordings/es/goodbye.mp3", ("es", "goodbye", 0)),
    ("recordings/en/goodbye-1.wav", ("en", "goodbye", 0)),
    ("recordings/en/wrong-key.wav", ("en", "wrong-key", 0)),
    ("recordings/en/cancer-1.wav", ("en", "cancer", 0)),
    ("recordings/en/cancer-3.mp3", ("en", "cancer", 2)),
    ("recordings/en/welcome.wav", ("en", "welcome", 0)),
    ("recordings/es/welcome-choices.mp3", ("es", "welcome", "choices")),
    ("recordings/en/people-choices.wav", ("en", "people", "choices")),
]


@pytest.mark.parametrize(("file", "key"), NAMES, ids=[file for file, _ in NAMES])
def test_a_recording_is_found_by_what_it_says(file: str, key: RecordingKey) -> None:
    data = WAV if file.endswith("wav") else MP3
    content = read_content({**SHIPPED, file: data})
    recording = content.recordings[key]
    assert (recording.data, recording.media_type) == (data, "audio/wav" if data is WAV else "audio/mpeg")
    assert dict(content.recordings) == {key: recording}
    assert dict(content.audio) == {recording.digest: recording}


def test_where_there_is_no_recording_there_is_none(content: Content) -> None:
    assert not content.recordings
    assert ("en", "goodbye", 0) not in content.recordings


def test_a_prompt_that_ends_in_a_number_is_not_a_piece_of_another() -> None:
    words = b"---\nsources: [line]\nreviewed: {}\n---\n## Spoken\n\nGoodbye again.\n"
    files = {**SHIPPED, "en/goodbye-2.md": words, "recordings/en/goodbye-2.wav": WAV}
    assert list(read_content(files).recordings) == [("en", "goodbye-2", 0)]


def test_another_sound_is_another_digest_of_the_recording_and_of_the_release() -> None:
    one, two = (read_content({**SHIPPED, GOODBYE: data}) for data in (WAV, OTHER))
    assert one.digest != two.digest
    assert not one.audio.keys() & two.audio.keys()
    assert all(len(digest) == 32 for digest in one.audio)


MISPLACED = [
    ("a language that the line does not speak", "recordings/fr/goodbye.wav", "`fr` is not among the languages"),
    ("a prompt that is not there", f"{R}godbye.wav", "There is no en/godbye.md"),
    ("a piece of a prompt that is not there", f"{R}godbye-2.wav", "There is no en/godbye.md"),
    ("a piece too many", f"{R}cancer-4.wav", "3 spoken pieces: name their recordings cancer-1 to cancer-3"),
    ("a piece too many of one", f"{R}goodbye-2.wav", "one spoken piece: name its recording goodbye."),
    ("one recording for three pieces", f"{R}cancer.wav", "name their recordings cancer-1 to cancer-3"),
    ("the piece before the first", f"{R}cancer-0.wav", "There is no en/cancer-0.md"),
    ("choices of what is no menu", f"{R}cancer-choices.wav", "en/cancer.md is no menu"),
    ("choices of nothing", f"{R}choices.wav", "There is no en/choices.md"),
    ("a prompt that is only texted", f"{R}stop.wav", "en/stop.md is only texted"),
    ("hours that change", f"{R}closed.wav", "says {name}, {opens}, {hours}, {number}, which is not the same"),
    ("a choice that changes", f"{R}choice.wav", "{choice}, {key}, which is not the same in every call"),
    ("an ending in capitals", f"{R}goodbye.WAV", "Name a recording like its prompt"),
    ("a name in capitals", f"{R}Goodbye.wav", "Name a recording like its prompt"),
    ("a name with a line end", f"{R}goodbye.wav\n", "Name a recording like its prompt"),
    ("another kind of sound", f"{R}goodbye.m4a", "Name a recording like its prompt"),
    ("no language", "recordings/goodbye.wav", "Name a recording like its prompt"),
    ("a folder too deep", f"{R}old/goodbye.wav", "Name a recording like its prompt"),
    ("notes beside the recordings", "recordings/notes.txt", "Name a recording like its prompt"),
]


@pytest.mark.parametrize(("label", "file", "message"), MISPLACED, ids=[case[0] for case in MISPLACED])
def test_a_recording_that_says_nothing_of_the_line_is_told(label: str, file: str, message: str) -> None:
    ((named, sentence),) = told({**SHIPPED, file: WAV})
    assert named == file
    assert message in sentence


def test_a_number_of_the_directory_may_be_recorded() -> None:
    assert b"{breast-health-center}" in SHIPPED["en/cancer.md"]
    assert told(recorded({"cancer-3.wav": WAV})) == []


UNPLAYABLE = [
    ("nothing at all", "wav", b"", "is empty"),
    ("nothing at all in MP3", "mp3", b"", "is empty"),
    ("a WAV of no length", "wav", wav(frames=0), "Nothing is recorded here"),
    ("words", "wav", b"Goodbye.", "no WAV that we can read"),
    ("an MP3 called WAV", "wav", MP3, "no WAV that we can read"),
    ("a WAV without its format", "wav", WAV.replace(b"fmt ", b"fmx "), "no WAV that we can read"),
    ("a WAV that is compressed", "wav", WAV[:20] + b"\x55\x00" + WAV[22:], "no WAV that we can read"),
    ("a WAV without a speed", "wav", WAV[:24] + bytes(4) + WAV[28:], "no WAV that we can read"),
    ("a WAV cut in its head", "wav", WAV[:30], "no WAV that we can read"),
    ("a WAV cut in its sound", "wav", WAV[:-1], "is cut short"),
    ("a WAV called MP3", "mp3", WAV, "no MP3"),
    ("words called MP3", "mp3", b"Goodbye.", "no MP3"),
    ("a film called MP3", "mp3", b"\0\0\0\x20ftypM4A ", "no MP3"),
    ("AAC called MP3", "mp3", b"\xff\xf1\x50\x80" + bytes(99), "no MP3"),
    ("a tag and no sound", "mp3", tag(200), "no MP3"),
    ("a tag that never ends", "mp3", tag(200)[:100], "no MP3"),
    ("a tag cut short", "mp3", b"ID3", "no MP3"),
    ("a frame without a bit rate", "mp3", b"\xff\xfb\xf0\x00" + bytes(99), "no MP3"),
    ("a frame without a sample rate", "mp3", b"\xff\xfb\x9c\x00" + bytes(99), "no MP3"),
    ("a frame of no known version", "mp3", b"\xff\xeb\x90\x00" + bytes(99), "no MP3"),
    ("an hour", "wav", wav(frames=LARGEST // 2), "larger than 5 MB"),
    ("an hour in MP3", "mp3", MP3 + bytes(LARGEST), "larger than 5 MB"),
]


@pytest.mark.parametrize(("label", "kind", "data", "message"), UNPLAYABLE, ids=[case[0] for case in UNPLAYABLE])
def test_a_recording_that_cannot_be_played_is_told(label: str, kind: str, data: bytes, message: str) -> None:
    ((named, sentence),) = told({**SHIPPED, f"{R}goodbye.{kind}": data})
    assert named == f"{R}goodbye.{kind}"
    assert message in sentence


PLAYABLE = [
    ("two channels", "wav", wav(channels=2)),
    ("a studio's speed", "wav", wav(rate=48_000)),
    ("exactly the largest", "wav", wav(frames=(LARGEST - 44) // 2)),
    ("a bare MP3", "mp3", MP3),
    ("a tag before the sound", "mp3", tag(200) + MP3),
    ("two tags, one with a footer, and a pad", "mp3", tag(9000) + tag(5, flags=0x10) + bytes(8) + MP3),
    ("an MP3 of half the speed", "mp3", b"\xff\xf3\x40\xc0" + bytes(200)),
]


@pytest.mark.parametrize(("label", "kind", "data"), PLAYABLE, ids=[case[0] for case in PLAYABLE])
def test_what_the_carrier_can_play_is_accepted(label: str, kind: str, data: bytes) -> None:
    assert told({**SHIPPED, f"{R}goodbye.{kind}": data}) == []


DOUBLED = [
    ("both kinds", "goodbye.mp3", "goodbye.wav"),
    ("with and without a number", "goodbye-1.wav", "goodbye.wav"),
    ("choices twice", "welcome-choices.mp3", "welcome-choices.wav"),
]


@pytest.mark.parametrize(("label", "first", "second"), DOUBLED, ids=[case[0] for case in DOUBLED])
def test_two_recordings_of_the_same_words_are_told_at_the_second(label: str, first: str, second: str) -> None:
    files = recorded({name: MP3 if name.endswith("mp3") else WAV for name in (first, second)})
    assert told(files) == [(f"{R}{second}", f"This says the same as {R}{first}: keep one of the two.")]


def test_all_recordings_together_have_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    files = recorded({"goodbye.wav": WAV, "cancer-1.wav": OTHER})
    monkeypatch.setattr(line_recordings, "LARGEST_TOGETHER", 2 * len(WAV))
    assert told(files) == []
    monkeypatch.setattr(line_recordings, "LARGEST_TOGETHER", 2 * len(WAV) - 1)
    ((named, sentence),) = told(files)
    assert named == "recordings"
    assert "All recordings together" in sentence


def test_every_fault_of_a_recording_is_told_at_once_and_a_broken_prompt_is_not_missing_too() -> None:
    files = {**recorded({"godbye.wav": b"", "goodbye.wav": WAV}), "en/goodbye.md": b""}
    with pytest.raises(BrokenPrompts) as caught:
        read_content(files)
    rules = [(one.file, one.rule) for one in caught.value.findings]
    assert rules == [("en/goodbye.md", "fields"), (f"{R}godbye.wav", "recording"), (f"{R}godbye.wav", "recording")]


@given(st.sampled_from(["wav", "mp3"]), st.sampled_from([b"", wav(frames=4), tag(9)]), st.integers(0, 60), st.binary())
@settings(max_examples=500, deadline=None)
def test_any_bytes_in_a_recording_are_played_or_told(kind: str, whole: bytes, at: int, put: bytes) -> None:
    files = {**SHIPPED, f"{R}goodbye.{kind}": whole[:at] + put + whole[at + len(put) :]}
    assert all(fault.message for fault in find_recording_errors(CONTENT.config, CONTENT.prompts, files))


def test_what_is_far_too_large_is_told_without_being_read(tmp_path: Path) -> None:
    (tmp_path / LINE_FILE).write_bytes(b"x")
    (tmp_path / "recordings/en").mkdir(parents=True)
    with (tmp_path / GOODBYE).open("wb") as film:
        film.truncate(500_000_000)
    assert len(read_folder(tmp_path)[GOODBYE]) == LARGEST + 1
