"""Reads HTTP/1.1 requests with llhttp, the strict parser of Node.js (https://llhttp.org), within limits of size."""

from __future__ import annotations

import re
from collections.abc import Callable
from http import HTTPStatus
from typing import NamedTuple

from httptools import HttpParserCallbackError, HttpParserError, HttpParserUpgrade, HttpRequestParser

MAX_HEAD = 16 * 1024
"""The most bytes of a request line and headers, or of trailers."""
MAX_HEADERS = 100
_TARGET = re.compile(rb"/[!-~]*|\*")
# Names of the WSGI specification; all other headers get the prefix HTTP_.
_UNPREFIXED = {b"CONTENT-TYPE": "CONTENT_TYPE", b"CONTENT-LENGTH": "CONTENT_LENGTH"}


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


class RequestReader:
    """Reads one request as its bytes arrive.

    begin: called with the head, before any of the body is read; it may change `limit`, the most bytes of the body.
    body: what was received of it; the caller may move bytes from there to elsewhere.
    """

    def __init__(self, begin: Callable[[Head], None], limit: int) -> None:
        self.is_started = self.is_complete = self.has_more = False
        self.body = bytearray()
        self.body_size = 0
        self._begin, self.limit = begin, limit
        self._parser = HttpRequestParser(self)
        self._target = b""
        self._headers: dict[str, str] = {}
        self._in_head = True
        self._received = self._size = self._count = 0

    def feed(self, data: bytes) -> None:
        """Add received bytes. Sets `is_complete` once the body is, and `has_more` if other bytes follow it.

        Raises HttpError.
        """
        # Some clients send an empty line after a body.
        self.is_started = self.is_started or bool(data.strip(b"\r\n"))
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except HttpParserCallbackError as error:
            if isinstance(error.__context__, HttpError):
                raise error.__context__ from None
            raise
        except (HttpParserError, HttpParserUpgrade):
            # Bytes after a complete request are not ours to judge.
            if not self.is_complete:
                raise HttpError(HTTPStatus.BAD_REQUEST) from None
            self.has_more = True
        if self._in_head and self._received > MAX_HEAD:
            raise HttpError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    # llhttp calls the methods below.

    def on_message_begin(self) -> None:
        self.has_more = self.is_complete

    def on_url(self, url: bytes) -> None:
        if not self.is_complete:
            self._add_size(len(url))
            self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.is_complete:
            return
        self._add_size(len(name) + len(value) + 4)
        self._count += 1
        if self._count > MAX_HEADERS:
            raise HttpError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        # A name with an underscore would be mistaken for the header of the same name with hyphens.
        if self._in_head and b"_" not in name:
            name = name.upper()
            key = _UNPREFIXED.get(name) or "HTTP_" + name.decode("latin-1").replace("-", "_")
            text = value.decode("latin-1").strip(" \t")
            self._headers[key] = f"{self._headers[key]},{text}" if key in self._headers else text

    def on_headers_complete(self) -> None:
        if self.is_complete:
            return
        if not _TARGET.fullmatch(self._target):
            raise HttpError(HTTPStatus.BAD_REQUEST)
        version = self._parser.get_http_version()
        if version not in ("1.0", "1.1"):
            raise HttpError(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED)
        headers = self._headers
        encoding = headers.pop("HTTP_TRANSFER_ENCODING", None)
        if encoding is not None and encoding.lower() != "chunked":
            raise HttpError(HTTPStatus.NOT_IMPLEMENTED)
        self._in_head, self._size = False, 0
        self._begin(
            Head(
                self._parser.get_method().decode(),
                self._target.decode(),
                headers,
                None if encoding else int(headers.get("CONTENT_LENGTH", 0)),
                self._parser.should_keep_alive(),
                headers.get("HTTP_EXPECT", "").lower() == "100-continue",
            )
        )

    def on_body(self, data: bytes) -> None:
        if not self.is_complete:
            self.body += data
            self.body_size += len(data)
            if self.body_size > self.limit:
                raise HttpError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)

    def on_message_complete(self) -> None:
        self.is_complete = True

    def _add_size(self, size: int) -> None:
        self._size += size
        if self._size > MAX_HEAD:
            raise HttpError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
