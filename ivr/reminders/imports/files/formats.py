"""The reader of each file format, chosen by the first bytes of a file."""

from __future__ import annotations

import os
from io import BufferedReader
from stat import S_ISREG

from ivr.reminders.imports.files.cells import Reader
from ivr.reminders.imports.files.csv_file import read_csv
from ivr.reminders.imports.files.encoding import SNIFFED, decode_bytes
from ivr.reminders.imports.files.json_file import read_json
from ivr.reminders.imports.files.kinds import refuse_other_kinds
from ivr.reminders.imports.files.xlsx import read_ole, read_xlsx

# A child process takes 70 ms to start. A file of this size takes at most 22 ms and 20 MB, whatever is in it.
SMALL_JSON_BYTES = 65_536
# The extension of a file is often wrong; its first bytes are not.
_READERS: tuple[tuple[tuple[bytes, ...], Reader], ...] = (
    ((b"PK\x03\x04", b"PK\x05\x06"), read_xlsx),
    ((b"\xd0\xcf\x11\xe0",), read_ole),
    ((b"{", b"["), read_json),
    ((b"",), read_csv),
)


def reader_for(raw: BufferedReader) -> Reader:
    """Raises UnreadableFile for a file of a known unsupported kind."""
    start = raw.peek(SNIFFED)[:SNIFFED]
    refuse_other_kinds(start)
    text = decode_bytes(start).lstrip().encode()
    return next(reader for starts, reader in _READERS if start.startswith(starts) or text.startswith(starts))


def is_harmless(reader: Reader, raw: BufferedReader) -> bool:
    """Whether a file takes little memory and time, whatever is in it."""
    return reader is read_csv or (reader is read_json and _is_small(raw))


def _is_small(raw: BufferedReader) -> bool:
    about = os.fstat(raw.fileno())
    return S_ISREG(about.st_mode) and about.st_size <= SMALL_JSON_BYTES
