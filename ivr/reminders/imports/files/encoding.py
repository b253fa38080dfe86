"""Text encodings that schedulers' programs use, detected from the first bytes of a file."""

from __future__ import annotations

import codecs

SNIFFED = 4096
# Replaces bytes that are not text in any supported encoding.
INVALID = "\0"
_FALLBACK = "ivr-cp1252"
_CP1252 = bytes(range(256)).decode("cp1252", "replace").replace("\ufffd", INVALID)
_NUL_SAMPLE = 64


def _decode_as_cp1252(error: UnicodeError) -> tuple[str, int]:
    """Decode bytes that are not UTF-8 as cp1252, as older spreadsheets write it, so that no file is read twice."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    if not error.encoding.startswith("utf-8"):
        return INVALID, error.end
    return "".join(_CP1252[byte] for byte in error.object[error.start : error.end]), error.end


codecs.register_error(_FALLBACK, _decode_as_cp1252)


def decoder_for(start: bytes) -> codecs.IncrementalDecoder:
    """A decoder that never fails: bytes that are not text become INVALID. start: the first bytes of the file."""
    return codecs.getincrementaldecoder(_encoding_of(start))(_FALLBACK)


def decode_bytes(data: bytes) -> str:
    return decoder_for(data[:SNIFFED]).decode(data, final=True)


def _encoding_of(start: bytes) -> str:
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    # Without a byte-order mark: column names are ASCII, so every second byte of UTF-16 is NUL.
    sample = start[:_NUL_SAMPLE]
    evens, odds = sample[::2], sample[1::2]
    if odds and all(evens) and not any(odds):
        return "utf-16-le"
    if odds and all(odds) and not any(evens):
        return "utf-16-be"
    return "utf-8-sig"
