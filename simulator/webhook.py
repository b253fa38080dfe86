"""Requests to the line with Twilio's signature and timeouts.

https://www.twilio.com/docs/usage/webhooks/webhooks-security and
https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides: 5 s to connect and 15 s in all. Only a
failed connection is retried, once, with the same `I-Twilio-Idempotency-Token`. After a redirect of 301, 302 or 303 the
request is a GET without the fields, after a 307 the same request; any other is refused.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import re
import socket
import ssl
import string
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from urllib.parse import quote, urldefrag, urlencode, urlsplit

from simulator.cookies import PairCookies
from simulator.exchange_log import ExchangeLog, Subject
from simulator.loopback import AllowedHost, allowed_host, loopback_only, may_request, resolve

CONNECT_SECONDS = 5.0
TOTAL_SECONDS = 15.0
MAX_BYTES = 64 * 1024
MAX_REDIRECTS = 10
REDIRECTS_TO_GET = (301, 302, 303)
REDIRECTS = (*REDIRECTS_TO_GET, 307)
NOT_CONNECTED, REFUSED = 11205, 11202
# By the error of OpenSSL: expired, and issued for another name. https://docs.openssl.org/master/man1/openssl-verification-options/
CERTIFICATE_CODES = {10: 11236, 62: 11235}
_LOCATION = re.compile(rb"^location:[ \t]*(\S+)", re.IGNORECASE | re.MULTILINE)
_CONTENT_LENGTH = re.compile(rb"^content-length:[ \t]*(\d+)", re.IGNORECASE | re.MULTILINE)


class NoAnswer(Exception):
    """The line gave no usable answer. code: Twilio's debugger code. The message contains no phone numbers."""

    def __init__(self, code: int, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


@dataclass(frozen=True)
class Answer:
    """An HTTP response. media_type: lower case, without parameters. seconds: the time that it took.

    url: the document's, after redirects and without the fields of a GET. location, set_cookie: headers.
    """

    status: int
    media_type: str
    body: bytes
    seconds: float
    url: str = ""
    location: str = ""
    set_cookie: tuple[str, ...] = ()


@dataclass(frozen=True)
class Webhook:
    """An address of the line, and the method that Twilio requests it with."""

    url: str
    method: str = "POST"


def signature(token: str, url: str, params: Mapping[str, str]) -> str:
    """`X-Twilio-Signature`: base64 of HMAC-SHA1 over the exact URL and every POST field, sorted by name."""
    content = url + "".join(name + params[name] for name in sorted(params))
    digest = hmac.new(token.encode(), content.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


@dataclass(frozen=True)
class Origin:
    """Whose webhooks are sent: the token that they are signed with, and where they are recorded."""

    token: str
    exchanges: ExchangeLog


@dataclass(frozen=True)
class _Request:
    delivery: _Delivery
    method: str
    url: str
    body: bytes | None
    headers: dict[str, str]
    started: float = field(default_factory=time.monotonic)

    @property
    def subject(self) -> Subject:
        return self.delivery.subject

    def record(self, answer: Answer | None) -> None:
        self.delivery.origin.exchanges.record(self, answer, time.monotonic() - self.started)


def send(
    origin: Origin, method: str, url: str, params: Mapping[str, str], cookies: PairCookies | None = None
) -> Answer:
    """Send a request to the line; GET puts `params` in the query. A body over 64 kB is cut one byte past the limit.

    Redirects are followed. Raises `NoAnswer` if the address is not loopback, the connection fails twice, 15 s pass, or
    a redirect is not one that Twilio follows.
    """
    delivery = _Delivery(origin, Subject.of(url, params), cookies)
    return delivery.follow(delivery.request(method, url, params), method, params)


def post_receipt(origin: Origin, url: str, params: Mapping[str, str]) -> int:
    """POST a receipt and return the HTTP status; redirects are followed. Raises `NoAnswer` as `send` does.

    Hundreds of texts a second have three receipts each, so the first request avoids the cost of http.client.
    """
    delivery = _Delivery(origin, Subject.of(url, params))
    return delivery.follow(delivery.post(url, params), "POST", params).status


@dataclass(frozen=True)
class _Delivery:
    """One webhook, with the requests that redirects lead to. started: by the monotonic clock."""

    origin: Origin
    subject: Subject
    cookies: PairCookies | None = None
    started: float = field(default_factory=time.monotonic)

    def follow(self, answer: Answer, method: str, params: Mapping[str, str]) -> Answer:
        """The answer at the end of the redirects that begin with this one."""
        for _ in range(MAX_REDIRECTS):
            if not 300 <= answer.status < 400:
                return replace(answer, seconds=time.monotonic() - self.started)
            url = resolve(answer.url, answer.location) if answer.location else None
            if answer.status not in REDIRECTS or url is None:
                raise NoAnswer(
                    11216,
                    f"The line answered {path_of(answer.url)} with {answer.status}; Twilio follows only "
                    f"{', '.join(map(str, REDIRECTS))}, with a valid Location.",
                )
            if answer.status in REDIRECTS_TO_GET:
                method, params = "GET", {}
            answer = self.request(method, url, params)
        raise NoAnswer(
            11215, f"The line redirected more than {MAX_REDIRECTS} times, at last from {path_of(answer.url)}."
        )

    def request(self, method: str, url: str, params: Mapping[str, str]) -> Answer:
        document = url = _allowed_url(url)
        if method == "GET" and params:
            url += ("&" if urlsplit(url).query else "?") + urlencode(params)
        request = self._prepare(method, url, params)
        cookies = self.cookies
        if cookies is not None and (cookie := cookies.header(url)):
            request.headers["Cookie"] = cookie
        connection = http.client.HTTPConnection(urlsplit(url).hostname or "", _port(url))
        connection.sock = sock = _connect(request, self.started)
        with _faults(url), closing(connection):
            answer = _exchange(connection, sock, request, self.started)
        if cookies is not None:
            cookies.store(url, list(answer.set_cookie))
        return replace(answer, url=document)

    def post(self, url: str, params: Mapping[str, str]) -> Answer:
        """POST without http.client. The answer has a status and a location only."""
        url = _allowed_url(url)
        request = self._prepare("POST", url, params)
        body = request.body or b""
        lines = [f"POST {_target(url)} HTTP/1.1", f"Host: {urlsplit(url).netloc}", f"Content-Length: {len(body)}"]
        head = "\r\n".join([*lines, *(f"{name}: {value}" for name, value in request.headers.items()), "", ""])
        sock = _connect(request, self.started)
        answer: Answer | None = None
        try:
            with _faults(url), sock:
                _set_timeout(sock, self.started)
                sock.sendall(head.encode("latin-1") + body)
                answer = _read_head(url, sock, self.started)
            return answer
        finally:
            request.record(answer)

    def _prepare(self, method: str, url: str, params: Mapping[str, str]) -> _Request:
        return _Request(self, method, url, *_signed(self.origin.token, method, url, params))


@contextmanager
def _faults(url: str) -> Iterator[None]:
    """Raises what goes wrong in an exchange as `NoAnswer`."""
    try:
        yield
    except TimeoutError:
        raise NoAnswer(
            NOT_CONNECTED, f"The line did not answer {path_of(url)} within {TOTAL_SECONDS:.0f} seconds."
        ) from None
    except (OSError, ValueError, http.client.HTTPException):
        raise NoAnswer(11206, f"The line closed the connection while answering {path_of(url)}.") from None


def _read_head(url: str, sock: socket.socket, started: float) -> Answer:
    """The head of a response, which is read to its end, so that the line can finish sending it."""
    response, head, length = b"", b"", None
    while length is None or len(response) < length:
        _set_timeout(sock, started)
        chunk = sock.recv(65536)
        if not chunk:
            break
        response += chunk
        head, blank, _ = response.partition(b"\r\n\r\n")
        content_length = _CONTENT_LENGTH.search(head) if blank else None
        length = len(head) + len(blank) + int(content_length[1]) if content_length else None
    location = _LOCATION.search(head)
    return Answer(
        int(head[9:12]), "", b"", time.monotonic() - started, url, location[1].decode("latin-1") if location else ""
    )


def _signed(token: str, method: str, url: str, params: Mapping[str, str]) -> tuple[bytes | None, dict[str, str]]:
    """The body and the signed headers of a request."""
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


def _allowed_url(url: str) -> str:
    """A URL as it is requested and signed: without its fragment, other letters as percent codes. Raises `NoAnswer`."""
    url = quote(urldefrag(url).url, safe=string.punctuation)
    if not may_request(url):
        raise NoAnswer(11100, loopback_only("The URL", url))
    return url


def path_of(url: str) -> str:
    """The path alone, because a query may contain personal data."""
    return urlsplit(url).path or "/"


def _port(url: str) -> int:
    parts = urlsplit(url)
    return parts.port or http.client.HTTP_PORT if parts.scheme == "http" else parts.port or http.client.HTTPS_PORT


def _connect(request: _Request, started: float) -> socket.socket:
    """A connection for a request, which is recorded if there is none."""
    try:
        return _open_connection(request.url, started)
    except NoAnswer:
        request.record(None)
        raise


def _open_connection(url: str, started: float) -> socket.socket:
    """A connection to the line, tried twice, with TLS for an allowed host."""
    parts, allowed = urlsplit(url), allowed_host(url)
    host, port = (allowed.address, allowed.port) if allowed else (parts.hostname or "", _port(url))
    # The resolver could map `localhost` to another host, but not an address.
    hosts = ("127.0.0.1", "::1") if host == "localhost" else (host, host)
    code = NOT_CONNECTED
    for address in hosts:
        remaining = max(min(CONNECT_SECONDS, started + TOTAL_SECONDS - time.monotonic()), 0.001)
        try:
            sock = socket.create_connection((address, port), remaining)
        except OSError as error:
            code = REFUSED if isinstance(error, ConnectionRefusedError) else NOT_CONNECTED
            continue
        return _with_tls(sock, allowed) if allowed else sock
    raise NoAnswer(code, f"The line is not running: no connection to {parts.scheme}://{parts.netloc}.")


def _with_tls(sock: socket.socket, allowed: AllowedHost) -> socket.socket:
    try:
        return allowed.context().wrap_socket(sock, server_hostname=allowed.name)
    except ssl.SSLCertVerificationError as error:
        sock.close()
        code = CERTIFICATE_CODES.get(error.verify_code, 11237)
        raise NoAnswer(code, f"The certificate of {allowed.name} was refused: {error.verify_message}.") from None
    except OSError:
        sock.close()
        raise NoAnswer(11220, f"The line on port {allowed.port} does not answer with TLS.") from None


def _target(url: str) -> str:
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _exchange(
    connection: http.client.HTTPConnection,
    sock: socket.socket,
    request: _Request,
    started: float,
) -> Answer:
    answer: Answer | None = None
    try:
        answer = _request_and_read(connection, sock, request, started)
        return answer
    finally:
        request.record(answer)


def _request_and_read(
    connection: http.client.HTTPConnection, sock: socket.socket, request: _Request, started: float
) -> Answer:
    # The connection drops its socket once the response header announces a close.
    _set_timeout(sock, started)
    headers = {"Host": urlsplit(request.url).netloc, **request.headers}
    connection.request(request.method, _target(request.url), request.body, headers)
    response = connection.getresponse()
    body = b""
    while len(body) <= MAX_BYTES:
        _set_timeout(sock, started)
        chunk = response.read1(min(65536, MAX_BYTES + 1 - len(body)))
        if not chunk:
            break
        body += chunk
    if response.length and len(body) <= MAX_BYTES:
        raise http.client.IncompleteRead(body, response.length)
    media_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return Answer(
        response.status,
        media_type,
        body,
        time.monotonic() - started,
        location=response.headers.get("Location", ""),
        set_cookie=tuple(response.headers.get_all("Set-Cookie") or ()),
    )


def _set_timeout(sock: socket.socket, started: float) -> None:
    remaining = started + TOTAL_SECONDS - time.monotonic()
    if remaining <= 0:
        raise TimeoutError
    sock.settimeout(remaining)
