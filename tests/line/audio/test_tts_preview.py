"""A prompt heard on this machine: its words, its numbers, its pauses and its speed are those of the line."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from ivr.cli import main
from ivr.line.audio import tts_preview
from ivr.line.audio.convert import to_telephone_wav
from ivr.line.callflow.graph import Graph
from ivr.line.callflow.speech import Speech
from ivr.line.content.audio_headers import MU_LAW, PCM, read_audio_info
from ivr.line.content.loader import Content, read_content
from ivr.line.locales.locale import Locale
from ivr.line.text import readability
from ivr.line.text.readability import WORDS_PER_MINUTE
from tests.line.audio.test_convert import sound, strength, tone
from tests.line.content.test_loader import SHIPPED, changed

LINE = "line.yaml"
# (words, the voice's language, speed)
Said = list[tuple[str, str, float]]


@pytest.fixture
def local_voice() -> None:
    pytest.importorskip("py_nanotts", reason="there is no local voice for this machine")


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> Said:
    """A voice that only writes down what it is given to say."""
    told: Said = []

    class Listener:
        def speak(self, words: str, *, voice: str, speed: float, **_how: float) -> bytes:
            told.append((words, voice, speed))
            return b"\0\x20" * 1600

    monkeypatch.setitem(sys.modules, "py_nanotts", SimpleNamespace(NanoTTS=Listener))
    return told


def samples_of(data: bytes) -> Any:
    return soundfile.read(io.BytesIO(data))[0]


def seconds_of(data: bytes) -> float:
    found = read_audio_info(data)
    assert found
    return found.seconds


def foretold(content: Content, language: str, name: str) -> float:
    """How long the check takes a prompt to be, with the pause behind each piece."""
    speech = Speech(content, Graph(content))
    blocks = [speech.words(language, name, at) for at in range(len(content.prompt(language, name).spoken))]
    if name in content.config.menus:
        blocks.append(speech.choices(language, name))
    pause = content.config.pause_ms
    return sum(
        readability.seconds_to_speak("\n\n".join(block.paragraphs), language, WORDS_PER_MINUTE, pause_ms=pause)
        + pause / 1000
        for block in blocks
    )


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("name", ["cancer", "skin-products", "welcome", "people", "urgent"])
def test_a_prompt_takes_about_as_long_as_the_check_foretells(
    content: Content, local_voice: None, name: str, language: str
) -> None:
    heard = tts_preview.render_preview(content, language, name)
    assert 0.75 <= seconds_of(heard) / foretold(content, language, name) <= 1.5
    assert 0.2 < np.abs(samples_of(heard)).max() < 1.0


def test_the_voice_is_as_fast_as_line_yaml_says(local_voice: None) -> None:
    slow, fast = (
        seconds_of(
            tts_preview.render_preview(read_content(changed(LINE, "rate: 90%", f"rate: {rate}")), "en", "skin-products")
        )
        for rate in ("60%", "120%")
    )
    assert 1.5 < slow / fast < 2.2


@pytest.mark.parametrize("pause", [600, 1500])
def test_a_pause_is_silence_of_its_length_between_paragraphs_and_after_the_last(local_voice: None, pause: int) -> None:
    words = b"---\nsources: [line]\nreviewed: {}\n---\n## Spoken\n\nHello.\n\nGoodbye.\n"
    files = {**changed(LINE, "pause_ms: 600", f"pause_ms: {pause}"), "en/goodbye.md": words}
    loud = np.abs(samples_of(tts_preview.render_preview(read_content(files), "en", "goodbye"))) > 0.005
    edges = np.flatnonzero(np.diff(np.concatenate([[1], loud, [1]])))
    longest = sorted(np.diff(edges) / 16_000)[-2:]
    assert longest == pytest.approx([pause / 1000] * 2, abs=0.06)


def test_what_a_telephone_plays_is_mu_law_of_8000_samples_and_one_channel(content: Content, local_voice: None) -> None:
    here, there = (tts_preview.render_preview(content, "en", "goodbye", telephone=at) for at in (False, True))
    kinds = [(found.rate, found.format) for found in map(read_audio_info, (here, there)) if found]
    assert kinds == [(16_000, PCM), (8_000, MU_LAW)]
    assert there[20:24] == b"\x07\x00\x01\x00"
    assert seconds_of(there) == pytest.approx(seconds_of(here), rel=0.05)
    assert strength(samples_of(there), 3_900) < -60


def test_a_phone_number_is_said_slowly_digit_by_digit(content: Content, said: Said) -> None:
    tts_preview.render_preview(content, "en", "cancer")
    numbers = [one for one in said if one[0][:1].isdigit()]
    assert numbers == [("6 0 3, 6 6 8, 3 0 6 7", "en-US", 0.7)] * 2
    assert {speed for words, _, speed in said if words[:1].isalpha()} == {0.9}


def test_911_is_said_digit_by_digit_at_the_usual_speed(content: Content, said: Said) -> None:
    tts_preview.render_preview(content, "es", "welcome")
    assert ("9 1 1", "es-ES", 0.9) in said


def test_a_menu_says_its_choices_and_a_topic_all_its_pieces_without_go_on(content: Content, said: Said) -> None:
    tts_preview.render_preview(content, "en", "welcome")
    assert [words for words, _, _ in said if "press" in words] == [
        "For calcifications, press 1.",
        "To get ready for a visit, press 2.",
        "For deodorant and powder, press 3.",
        "For appointments, press 4.",
        "For a person, or our numbers, press 5.",
    ]
    said.clear()
    tts_preview.render_preview(content, "en", "cancer")
    whole = " ".join(words for words, _, _ in said)
    for beginning in ("It is natural to ask this.", "Radiologists look at", "You do not have to carry"):
        assert beginning in whole
    assert "press 1" not in whole


@pytest.mark.parametrize("language", ["en", "es"])
def test_everything_that_callers_hear_can_be_heard_with_nothing_left_to_fill_in(
    content: Content, said: Said, language: str
) -> None:
    for name in tts_preview.spoken_prompts(content, language):
        assert seconds_of(tts_preview.render_preview(content, language, name)) > 0
    words = "\n".join(words for words, _, _ in said)
    assert not re.search(r"[{}]|OPENING|0 0 0, 0 0 0", words)
    assert "6 0 3, 5 5 5, 0 1 2 3" in words
    assert {spoken for _, spoken, _ in said} == {"en-US" if language == "en" else "es-ES"}


def test_what_was_only_texted_is_not_heard(content: Content) -> None:
    assert "stop" not in tts_preview.spoken_prompts(content, "en")
    with pytest.raises(KeyError):
        tts_preview.render_preview(content, "en", "stop")


RECORDED = {
    "a studio's": ("wav", sound(tone(440))),
    "a telephone's": ("wav", to_telephone_wav(sound(tone(440)))),
    "an MP3": ("mp3", sound(tone(440), kind="MP3")),
}


@pytest.mark.parametrize("label", RECORDED)
def test_where_a_person_recorded_the_words_she_is_heard_and_no_voice_is_needed(
    monkeypatch: pytest.MonkeyPatch, label: str
) -> None:
    monkeypatch.setitem(sys.modules, "py_nanotts", None)
    kind, data = RECORDED[label]
    heard = tts_preview.render_preview(
        read_content({**SHIPPED, f"recordings/en/goodbye.{kind}": data}), "en", "goodbye"
    )
    assert seconds_of(heard) == pytest.approx(2.0, abs=0.05)
    assert 0.4 < np.abs(samples_of(heard)).max() < 0.8


def test_a_recording_that_cannot_be_played_is_told() -> None:
    files = {**SHIPPED, "recordings/en/goodbye.mp3": b"\xff\xfb\x90\x00" + b"x" * 30}
    with pytest.raises(tts_preview.PreviewUnavailable, match="cannot be played here"):
        tts_preview.render_preview(read_content(files), "en", "goodbye")


def test_a_prompt_without_a_word_is_a_pause(said: Said) -> None:
    words = b"---\nsources: [line]\nreviewed: {}\n---\n## Spoken\n\n...\n"
    for telephone in (False, True):
        heard = tts_preview.render_preview(
            read_content({**SHIPPED, "en/goodbye.md": words}), "en", "goodbye", telephone=telephone
        )
        assert seconds_of(heard) == pytest.approx(0.6, abs=0.01)
    assert said == []


def test_without_a_local_voice_one_sentence_says_what_to_install(
    content: Content, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "py_nanotts", None)
    with pytest.raises(tts_preview.PreviewUnavailable, match="pip install py-nanotts"):
        tts_preview.render_preview(content, "en", "goodbye")


def test_a_language_that_no_local_voice_speaks_is_told(
    content: Content, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    voices = {"en": "en-US"}
    monkeypatch.setattr(tts_preview, "get_locale", lambda code: Locale(code=code, preview_voice=voices.get(code)))
    tts_preview.render_preview(content, "en", "goodbye")
    with pytest.raises(tts_preview.PreviewUnavailable, match="No local voice speaks `es`"):
        tts_preview.render_preview(content, "es", "goodbye")


def test_marks_of_the_voice_s_own_language_are_words_like_others(said: Said) -> None:
    files = changed("en/goodbye.md", "Goodbye", "Less <speed level='20'> talk & goodbye")
    tts_preview.render_preview(read_content(files), "en", "goodbye")
    assert not any("<" in words or ">" in words for words, _, _ in said)


Run = Callable[..., Any]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("VAR_DIR", str(tmp_path / "var"))

    def invoked(*words: str) -> Any:
        result = CliRunner().invoke(main, ["prompts", *words])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        assert all(len(line) <= 80 for line in result.output.splitlines() if str(tmp_path) not in line)
        return result

    return invoked


def test_say_writes_a_wav_and_tells_how_long_it_is(run: Run, said: Said, tmp_path: Path) -> None:
    file = tmp_path / "goodbye.wav"
    result = run("say", "goodbye", "-o", str(file), "--telephone", "--language", "es")
    assert result.exit_code == 0
    found = read_audio_info(file.read_bytes())
    assert found
    assert found.format == MU_LAW
    assert f"{found.seconds:.0f} seconds" in result.output
    assert {spoken for _, spoken, _ in said} == {"es-ES"}
    run("say", "goodbye", "-o", str(file))
    assert said[-1][1] == "en-US"
    assert run("say", "es/goodbye.md", "-o", str(file)).exit_code == 0
    assert said[-1][1] == "es-ES"


WRONG = [
    ("a topic that there is not", ("say", "kancer"), "The line never says `kancer`. There are: answer-end,"),
    ("a prompt that is only texted", ("say", "stop"), "The line never says `stop`."),
    (
        "a language that there is not",
        ("say", "cancer", "--language", "fr"),
        "`fr` is not a language of the line: use en",
    ),
    ("a file of nobody's", ("say", "goodbye", "-o", "/dev/null/x.wav"), "/dev/null/x.wav cannot be written"),
    ("no file", ("draw",), "-o line.svg"),
    ("a language that cannot be drawn", ("draw", "--words", "--language", "fr"), "use en, es"),
    ("a picture of nobody's", ("draw", "-o", "/dev/null/x.svg"), "/dev/null/x.svg cannot be written"),
]


@pytest.mark.parametrize(("label", "words", "told"), WRONG, ids=[case[0] for case in WRONG])
def test_wrong_use_is_told_in_a_sentence(
    run: Run, said: Said, tmp_path: Path, label: str, words: tuple[str, ...], told: str
) -> None:
    asked = words if "-o" in words or words[0] == "draw" else (*words, "-o", str(tmp_path / "x.wav"))
    result = run(*asked)
    assert result.exit_code == 2
    assert told in " ".join(result.output.split())
    assert not (tmp_path / "x.wav").exists()


def test_without_a_local_voice_say_ends_with_the_same_sentence(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "py_nanotts", None)
    result = run("say", "goodbye", "-o", str(tmp_path / "x.wav"))
    assert result.exit_code == 2
    assert "pip install py-nanotts" in result.output
