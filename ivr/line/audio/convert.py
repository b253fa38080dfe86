"""Sound for telephones: what somebody recorded, turned into what a telephone plays well, or refused in words.

Telephones carry 8,000 samples a second of one channel in mu-law: https://www.itu.int/rec/T-REC-G.711
"""

from __future__ import annotations

import io
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import soundfile

from ivr.line.content.audio_headers import AudioInfo, read_audio_info
from ivr.line.content.recordings import LONGEST, explain_too_long

RATE = 8_000
# A minute of stereo from a studio has 17 MB.
LARGEST_UPLOAD = 25_000_000
SHORTEST = 0.3
HIGHEST_RATE = 192_000
# Seconds of silence that an MP3 has at its ends for its maker's sake, and its reader leaves out.
_PADDED = 0.5
# Of full scale. A voice recorded from across the room still has -40 dB; the hiss of a microphone that is off, -60.
SILENT = 0.003
# Loud, with room for the telephone's own filters: -3 dB. What is very soft is not raised without end, nor its hiss.
PEAK, MOST_GAIN = 0.7, 10.0
# What a telephone lets through, in hertz; the edges are soft, since a hard one rings.
LOWEST, HIGHEST, EDGE = 150.0, 3_700.0, 150.0
Samples = npt.NDArray[np.float32]

_SAVE = "save it as WAV or MP3, and send it again"
# Bytes that a file begins with, after some others: what people send by mistake, or save by default.
_STRANGERS: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x89PNG", "a picture"),
    (0, b"\xff\xd8\xff", "a picture"),
    (0, b"GIF8", "a picture"),
    (0, b"%PDF", "a PDF document"),
    (0, b"PK\x03\x04", "a document or an archive"),
    (4, b"ftyp", "an M4A recording or a film, as phones make them"),
    (0, b"OggS", "an OGG recording"),
    (0, b"fLaC", "a FLAC recording"),
    (0, b"FORM", "an AIFF recording"),
)


class UnusableAudio(Exception):
    """Bytes that nobody could hear on a telephone. code: for programs; the words say what to do."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


def read_upload(file: BinaryIO) -> bytes:
    """An uploaded file's bytes; what is too large is refused without being read whole. Raises Unusable."""
    data = file.read(LARGEST_UPLOAD + 1)
    if len(data) > LARGEST_UPLOAD:
        message = f"This file is larger than {LARGEST_UPLOAD // 1_000_000} MB: save it as MP3, or record it shorter."
        raise UnusableAudio("too-large", message)
    return data


def to_telephone_wav(data: bytes, comment: str = "") -> bytes:
    """A WAV or MP3 of any rate, depth and channels as a WAV of 8,000 samples a second, one channel, mu-law.

    comment: what the WAV tells of itself to programs. Raises Unusable.
    """
    if len(data) > LARGEST_UPLOAD:
        read_upload(io.BytesIO(data))
    found = _sound_shape(data)
    samples, rate = decode_audio(data)
    if len(samples) < (found.seconds - _PADDED) * rate:
        raise _damaged(len(samples) / rate)
    voice = resample(samples, rate, RATE)
    loudest = float(np.abs(voice).max(initial=0.0))
    if loudest < SILENT:
        raise UnusableAudio("silent", "Nothing can be heard here: see that the microphone is on, and record it again.")
    return encode_wav(voice * np.float32(min(PEAK / loudest, MOST_GAIN)), RATE, mu_law=True, comment=comment)


def _sound_shape(data: bytes) -> AudioInfo:
    """What a file says of itself, when that promises a recording that callers can be played."""
    if not data:
        raise UnusableAudio("empty", "This file is empty: record it again.")
    found = read_audio_info(data)
    if found is None or found.rate > HIGHEST_RATE:
        what = next((what for at, mark, what in _STRANGERS if data.startswith(mark, at)), "")
        told = f"This is {what}, not a WAV or MP3" if what else "This is no WAV or MP3, whatever its name says"
        raise UnusableAudio("not-sound", f"{told}: {_SAVE}.")
    if found.broken_at is not None:
        raise _damaged(found.broken_at)
    if found.rate < RATE:
        message = f"This has {found.rate:,} samples a second, too few for a telephone: record it with {RATE:,} or more."
        raise UnusableAudio("low-rate", message)
    if found.seconds < SHORTEST:
        told = "Nothing is recorded here" if not found.seconds else "This is too short to hear"
        raise UnusableAudio("too-short", f"{told}: record it again.")
    if explain_too_long(found.seconds):
        raise UnusableAudio("too-long", explain_too_long(found.seconds))
    return found


def _damaged(second: float) -> UnusableAudio:
    return UnusableAudio(
        "damaged", f"This file is damaged or cut short at second {second:.0f}: copy it again, or record anew."
    )


def decode_audio(data: bytes) -> tuple[Samples, int]:
    """The samples of a WAV or MP3 between -1 and 1, and how many make a second. Raises Unusable.

    Of several channels the loudest: a voice stands in one of them, or in all alike.
    """
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            rate = int(file.samplerate)
            channels = file.read(int((LONGEST + 1) * rate), dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, ValueError) as error:
        raise UnusableAudio("damaged", f"This file is damaged, or of a rare kind: {_SAVE}.") from error
    if not np.isfinite(channels).all():
        raise UnusableAudio("damaged", f"This file is damaged: {_SAVE}.")
    loudest = int(np.square(channels).sum(axis=0).argmax())
    return channels[:, loudest], rate


def resample(samples: Samples, rate: int, to: int) -> Samples:
    """The same sound at another rate. At 8,000 it has only the pitches that a telephone lets through.

    Done on the whole spectrum, so that nothing above half the rate folds back.
    """
    seconds = max(1, -(-len(samples) // rate))
    spectrum = np.fft.rfft(samples, seconds * rate)
    kept = np.zeros(seconds * to // 2 + 1, dtype=spectrum.dtype)
    shared = min(len(kept), len(spectrum))
    kept[:shared] = spectrum[:shared]
    if to == RATE:
        pitches = np.arange(len(kept)) / seconds
        kept *= np.clip((pitches - LOWEST) / EDGE, 0, 1) * np.clip((HIGHEST - pitches) / EDGE, 0, 1)
    sound = np.fft.irfft(kept, seconds * to) * (to / rate)
    return sound[: round(len(samples) * to / rate)].astype(np.float32)


def encode_wav(samples: Samples, rate: int, *, mu_law: bool = False, comment: str = "") -> bytes:
    """One channel of samples between -1 and 1 as a WAV: mu-law, or 16 bit."""
    file = io.BytesIO()
    kind: dict[str, Any] = {"format": "WAV", "subtype": "ULAW" if mu_law else "PCM_16"}
    with soundfile.SoundFile(file, "w", rate, 1, **kind) as writer:
        if comment:
            writer.comment = comment
        writer.write(samples)
    return file.getvalue()


def duration_seconds(data: bytes) -> float:
    """How long a WAV or MP3 plays; 0.0 for anything else."""
    found = read_audio_info(data)
    return found.seconds if found else 0.0
