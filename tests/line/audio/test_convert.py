"""Recordings made ready for telephones: whatever comes in is a sound that callers hear well, or is refused in words."""

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


def heard(data: bytes) -> Any:
    """The samples of a converted recording, which is what telephones carry."""
    found = read_audio_info(data)
    assert found
    assert (found.kind, found.rate, found.format, found.broken_at) == ("wav", 8_000, MU_LAW, None)
    samples, rate = soundfile.read(io.BytesIO(data), always_2d=True)
    assert (samples.shape[1], rate) == (1, 8_000)
    return samples[:, 0]


def strength(samples: Any, pitch: int) -> float:
    """How strong a pitch is, in decibels below full scale."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) / len(samples) * 4
    at = round(pitch * len(samples) / 8_000)
    return float(20 * np.log10(spectrum[at - 2 : at + 3].max() + 1e-9))


MP3 = sound(tone(440, 1000), kind="MP3")
KINDS = [
    ("a telephone's own", sound(tone(440, rate=8_000), 8_000, subtype="ULAW")),
    ("an old recorder's", sound(tone(440, rate=11_025), 11_025, subtype="PCM_U8")),
    ("the usual", sound(tone(440), 44_100)),
    ("a studio's", sound(tone(440, rate=48_000), 48_000, subtype="PCM_24")),
    ("a studio's in 32 bit", sound(tone(440, rate=96_000), 96_000, subtype="PCM_32")),
    ("an editor's", sound(tone(440), 44_100, subtype="FLOAT")),
    ("compressed", sound(tone(440), 44_100, subtype="IMA_ADPCM")),
    ("stereo", sound(np.stack([tone(440), tone(440)], axis=1))),
    ("stereo, one microphone dead", sound(np.stack([tone(440) * 0, tone(440)], axis=1))),
    ("stereo, one plug the wrong way round", sound(np.stack([tone(440), -tone(440)], axis=1))),
    ("too loud", sound(tone(440, loud=1.0))),
    ("soft", sound(tone(440, loud=0.08))),
    ("with a hum of the mains", sound(tone(440) + tone(50, loud=0.4))),
    ("beside the middle", sound(tone(440, loud=0.3) + 0.5)),
    ("MP3", sound(tone(440), kind="MP3")),
    ("MP3 in stereo", sound(np.stack([tone(440), tone(440)], axis=1), kind="MP3")),
    ("MP3 of a low rate", sound(tone(440, rate=16_000), 16_000, kind="MP3")),
    ("MP3 with a title", tag(900) + sound(tone(440), kind="MP3") + b"TAG" + b"t" * 125),
]


@pytest.mark.parametrize(("label", "data"), KINDS, ids=[label for label, _ in KINDS])
def test_whatever_somebody_records_is_heard_on_a_telephone(label: str, data: bytes) -> None:
    samples = heard(to_telephone_wav(data))
    assert 1.95 <= len(samples) / 8_000 <= 2.15
    assert PEAK * 0.8 <= np.abs(samples).max() <= PEAK * 1.05
    assert strength(samples, 440) > -6
    assert strength(samples, 50) < -40
    assert abs(samples.mean()) < 0.01


@pytest.mark.parametrize("rate", [16_000, 22_050, 44_100, 48_000])
def test_what_a_telephone_cannot_carry_does_not_come_back_as_another_pitch(rate: int) -> None:
    samples = heard(to_telephone_wav(sound(tone(1000, 6000, rate=rate, loud=0.3), rate)))
    assert strength(samples, 1000) > -6
    assert strength(samples, 2000) < -40


def test_a_very_soft_recording_is_raised_modestly() -> None:
    assert 0.08 <= np.abs(heard(to_telephone_wav(sound(tone(440, loud=0.01))))).max() <= 0.12


def test_a_recording_tells_which_words_it_says() -> None:
    found = read_audio_info(to_telephone_wav(MP3, "words=0123456789ab"))
    assert found
    assert found.comment == "words=0123456789ab"


HALF = len(MP3) // 2
WAV = sound(tone(440, 900, 1300))
REFUSED = [
    ("nothing", b"", "empty", "is empty"),
    ("words", b"Goodbye. " * 99, "not-sound", "no WAV or MP3"),
    ("a picture named .wav", b"\x89PNG\r\n\x1a\n" + bytes(900), "not-sound", "This is a picture"),
    ("a photograph", b"\xff\xd8\xff\xe0" + bytes(900), "not-sound", "This is a picture"),
    ("what a phone records by itself", b"\0\0\0\x20ftypM4A " + bytes(900), "not-sound", "an M4A recording"),
    ("a sheet of words", b"PK\x03\x04" + bytes(900), "not-sound", "a document"),
    ("a WAV without sound", WAV[:36], "too-short", "Nothing is recorded"),
    ("silence", sound(tone(440) * 0), "silent", "microphone"),
    ("the hiss of a dead microphone", sound(tone(440, loud=0.001)), "silent", "microphone"),
    ("a hum alone", sound(tone(50)), "silent", "microphone"),
    ("a click", sound(tone(440, seconds=0.1)), "too-short", "too short"),
    ("a speech", sound(tone(440, seconds=41, rate=8_000), 8_000), "too-long", "41 seconds to hear: record it in 40"),
    ("a speech in MP3", sound(tone(440, seconds=41, rate=8_000), 8_000, "MP3"), "too-long", "to hear"),
    ("too few samples", sound(tone(440, rate=6_000), 6_000), "low-rate", "6,000 samples a second"),
    ("a WAV cut short", WAV[: len(WAV) // 2], "damaged", "at second 1"),
    ("an MP3 with a hole", MP3[:HALF] + bytes(900) + MP3[HALF + 900 :], "damaged", "at second 1"),
    ("an MP3 with a part missing", MP3[:HALF] + MP3[HALF + 100 :], "damaged", "at second 1"),
    ("an MP3 cut short", MP3[:HALF], "damaged", "at second 1"),
    ("a WAV of no numbers", sound(np.full(44_100, np.nan), subtype="FLOAT"), "damaged", "damaged"),
]


@pytest.mark.parametrize(("label", "data", "code", "told"), REFUSED, ids=[case[0] for case in REFUSED])
def test_what_nobody_could_hear_is_refused_with_what_to_do(label: str, data: bytes, code: str, told: str) -> None:
    with pytest.raises(UnusableAudio) as caught:
        to_telephone_wav(data)
    assert caught.value.code == code
    assert told in str(caught.value)


def test_what_is_far_too_large_is_refused_without_being_read_whole(tmp_path: Path) -> None:
    film = tmp_path / "film.wav"
    with film.open("wb") as file:
        file.truncate(200_000_000)
    with film.open("rb") as file:
        with pytest.raises(UnusableAudio) as caught:
            read_upload(file)
        assert file.tell() == LARGEST_UPLOAD + 1
    assert caught.value.code == "too-large"
    assert "25 MB" in str(caught.value)


def test_a_file_of_the_largest_size_is_read_whole() -> None:
    assert len(read_upload(io.BytesIO(bytes(LARGEST_UPLOAD)))) == LARGEST_UPLOAD


SHORT = {"WAV": sound(tone(440, seconds=0.5, rate=8_000), 8_000), "MP3": sound(tone(440, seconds=0.5), kind="MP3")}


@given(st.sampled_from(["WAV", "MP3"]), st.integers(0, 2_000), st.binary(max_size=40), st.booleans())
@settings(max_examples=150, deadline=None)
def test_any_bytes_are_converted_or_refused_in_words(kind: str, at: int, put: bytes, cut: bool) -> None:
    whole = SHORT[kind]
    spoilt = whole[:at] + put + (b"" if cut else whole[at + len(put) :])
    with suppress(UnusableAudio):
        heard(to_telephone_wav(spoilt))
