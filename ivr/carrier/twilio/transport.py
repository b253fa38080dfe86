"""An HTTP client for Twilio's SDK: plain http.client, one persistent connection per thread, no retries.

The SDK's own transport costs two to four times the CPU per text, and hides whether Twilio may have accepted it.
"""

from __future__ import annotations

import base64
import http.client
import select
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode, urlsplit

from twilio.http import HttpClient
from twilio.http.response import Response

from ivr import clock, tracing
from ivr.carrier.clock_skew import SkewWatch
from ivr.clock import Deadline

OFFICIAL = "https://api.twilio.com"


class NotSent(Exception):
    """No connection could be opened, or it was too late to send, so Twilio received nothing."""


class Broken(Exception):
    """The connection broke or timed out during the request, so Twilio may have accepted it."""


_skew = SkewWatch()


class Transport(HttpClient):  # type: ignore[misc]
    """An HttpClient for twilio.rest.Client.

    api_url replaces `official`, the address of one of Twilio's APIs; seconds: the response timeout.
    """

    def __init__(self, api_url: str, seconds: float = 15.0, official: str = OFFICIAL) -> None:
        super().__init__(None, False, None)
        self._official = official
        address = urlsplit(api_url)
        self._prefix = address.path
        self._host = address.hostname or ""
        self._port = address.port
        self._secure = address.scheme == "https"
        self._seconds = seconds
        self._local = threading.local()
        self._tls = ssl.create_default_context() if self._secure else None

    @contextmanager
    def no_later_than(self, latest: Deadline | None) -> Iterator[None]:
        """Within, this thread's requests raise NotSent instead of being sent after `latest`.

        Opening a connection takes time, and a machine may suspend a process at any instruction: the last look at the
        clock is the one just before the request goes out.
        """
        self._local.latest = latest
        try:
            yield
        finally:
            self._local.latest = None

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
        """Send a request once. Raises NotSent or Broken."""
        del timeout, allow_redirects
        path = self._prefix + url.removeprefix(self._official)
        if params:
            path += "?" + urlencode(params, doseq=True)
        body = urlencode(data, doseq=True).encode() if data is not None else None
        headers = dict(headers or {})
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        if auth:
            headers["Authorization"] = "Basic " + base64.b64encode(":".join(auth).encode()).decode()
        return self._exchange(method, path, body, headers)

    def _exchange(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Response:
        connection = self._connection()
        latest: Deadline | None = getattr(self._local, "latest", None)
        if latest is not None and latest.is_over():
            raise NotSent("too late")
        resource = _resource(path)
        with tracing.span(f"{method} {resource}", "CLIENT", attributes={"http.request.method": method}) as span:
            try:
                connection.request(method, path, body, headers)
                response = connection.getresponse()
                _skew.check(response.getheader("Date"), clock.unshifted_now())
                text = response.read().decode("utf-8", "replace")
            except (OSError, http.client.HTTPException) as error:
                self._close()
                raise Broken(type(error).__name__) from error
            if span is not None:
                span.set("http.response.status_code", response.status)
        if response.will_close:
            self._close()
        return Response(response.status, text, dict(response.getheaders()))

    def _connection(self) -> http.client.HTTPConnection:
        """Return this thread's connection, reopened if the server has closed it."""
        current: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
        if current is not None and current.sock is not None and not _is_closed(current.sock):
            return current
        self._close()
        kind: Any = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        extra = {"context": self._tls} if self._secure else {}
        connection: http.client.HTTPConnection = kind(self._host, self._port, timeout=self._seconds, **extra)
        try:
            connection.connect()
        except OSError as error:
            raise NotSent(type(error).__name__) from error
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._local.connection = connection
        return connection

    def _close(self) -> None:
        current: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
        if current is not None:
            current.close()
        self._local.connection = None


def _resource(path: str) -> str:
    """The kind of thing that a path is about, such as Messages, without its ids and numbers."""
    words = [segment.removesuffix(".json") for segment in path.partition("?")[0].split("/")]
    return next((word for word in reversed(words) if word.isalpha() and word.isascii() and len(word) < 30), "other")


def _is_closed(sock: socket.socket) -> bool:
    """Return whether the server has closed an idle connection, which makes its socket readable."""
    poll = select.poll()
    try:
        poll.register(sock, select.POLLIN)
    except (OSError, ValueError):
        return True
    return bool(poll.poll(0))
