"""Uploaded recordings: each is converted to telephone audio, or rejected with a sentence on what to do."""

from __future__ import annotations

import io
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.line.audio.convert import LARGEST_UPLOAD, PEAK, UnusableAudio, read_upload, to_telephone_wav
from ivr.line.content.audio_headers import MU_LAW, read_audio_info
from tests.line.content.test_recordings import tag


def tone(*pitches: int, seconds: float = 2.0, rate: int = 44_100, loud: float = 0.5) -> Any:
    moments = np.arange(int(seconds * rate)) / rate
    return sum(loud * np.sin(2 * np.pi * pitch * moments) for pitch in pitches)


def sound(samples: Any, rate: int = 44_100, kind: str = "WAV", subtype: str | None = None) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=kind, subtype=subtype)
    return file.getvalue()


def decode(data: bytes) -> Any:
    """The samples of a converted recording, after checking that its format is what telephones carry."""
    header = read_audio_info(data)
    assert header
    assert (header.kind, header.rate, header.format, header.broken_at) == ("wav", 8_000, MU_LAW, None)
    samples, rate = soundfile.read(io.BytesIO(data), always_2d=True)
    assert (samples.shape[1], rate) == (1, 8_000)
    return samples[:, 0]


def level(samples: Any, pitch: int) -> float:
    """The level of a pitch, in decibels relative to full scale."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) / len(samples) * 4
    index = round(pitch * len(samples) / 8_000)
    return float(20 * np.log10(spectrum[index - 2 : index + 3].max() + 1e-9))


MP3 = sound(tone(440, 1000), kind="MP3")
KINDS = [
    ("telephone quality", sound(tone(440, rate=8_000), 8_000, subtype="ULAW")),
    ("an old recorder", sound(tone(440, rate=11_025), 11_025, subtype="PCM_U8")),
    ("CD quality", sound(tone(440), 44_100)),
    ("studio quality", sound(tone(440, rate=48_000), 48_000, subtype="PCM_24")),
    ("studio quality at 32 bits", sound(tone(440, rate=96_000), 96_000, subtype="PCM_32")),
    ("floating point", sound(tone(440), 44_100, subtype="FLOAT")),
    ("compressed", sound(tone(440), 44_100, subtype="IMA_ADPCM")),
    ("stereo", sound(np.stack([tone(440), tone(440)], axis=1))),
    ("stereo, one microphone dead", sound(np.stack([tone(440) * 0, tone(440)], axis=1))),
    ("stereo, one channel inverted", sound(np.stack([tone(440), -tone(440)], axis=1))),
    ("too loud", sound(tone(440, loud=1.0))),
    ("soft", sound(tone(440, loud=0.08))),
    ("with power-line hum", sound(tone(440) + tone(50, loud=0.4))),
    ("with a DC offset", sound(tone(440, loud=0.3) + 0.5)),
    ("MP3", sound(tone(440), kind="MP3")),
    ("MP3 in stereo", sound(np.stack([tone(440), tone(440)], axis=1), kind="MP3")),
    ("MP3 at a low rate", sound(tone(440, rate=16_000), 16_000, kind="MP3")),
    ("MP3 with a title", tag(900) + sound(tone(440), kind="MP3") + b"TAG" + b"t" * 125),
]


@pytest.mark.parametrize(("label", "data"), KINDS, ids=[label for label, _ in KINDS])
def test_every_common_format_becomes_clear_telephone_audio(label: str, data: bytes) -> None:
    samples = decode(to_telephone_wav(data))
    assert 1.95 <= len(samples) / 8_000 <= 2.15
    assert PEAK * 0.8 <= np.abs(samples).max() <= PEAK * 1.05
    assert level(samples, 440) > -6
    assert level(samples, 50) < -40
    assert abs(samples.mean()) < 0.01


@pytest.mark.parametrize("rate", [16_000, 22_050, 44_100, 48_000])
def test_pitches_above_the_pass_band_do_not_alias(rate: int) -> None:
    samples = decode(to_telephone_wav(sound(tone(1000, 6000, rate=rate, loud=0.3), rate)))
    assert level(samples, 1000) > -6
    assert level(samples, 2000) < -40


def test_a_very_soft_recording_gets_a_limited_gain() -> None:
    assert 0.08 <= np.abs(decode(to_telephone_wav(sound(tone(440, loud=0.01))))).max() <= 0.12


def test_a_comment_is_stored_in_the_wav() -> None:
    header = read_audio_info(to_telephone_wav(MP3, "words=0123456789ab"))
    assert header
    assert header.comment == "words=0123456789ab"


HALF = len(MP3) // 2
WAV = sound(tone(440, 900, 1300))
REJECTED = [
    ("an empty file", b"", "empty", "is empty"),
    ("a text file", b"Goodbye. " * 99, "not-sound", "not a WAV or MP3"),
    ("a picture named .wav", b"\x89PNG\r\n\x1a\n" + bytes(900), "not-sound", "This is a picture"),
    ("a photograph", b"\xff\xd8\xff\xe0" + bytes(900), "not-sound", "This is a picture"),
    ("the default format of phones", b"\0\0\0\x20ftypM4A " + bytes(900), "not-sound", "an M4A recording"),
    ("a Word document", b"PK\x03\x04" + bytes(900), "not-sound", "a document"),
    ("a WAV without sound", WAV[:36], "too-short", "contains no sound"),
    ("silence", sound(tone(440) * 0), "silent", "microphone"),
    ("the hiss of a muted microphone", sound(tone(440, loud=0.001)), "silent", "microphone"),
    ("only power-line hum", sound(tone(50)), "silent", "microphone"),
    ("a click", sound(tone(440, seconds=0.1)), "too-short", "too short"),
    ("a long WAV", sound(tone(440, seconds=41, rate=8_000), 8_000), "too-long", "41 seconds to hear: record it in 40"),
    ("a long MP3", sound(tone(440, seconds=41, rate=8_000), 8_000, "MP3"), "too-long", "to hear"),
    ("too low a sample rate", sound(tone(440, rate=6_000), 6_000), "low-rate", "6,000 samples a second"),
    ("a WAV cut short", WAV[: len(WAV) // 2], "damaged", "at second 1"),
    ("an MP3 with zeroed bytes", MP3[:HALF] + bytes(900) + MP3[HALF + 900 :], "damaged", "at second 1"),
    ("an MP3 with missing bytes", MP3[:HALF] + MP3[HALF + 100 :], "damaged", "at second 1"),
    ("an MP3 cut short", MP3[:HALF], "damaged", "at second 1"),
    ("a WAV of NaN samples", sound(np.full(44_100, np.nan), subtype="FLOAT"), "damaged", "damaged"),
]


@pytest.mark.parametrize(("label", "data", "code", "message"), REJECTED, ids=[case[0] for case in REJECTED])
def test_an_unusable_file_is_rejected_with_a_code_and_advice(label: str, data: bytes, code: str, message: str) -> None:
    with pytest.raises(UnusableAudio) as caught:
        to_telephone_wav(data)
    assert caught.value.code == code
    assert message in str(caught.value)


def test_an_oversized_file_is_rejected_without_reading_all_of_it(tmp_path: Path) -> None:
    large = tmp_path / "large.wav"
    with large.open("wb") as file:
        file.truncate(200_000_000)
    with large.open("rb") as file:
        with pytest.raises(UnusableAudio) as caught:
            read_upload(file)
        assert file.tell() == LARGEST_UPLOAD + 1
    assert caught.value.code == "too-large"
    assert "25 MB" in str(caught.value)


def test_a_file_at_the_size_limit_is_accepted() -> None:
    assert len(read_upload(io.BytesIO(bytes(LARGEST_UPLOAD)))) == LARGEST_UPLOAD


SHORT = {"WAV": sound(tone(440, seconds=0.5, rate=8_000), 8_000), "MP3": sound(tone(440, seconds=0.5), kind="MP3")}


@given(st.sampled_from(["WAV", "MP3"]), st.integers(0, 2_000), st.binary(max_size=40), st.booleans())
@settings(max_examples=150, deadline=None)
def test_any_bytes_are_converted_or_rejected(kind: str, offset: int, inserted: bytes, cut: bool) -> None:
    whole = SHORT[kind]
    damaged = whole[:offset] + inserted + (b"" if cut else whole[offset + len(inserted) :])
    with suppress(UnusableAudio):
        decode(to_telephone_wav(damaged))
