"""Files of other kinds, such as pictures, detected from their first bytes, and what to do with each."""

from __future__ import annotations

from ivr.reminders.imports.files.encoding import decode_bytes
from ivr.reminders.imports.files.unreadable import unreadable_file

_SAVE = "Save the appointments as CSV or XLSX."
_PICTURE = f"it is a picture. {_SAVE}"
_COMPRESSED = "it is compressed. Unpack it and import the file inside."
_PAGE = "it is a web page or XML. Open it in a spreadsheet and save it as CSV or XLSX."
# Offset in the file, the bytes there, and the sentence.
_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x89PNG", _PICTURE),
    (0, b"\xff\xd8\xff", _PICTURE),
    (0, b"GIF8", _PICTURE),
    (0, b"II*\x00", _PICTURE),
    (0, b"MM\x00*", _PICTURE),
    (8, b"WEBP", _PICTURE),
    (4, b"ftyphei", _PICTURE),
    (4, b"ftypmif", _PICTURE),
    (0, b"%PDF-", f"it is a PDF. {_SAVE}"),
    (0, b"{\\rtf", f"it is a document. {_SAVE}"),
    (0, b"\x1f\x8b", _COMPRESSED),
    (0, b"7z\xbc\xaf\x27\x1c", _COMPRESSED),
    (0, b"Rar!\x1a", _COMPRESSED),
    (0, b"SQLite format 3\x00", f"it is a database. {_SAVE}"),
)


def refuse_other_kinds(start: bytes) -> None:
    """Raise UnreadableFile for a file that is known to be something else. start: its first bytes."""
    for offset, signature, sentence in _SIGNATURES:
        if start.startswith(signature, offset):
            raise unreadable_file(sentence)
    if decode_bytes(start).lstrip().startswith("<"):
        raise unreadable_file(_PAGE)
