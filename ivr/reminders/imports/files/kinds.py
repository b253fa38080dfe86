"""Unsupported kinds of files, such as pictures, detected from their first bytes, and what to do with each."""

from __future__ import annotations

from ivr.reminders.imports.files.cells import unreadable_file
from ivr.reminders.imports.files.encoding import decode_bytes

_SAVE = "Save the appointments as CSV or XLSX."
_PICTURE = f"it is a picture. {_SAVE}"
# Offset in the file, the bytes that may be there, and the sentence.
_SIGNATURES: tuple[tuple[int, tuple[bytes, ...], str], ...] = (
    (0, (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"II*\x00", b"MM\x00*"), _PICTURE),
    (4, (b"ftyphei", b"ftypmif"), _PICTURE),
    (8, (b"WEBP",), _PICTURE),
    (0, (b"%PDF-",), f"it is a PDF. {_SAVE}"),
    (0, (b"{\\rtf",), f"it is a document. {_SAVE}"),
    (0, (b"\x1f\x8b", b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a"), "it is compressed. Unpack it and import the file inside."),
    (0, (b"SQLite format 3\x00",), f"it is a database. {_SAVE}"),
)


def refuse_other_kinds(start: bytes) -> None:
    """Raise UnreadableFile for a file of a known unsupported kind. start: its first bytes."""
    for offset, signatures, sentence in _SIGNATURES:
        if start.startswith(signatures, offset):
            raise unreadable_file(sentence)
    if decode_bytes(start).lstrip().startswith("<"):
        raise unreadable_file("it is a web page or an XML file. Open it in a spreadsheet and save it as CSV or XLSX.")
