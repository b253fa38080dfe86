"""The shape of a message: which segments and fields it has, and how they are written, without what they say."""

from __future__ import annotations

import json
import re

MAX_SHAPE = 20_000
# Of SIU messages and batches. Three other letters may be a name.
_SEGMENTS = "AIG|AIL|AIP|AIS|BHS|BTS|DG1|EVN|FHS|FTS|MSH|NTE|OBX|PID|PV1|PV2|RGS|SCH|TQ1"
_SEGMENT = re.compile(rf"({_SEGMENTS})(?=[|~^&])")
_CELLS = frozenset({"appointment_id", "phone", "starts_at", "site", "first_name", "language", "status", "timezone"})
# The fields of MSH that describe the message: its delimiters, time, type, processing id and version. A field that looks
# otherwise may hold anything: separators may be missing.
_HEADER = {
    1: re.compile(r"[\^~\\&#]{1,5}"),
    6: re.compile(r"\d{4,14}(\.\d{1,4})?([+-]\d{4})?"),
    8: re.compile(r"[A-Z]{3}\^[A-Z]\d\d(\^[A-Z]{3}_[A-Z]\d\d)?"),
    10: re.compile(r"[PTD]"),
    11: re.compile(r"2\.\d(\.\d)?"),
}


def shape_of(raw: bytes) -> str:
    """A message, or the cells of one as JSON, with x for each letter and # for each digit. At most MAX_SHAPE long."""
    text = raw[: 4 * MAX_SHAPE].decode("utf-8", "replace")
    lines = [_masked_segment(line) for line in re.split(r"\r\n|\r|\n", text) if line.strip()]
    return "\n".join(_masked_cells(raw) or lines)[:MAX_SHAPE]


def _masked_cells(raw: bytes) -> list[str]:
    """The cells of a message that could be read but not applied; empty for a message."""
    try:
        cells = json.loads(raw)
    except ValueError:
        return []
    if not isinstance(cells, dict):
        return []
    return [f"{name if name in _CELLS else _masked(name)}: {_masked(str(value))}" for name, value in cells.items()]


def _masked_segment(line: str) -> str:
    name = _SEGMENT.match(line)
    if name is None:
        return _masked(line)
    if name[0] != "MSH":
        return name[0] + _masked(line[name.end() :])
    fields = line.split(line[3])
    shown = (
        field if (pattern := _HEADER.get(number)) and pattern.fullmatch(field) else _masked(field)
        for number, field in enumerate(fields[1:], start=1)
    )
    return line[3].join(("MSH", *shown))


def _masked(text: str) -> str:
    """Letters of every script, and what is neither letter nor ASCII, become x."""
    return "".join(
        "#" if char.isdigit() else char if char.isascii() and not char.isalpha() and char.isprintable() else "x"
        for char in text
    )
