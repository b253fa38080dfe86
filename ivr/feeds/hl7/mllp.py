"""MLLP, the framing of HL7 v2 over TCP: a start byte, the message, an end byte and a carriage return.

HL7 Version 2.5.1, Transport Specification: MLLP, Release 1. The reader of python-hl7 has no limit on the size of a
message and ends the connection at the first damaged frame, so framing is here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

START, END = b"\x0b", b"\x1c\r"
MAX_BYTES = 1_000_000
"""The largest message that is read. An SIU message has about 1 kB."""
_HEAD_BYTES = 2_000


class FrameFault(StrEnum):
    TOO_LARGE = "too_large"  # more than MAX_BYTES
    CUT_OFF = "cut_off"  # another message starts, or the connection ends, before the end of this one


@dataclass(frozen=True)
class Frame:
    """A message, or with a fault its first bytes."""

    data: bytes
    fault: FrameFault | None = None


class FrameReader:
    """Cuts a stream of bytes into frames. Takes memory for one message at most. Bytes between frames are ignored."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._inside = self._skipping = False

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that end in this piece of the stream."""
        self._buffer += data
        while (frame := self._next()) is not None:
            if frame.data:
                yield frame

    @property
    def is_inside(self) -> bool:
        """Whether a message has begun and not ended."""
        return self._inside

    def close(self) -> Frame | None:
        """What remains when the connection ends: a message that was cut off, or None."""
        cut_off = bytes(self._buffer) if self._inside and not self._skipping else b""
        self._buffer.clear()
        return Frame(cut_off, FrameFault.CUT_OFF) if cut_off else None

    def _next(self) -> Frame | None:
        if not self._inside and not self._find_start():
            return None
        end, start = self._buffer.find(END), self._buffer.find(START)
        if start >= 0 and (end < 0 or start < end):
            return self._take(start, len(START), FrameFault.CUT_OFF, still_inside=True)
        if end >= 0:
            return self._take(end, len(END), FrameFault.TOO_LARGE if end > MAX_BYTES else None)
        if len(self._buffer) > MAX_BYTES:
            return self._skip()
        return None

    def _find_start(self) -> bool:
        start = self._buffer.find(START)
        del self._buffer[: start + 1 if start >= 0 else len(self._buffer)]
        self._inside = start >= 0
        return self._inside

    def _take(self, length: int, separator: int, fault: FrameFault | None, *, still_inside: bool = False) -> Frame:
        data = (
            b"" if self._skipping else bytes(self._buffer[: _HEAD_BYTES if fault is FrameFault.TOO_LARGE else length])
        )
        del self._buffer[: length + separator]
        self._inside, self._skipping = still_inside, False
        return Frame(data, fault)

    def _skip(self) -> Frame:
        """Report a message that is too large once, and drop the rest of it as it comes in."""
        frame = Frame(b"" if self._skipping else bytes(self._buffer[:_HEAD_BYTES]), FrameFault.TOO_LARGE)
        # The last byte may be the first half of the end.
        del self._buffer[:-1]
        self._skipping = True
        return frame


def framed(data: bytes) -> bytes:
    return START + data + END
