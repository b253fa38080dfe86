"""The picture that a phone sends: one white pixel, as PNG (https://www.w3.org/TR/png/)."""

import struct
import zlib

CONTENT_TYPE = "image/png"


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


# Width and height 1, 8 bits, gray.
_HEADER = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
PICTURE = (
    b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", _HEADER) + _chunk(b"IDAT", zlib.compress(b"\x00\xff")) + _chunk(b"IEND", b"")
)
