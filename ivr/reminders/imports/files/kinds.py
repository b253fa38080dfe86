"""Unsupported kinds of files, such as pictures, detected from their first bytes, and what to do with each."""

from __future__ import annotations

from ivr.i18n import N_
from ivr.reminders.imports.files.cells import unreadable_file
from ivr.reminders.imports.files.encoding import decode_bytes

_PICTURE = N_("it is a picture. Save the appointments as CSV or XLSX.")
# Offset in the file, the bytes that may be there, and the sentence.
_SIGNATURES: tuple[tuple[int, tuple[bytes, ...], str], ...] = (
    (0, (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"II*\x00", b"MM\x00*"), _PICTURE),
    (4, (b"ftyphei", b"ftypmif"), _PICTURE),
    (8, (b"WEBP",), _PICTURE),
    (0, (b"%PDF-",), N_("it is a PDF. Save the appointments as CSV or XLSX.")),
    (0, (b"{\\rtf",), N_("it is a document. Save the appointments as CSV or XLSX.")),
    (
        0,
        (b"\x1f\x8b", b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a"),
        N_("it is compressed. Unpack it and import the file inside."),
    ),
    (0, (b"SQLite format 3\x00",), N_("it is a database. Save the appointments as CSV or XLSX.")),
)


def refuse_other_kinds(start: bytes) -> None:
    """Raise UnreadableFile for a file of a known unsupported kind. start: its first bytes."""
    for offset, signatures, sentence in _SIGNATURES:
        if start.startswith(signatures, offset):
            raise unreadable_file(sentence)
    if decode_bytes(start).lstrip().startswith("<"):
        raise unreadable_file(
            N_("it is a web page or an XML file. Open it in a spreadsheet and save it as CSV or XLSX.")
        )
