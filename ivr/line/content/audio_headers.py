"""What WAV and MP3 files say of themselves: how fast, how long, whether whole. Nothing is decoded here.

WAV: http://soundfile.sapp.org/doc/WaveFormat, MP3: http://mpgedit.org/mpgedit/mpeg_format/mpeghdr.htm
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace

PCM, MU_LAW = 1, 7
# Formats in which every sample takes the same room.
_EVEN_FORMATS = (PCM, 3, 6, MU_LAW, 0xFFFE)
_RATES = (44_100, 48_000, 32_000)
# What one frame's second half-byte means, in kilobits a second, by whether it is MPEG 1.
_BIT_RATES = {
    True: (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    False: (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
# What stands behind an MP3's sound: https://id3.org/ID3v1, https://wiki.hydrogenaud.io/index.php?title=APE_key
_AFTER_SOUND = (b"TAG", b"APETAGEX", b"LYRICSBEGIN", b"ID3", b"3DI")
# A recorder that is switched off leaves no more than a frame or two unwritten.
_FRAMES_MISSING = 3


@dataclass(frozen=True)
class AudioInfo:
    """rate: samples a second. seconds: how long it plays. broken_at: the second from which on it is cut or damaged."""

    kind: str
    rate: int
    seconds: float
    format: int = 0
    comment: str = ""
    broken_at: float | None = None


def read_audio_info(data: bytes) -> AudioInfo | None:
    """What a file's own words say of it; None for what is neither WAV nor MP3, whatever its name."""
    return _wav(data) if data.startswith(b"RIFF") else _mp3(data)


def _wav(data: bytes) -> AudioInfo | None:
    if data[8:12] != b"WAVE":
        return None
    found: AudioInfo | None = None
    per_second, comment = 0, ""
    for name, said, body in _chunks(data, 12):
        if name == b"fmt " and len(body) >= 16:
            form, _channels, rate, bytes_a_second, block = struct.unpack("<HHIIH", body[:14])
            per_second = block * rate if form in _EVEN_FORMATS else bytes_a_second
            found = AudioInfo("wav", rate, 0.0, form) if rate and per_second else None
        elif name == b"LIST" and body.startswith(b"INFO"):
            comment = _comment(body)
        elif name == b"data" and found and not found.seconds:
            seconds = len(body) / per_second
            found = replace(found, seconds=seconds, broken_at=seconds if len(body) < said else None)
    return found and replace(found, comment=comment)


def _chunks(data: bytes, at: int) -> Iterator[tuple[bytes, int, bytes]]:
    """The parts of a RIFF file: name, the length that it claims, what is there of it."""
    while at + 8 <= len(data):
        said = int.from_bytes(data[at + 4 : at + 8], "little")
        yield data[at : at + 4], said, data[at + 8 : at + 8 + said]
        at += 8 + said + said % 2


def _comment(body: bytes) -> str:
    told = next((words for name, _, words in _chunks(body, 4) if name == b"ICMT"), b"")
    return told.rstrip(b"\0").decode("utf-8", "replace")


def _mp3(data: bytes) -> AudioInfo | None:
    at = start = _sound_begins(data)
    frames, seconds = 0, 0.0
    found: AudioInfo | None = None
    while at < len(data) and not data.startswith(_AFTER_SOUND, at):
        frame = _frame(data[at : at + 4])
        if frame is None:
            # Silence in the file, not in the sound: some programs pad the end.
            broken = seconds if data[at:].strip(b"\0") else None
            return found and replace(found, seconds=seconds, broken_at=broken)
        rate, length, lasts = frame
        found = found or AudioInfo("mp3", rate, 0.0)
        at, frames, seconds = at + length, frames + 1, seconds + lasts
    if found and frames + _FRAMES_MISSING < _frames_promised(data[start : start + 200]):
        return replace(found, seconds=seconds, broken_at=seconds)
    return found and replace(found, seconds=seconds)


def _frame(head: bytes) -> tuple[int, int, float] | None:
    """A frame's sample rate, its length in bytes and in seconds; None where no frame of an MP3 begins."""
    is_frame = len(head) == 4 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2 and head[1] & 0x18 != 0x08
    if not is_frame or not 0x10 <= head[2] < 0xF0 or head[2] & 0x0C == 0x0C:
        return None
    version = head[1] >> 3 & 3
    first = version == 3
    rate = _RATES[head[2] >> 2 & 3] >> {3: 0, 2: 1, 0: 2}[version]
    bits = _BIT_RATES[first][(head[2] >> 4) - 1] * 1000
    samples = 1152 if first else 576
    return rate, samples // 8 * bits // rate + (head[2] >> 1 & 1), samples / rate


def _frames_promised(head: bytes) -> int:
    """How many frames an MP3's first one says there are; 0 where it says nothing."""
    for mark in (b"Xing", b"Info"):
        at = head.find(mark)
        if at > 0 and len(head) >= at + 12 and head[at + 7] & 1:
            return int.from_bytes(head[at + 8 : at + 12], "big")
    return 0


def _sound_begins(data: bytes) -> int:
    """Where an MP3's sound begins, behind its ID3v2 tags: https://id3.org/id3v2.4.0-structure"""
    at = 0
    while data.startswith(b"ID3", at) and len(data) >= at + 10:
        size = sum((byte & 0x7F) << shift for byte, shift in zip(data[at + 6 : at + 10], (21, 14, 7, 0), strict=True))
        footer = 10 if data[at + 5] & 0x10 else 0
        at += 10 + size + footer
    return len(data) - len(data[at:].lstrip(b"\0"))
