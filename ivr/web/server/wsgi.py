"""Runs a WSGI app for a request that was received completely. https://peps.python.org/pep-3333/"""

from __future__ import annotations

import sys
from io import BytesIO
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote_to_bytes

from ivr import log
from ivr.web.body_files import BodyFile
from ivr.web.routes import route_of
from ivr.web.server.http import Head

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

_NO_BODY = ("1", "204", "304")


class Response(NamedTuple):
    """status: code and phrase. body: empty for HEAD requests."""

    status: str
    headers: list[tuple[str, str]]
    body: bytes

    def head(self, date: str, *, keep_alive: bool) -> bytes:
        """Return the bytes that precede the body."""
        lines = [f"HTTP/1.1 {self.status}", f"Date: {date}", *(f"{name}: {value}" for name, value in self.headers)]
        if not self.status.startswith(_NO_BODY) and not any(
            name.lower() == "content-length" for name, _ in self.headers
        ):
            lines.append(f"Content-Length: {len(self.body)}")
        if not keep_alive:
            lines.append("Connection: close")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


def decoded_path(target: str) -> str:
    """Return the path of a request's target, as it is in a WSGI environment."""
    path = target.partition("?")[0]
    return unquote_to_bytes(path).decode("latin-1") if "%" in path else path


def build_environ(head: Head, address: str, port: int) -> WSGIEnvironment:
    """Return the WSGI environment of a request without its body. RAW_URI: the target as it was sent.

    address: of the client. port: of this server.
    """
    return {
        **head.headers,
        "REQUEST_METHOD": head.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": decoded_path(head.target),
        "QUERY_STRING": head.target.partition("?")[2],
        "RAW_URI": head.target,
        "REMOTE_ADDR": address,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": str(port),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }


def add_body(environ: WSGIEnvironment, body: bytes | BodyFile, size: int) -> None:
    environ["CONTENT_LENGTH"] = str(size)
    environ["wsgi.input"] = BytesIO(body) if isinstance(body, bytes) else body


def run_app(app: WSGIApplication, environ: WSGIEnvironment) -> Response:
    """Return the response of an app. An exception, which is logged, gives a 500."""
    started: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], _error: Any = None) -> Any:
        started[:] = status, headers

    try:
        result = app(environ, start_response)
        try:
            body = b"".join(result)
        finally:
            if hasattr(result, "close"):
                result.close()
        status, headers = started
    except Exception:  # noqa: BLE001 - a request must not end the server
        log.get_logger().exception("request_failed", route=route_of(environ["PATH_INFO"]))
        return plain_response("500 Internal Server Error")
    return Response(status, headers, b"" if environ["REQUEST_METHOD"] == "HEAD" else body)


def plain_response(status: str, *headers: tuple[str, str]) -> Response:
    """Return a response whose body repeats its status."""
    return Response(status, [("Content-Type", "text/plain"), *headers], f"{status}\n".encode())
