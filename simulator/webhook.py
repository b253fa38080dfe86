"""Requests to the line, signed as Twilio signs them, with Twilio's patience.

https://www.twilio.com/docs/usage/webhooks/webhooks-security and .../webhooks-connection-overrides: 5 s to
connect, 15 s in all, one more try only when the connection failed, with the same `I-Twilio-Idempotency-
Token`.
"""

import base64
import hashlib
import hmac
import http.client
import re
import socket
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urldefrag, urlencode, urlsplit

from simulator.loopback import is_loopback, refusal

CONNECT_SECONDS = 5.0
TOTAL_SECONDS = 15.0
MOST_BYTES = 64 * 1024
_LENGTH = re.compile(rb"^content-length:[ \t]*(\d+)", re.IGNORECASE | re.MULTILINE)


class NoAnswer(Exception):
    """The line could not be heard. `code` is Twilio's debugger code, the text a sentence without phone
    numbers.
    """

    def __init__(self, code: int, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


@dataclass(frozen=True)
class Answer:
    """What came back: the HTTP status, the media type in lower case without parameters, and the body."""

    status: int
    media_type: str
    body: bytes
    seconds: float


def signature(token: str, url: str, params: Mapping[str, str]) -> str:
    """`X-Twilio-Signature`: base64 of HMAC-SHA1 over the exact URL and every POST field sorted by name."""
    signed = url + "".join(name + params[name] for name in sorted(params))
    digest = hmac.new(token.encode(), signed.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


@dataclass(frozen=True)
class _Request:
    method: str
    url: str
    body: bytes | None
    headers: dict[str, str]


def send(token: str, method: str, url: str, params: Mapping[str, str]) -> Answer:
    """Ask the line. GET carries `params` in the query. A body over 64 kB is cut one byte after the limit.

    Raises `NoAnswer` when the address is not loopback, the connection fails twice, or 15 s have passed.
    """
    url = urldefrag(url).url
    if not is_loopback(url):
        raise NoAnswer(11100, refusal("The address", url))
    if method == "GET" and params:
        url += ("&" if urlsplit(url).query else "?") + urlencode(params)
    request = _Request(method, url, *_signed(token, method, url, params))
    started = time.monotonic()
    connection = http.client.HTTPConnection(urlsplit(url).hostname or "", urlsplit(url).port or 80)
    connection.sock = wire = _wire(url, started)
    try:
        return _asked(connection, wire, request, started)
    except TimeoutError:
        raise NoAnswer(11205, f"The line did not answer {path_of(url)} within {TOTAL_SECONDS:.0f} seconds.") from None
    except (OSError, http.client.HTTPException):
        raise NoAnswer(11206, f"The line broke off while answering {path_of(url)}.") from None
    finally:
        connection.close()


def tell(token: str, url: str, params: Mapping[str, str]) -> int:
    """POST a receipt and return the HTTP status; the rest of the answer is of no interest.

    Hundreds of texts a second have three receipts each, so this reads no more than it must.
    Raises `NoAnswer` as `send` does.
    """
    url = urldefrag(url).url
    if not is_loopback(url):
        raise NoAnswer(11100, refusal("The address", url))
    body, headers = _signed(token, "POST", url, params)
    parts = urlsplit(url)
    lines = [f"POST {_target(url)} HTTP/1.1", f"Host: {parts.netloc}", f"Content-Length: {len(body or b'')}"]
    head = "\r\n".join([*lines, *(f"{name}: {value}" for name, value in headers.items()), "", ""])
    started = time.monotonic()
    wire = _wire(url, started)
    try:
        _wait_at_most(wire, started)
        wire.sendall(head.encode("latin-1") + (body or b""))
        return _status(wire, started)
    except TimeoutError:
        raise NoAnswer(11205, f"The line did not answer {path_of(url)} within {TOTAL_SECONDS:.0f} seconds.") from None
    except (OSError, ValueError):
        raise NoAnswer(11206, f"The line broke off while answering {path_of(url)}.") from None
    finally:
        wire.close()


def _status(wire: socket.socket, started: float) -> int:
    """The status of an answer, read to its end, so that the line is not cut off in the middle of it."""
    answer, ends_at = b"", None
    while ends_at is None or len(answer) < ends_at:
        _wait_at_most(wire, started)
        chunk = wire.recv(65536)
        if not chunk:
            break
        answer += chunk
        head, blank, _ = answer.partition(b"\r\n\r\n")
        length = _LENGTH.search(head) if blank else None
        ends_at = len(head) + len(blank) + int(length[1]) if length else None
    return int(answer[9:12])


def _signed(token: str, method: str, url: str, params: Mapping[str, str]) -> tuple[bytes | None, dict[str, str]]:
    """The body and the headers of a request to a final address."""
    fields = params if method == "POST" else {}
    headers = {
        "X-Twilio-Signature": signature(token, url, fields),
        "I-Twilio-Idempotency-Token": str(uuid.uuid4()),
        "User-Agent": "TwilioProxy/1.1",
        "Accept": "*/*",
        "Connection": "close",
    }
    if method != "POST":
        return None, headers
    headers["Content-Type"] = "application/x-www-form-urlencoded; charset=UTF-8"
    return urlencode(fields).encode(), headers


def path_of(url: str) -> str:
    """The path alone: a query may hold what nobody should find in a log."""
    return urlsplit(url).path or "/"


def _wire(url: str, started: float) -> socket.socket:
    """A connection to the line, tried twice."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    # A name may be mapped anywhere, the address may not.
    hosts = ("127.0.0.1", "::1") if host == "localhost" else (host, host)
    for address in hosts:
        left = max(min(CONNECT_SECONDS, started + TOTAL_SECONDS - time.monotonic()), 0.001)
        try:
            return socket.create_connection((address, parts.port or 80), left)
        except OSError:
            continue
    raise NoAnswer(11205, f"The line is not there: no connection to {parts.scheme}://{parts.netloc}.")


def _target(url: str) -> str:
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _asked(
    connection: http.client.HTTPConnection,
    wire: socket.socket,
    request: _Request,
    started: float,
) -> Answer:
    # `wire` apart, because the connection forgets its socket once the answer's head says that it will close.
    _wait_at_most(wire, started)
    headers = {"Host": urlsplit(request.url).netloc, **request.headers}
    connection.request(request.method, _target(request.url), request.body, headers)
    response = connection.getresponse()
    body = b""
    while len(body) <= MOST_BYTES:
        _wait_at_most(wire, started)
        chunk = response.read1(min(65536, MOST_BYTES + 1 - len(body)))
        if not chunk:
            break
        body += chunk
    media_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return Answer(response.status, media_type, body, time.monotonic() - started)


def _wait_at_most(wire: socket.socket, started: float) -> None:
    left = started + TOTAL_SECONDS - time.monotonic()
    if left <= 0:
        raise TimeoutError
    wire.settimeout(left)
