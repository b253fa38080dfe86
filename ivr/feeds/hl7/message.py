"""A message as bytes to its header and segments: encoding, delimiters, required fields, versions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from functools import lru_cache

import hl7

VERSIONS = ("2.3", "2.3.1", "2.4", "2.5", "2.5.1")
TRIGGERS = {"S12": "", "S13": "", "S14": "", "S15": "cancelled", "S17": "cancelled", "S26": "no show"}
"""The events that are read, with the status that they give; empty: that of SCH-25, or booked.

S12 booked, S13 moved, S14 modified, S15 cancelled, S17 deleted, S26 no-show (HL7 v2.5.1, chapter 10.3).
"""
BOOKING_TRIGGERS = frozenset(("S12", "S13"))
"""The events that say that the appointment is booked, even if SCH-25 has an unknown word. A modification does not."""
# Table 0211, as far as its encodings keep the delimiters. Shift JIS and UTF-16 are not ASCII supersets.
_ENCODINGS = {
    "": "utf-8",
    "ASCII": "ascii",
    "UNICODE UTF-8": "utf-8",
    "UTF-8": "utf-8",
    **{f"8859/{part}": f"iso8859-{part}" for part in (*range(1, 10), 15)},
}
_BREAKS = re.compile(r"\r\n|\n")
_LINE_END = re.compile(r"[\r\n]")
# Programs on Windows write it before the first segment of a file.
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_MAX_FIELD = 100
# Escape sequences: of delimiters, with the number of the delimiter, for highlighted text, and for white space.
_DELIMITERS = (("S", 1), ("R", 2), ("E", 3), ("T", 4))
_HIGHLIGHTS = ("H", "N")
_FORMAT = re.compile(r"\.(br|ce|fi|nf|(sp|in|ti|sk)[+-]?\d{0,3})", re.ASCII)
# A message repeats its time, and messages that arrive together share theirs.
_CACHED_TIMES = 1000
USUAL_DELIMITERS = "|^~\\&"
# HL7's null: the sender deletes the value (HL7 v2.5.1, 2.5.3).
_NULL = '""'
# The segments of a group, which begins with RGS. It and its resources may say in their second field that they are
# deleted (HL7 v2.5.1, 10.3.3, 10.6 and table 0206).
_RESOURCES = frozenset(("AIS", "AIG", "AIL", "AIP"))
_OF_GROUP = _RESOURCES | {"RGS", "NTE"}
_DELETED = "D"


class MessageFault(StrEnum):
    """Why a message cannot be read, in the words of table 0357 and of docs/feeds.md."""

    NOT_HL7 = "not_hl7"
    CUT_OFF = "cut_off"
    TOO_LARGE = "too_large"
    CONTROL_ID = "control_id_missing"
    ENCODING = "encoding"
    MESSAGE_TYPE = "message_type"
    EVENT = "event"
    VERSION = "version"
    PROCESSING_ID = "processing_id"
    SENT_AT = "sent_at"
    NO_SCHEDULE = "no_schedule"
    BATCH_COUNT = "batch_count"


@dataclass(frozen=True)
class Header:
    """The fields of MSH that an acknowledgment repeats. sent: MSH-7 as written. accept, application: MSH-15, MSH-16."""

    delimiters: str = USUAL_DELIMITERS
    application: str = ""
    facility: str = ""
    receiver: str = ""
    receiver_facility: str = ""
    sent: str = ""
    kind: str = ""
    event: str = ""
    control_id: str = ""
    processing_id: str = "P"
    version: str = "2.5.1"
    accept_ack: str = ""
    application_ack: str = ""
    encoding: str = ""

    def delimiter(self, number: int) -> str:
        """1: of components, 2: of repetitions, 3: the escape character, 4: of subcomponents; as sent, or as usual."""
        return self.delimiters[number] if len(self.delimiters) > number else USUAL_DELIMITERS[number]

    @property
    def is_enhanced(self) -> bool:
        """Whether the sender asks for acknowledgments of the enhanced mode (HL7 v2.5.1, 2.9.3)."""
        return bool(self.accept_ack or self.application_ack)


@dataclass(frozen=True)
class Segments:
    """The segments of a message by name, in the order of the message, each with its fields by number: MSH-1 is the
    delimiter.

    Fields are cut only when they are read: hl7.parse cuts each of them down to its subcomponents, which took half of
    the time of a message.
    """

    header: Header
    rows: Mapping[str, Sequence[Sequence[str]]]

    @classmethod
    def parse(cls, text: str, header: Header) -> Segments:
        """text: a segment on each line, with CR, LF or both."""
        delimiter = header.delimiters[0]
        rows: dict[str, list[Sequence[str]]] = {}
        in_deleted_group = False
        for line in filter(None, _BREAKS.sub("\r", text).split("\r")):
            fields = line.split(delimiter)
            row = ["MSH", delimiter, *fields[1:]] if fields[0] == "MSH" else fields
            is_deleted = row[2:3] == [_DELETED]
            if fields[0] == "RGS":
                in_deleted_group = is_deleted
            if in_deleted_group and fields[0] in _OF_GROUP or is_deleted and fields[0] in _RESOURCES:
                continue
            rows.setdefault(fields[0], []).append(row)
        return cls(header, rows)

    def values(self, name: str, field: int, component: int, condition: tuple[int, str] | None = None) -> Iterator[str]:
        """A component of a field, in each repetition of each segment of that name.

        condition: (component, value) that a repetition must have.
        """
        for fields in self.rows.get(name, ()):
            if len(fields) > field:
                for repetition in fields[field].split(self.header.delimiter(2)):
                    if condition is None or self._component(repetition, condition[0]) == condition[1]:
                        yield self._component(repetition, component)

    def has(self, name: str) -> bool:
        return name in self.rows

    def _component(self, repetition: str, number: int) -> str:
        """A component, or the first of its subcomponents, without escapes; empty if it is missing or null."""
        components = repetition.split(self.header.delimiter(1))
        text = components[number - 1].split(self.header.delimiter(4))[0] if len(components) >= number else ""
        if self.header.delimiter(3) in text:
            text = _unescaped(text, self.header)
        text = text.strip()
        return "" if text == _NULL else text


def _unescaped(text: str, header: Header) -> str:
    """The text with its escape sequences decoded (HL7 v2.5.1, 2.7); unchanged if one is invalid or not closed.

    The library's function cuts such a text off, and logs it.
    """
    parts = text.split(header.delimiter(3))
    decoded = [_decoded(part, header) if index % 2 else part for index, part in enumerate(parts)]
    if len(parts) % 2 == 0 or None in decoded:
        return text
    return "".join(filter(None, decoded))


def _decoded(sequence: str, header: Header) -> str | None:
    """The text of an escape sequence, which comes without its escape characters; None if it is invalid."""
    delimiters = {"F": header.delimiters[0], **{name: header.delimiter(number) for name, number in _DELIMITERS}}
    if sequence in delimiters:
        return delimiters[sequence]
    if sequence in _HIGHLIGHTS:
        return ""
    if _FORMAT.fullmatch(sequence):
        return " "
    try:
        return bytes.fromhex(sequence[1:]).decode(_ENCODINGS[header.encoding.upper()]) if sequence[:1] == "X" else None
    except ValueError:
        return None


@dataclass(frozen=True)
class Message:
    """raw: as received. segments: None if the message cannot be read, for the reason in fault."""

    raw: bytes
    header: Header
    segments: Segments | None = None
    fault: MessageFault | None = None

    @property
    def content(self) -> str:
        """The message without MSH-7: a sender that sends it again may stamp it anew."""
        text = self.raw.lstrip(b"\r\n").removeprefix(BYTE_ORDER_MARK).decode("latin-1")
        head = _LINE_END.split(text, maxsplit=1)[0]
        delimiter = head[3:4] or USUAL_DELIMITERS[0]
        fields = head.split(delimiter)
        return delimiter.join([*fields[:6], *fields[7:]]) + text[len(head) :]

    @property
    def key(self) -> str:
        """What a repeated message shares with the first: sender, control id, and content."""
        header = self.header
        return "\x1f".join((header.application, header.facility, header.control_id, self.content))


def read_message(raw: bytes, processing_ids: tuple[str, ...] = ("P",)) -> Message:
    """Read a message. Never raises: what cannot be read has a fault, and as much of the header as is legible."""
    header = read_header(raw)
    if header is None:
        return Message(raw, Header(), fault=MessageFault.NOT_HL7)
    fault = next(_header_faults(header, processing_ids), None)
    if fault:
        return Message(raw, header, fault=fault)
    try:
        text = raw.lstrip(b"\r\n").removeprefix(BYTE_ORDER_MARK).decode(_ENCODINGS[header.encoding.upper()])
    except (KeyError, UnicodeDecodeError):
        return Message(raw, header, fault=MessageFault.ENCODING)
    if "\0" in text:
        return Message(raw, header, fault=MessageFault.ENCODING)
    segments = Segments.parse(text, header)
    if not segments.has("SCH"):
        return Message(raw, header, fault=MessageFault.NO_SCHEDULE)
    return Message(raw, header, segments)


def read_header(raw: bytes) -> Header | None:
    """The header alone, which is legible even if the rest of the message is not. None if there is none."""
    line = re.split(rb"[\r\n]", raw.lstrip(b"\r\n").removeprefix(BYTE_ORDER_MARK), maxsplit=1)[0].decode("latin-1")
    # No database stores it.
    line = line.replace("\0", "\ufffd")
    if not line.startswith("MSH") or len(line) < 8 or line[3].isalnum() or line[3].isspace():
        return None
    fields = ["MSH", *(field[:_MAX_FIELD] for field in line[3:].split(line[3]))]
    fields += [""] * (19 - len(fields))
    delimiters = (line[3] + fields[2])[:5].ljust(5, " ")
    component = delimiters[1]
    kind, _, event = fields[9].partition(component)

    def first(number: int, delimiter: str) -> str:
        return fields[number].split(delimiter)[0].strip()

    return Header(
        delimiters=delimiters.rstrip(),
        application=fields[3].strip(),
        facility=fields[4].strip(),
        receiver=fields[5].strip(),
        receiver_facility=fields[6].strip(),
        sent=fields[7].strip(),
        kind=kind.strip(),
        event=event.split(component)[0].strip(),
        control_id=fields[10].strip(),
        processing_id=first(11, component),
        version=first(12, component),
        accept_ack=fields[15].strip(),
        application_ack=fields[16].strip(),
        encoding=first(18, delimiters[2]),
    )


def _header_faults(header: Header, processing_ids: tuple[str, ...]) -> Iterator[MessageFault]:
    checks = (
        (header.kind == "SIU", MessageFault.MESSAGE_TYPE),
        (header.event in TRIGGERS, MessageFault.EVENT),
        (header.version in VERSIONS, MessageFault.VERSION),
        (header.processing_id in processing_ids, MessageFault.PROCESSING_ID),
        (header.control_id, MessageFault.CONTROL_ID),
        (sent_at(header, UTC), MessageFault.SENT_AT),
    )
    yield from (fault for holds, fault in checks if not holds)


def sent_at(header: Header, zone: tzinfo) -> datetime | None:
    """MSH-7 in UTC; None if it is missing or no time. zone: of a time without one."""
    moment = parse_time(header.sent.split(header.delimiters[1])[0])
    return moment and (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)


_TIME = re.compile(r"\d{12}(\d\d(\.\d{1,4})?)?([+-]\d{4})?", re.ASCII)


@lru_cache(_CACHED_TIMES)
def parse_time(text: str) -> datetime | None:
    """A time of HL7, to the minute at least, with its zone if it has one. None for anything else: a day is no time."""
    if not _TIME.fullmatch(text):
        return None
    try:
        moment: datetime = hl7.parse_datetime(text)
        moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None
    return moment
