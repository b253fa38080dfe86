"""The encodings in which schedulers' programs save text, told apart by the first bytes."""

from __future__ import annotations

import codecs

SNIFFED = 4096
# Stands for bytes that are no text in any of the encodings.
NO_TEXT = "\0"
_FALL_BACK = "ivr-cp1252"
_CP1252 = bytes(range(256)).decode("cp1252", "replace").replace("\ufffd", NO_TEXT)
_MARKS = ((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_NUL_PATTERN_SEEN = 64


def _one_by_one(error: UnicodeError) -> tuple[str, int]:
    """Bytes that are no UTF-8 as older spreadsheets mean them, so that no file need be read twice."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    if not error.encoding.startswith("utf-8"):
        return NO_TEXT, error.end
    return "".join(_CP1252[byte] for byte in error.object[error.start : error.end]), error.end


codecs.register_error(_FALL_BACK, _one_by_one)


def decoder_of(start: bytes) -> codecs.IncrementalDecoder:
    """A decoder that never fails: what is no text becomes NO_TEXT. start: the first bytes of the file."""
    return codecs.getincrementaldecoder(_encoding_of(start))(_FALL_BACK)


def decode_bytes(data: bytes) -> str:
    return decoder_of(data[:SNIFFED]).decode(data, final=True)


def _encoding_of(start: bytes) -> str:
    for mark, encoding in _MARKS:
        if start.startswith(mark):
            return encoding
    # Without a mark: names of columns are ASCII, of which every second byte of UTF-16 is NUL.
    seen = start[:_NUL_PATTERN_SEEN]
    evens, odds = seen[::2], seen[1::2]
    if odds and all(evens) and not any(odds):
        return "utf-16-le"
    if odds and all(odds) and not any(evens):
        return "utf-16-be"
    return "utf-8-sig"
