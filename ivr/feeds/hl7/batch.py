"""A frame or a file as its messages. Batches (BHS, BTS) and files (FHS, FTS) say at their end how much they hold
(HL7 v2.5.1, 2.10.3)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ivr.feeds.hl7.message import BYTE_ORDER_MARK, USUAL_DELIMITERS, Header

_HEADS, _TRAILERS = (b"FHS", b"BHS"), (b"BTS", b"FTS")
_MAX_COUNT = 20


class CountDifference(NamedTuple):
    """A trailer that does not say what came. place: BTS-1, of messages, or FTS-1, of batches. said: as written."""

    place: str
    said: str
    came: int


@dataclass(frozen=True)
class Batch:
    """messages: without the envelope. head: its first line, empty without one. skeleton: the lines of the envelope and
    the headers of the messages, which name no patient."""

    messages: Sequence[bytes]
    head: bytes = b""
    skeleton: bytes = b""
    differences: Sequence[CountDifference] = field(default=())

    @property
    def header(self) -> Header:
        """The delimiters and the sender of the envelope."""
        text = self.head.decode("latin-1").replace("\0", "\ufffd")
        separator = text[3:4] or USUAL_DELIMITERS[0]
        fields = [*text.split(separator), *[""] * 4]
        return Header(
            delimiters=(separator + fields[1])[:5] if len(fields[1]) > 1 else USUAL_DELIMITERS,
            application=fields[2].strip()[:100],
            facility=fields[3].strip()[:100],
        )


def read_batch(data: bytes) -> Batch:
    """The messages of a frame or a file; all of it is one message if there is no header within."""
    lines = [line.removeprefix(BYTE_ORDER_MARK) for line in re.split(rb"[\r\n]+", data.strip(b"\x0b\x1c\r\n"))]
    lines = [line for line in lines if line]
    messages: list[list[bytes]] = []
    for line in lines:
        if line.startswith((*_HEADS, *_TRAILERS)):
            continue
        if line.startswith(b"MSH") or not messages:
            messages.append([])
        messages[-1].append(line)
    head = lines[0] if lines and lines[0].startswith(_HEADS) else b""
    skeleton = [line for line in lines if line.startswith((*_HEADS, *_TRAILERS, b"MSH"))]
    return Batch([b"\r".join(each) for each in messages], head, b"\r".join(skeleton), tuple(_differences(lines)))


def _differences(lines: Sequence[bytes]) -> Iterator[CountDifference]:
    messages = batches = 0
    for line in lines:
        if line.startswith(b"MSH"):
            messages += 1
        elif line.startswith(b"BHS"):
            messages, batches = 0, batches + 1
        elif line.startswith(b"BTS"):
            yield from _difference("BTS-1", line, messages)
            messages = 0
        elif line.startswith(b"FTS"):
            # Messages without a header of their batch are one batch.
            yield from _difference("FTS-1", line, max(batches, 1))


def _difference(place: str, trailer: bytes, came: int) -> Iterator[CountDifference]:
    """The difference, if the trailer has a count: it may leave it out."""
    fields = trailer.decode("latin-1").split(chr(trailer[3])) if len(trailer) > 3 else []
    said = fields[1].strip()[:_MAX_COUNT] if len(fields) > 1 else ""
    if said and not (said.isdecimal() and int(said) == came):
        yield CountDifference(place, said, came)
