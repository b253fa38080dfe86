"""Converts uploaded recordings to telephone audio, or rejects them with a sentence on what to do.

Telephones carry one channel of 8,000 mu-law samples a second: https://www.itu.int/rec/T-REC-G.711
"""

from __future__ import annotations

import io
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import soundfile

from ivr.i18n import N_, Explained, Sentence, sentence
from ivr.line.content.audio_headers import AudioInfo, read_audio_info
from ivr.line.content.recordings import LONGEST, explain_too_long

RATE = 8_000
# A minute of studio-quality stereo is 17 MB.
LARGEST_UPLOAD = 25_000_000
SHORTEST = 0.3
HIGHEST_RATE = 192_000
# Seconds of padding that MP3 encoders add at both ends and decoders drop.
_MP3_PADDING = 0.5
# Peak, of full scale, below which a recording is silent: distant speech peaks at -40 dB, microphone hiss at -60 dB.
SILENT = 0.003
# The target peak is -3 dB, which leaves headroom for the telephone's filters; the gain limit keeps hiss down.
PEAK, MAX_GAIN = 0.7, 10.0
# The pass band of a telephone in hertz, with soft edges, because hard ones ring.
LOWEST, HIGHEST, EDGE = 150.0, 3_700.0, 150.0
Samples = npt.NDArray[np.float32]

# Signatures, at an offset, of files that people upload by mistake or that devices record by default.
_OTHER_FORMATS: tuple[tuple[int, bytes, str], ...] = (
    *((0, signature, N_("a picture")) for signature in (b"\x89PNG", b"\xff\xd8\xff", b"GIF8")),
    (0, b"%PDF", N_("a PDF document")),
    (0, b"PK\x03\x04", N_("a document or an archive")),
    (4, b"ftyp", N_("an M4A recording or a video, the default of many phones")),
    (0, b"OggS", N_("an OGG recording")),
    (0, b"fLaC", N_("a FLAC recording")),
    (0, b"FORM", N_("an AIFF recording")),
)

_OTHER_KIND = N_("This is {kind}, not a WAV or MP3: save it as WAV or MP3 and upload it again.")
_NO_SOUND_FILE = N_("This is not a WAV or MP3, despite its name: save it as WAV or MP3 and upload it again.")


class UnusableAudio(Explained):
    """A file that cannot be played on a telephone. code: stable, for programs; the message says what to do."""

    def __init__(self, code: str, message: Sentence) -> None:
        self.code = code
        super().__init__(message)


def read_upload(file: BinaryIO) -> bytes:
    """The bytes of an uploaded file. Raises UnusableAudio for a large file without reading all of it."""
    data = file.read(LARGEST_UPLOAD + 1)
    if len(data) > LARGEST_UPLOAD:
        template = N_("This file is larger than {most} MB: save it as MP3 or record less.")
        raise UnusableAudio("too-large", sentence(template, most=LARGEST_UPLOAD // 1_000_000))
    return data


def to_telephone_wav(data: bytes, comment: str = "") -> bytes:
    """A WAV or MP3 of any rate, depth and number of channels as an 8,000 Hz mono mu-law WAV.

    comment: stored in the WAV's metadata. Raises UnusableAudio.
    """
    if len(data) > LARGEST_UPLOAD:
        read_upload(io.BytesIO(data))
    header = _check_header(data)
    samples, rate = decode_audio(data)
    if len(samples) < (header.seconds - _MP3_PADDING) * rate:
        raise _damaged(len(samples) / rate)
    samples = resample(samples, rate, RATE)
    peak = float(np.abs(samples).max(initial=0.0))
    if peak < SILENT:
        template = N_("This recording is silent: make sure the microphone is on and record it again.")
        raise UnusableAudio("silent", sentence(template))
    return encode_wav(samples * np.float32(min(PEAK / peak, MAX_GAIN)), RATE, mu_law=True, comment=comment)


def _check_header(data: bytes) -> AudioInfo:
    """The header of a file, if it describes a recording that can be converted."""
    if not data:
        raise UnusableAudio("empty", sentence(N_("This file is empty: record it again.")))
    header = read_audio_info(data)
    if header is None or header.rate > HIGHEST_RATE:
        kind = next((kind for offset, signature, kind in _OTHER_FORMATS if data.startswith(signature, offset)), "")
        raise UnusableAudio(
            "not-sound", sentence(_OTHER_KIND, kind=sentence(kind)) if kind else sentence(_NO_SOUND_FILE)
        )
    if header.broken_at is not None:
        raise _damaged(header.broken_at)
    if header.rate < RATE:
        template = N_("This has {rate} samples a second, too few for a telephone: record at {least} or more.")
        raise UnusableAudio("low-rate", sentence(template, rate=f"{header.rate:,}", least=f"{RATE:,}"))
    if header.seconds < SHORTEST:
        template = N_("This file contains no sound: record it again.")
        if header.seconds:
            template = N_("This is too short to hear: record it again.")
        raise UnusableAudio("too-short", sentence(template))
    too_long = explain_too_long(header.seconds)
    if too_long:
        raise UnusableAudio("too-long", too_long)
    return header


def _damaged(second: float) -> UnusableAudio:
    template = N_("This file is damaged or cut short at second {second}: copy it again or record it again.")
    return UnusableAudio("damaged", sentence(template, second=f"{second:.0f}"))


def decode_audio(data: bytes) -> tuple[Samples, int]:
    """The samples of a WAV or MP3, between -1 and 1, and their rate. Raises UnusableAudio.

    Of several channels the loudest: a voice is in one of them, or equally in all.
    """
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            rate = int(file.samplerate)
            channels = file.read(int((LONGEST + 1) * rate), dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, ValueError) as error:
        template = N_("This file is damaged or in an unsupported format: save it as WAV or MP3 and upload it again.")
        raise UnusableAudio("damaged", sentence(template)) from error
    if not np.isfinite(channels).all():
        template = N_("This file is damaged: save it as WAV or MP3 and upload it again.")
        raise UnusableAudio("damaged", sentence(template))
    loudest = int(np.square(channels).sum(axis=0).argmax())
    return channels[:, loudest], rate


def resample(samples: Samples, rate: int, to: int) -> Samples:
    """The same sound at another rate; at 8,000 Hz, limited to the pass band of a telephone.

    Works on the whole spectrum, so that nothing above the new Nyquist frequency aliases.
    """
    seconds = max(1, -(-len(samples) // rate))
    spectrum = np.fft.rfft(samples, seconds * rate)
    resampled = np.zeros(seconds * to // 2 + 1, dtype=spectrum.dtype)
    shared = min(len(resampled), len(spectrum))
    resampled[:shared] = spectrum[:shared]
    if to == RATE:
        hertz = np.arange(len(resampled)) / seconds
        resampled *= np.clip((hertz - LOWEST) / EDGE, 0, 1) * np.clip((HIGHEST - hertz) / EDGE, 0, 1)
    sound = np.fft.irfft(resampled, seconds * to) * (to / rate)
    return sound[: round(len(samples) * to / rate)].astype(np.float32)


def encode_wav(samples: Samples, rate: int, *, mu_law: bool = False, comment: str = "") -> bytes:
    """Mono samples between -1 and 1 as a WAV: mu-law or 16-bit PCM."""
    file = io.BytesIO()
    encoding: dict[str, Any] = {"format": "WAV", "subtype": "ULAW" if mu_law else "PCM_16"}
    with soundfile.SoundFile(file, "w", rate, 1, **encoding) as writer:
        if comment:
            writer.comment = comment
        writer.write(samples)
    return file.getvalue()


def duration_seconds(data: bytes) -> float:
    """The length of a WAV or MP3; 0.0 for anything else."""
    header = read_audio_info(data)
    return header.seconds if header else 0.0
