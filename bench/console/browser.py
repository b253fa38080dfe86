"""A signed-in browser without scripts, over one keep-alive connection."""

from __future__ import annotations

import gzip
import re
import secrets
import time
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse
from urllib.parse import urlencode

from flask import Flask
from flask.sessions import SecureCookieSessionInterface

COOKIE = "infoline"
_LINKED = re.compile(r'(?:src|href)="(/console/(?:static|bootstrap)[^"]+)"')
_TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)')


def session_cookie(secret_key: str, session_key: str) -> str:
    """The cookie of a user who has just signed in with both factors."""
    app = Flask("bench")
    app.secret_key = secret_key
    serializer = SecureCookieSessionInterface().get_signing_serializer(app)
    assert serializer is not None
    session = {"_user_id": session_key, "_fresh": True, "_permanent": True, "fs_cc": "set", "fs_paa": time.time()}
    return f"{COOKIE}={serializer.dumps(session)}"


@dataclass(frozen=True)
class Answer:
    """seconds: until the whole body was read. transferred: bytes of head and body, as sent."""

    status: int
    seconds: float
    transferred: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")


class Browser:
    """Asks one port for pages. Sends the cookies that it was sent."""

    def __init__(self, port: int, cookie: str) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=120)
        self._cookie = cookie
        self._transferred = dict[str, int]()

    def get(self, path: str, headers: dict[str, str] | None = None) -> Answer:
        return self._send("GET", path, b"", headers or {})

    def post(self, path: str, fields: list[tuple[str, str]], headers: dict[str, str] | None = None) -> Answer:
        """Send a form. Several fields may have one name."""
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        return self._send("POST", path, urlencode(fields).encode(), {**form, **(headers or {})})

    def post_file(self, path: str, name: str, content: bytes, token: str) -> Answer:
        """Send the form of an upload."""
        boundary = secrets.token_hex(16)
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="csrf_token"\r\n\r\n{token}\r\n'.encode(),
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'.encode(),
            content,
            f"\r\n--{boundary}--\r\n".encode(),
        ]
        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        return self._send("POST", path, b"".join(parts), headers)

    def token(self, path: str) -> str:
        """The token of the forms on a page."""
        found = _TOKEN.search(self.get(path).text)
        if found is None:
            raise RuntimeError(f"no form on {path}")
        return found[1]

    def first_load(self, page: Answer) -> int:
        """How many bytes a page and all that it links to transfer."""
        linked = set(_LINKED.findall(page.text))
        for path in linked - self._transferred.keys():
            self._transferred[path] = self.get(path).transferred
        return page.transferred + sum(self._transferred[path] for path in linked)

    def _send(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        headers = {"Cookie": self._cookie, "Accept-Encoding": "gzip", **headers}
        started = time.perf_counter()
        try:
            self._connection.request(method, path, body, headers)
            response = self._connection.getresponse()
        except (HTTPException, ConnectionError):
            # The server closed an idle connection.
            self._connection.close()
            self._connection.request(method, path, body, headers)
            response = self._connection.getresponse()
        data = response.read()
        seconds = time.perf_counter() - started
        return self._answer(response, data, seconds)

    def _answer(self, response: HTTPResponse, data: bytes, seconds: float) -> Answer:
        found = {name.lower(): value for name, value in response.getheaders()}
        if found.get("set-cookie", "").startswith(f"{COOKIE}="):
            self._cookie = found["set-cookie"].partition(";")[0]
        head = sum(len(name) + len(value) + 4 for name, value in response.getheaders())
        plain = gzip.decompress(data) if found.get("content-encoding") == "gzip" else data
        return Answer(response.status, seconds, head + len(data), found, plain)
