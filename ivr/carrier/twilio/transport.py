"""How the official SDK speaks HTTP here: plain http.client, one kept connection a thread, no retries.

The SDK's own transport costs two to four times the CPU of a text, and would hide what happened when a
connection breaks; we must know whether a text may have been taken.
"""

from __future__ import annotations

import base64
import http.client
import selectors
import socket
import ssl
import threading
from typing import Any
from urllib.parse import urlencode, urlsplit

from twilio.http import HttpClient
from twilio.http.response import Response

OFFICIAL = "https://api.twilio.com"


class NotSent(Exception):
    """No connection could be made: the carrier has seen nothing."""


class Broken(Exception):
    """The connection broke, or was silent too long, after the request began: the carrier may have taken it."""


class Transport(HttpClient):  # type: ignore[misc]
    """An HttpClient for twilio.rest.Client. api_url stands for https://api.twilio.com; seconds: for an answer."""

    def __init__(self, api_url: str, seconds: float = 15.0) -> None:
        super().__init__(None, False, None)
        address = urlsplit(api_url)
        self._prefix = address.path
        self._host = address.hostname or ""
        self._port = address.port
        self._secure = address.scheme == "https"
        self._seconds = seconds
        self._kept = threading.local()
        self._tls = ssl.create_default_context() if self._secure else None

    def request(  # noqa: PLR0913 - the SDK's own signature
        self,
        method: str,
        url: str,
        params: dict[str, object] | None = None,
        data: dict[str, object] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,
    ) -> Response:
        """One request, once. Raises NotSent or Broken."""
        del timeout, allow_redirects
        path = self._prefix + url.removeprefix(OFFICIAL)
        if params:
            path += "?" + urlencode(params, doseq=True)
        body = urlencode(data, doseq=True).encode() if data is not None else None
        sent = dict(headers or {})
        if body is not None:
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        if auth:
            sent["Authorization"] = "Basic " + base64.b64encode(":".join(auth).encode()).decode()
        return self._exchange(method, path, body, sent)

    def _exchange(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Response:
        connection = self._connection()
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            text = answer.read().decode("utf-8", "replace")
        except (OSError, http.client.HTTPException) as error:
            self._drop()
            raise Broken(type(error).__name__) from error
        if answer.will_close:
            self._drop()
        return Response(answer.status, text, dict(answer.getheaders()))

    def _connection(self) -> http.client.HTTPConnection:
        """The thread's connection, made anew when the other side has closed it meanwhile."""
        kept: http.client.HTTPConnection | None = getattr(self._kept, "connection", None)
        if kept is not None and kept.sock is not None and not _is_closed(kept.sock):
            return kept
        self._drop()
        kind: Any = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        extra = {"context": self._tls} if self._secure else {}
        connection: http.client.HTTPConnection = kind(self._host, self._port, timeout=self._seconds, **extra)
        try:
            connection.connect()
        except OSError as error:
            raise NotSent(type(error).__name__) from error
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._kept.connection = connection
        return connection

    def _drop(self) -> None:
        kept: http.client.HTTPConnection | None = getattr(self._kept, "connection", None)
        if kept is not None:
            kept.close()
        self._kept.connection = None


def _is_closed(sock: socket.socket) -> bool:
    """Whether an idle connection was closed by the other side: then there is something to read on it."""
    with selectors.DefaultSelector() as waiting:
        try:
            waiting.register(sock, selectors.EVENT_READ)
        except (OSError, ValueError):
            return True
        return bool(waiting.select(timeout=0))
