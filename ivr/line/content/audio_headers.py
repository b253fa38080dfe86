"""The headers of WAV and MP3 files: sample rate, length, and whether the file is complete. Nothing is decoded here.

WAV: http://soundfile.sapp.org/doc/WaveFormat, MP3: http://mpgedit.org/mpgedit/mpeg_format/mpeghdr.htm
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace

PCM, MU_LAW = 1, 7
# Formats with samples of constant size.
_CONSTANT_SIZE = (PCM, 3, 6, MU_LAW, 0xFFFE)
_RATES = (44_100, 48_000, 32_000)
# Bit rates in kbit/s by their index in a frame header, for MPEG-1 (True) and later versions.
_BIT_RATES = {
    True: (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    False: (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
# Tags that may follow the audio frames of an MP3: https://id3.org/ID3v1, https://wiki.hydrogenaud.io/index.php?title=APE_key
_AFTER_SOUND = (b"TAG", b"APETAGEX", b"LYRICSBEGIN", b"ID3", b"3DI")
# Limits for damaged and malicious files: no recording has more chunks or tags, or plays for an hour.
_MOST_CHUNKS = 1000
_MOST_TAGS = 20
_LONGEST_COUNTED = 3600.0
# A recorder that is switched off loses at most a frame or two.
_TOLERATED_FRAMES = 3


@dataclass(frozen=True)
class AudioInfo:
    """rate: in samples per second. seconds: the playing time. broken_at: the second at which the data is damaged."""

    kind: str
    rate: int
    seconds: float
    format: int = 0
    comment: str = ""
    broken_at: float | None = None


def read_audio_info(data: bytes) -> AudioInfo | None:
    """Read the headers of a WAV or MP3 file; None for any other content."""
    return _wav(data) if data.startswith(b"RIFF") else _mp3(data)


def _wav(data: bytes) -> AudioInfo | None:
    if data[8:12] != b"WAVE":
        return None
    info: AudioInfo | None = None
    bytes_per_second, comment = 0, ""
    for name, size, body in _chunks(data, 12):
        if name == b"fmt " and len(body) >= 16:
            form, _channels, rate, nominal, block = struct.unpack("<HHIIH", body[:14])
            bytes_per_second = block * rate if form in _CONSTANT_SIZE else nominal
            info = AudioInfo("wav", rate, 0.0, form) if rate and bytes_per_second else None
        elif name == b"LIST" and body.startswith(b"INFO"):
            text = next((text for field, _, text in _chunks(body, 4) if field == b"ICMT"), b"")
            comment = text.rstrip(b"\0").decode("utf-8", "replace")
        elif name == b"data" and info and not info.seconds:
            seconds = len(body) / bytes_per_second
            info = replace(info, seconds=seconds, broken_at=seconds if len(body) < size else None)
    return info and replace(info, comment=comment)


def _chunks(data: bytes, offset: int) -> Iterator[tuple[bytes, int, bytes]]:
    """The first chunks of a RIFF file: name, declared size, and body, which is shorter if the file is cut."""
    for _ in range(_MOST_CHUNKS):
        if offset + 8 > len(data):
            return
        size = int.from_bytes(data[offset + 4 : offset + 8], "little")
        yield data[offset : offset + 4], size, data[offset + 8 : offset + 8 + size]
        offset += 8 + size + size % 2


def _mp3(data: bytes) -> AudioInfo | None:
    offset = start = _first_frame_offset(data)
    frames, seconds = 0, 0.0
    info: AudioInfo | None = None
    while offset < len(data) and not data.startswith(_AFTER_SOUND, offset):
        if seconds > _LONGEST_COUNTED:
            return info and replace(info, seconds=seconds)
        frame = _frame(data[offset : offset + 4])
        if frame is None:
            # Some programs pad the end of the file with zeros.
            broken_at = seconds if data[offset:].strip(b"\0") else None
            return info and replace(info, seconds=seconds, broken_at=broken_at)
        rate, length, duration = frame
        info = info or AudioInfo("mp3", rate, 0.0)
        offset, frames, seconds = offset + length, frames + 1, seconds + duration
    if info and frames + _TOLERATED_FRAMES < _declared_frames(data[start : start + 200]):
        return replace(info, seconds=seconds, broken_at=seconds)
    return info and replace(info, seconds=seconds)


def _frame(head: bytes) -> tuple[int, int, float] | None:
    """An MP3 frame's sample rate and its length in bytes and in seconds; None if this is not a frame header."""
    is_frame = len(head) == 4 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2 and head[1] & 0x18 != 0x08
    if not is_frame or not 0x10 <= head[2] < 0xF0 or head[2] & 0x0C == 0x0C:
        return None
    version = head[1] >> 3 & 3
    first = version == 3
    rate = _RATES[head[2] >> 2 & 3] >> {3: 0, 2: 1, 0: 2}[version]
    bits = _BIT_RATES[first][(head[2] >> 4) - 1] * 1000
    samples = 1152 if first else 576
    return rate, samples // 8 * bits // rate + (head[2] >> 1 & 1), samples / rate


def _declared_frames(head: bytes) -> int:
    """The number of frames that an MP3 declares in its first frame; 0 if it declares none."""
    for mark in (b"Xing", b"Info"):
        offset = head.find(mark)
        if offset > 0 and len(head) >= offset + 12 and head[offset + 7] & 1:
            return int.from_bytes(head[offset + 8 : offset + 12], "big")
    return 0


def _first_frame_offset(data: bytes) -> int:
    """The offset of the first frame, after any ID3v2 tags: https://id3.org/id3v2.4.0-structure"""
    offset = 0
    for _ in range(_MOST_TAGS):
        if not data.startswith(b"ID3", offset) or len(data) < offset + 10:
            break
        sizes = zip(data[offset + 6 : offset + 10], (21, 14, 7, 0), strict=True)
        footer = 10 if data[offset + 5] & 0x10 else 0
        offset += 10 + sum((byte & 0x7F) << shift for byte, shift in sizes) + footer
    return len(data) - len(data[offset:].lstrip(b"\0"))
