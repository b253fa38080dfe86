"""`infoline prompts record`, and the warning about text that changed after it was recorded."""

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
from tests.releases.test_store import write_files

Record = Callable[..., Any]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the shipped prompts."""
    monkeypatch.setenv("VAR_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("PROMPTS_DIR", str(tmp_path / "prompts"))
    return write_files(tmp_path / "prompts", SHIPPED)


@pytest.fixture
def record(folder: Path, tmp_path: Path) -> Record:
    def run(name: str, data: bytes = MP3) -> Any:
        file = tmp_path / "monday.mp3"
        file.write_bytes(data)
        result = CliRunner().invoke(main, ["prompts", "record", name, str(file)])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return run


def recording_findings(files: dict[str, bytes]) -> list[Finding]:
    content = read_content(files)
    return [finding for rule in RECORDING_RULES for finding in rule(content)]


NAMES = [
    ("en/goodbye", "recordings/en/goodbye.wav"),
    ("es/goodbye-1", "recordings/es/goodbye.wav"),
    ("en/cancer-2", "recordings/en/cancer-2.wav"),
    ("en/welcome", "recordings/en/welcome.wav"),
    ("es/welcome-choices", "recordings/es/welcome-choices.wav"),
]


@pytest.mark.parametrize(("name", "file"), NAMES, ids=[name for name, _ in NAMES])
def test_a_recording_is_converted_and_stored_where_it_is_played(
    record: Record, folder: Path, name: str, file: str
) -> None:
    result = record(name)
    assert result.exit_code == 0
    assert "2 seconds" in result.output
    files = read_folder(folder)
    assert files.keys() - SHIPPED.keys() == {file}
    info = read_audio_info(files[file])
    assert info
    assert (info.rate, info.format) == (8_000, MU_LAW)
    assert recording_findings(files) == []


def test_a_new_recording_replaces_the_old_one_of_any_format_and_name(record: Record, folder: Path) -> None:
    for name in ("goodbye.mp3", "goodbye-1.wav"):
        (folder / R).mkdir(parents=True, exist_ok=True)
        (folder / R / name).write_bytes(BARE if name.endswith("mp3") else b"broken")
    assert record("en/goodbye").exit_code == 0
    assert read_folder(folder).keys() - SHIPPED.keys() == {"recordings/en/goodbye.wav"}


REFUSED = [
    ("an unknown prompt", "en/godbye", MP3, 2, "There is no en/godbye.md."),
    ("an unknown part", "en/cancer-4", MP3, 2, "name their recordings cancer-1 to cancer-3."),
    (
        "a topic without a part number",
        "en/cancer",
        MP3,
        2,
        "name their recordings cancer-1 to cancer-3.",
    ),
    ("choices of a topic", "en/cancer-choices", MP3, 2, "en/cancer.md is not a menu and has no choices."),
    ("an unknown language", "fr/goodbye", MP3, 2, "`fr` is not one of the languages"),
    ("a prompt that is only texted", "en/stop", MP3, 2, "only texted, never spoken."),
    ("text that differs between calls", "en/closed", MP3, 2, "not the same in every call."),
    ("a path", "../../etc/passwd", MP3, 2, "Name the recording like en/keys"),
    ("a picture", "en/goodbye", b"\x89PNG" + bytes(99), 1, "This is a picture"),
    ("silence", "en/goodbye", sound(tone(440) * 0), 1, "recording is silent"),
]


@pytest.mark.parametrize(("label", "name", "data", "status", "sentence"), REFUSED, ids=[case[0] for case in REFUSED])
def test_an_unusable_recording_is_refused_and_nothing_is_written(
    record: Record, folder: Path, label: str, name: str, data: bytes, status: int, sentence: str
) -> None:
    result = record(name, data)
    assert result.exit_code == status
    assert sentence in " ".join(result.output.split())
    assert read_folder(folder) == dict(SHIPPED)


def test_a_missing_file_is_reported(folder: Path) -> None:
    result = CliRunner().invoke(main, ["prompts", "record", "en/goodbye", str(folder / "none.mp3")])
    assert result.exit_code == 2
    assert "cannot be read" in result.output


def test_a_broken_recording_can_be_replaced_but_broken_prompts_stop_the_command(record: Record, folder: Path) -> None:
    (folder / R).mkdir(parents=True)
    (folder / R / "goodbye.wav").write_bytes(b"broken")
    assert record("en/goodbye").exit_code == 0
    assert read_content(read_folder(folder)).recordings.keys() == {("en", "goodbye", 0)}
    (folder / "en/goodbye.md").write_bytes(b"broken")
    broken = record("en/keys")
    assert broken.exit_code == 1
    assert "en/goodbye.md" in broken.output


CHANGES = [
    ("its text", "en/cancer-2", "en/cancer.md", "Radiologists look at", "Doctors look at"),
    ("a number in it", "en/cancer-3", "line.yaml", "603-668-3067", "603-555-0123"),
    ("a choice of its menu", "en/welcome-choices", "en/welcome.md", "For appointments", "To book a visit"),
    ("a key of its menu", "es/welcome-choices", "line.yaml", "4: people}", "7: people}"),
    ("the pattern for choices", "en/people-choices", "en/choice.md", "press {key}", "choose {key}"),
]


@pytest.mark.parametrize(
    ("label", "name", "file", "old", "new"), CHANGES, ids=[f"{case[0]} changes" for case in CHANGES]
)
def test_text_that_changed_after_it_was_recorded_is_a_finding(
    record: Record, folder: Path, label: str, name: str, file: str, old: str, new: str
) -> None:
    record(name)
    text = (folder / file).read_text("utf-8")
    assert old in text
    (folder / file).write_text(text.replace(old, new), "utf-8")
    if new == "7: people}":
        for language in ("en", "es"):
            menu = folder / language / "welcome.md"
            menu.write_text(menu.read_text("utf-8").replace("\n4. ", "\n7. "), "utf-8")
    (finding,) = recording_findings(read_folder(folder))
    assert (finding.file, finding.rule, finding.level) == (f"recordings/{name}.wav", "recording-behind", "warning")
    assert f"infoline prompts record {name} FILE" in finding.message
    record(name)
    assert recording_findings(read_folder(folder)) == []


def test_changes_of_whitespace_or_of_another_part_are_not_reported(record: Record, folder: Path) -> None:
    record("en/cancer-2")
    text = (folder / "en/cancer.md").read_text("utf-8")
    changed = text.replace("It is natural to ask this.", "Many ask this.").replace(
        "Radiologists look at the", "Radiologists  look\nat the"
    )
    assert changed != text
    (folder / "en/cancer.md").write_text(changed, "utf-8")
    assert recording_findings(read_folder(folder)) == []


def test_a_recording_without_a_fingerprint_has_no_finding() -> None:
    assert recording_findings({**SHIPPED, f"{R}goodbye.wav": WAV, f"{R}keys.mp3": BARE}) == []
    commented = sound(tone(440, rate=8_000), 8_000).replace(
        b"data", b"LIST\x14\0\0\0INFOICMT\x08\0\0\0by Ann\0\0data", 1
    )
    assert read_audio_info(commented).comment == "by Ann"
    assert recording_findings({**SHIPPED, f"{R}goodbye.wav": commented}) == []


def test_a_recording_over_the_limit_of_seconds_is_an_error() -> None:
    long = sound(tone(440, seconds=41, rate=8_000), 8_000)
    (finding,) = recording_findings({**SHIPPED, f"{R}goodbye.wav": long})
    assert (finding.file, finding.rule, finding.level) == (f"{R}goodbye.wav", "seconds", "error")


def test_the_check_warns_about_an_outdated_recording_and_exits_with_0(record: Record, folder: Path) -> None:
    record("en/goodbye")
    goodbye = folder / "en/goodbye.md"
    goodbye.write_text(goodbye.read_text("utf-8").replace("Goodbye", "Farewell"), "utf-8")
    result = CliRunner().invoke(main, ["prompts", "check"])
    assert result.exit_code == 0
    assert "[recording-behind]" in result.output
