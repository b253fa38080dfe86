"""`infoline prompts record`, and the check that notices when words change behind a recording."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from ivr.cli import main
from ivr.line.content.audio_headers import MU_LAW, read_audio_info
from ivr.line.content.findings import Finding
from ivr.line.content.loader import read_content, read_folder
from ivr.line.lint.recording_rules import RECORDING_RULES
from tests.line.audio.test_convert import MP3, sound, tone
from tests.line.content.test_loader import SHIPPED
from tests.line.content.test_recordings import MP3 as BARE
from tests.line.content.test_recordings import WAV, R
from tests.releases.test_store import written

Record = Callable[..., Any]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the shipped words, to record in."""
    monkeypatch.setenv("VAR_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("PROMPTS_DIR", str(tmp_path / "prompts"))
    return written(tmp_path / "prompts", SHIPPED)


@pytest.fixture
def record(folder: Path, tmp_path: Path) -> Record:
    def recorded(place: str, data: bytes = MP3) -> Any:
        file = tmp_path / "monday.mp3"
        file.write_bytes(data)
        result = CliRunner().invoke(main, ["prompts", "record", place, str(file)])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return recorded


def told(files: dict[str, bytes]) -> list[Finding]:
    content = read_content(files)
    return [finding for rule in RECORDING_RULES for finding in rule(content)]


PLACES = [
    ("en/goodbye", "recordings/en/goodbye.wav"),
    ("es/goodbye-1", "recordings/es/goodbye.wav"),
    ("en/cancer-2", "recordings/en/cancer-2.wav"),
    ("en/welcome", "recordings/en/welcome.wav"),
    ("es/welcome-choices", "recordings/es/welcome-choices.wav"),
]


@pytest.mark.parametrize(("place", "file"), PLACES, ids=[place for place, _ in PLACES])
def test_a_recording_is_converted_and_stands_where_it_is_heard(
    record: Record, folder: Path, place: str, file: str
) -> None:
    result = record(place)
    assert result.exit_code == 0
    assert "2 seconds" in result.output
    files = read_folder(folder)
    assert files.keys() - SHIPPED.keys() == {file}
    found = read_audio_info(files[file])
    assert found
    assert (found.rate, found.format) == (8_000, MU_LAW)
    assert told(files) == []


def test_a_new_recording_takes_the_place_of_the_old_one_in_whatever_form(record: Record, folder: Path) -> None:
    for name in ("goodbye.mp3", "goodbye-1.wav"):
        (folder / R).mkdir(parents=True, exist_ok=True)
        (folder / R / name).write_bytes(BARE if name.endswith("mp3") else b"broken")
    assert record("en/goodbye").exit_code == 0
    assert read_folder(folder).keys() - SHIPPED.keys() == {"recordings/en/goodbye.wav"}


REFUSED = [
    ("a prompt that there is not", "en/godbye", MP3, 2, "There is no en/godbye.md."),
    ("a piece that there is not", "en/cancer-4", MP3, 2, "name their recordings cancer-1 to cancer-3."),
    ("no piece of three", "en/cancer", MP3, 2, "name their recordings cancer-1 to cancer-3."),
    ("choices of a topic", "en/cancer-choices", MP3, 2, "en/cancer.md is no menu and has no choices."),
    ("a language that there is not", "fr/goodbye", MP3, 2, "`fr` is not among the languages"),
    ("what is only texted", "en/stop", MP3, 2, "only texted, nobody hears it."),
    ("words that are never the same", "en/closed", MP3, 2, "not the same in every call."),
    ("no place at all", "../../etc/passwd", MP3, 2, "Name what was recorded like en/keys"),
    ("a picture", "en/goodbye", b"\x89PNG" + bytes(99), 1, "This is a picture"),
    ("silence", "en/goodbye", sound(tone(440) * 0), 1, "Nothing can be heard"),
]


@pytest.mark.parametrize(("label", "place", "data", "status", "sentence"), REFUSED, ids=[case[0] for case in REFUSED])
def test_what_cannot_be_heard_or_has_no_place_is_refused_and_nothing_is_written(
    record: Record, folder: Path, label: str, place: str, data: bytes, status: int, sentence: str
) -> None:
    result = record(place, data)
    assert result.exit_code == status
    assert sentence in " ".join(result.output.split())
    assert read_folder(folder) == dict(SHIPPED)


def test_a_file_that_is_not_there_is_told(folder: Path) -> None:
    result = CliRunner().invoke(main, ["prompts", "record", "en/goodbye", str(folder / "none.mp3")])
    assert result.exit_code == 2
    assert "cannot be read" in result.output


def test_a_folder_with_broken_words_is_told_and_a_broken_recording_can_be_recorded_anew(
    record: Record, folder: Path
) -> None:
    (folder / R).mkdir(parents=True)
    (folder / R / "goodbye.wav").write_bytes(b"broken")
    assert record("en/goodbye").exit_code == 0
    assert read_content(read_folder(folder)).recordings.keys() == {("en", "goodbye", 0)}
    (folder / "en/goodbye.md").write_bytes(b"broken")
    broken = record("en/keys")
    assert broken.exit_code == 1
    assert "en/goodbye.md" in broken.output


CHANGES = [
    ("its words", "en/cancer-2", "en/cancer.md", "Radiologists look at", "Doctors look at"),
    ("a number that it says", "en/cancer-3", "line.yaml", "603-668-3067", "603-555-0123"),
    ("a choice of its menu", "en/welcome-choices", "en/welcome.md", "For appointments", "To book a visit"),
    ("a key of its menu", "es/welcome-choices", "line.yaml", "5: people}", "7: people}"),
    ("how a choice is said", "en/people-choices", "en/choice.md", "press {key}", "choose {key}"),
]


@pytest.mark.parametrize(
    ("label", "place", "file", "old", "new"), CHANGES, ids=[f"{case[0]} changes" for case in CHANGES]
)
def test_words_that_changed_after_they_were_recorded_are_told(
    record: Record, folder: Path, label: str, place: str, file: str, old: str, new: str
) -> None:
    record(place)
    words = (folder / file).read_text("utf-8")
    assert old in words
    (folder / file).write_text(words.replace(old, new), "utf-8")
    if new == "7: people}":
        for language in ("en", "es"):
            menu = folder / language / "welcome.md"
            menu.write_text(menu.read_text("utf-8").replace("\n5. ", "\n7. "), "utf-8")
    (finding,) = told(read_folder(folder))
    assert (finding.file, finding.rule, finding.level) == (f"recordings/{place}.wav", "recording-behind", "warning")
    assert f"infoline prompts record {place} FILE" in finding.message
    record(place)
    assert told(read_folder(folder)) == []


def test_words_that_only_stand_otherwise_or_belong_to_another_piece_are_not_told(record: Record, folder: Path) -> None:
    record("en/cancer-2")
    words = (folder / "en/cancer.md").read_text("utf-8")
    changed = words.replace("It is natural to ask this.", "Many ask this.").replace(
        "Radiologists look at the", "Radiologists  look\nat the"
    )
    assert changed != words
    (folder / "en/cancer.md").write_text(changed, "utf-8")
    assert told(read_folder(folder)) == []


def test_a_recording_that_does_not_tell_its_words_is_not_judged() -> None:
    assert told({**SHIPPED, f"{R}goodbye.wav": WAV, f"{R}keys.mp3": BARE}) == []
    commented = sound(tone(440, rate=8_000), 8_000).replace(
        b"data", b"LIST\x14\0\0\0INFOICMT\x08\0\0\0by Ann\0\0data", 1
    )
    assert read_audio_info(commented).comment == "by Ann"
    assert told({**SHIPPED, f"{R}goodbye.wav": commented}) == []


def test_a_recording_that_nobody_listens_to_the_end_is_told() -> None:
    long = sound(tone(440, seconds=41, rate=8_000), 8_000)
    (finding,) = told({**SHIPPED, f"{R}goodbye.wav": long})
    assert (finding.file, finding.rule, finding.level) == (f"{R}goodbye.wav", "seconds", "error")


def test_the_check_says_so_and_still_ends_well(record: Record, folder: Path) -> None:
    record("en/goodbye")
    goodbye = folder / "en/goodbye.md"
    goodbye.write_text(goodbye.read_text("utf-8").replace("Goodbye", "Farewell"), "utf-8")
    result = CliRunner().invoke(main, ["prompts", "check"])
    assert result.exit_code == 0
    assert "[recording-behind]" in result.output
