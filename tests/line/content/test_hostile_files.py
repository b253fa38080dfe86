"""What is not a plain file never gets into a release, and no file makes a check hang or take long."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from ivr.cli import main
from ivr.i18n import filled
from ivr.line.content.audio_headers import read_audio_info
from ivr.line.content.findings import BrokenPrompts, Finding
from ivr.line.content.loader import LINE_FILE, file_problem, read_file, read_folder
from ivr.line.content.training_questions import LARGEST_QUESTIONS, question_findings
from tests.line.content.test_loader import SHIPPED
from tests.line.content.test_recordings import MP3, WAV
from tests.releases.test_store import write_files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_files(tmp_path / "prompts", {LINE_FILE: SHIPPED[LINE_FILE], "en/cancer.md": SHIPPED["en/cancer.md"]})


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder outside the prompts, with files that would be published if links were followed."""
    return write_files(tmp_path / "outside", {"secret.mp3": MP3, "secret.md": b"secret"})


def folder_findings(folder: Path) -> list[Finding]:
    with pytest.raises(BrokenPrompts) as broken:
        read_folder(folder)
    return broken.value.findings


LINKS = [
    ("a recording", "recordings/en/keys.mp3", "secret.mp3"),
    ("a prompt", "en/keys.md", "secret.md"),
    ("a folder", "recordings", ""),
    ("a folder within a folder", "recordings/en", ""),
    ("a link to nothing", "en/keys.md", "nothing"),
    ("a link to a device", "en/keys.md", "/dev/zero"),
]


@pytest.mark.parametrize(("label", "name", "target"), LINKS, ids=[case[0] for case in LINKS])
def test_a_link_is_refused_whatever_it_points_to(
    label: str, name: str, target: str, folder: Path, outside: Path
) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).symlink_to(outside / target)
    (finding,) = folder_findings(folder)
    assert (finding.file, finding.rule, finding.level) == (name, "folder", "error")
    assert "This is a link" in finding.message


def test_a_link_instead_of_line_yaml_is_refused_but_the_folder_itself_may_be_one(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "current").symlink_to(folder)
    assert set(read_folder(tmp_path / "current")) == {LINE_FILE, "en/cancer.md"}
    (folder / LINE_FILE).rename(tmp_path / LINE_FILE)
    (folder / LINE_FILE).symlink_to(tmp_path / LINE_FILE)
    assert [finding.file for finding in folder_findings(folder)] == [LINE_FILE]


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


SPECIAL: list[tuple[str, Callable[[Path], object]]] = [("a pipe", os.mkfifo), ("a socket", make_socket)]


@pytest.mark.parametrize(("label", "make"), SPECIAL, ids=[case[0] for case in SPECIAL])
def test_a_pipe_or_a_socket_is_a_finding_and_does_not_hang(
    label: str, make: Callable[[Path], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The path of a socket is limited to about 100 characters.
    monkeypatch.chdir(tmp_path)
    folder = write_files(Path("prompts"), dict(SHIPPED))
    make(folder / "en" / "extra.md")
    assert [finding.file for finding in folder_findings(folder)] == ["en/extra.md"]
    checked = CliRunner().invoke(main, ["prompts", "check", str(folder)])
    assert (checked.exit_code, "en/extra.md" in checked.output, "Traceback" in checked.output) == (1, True, False)
    with pytest.raises(OSError, match=r"not a regular file|No such device"):
        read_file(folder / "en" / "extra.md")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list any folder")
def test_a_folder_that_cannot_be_listed_is_a_finding(folder: Path) -> None:
    (folder / "en").chmod(0)
    (finding,) = folder_findings(folder)
    (folder / "en").chmod(0o755)
    assert (finding.file, finding.rule) == ("en", "folder")


def test_a_file_name_that_the_database_cannot_store_is_refused() -> None:
    assert "has 107 characters: shorten the name to 100" in filled(file_problem(f"en/{'a' * 101}.md", b""))
    assert file_problem(f"en/{'a' * 94}.md", b"") is None


TAG = b"ID3\x04\x00\x00\x00\x00\x00\x00"


def test_a_file_of_tags_alone_is_not_a_recording_and_a_few_tags_before_the_sound_are_skipped() -> None:
    sound = read_audio_info(MP3)
    assert sound
    assert read_audio_info(TAG * 3 + MP3) == sound
    assert read_audio_info(TAG * 1000 + MP3) is None


def test_the_chunks_of_a_wav_are_read_up_to_a_limit() -> None:
    head, rest = WAV[:12], WAV[12:]
    assert read_audio_info(head + b"junk\x00\x00\x00\x00" * 10 + rest) == read_audio_info(WAV)
    assert read_audio_info(head + b"junk\x00\x00\x00\x00" * 2000 + rest) is None


def test_the_frames_of_an_mp3_are_counted_up_to_an_hour() -> None:
    # A frame of 24 bytes with 24 milliseconds of silence.
    frame = b"\xff\xf3\x14\xc0" + b"\0" * 20
    long = read_audio_info(frame * 200_000)
    assert long
    assert 3600 < long.seconds < 3601


def test_a_file_of_another_kind_has_a_limited_number_of_findings() -> None:
    assert len(question_findings("en/questions.tsv", b"x\n" * (LARGEST_QUESTIONS // 2), frozenset())) == 100
