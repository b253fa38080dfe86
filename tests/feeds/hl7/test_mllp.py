"""Frames in a stream of bytes, however it is cut into pieces."""

from __future__ import annotations

import pytest

from ivr.feeds.hl7.mllp import END, MAX_BYTES, START, FrameFault, FrameReader
from tests.feeds.hl7.messages import on_the_wire

A, B = b"MSH|a", b"MSH|b"


def frames(data: bytes, size: int):
    reader = FrameReader()
    found = [frame for start in range(0, len(data), size) for frame in reader.feed(data[start : start + size])]
    if last := reader.close():
        found.append(last)
    return [(frame.data, frame.fault) for frame in found]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (on_the_wire(A, B), [(A, None), (B, None)]),
        (b"\r\nnoise" + on_the_wire(A) + b"noise" + on_the_wire(B), [(A, None), (B, None)]),
        (START + A + on_the_wire(B), [(A, FrameFault.CUT_OFF), (B, None)]),
        (on_the_wire(A) + START + B, [(A, None), (B, FrameFault.CUT_OFF)]),
        (START + END + on_the_wire(B), [(B, None)]),
        (START + A + b"\x1c|" + END, [(A + b"\x1c|", None)]),
        (b"GET / HTTP/1.1\r\n\r\n", []),
        (b"", []),
    ],
)
def test_a_stream_is_cut_into_its_messages(stream, expected, size):
    assert frames(stream, size) == expected


@pytest.mark.parametrize("size", [10_000, 1 << 16, 20_000_000])
def test_a_message_of_ten_megabytes_is_reported_once_and_the_next_one_is_read(size):
    huge = A + b"x" * 10_000_000
    found = frames(on_the_wire(huge, B), size)
    assert [(data[:5], fault) for data, fault in found] == [(A, FrameFault.TOO_LARGE), (B, None)]
    assert len(found[0][0]) <= 2000


def test_the_memory_of_a_message_without_an_end_is_bounded():
    reader = FrameReader()
    list(reader.feed(START + A))
    for _ in range(40):
        list(reader.feed(b"x" * (1 << 16)))
    assert len(reader._buffer) <= MAX_BYTES + (1 << 16)
