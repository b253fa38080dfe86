"""Parses HTTP/1.1 requests. Strict: what two parsers could read differently is refused, as RFC 9112 permits.

https://www.rfc-editor.org/rfc/rfc9112.html
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import NamedTuple

MAX_HEAD = 16 * 1024
MAX_HEADERS = 100
MAX_CHUNK_LINE = 256
HEAD_END = b"\r\n\r\n"
_REQUEST_LINE = re.compile(r"([A-Z]{1,16}) (/[!-~]*|\*) HTTP/([0-9])\.([0-9])")
# Neither folded lines, nor a space before the colon, nor control characters except tabs.
_HEADERS = re.compile(r"(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[^\x00-\x08\x0a-\x1f\x7f]*\r\n)*")
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\x00-\x08\x0a-\x1f\x7f]*)?")
# Names of the WSGI specification; all other headers get the prefix HTTP_.
_UNPREFIXED = {"CONTENT-TYPE": "CONTENT_TYPE", "CONTENT-LENGTH": "CONTENT_LENGTH"}


class HttpError(Exception):
    """A request that cannot be read; it is answered with `status`, and the connection is closed."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status.phrase)
        self.status = status


class Head(NamedTuple):
    """What precedes the body. target: as sent. headers: by their names in a WSGI environment.

    length: bytes of the body; None if it comes in chunks.
    """

    method: str
    target: str
    headers: dict[str, str]
    length: int | None
    keep_alive: bool
    expects_continue: bool


def parse_head(data: bytes) -> Head:
    """Parse a request line and headers, without the empty line that ends them. Raises HttpError."""
    line, _, rest = data.decode("latin-1").partition("\r\n")
    request = _REQUEST_LINE.fullmatch(line)
    if request is None:
        raise HttpError(HTTPStatus.BAD_REQUEST)
    method, target, major, minor = request.groups()
    if major != "1":
        raise HttpError(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED)
    headers = _headers(rest)
    connection = headers.get("HTTP_CONNECTION", "").lower()
    keep_alive = "close" not in connection and (minor != "0" or "keep-alive" in connection)
    expects_continue = headers.get("HTTP_EXPECT", "").lower() == "100-continue"
    return Head(method, target, headers, _length(headers), keep_alive, expects_continue)


def _headers(lines: str) -> dict[str, str]:
    if lines and not _HEADERS.fullmatch(lines + "\r\n"):
        raise HttpError(HTTPStatus.BAD_REQUEST)
    headers: dict[str, str] = {}
    rows = lines.split("\r\n") if lines else []
    if len(rows) > MAX_HEADERS:
        raise HttpError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
    for row in rows:
        name, _, value = row.partition(":")
        if "_" in name:
            # It would be mistaken for the header of the same name with hyphens.
            continue
        name, value = name.upper(), value.strip(" \t")
        key = _UNPREFIXED.get(name) or "HTTP_" + name.replace("-", "_")
        headers[key] = f"{headers[key]},{value}" if key in headers else value
    return headers


def _length(headers: dict[str, str]) -> int | None:
    """Return the length of the body. A request with two lengths is refused, because a proxy may use the other one."""
    length, encoding = headers.get("CONTENT_LENGTH"), headers.pop("HTTP_TRANSFER_ENCODING", None)
    if encoding is not None:
        if length is not None:
            raise HttpError(HTTPStatus.BAD_REQUEST)
        if encoding.lower() != "chunked":
            raise HttpError(HTTPStatus.NOT_IMPLEMENTED)
        return None
    if length is None:
        return 0
    if not (length.isascii() and length.isdigit()):
        raise HttpError(HTTPStatus.BAD_REQUEST)
    # Longer numbers are too large for any limit, and Python refuses to convert thousands of digits.
    return int(length[:19])


class ChunkedBody:
    """Decodes a body in chunks of at most `limit` bytes in total."""

    def __init__(self, limit: int) -> None:
        self.data = bytearray()
        self._limit = limit
        self._buffer = bytearray()
        self._in_trailers = False
        self._trailers = 0

    def feed(self, data: bytes) -> bytes | None:
        """Add received bytes. Returns None until the body is complete, then the bytes after it. Raises HttpError."""
        self._buffer += data
        while True:
            line_end = self._buffer.find(b"\r\n")
            if line_end < 0 or line_end > MAX_CHUNK_LINE:
                if len(self._buffer) > MAX_CHUNK_LINE:
                    raise HttpError(HTTPStatus.BAD_REQUEST)
                return None
            if self._in_trailers:
                del self._buffer[: line_end + 2]
                self._trailers += line_end + 2
                if self._trailers > MAX_HEAD:
                    raise HttpError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
                if line_end == 0:
                    return bytes(self._buffer)
            elif not self._take_chunk(line_end):
                return None

    def _take_chunk(self, line_end: int) -> bool:
        """Move the next chunk to `data`. Returns False if it is incomplete."""
        size_line = _CHUNK_SIZE.fullmatch(self._buffer, 0, line_end)
        if size_line is None:
            raise HttpError(HTTPStatus.BAD_REQUEST)
        size = int(size_line[1], 16)
        if len(self.data) + size > self._limit:
            raise HttpError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        start = line_end + 2
        if size == 0:
            self._in_trailers = True
        elif len(self._buffer) < start + size + 2:
            return False
        elif self._buffer[start + size : start + size + 2] != b"\r\n":
            raise HttpError(HTTPStatus.BAD_REQUEST)
        else:
            self.data += self._buffer[start : start + size]
            start += size + 2
        # A match keeps the buffer from being resized.
        del size_line
        del self._buffer[:start]
        return True
