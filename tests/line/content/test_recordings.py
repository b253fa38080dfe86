"""Recordings are found by their names, and rejected if they cannot be played."""

from __future__ import annotations

import io
import wave
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.line.content import recordings as line_recordings
from ivr.line.content.findings import BrokenPrompts, Finding
from ivr.line.content.loader import LINE_FILE, Content, read_content, read_folder
from ivr.line.content.recordings import LARGEST_RECORDING, RecordingKey, find_recording_errors
from ivr.line.content.training_questions import LARGEST_QUESTIONS
from ivr.line.content.yaml_source import LARGEST_TEXT
from tests.line.content.test_loader import SHIPPED
from tests.support.paths import ROOT

R = "recordings/en/"
GOODBYE = f"{R}goodbye.wav"


def wav(sample: int = 1, frames: int = 800, channels: int = 1, rate: int = 8000) -> bytes:
    """A WAV of 16-bit samples with a constant value."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(sample.to_bytes(2, "little", signed=True) * frames * channels)
    return file.getvalue()


def tag(size: int, flags: int = 0) -> bytes:
    """An ID3v2 tag with a content of `size` bytes, below 16 kB."""
    footer = bytes(10) if flags else b""
    return b"ID3\x04\x00" + bytes([flags, 0, 0, size >> 7, size & 0x7F]) + b"t" * size + footer


FRAME = b"\xff\xfb\x90\x00" + bytes(413)
WAV, OTHER, MP3 = wav(), wav(2), FRAME * 3
CONTENT = read_content(SHIPPED)


def with_recordings(english: dict[str, bytes]) -> dict[str, bytes]:
    """The shipped folder with English recordings."""
    return {**SHIPPED, **{f"{R}{name}": data for name, data in english.items()}}


def recording_errors(files: dict[str, bytes]) -> list[tuple[str, str]]:
    """The file and the message of each error about recordings; fails on any other error."""
    findings: list[Finding] = []
    try:
        read_content(files)
    except BrokenPrompts as broken:
        findings = broken.findings
    assert {(finding.rule, finding.line, finding.level) for finding in findings} <= {("recording", 0, "error")}
    return [(finding.file, finding.message) for finding in findings]


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
def test_a_recording_is_found_by_the_name_of_its_prompt(file: str, key: RecordingKey) -> None:
    data = WAV if file.endswith("wav") else MP3
    content = read_content({**SHIPPED, file: data})
    recording = content.recordings[key]
    assert (recording.data, recording.media_type) == (data, "audio/wav" if data is WAV else "audio/mpeg")
    assert dict(content.recordings) == {key: recording}
    assert dict(content.audio) == {recording.digest: recording}


def test_the_shipped_prompts_have_no_recordings(content: Content) -> None:
    assert not content.recordings
    assert ("en", "goodbye", 0) not in content.recordings


def test_a_prompt_whose_name_ends_in_a_number_is_not_a_part_of_another() -> None:
    prompt = b"---\nsources: [line]\nreviewed: {}\n---\n## Spoken\n\nGoodbye again.\n"
    files = {**SHIPPED, "en/goodbye-2.md": prompt, "recordings/en/goodbye-2.wav": WAV}
    assert list(read_content(files).recordings) == [("en", "goodbye-2", 0)]


def test_a_changed_recording_changes_its_digest_and_the_digest_of_the_release() -> None:
    before, after = (read_content({**SHIPPED, GOODBYE: data}) for data in (WAV, OTHER))
    assert before.digest != after.digest
    assert not before.audio.keys() & after.audio.keys()
    assert all(len(digest) == 32 for digest in before.audio)


MISPLACED = [
    ("a language that the line does not offer", "recordings/fr/goodbye.wav", "`fr` is not one of the languages"),
    ("a prompt that does not exist", f"{R}godbye.wav", "There is no en/godbye.md"),
    ("a part of a prompt that does not exist", f"{R}godbye-2.wav", "There is no en/godbye.md"),
    (
        "a part number that is too high",
        f"{R}cancer-4.wav",
        "3 spoken parts: name their recordings cancer-1 to cancer-3",
    ),
    ("a part number for a prompt with one part", f"{R}goodbye-2.wav", "one spoken part: name its recording goodbye."),
    ("one recording for three parts", f"{R}cancer.wav", "name their recordings cancer-1 to cancer-3"),
    ("part number zero", f"{R}cancer-0.wav", "There is no en/cancer-0.md"),
    ("choices of a prompt that is not a menu", f"{R}cancer-choices.wav", "en/cancer.md is not a menu"),
    ("choices without a prompt", f"{R}choices.wav", "There is no en/choices.md"),
    ("a prompt that is only texted", f"{R}stop.wav", "en/stop.md is only texted"),
    ("hours, which vary", f"{R}closed.wav", "says {name}, {opens}, {hours}, {number}, which is not the same"),
    ("a choice, which varies", f"{R}choice.wav", "{choice}, {key}, which is not the same in every call"),
    ("an uppercase file extension", f"{R}goodbye.WAV", "Name a recording like its prompt"),
    ("an uppercase name", f"{R}Goodbye.wav", "Name a recording like its prompt"),
    ("a name with a newline", f"{R}goodbye.wav\n", "Name a recording like its prompt"),
    ("another audio format", f"{R}goodbye.m4a", "Name a recording like its prompt"),
    ("no language", "recordings/goodbye.wav", "Name a recording like its prompt"),
    ("a nested folder", f"{R}old/goodbye.wav", "Name a recording like its prompt"),
    ("a text file among the recordings", "recordings/notes.txt", "Name a recording like its prompt"),
]


@pytest.mark.parametrize(("label", "file", "message"), MISPLACED, ids=[case[0] for case in MISPLACED])
def test_a_recording_that_belongs_to_no_prompt_is_reported(label: str, file: str, message: str) -> None:
    ((reported_file, reported_message),) = recording_errors({**SHIPPED, file: WAV})
    assert reported_file == file
    assert message in reported_message


def test_a_phone_number_of_the_directory_may_be_recorded() -> None:
    assert b"{breast-health-center}" in SHIPPED["en/cancer.md"]
    assert recording_errors(with_recordings({"cancer-3.wav": WAV})) == []


UNPLAYABLE = [
    ("an empty WAV", "wav", b"", "is empty"),
    ("an empty MP3", "mp3", b"", "is empty"),
    ("a WAV without samples", "wav", wav(frames=0), "has no sound"),
    ("text called WAV", "wav", b"Goodbye.", "not a WAV file that can be played"),
    ("an MP3 called WAV", "wav", MP3, "not a WAV file that can be played"),
    ("a WAV without a format chunk", "wav", WAV.replace(b"fmt ", b"fmx "), "not a WAV file that can be played"),
    ("a compressed WAV", "wav", WAV[:20] + b"\x55\x00" + WAV[22:], "not a WAV file that can be played"),
    ("a WAV without a sample rate", "wav", WAV[:24] + bytes(4) + WAV[28:], "not a WAV file that can be played"),
    ("a WAV cut in its header", "wav", WAV[:30], "not a WAV file that can be played"),
    ("a WAV cut in its data", "wav", WAV[:-1], "is cut short"),
    ("a WAV called MP3", "mp3", WAV, "not an MP3 file"),
    ("text called MP3", "mp3", b"Goodbye.", "not an MP3 file"),
    ("MPEG-4 called MP3", "mp3", b"\0\0\0\x20ftypM4A ", "not an MP3 file"),
    ("AAC called MP3", "mp3", b"\xff\xf1\x50\x80" + bytes(99), "not an MP3 file"),
    ("a tag without sound", "mp3", tag(200), "not an MP3 file"),
    ("a truncated tag", "mp3", tag(200)[:100], "not an MP3 file"),
    ("a truncated tag header", "mp3", b"ID3", "not an MP3 file"),
    ("a frame without a bit rate", "mp3", b"\xff\xfb\xf0\x00" + bytes(99), "not an MP3 file"),
    ("a frame without a sample rate", "mp3", b"\xff\xfb\x9c\x00" + bytes(99), "not an MP3 file"),
    ("a frame of an unknown version", "mp3", b"\xff\xeb\x90\x00" + bytes(99), "not an MP3 file"),
    ("a WAV that is too large", "wav", wav(frames=LARGEST_RECORDING // 2), "larger than 5 MB"),
    ("an MP3 that is too large", "mp3", MP3 + bytes(LARGEST_RECORDING), "larger than 5 MB"),
]


@pytest.mark.parametrize(("label", "kind", "data", "message"), UNPLAYABLE, ids=[case[0] for case in UNPLAYABLE])
def test_a_recording_that_cannot_be_played_is_reported(label: str, kind: str, data: bytes, message: str) -> None:
    ((reported_file, reported_message),) = recording_errors({**SHIPPED, f"{R}goodbye.{kind}": data})
    assert reported_file == f"{R}goodbye.{kind}"
    assert message in reported_message


PLAYABLE = [
    ("two channels", "wav", wav(channels=2)),
    ("a studio sample rate", "wav", wav(rate=48_000)),
    ("exactly the largest", "wav", wav(frames=(LARGEST_RECORDING - 44) // 2)),
    ("a bare MP3", "mp3", MP3),
    ("a tag before the sound", "mp3", tag(200) + MP3),
    ("two tags, one with a footer, and padding", "mp3", tag(9000) + tag(5, flags=0x10) + bytes(8) + MP3),
    ("an MP3 at half the sample rate", "mp3", b"\xff\xf3\x40\xc0" + bytes(200)),
]


@pytest.mark.parametrize(("label", "kind", "data"), PLAYABLE, ids=[case[0] for case in PLAYABLE])
def test_every_format_that_the_carrier_plays_is_accepted(label: str, kind: str, data: bytes) -> None:
    assert recording_errors({**SHIPPED, f"{R}goodbye.{kind}": data}) == []


DUPLICATES = [
    ("both formats", "goodbye.mp3", "goodbye.wav"),
    ("with and without a number", "goodbye-1.wav", "goodbye.wav"),
    ("choices in both formats", "welcome-choices.mp3", "welcome-choices.wav"),
]


@pytest.mark.parametrize(("label", "first", "second"), DUPLICATES, ids=[case[0] for case in DUPLICATES])
def test_the_second_recording_of_the_same_text_is_reported(label: str, first: str, second: str) -> None:
    files = with_recordings({name: MP3 if name.endswith("mp3") else WAV for name in (first, second)})
    assert recording_errors(files) == [
        (f"{R}{second}", f"This is for the same text as {R}{first}: keep one of the two.")
    ]


def test_all_recordings_together_have_a_size_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    files = with_recordings({"goodbye.wav": WAV, "cancer-1.wav": OTHER})
    monkeypatch.setattr(line_recordings, "LARGEST_TOGETHER", 2 * len(WAV))
    assert recording_errors(files) == []
    monkeypatch.setattr(line_recordings, "LARGEST_TOGETHER", 2 * len(WAV) - 1)
    ((reported_file, reported_message),) = recording_errors(files)
    assert reported_file == "recordings"
    assert "All recordings together" in reported_message


def test_all_errors_of_recordings_are_reported_at_once_and_a_broken_prompt_is_not_reported_as_missing() -> None:
    files = {**with_recordings({"godbye.wav": b"", "goodbye.wav": WAV}), "en/goodbye.md": b""}
    with pytest.raises(BrokenPrompts) as caught:
        read_content(files)
    rules = [(finding.file, finding.rule) for finding in caught.value.findings]
    assert rules == [("en/goodbye.md", "fields"), (f"{R}godbye.wav", "recording"), (f"{R}godbye.wav", "recording")]


@given(st.sampled_from(["wav", "mp3"]), st.sampled_from([b"", wav(frames=4), tag(9)]), st.integers(0, 60), st.binary())
@settings(max_examples=500, deadline=None)
def test_any_bytes_in_a_recording_are_accepted_or_reported(kind: str, whole: bytes, start: int, new: bytes) -> None:
    files = {**SHIPPED, f"{R}goodbye.{kind}": whole[:start] + new + whole[start + len(new) :]}
    assert all(error.message for error in find_recording_errors(CONTENT.config, CONTENT.prompts, files))


def test_a_huge_file_is_not_read_whole(tmp_path: Path) -> None:
    (tmp_path / LINE_FILE).write_bytes(b"x")
    (tmp_path / "recordings/en").mkdir(parents=True)
    with (tmp_path / GOODBYE).open("wb") as file:
        file.truncate(500_000_000)
    assert len(read_folder(tmp_path)[GOODBYE]) == LARGEST_QUESTIONS + 1


def test_a_file_of_each_kind_is_read_to_its_end_up_to_its_limit(tmp_path: Path) -> None:
    sizes = {LINE_FILE: LARGEST_TEXT, GOODBYE: LARGEST_RECORDING, "en/questions.tsv": LARGEST_QUESTIONS}
    for name, size in sizes.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x" * size)
    assert {name: len(data) for name, data in read_folder(tmp_path).items()} == sizes


def test_the_shipped_files_are_read_to_their_ends() -> None:
    folder = ROOT / "prompts"
    assert {name: len(data) for name, data in read_folder(folder).items()} == {
        path.relative_to(folder).as_posix(): path.stat().st_size for path in folder.rglob("*.*") if path.is_file()
    }
