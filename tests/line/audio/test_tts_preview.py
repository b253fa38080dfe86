"""Previews of prompts: text, numbers, pauses and speed match the line."""

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
from tests.line.audio.test_convert import level, sound, tone
from tests.line.content.test_loader import SHIPPED, changed

LINE = "line.yaml"
# (text, voice, speed)
Synthesized = list[tuple[str, str, float]]


@pytest.fixture
def local_voice() -> None:
    pytest.importorskip("py_nanotts", reason="no local voice is installed")


@pytest.fixture
def synthesized(monkeypatch: pytest.MonkeyPatch) -> Synthesized:
    """A fake voice that records what it is asked to say."""
    calls: Synthesized = []

    class FakeVoice:
        def speak(self, text: str, *, voice: str, speed: float, **_options: float) -> bytes:
            calls.append((text, voice, speed))
            return b"\0\x20" * 1600

    monkeypatch.setitem(sys.modules, "py_nanotts", SimpleNamespace(NanoTTS=FakeVoice))
    return calls


def samples_of(data: bytes) -> Any:
    return soundfile.read(io.BytesIO(data))[0]


def seconds_of(data: bytes) -> float:
    header = read_audio_info(data)
    assert header
    return header.seconds


def expected_seconds(content: Content, language: str, name: str) -> float:
    """The length that `prompts check` estimates, with the pause after each part."""
    speech = Speech(content, Graph(content))
    blocks = [speech.block(language, name, part) for part in range(len(content.prompt(language, name).spoken))]
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
def test_a_preview_is_about_as_long_as_the_check_estimates(
    content: Content, local_voice: None, name: str, language: str
) -> None:
    preview = tts_preview.render_preview(content, language, name)
    assert 0.75 <= seconds_of(preview) / expected_seconds(content, language, name) <= 1.5
    assert 0.2 < np.abs(samples_of(preview)).max() < 1.0


def test_the_speaking_rate_follows_line_yaml(local_voice: None) -> None:
    slow, fast = (
        seconds_of(
            tts_preview.render_preview(read_content(changed(LINE, "rate: 90%", f"rate: {rate}")), "en", "skin-products")
        )
        for rate in ("60%", "120%")
    )
    assert 1.5 < slow / fast < 2.2


@pytest.mark.parametrize("pause", [600, 1500])
def test_each_paragraph_is_followed_by_a_pause_of_the_configured_length(local_voice: None, pause: int) -> None:
    prompt = b"---\nsources: [line]\nreviewed: {}\n---\n## Spoken\n\nHello.\n\nGoodbye.\n"
    files = {**changed(LINE, "pause_ms: 600", f"pause_ms: {pause}"), "en/goodbye.md": prompt}
    loud = np.abs(samples_of(tts_preview.render_preview(read_content(files), "en", "goodbye"))) > 0.005
    edges = np.flatnonzero(np.diff(np.concatenate([[1], loud, [1]])))
    longest = sorted(np.diff(edges) / 16_000)[-2:]
    assert longest == pytest.approx([pause / 1000] * 2, abs=0.06)


def test_the_telephone_preview_is_8000_hz_mono_mu_law(content: Content, local_voice: None) -> None:
    plain, telephone = (
        tts_preview.render_preview(content, "en", "goodbye", telephone=telephone) for telephone in (False, True)
    )
    formats = [(header.rate, header.format) for header in map(read_audio_info, (plain, telephone)) if header]
    assert formats == [(16_000, PCM), (8_000, MU_LAW)]
    assert telephone[20:24] == b"\x07\x00\x01\x00"
    assert seconds_of(telephone) == pytest.approx(seconds_of(plain), rel=0.05)
    assert level(samples_of(telephone), 3_900) < -60


def test_a_phone_number_is_spoken_slowly_digit_by_digit(content: Content, synthesized: Synthesized) -> None:
    tts_preview.render_preview(content, "en", "cancer")
    numbers = [call for call in synthesized if call[0][:1].isdigit()]
    assert numbers == [("6 0 3, 6 6 8, 3 0 6 7", "en-US", 0.7)] * 2
    assert {speed for words, _, speed in synthesized if words[:1].isalpha()} == {0.9}


def test_911_is_spoken_digit_by_digit_at_the_normal_speed(content: Content, synthesized: Synthesized) -> None:
    tts_preview.render_preview(content, "es", "welcome")
    assert ("9 1 1", "es-ES", 0.9) in synthesized


def test_a_menu_preview_has_its_choices_and_a_topic_preview_all_parts_without_navigation(
    content: Content, synthesized: Synthesized
) -> None:
    tts_preview.render_preview(content, "en", "welcome")
    assert [words for words, _, _ in synthesized if "press" in words] == [
        "About calcifications, press 1.",
        "For appointments, press 2.",
        "To get ready for a visit, press 3.",
        "To speak with a person, press 4.",
    ]
    synthesized.clear()
    tts_preview.render_preview(content, "en", "cancer")
    whole = " ".join(words for words, _, _ in synthesized)
    for beginning in ("It is natural to ask this.", "Radiologists look at", "You do not have to carry"):
        assert beginning in whole
    assert "press 1" not in whole


@pytest.mark.parametrize("language", ["en", "es"])
def test_every_spoken_prompt_can_be_previewed_with_all_placeholders_filled(
    content: Content, synthesized: Synthesized, language: str
) -> None:
    for name in tts_preview.spoken_prompts(content, language):
        assert seconds_of(tts_preview.render_preview(content, language, name)) > 0
    words = "\n".join(words for words, _, _ in synthesized)
    assert not re.search(r"[{}]|OPENING|0 0 0, 0 0 0", words)
    assert "6 0 3, 5 5 5, 0 1 2 3" in words
    assert {spoken for _, spoken, _ in synthesized} == {"en-US" if language == "en" else "es-ES"}


def test_a_prompt_that_is_only_texted_has_no_preview(content: Content) -> None:
    assert "stop" not in tts_preview.spoken_prompts(content, "en")
    with pytest.raises(KeyError):
        tts_preview.render_preview(content, "en", "stop")


RECORDED = {
    "a studio WAV": ("wav", sound(tone(440))),
    "a telephone WAV": ("wav", to_telephone_wav(sound(tone(440)))),
    "an MP3": ("mp3", sound(tone(440), kind="MP3")),
}


@pytest.mark.parametrize("label", RECORDED)
def test_a_recording_is_played_without_a_local_voice(monkeypatch: pytest.MonkeyPatch, label: str) -> None:
    monkeypatch.setitem(sys.modules, "py_nanotts", None)
    kind, data = RECORDED[label]
    preview = tts_preview.render_preview(
        read_content({**SHIPPED, f"recordings/en/goodbye.{kind}": data}), "en", "goodbye"
    )
    assert seconds_of(preview) == pytest.approx(2.0, abs=0.05)
    assert 0.4 < np.abs(samples_of(preview)).max() < 0.8


def test_a_recording_that_cannot_be_played_is_reported() -> None:
    files = {**SHIPPED, "recordings/en/goodbye.mp3": b"\xff\xfb\x90\x00" + b"x" * 30}
    with pytest.raises(tts_preview.PreviewUnavailable, match="cannot be played"):
        tts_preview.render_preview(read_content(files), "en", "goodbye")


def test_a_prompt_without_words_is_a_pause(synthesized: Synthesized) -> None:
    words = b"---\nsources: [line]\nreviewed: {}\n---\n## Spoken\n\n...\n"
    for telephone in (False, True):
        preview = tts_preview.render_preview(
            read_content({**SHIPPED, "en/goodbye.md": words}), "en", "goodbye", telephone=telephone
        )
        assert seconds_of(preview) == pytest.approx(0.6, abs=0.01)
    assert synthesized == []


def test_a_missing_local_voice_is_reported_with_what_to_install(
    content: Content, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "py_nanotts", None)
    with pytest.raises(tts_preview.PreviewUnavailable, match="pip install py-nanotts"):
        tts_preview.render_preview(content, "en", "goodbye")


def test_a_language_without_a_local_voice_is_reported(
    content: Content, synthesized: Synthesized, monkeypatch: pytest.MonkeyPatch
) -> None:
    voices = {"en": "en-US"}
    monkeypatch.setattr(tts_preview, "get_locale", lambda code: Locale(code=code, preview_voice=voices.get(code)))
    tts_preview.render_preview(content, "en", "goodbye")
    with pytest.raises(tts_preview.PreviewUnavailable, match="No local voice speaks `es`"):
        tts_preview.render_preview(content, "es", "goodbye")


def test_commands_of_the_local_voice_in_a_prompt_are_plain_text(synthesized: Synthesized) -> None:
    files = changed("en/goodbye.md", "Goodbye", "Less <speed level='20'> talk & goodbye")
    tts_preview.render_preview(read_content(files), "en", "goodbye")
    assert not any("<" in words or ">" in words for words, _, _ in synthesized)


Run = Callable[..., Any]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("VAR_DIR", str(tmp_path / "var"))

    def invoke(*arguments: str) -> Any:
        result = CliRunner().invoke(main, ["prompts", *arguments])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        assert all(len(line) <= 80 for line in result.output.splitlines() if str(tmp_path) not in line)
        return result

    return invoke


def test_say_writes_a_wav_and_prints_its_length(run: Run, synthesized: Synthesized, tmp_path: Path) -> None:
    file = tmp_path / "goodbye.wav"
    result = run("say", "goodbye", "-o", str(file), "--telephone", "--language", "es")
    assert result.exit_code == 0
    header = read_audio_info(file.read_bytes())
    assert header
    assert header.format == MU_LAW
    assert f"{header.seconds:.0f} seconds" in result.output
    assert {spoken for _, spoken, _ in synthesized} == {"es-ES"}
    run("say", "goodbye", "-o", str(file))
    assert synthesized[-1][1] == "en-US"
    assert run("say", "es/goodbye.md", "-o", str(file)).exit_code == 0
    assert synthesized[-1][1] == "es-ES"


WRONG_USE = [
    ("an unknown topic", ("say", "kancer"), "The line never says `kancer`. There are: 3d, answer-end,"),
    ("a prompt that is only texted", ("say", "stop"), "The line never says `stop`."),
    (
        "an unknown language",
        ("say", "cancer", "--language", "fr"),
        "`fr` is not a language of the line: use en",
    ),
    (
        "an output that cannot be written",
        ("say", "goodbye", "-o", "/dev/null/x.wav"),
        "/dev/null/x.wav cannot be written",
    ),
    ("no output", ("draw",), "-o line.svg"),
    ("an unknown language for a diagram", ("draw", "--words", "--language", "fr"), "use en, es"),
    ("a diagram that cannot be written", ("draw", "-o", "/dev/null/x.svg"), "/dev/null/x.svg cannot be written"),
]


@pytest.mark.parametrize(("label", "arguments", "message"), WRONG_USE, ids=[case[0] for case in WRONG_USE])
def test_wrong_use_is_reported_in_a_sentence(
    run: Run, synthesized: Synthesized, tmp_path: Path, label: str, arguments: tuple[str, ...], message: str
) -> None:
    if "-o" not in arguments and arguments[0] != "draw":
        arguments = (*arguments, "-o", str(tmp_path / "x.wav"))
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())
    assert not (tmp_path / "x.wav").exists()


def test_say_without_a_local_voice_exits_with_what_to_install(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "py_nanotts", None)
    result = run("say", "goodbye", "-o", str(tmp_path / "x.wav"))
    assert result.exit_code == 2
    assert "pip install py-nanotts" in result.output
