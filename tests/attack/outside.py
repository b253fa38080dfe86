"""Attacks from outside that need no account and no token, as tables: what is sent, and which answers are safe."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import chain, repeat

from tests.attack.exchange import Answer, Door

FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"
TEXT = b"From=%2B16035550166&To=%2B16035550100&Body=STOP&MessageSid=SM" + b"6" * 32
EVIL = b"evil.example"
# A response that shows a file or an address of the attacker's.
SECRETS = (b"root:x:", b"[alembic]", b"TWILIO_AUTH_TOKEN", b"PHONE_KEY")


class Kind(StrEnum):
    FORGED = "forged"
    SMUGGLED = "smuggled"
    SLOW = "half-sent"
    LARGE = "oversize"
    PATH = "path"
    HEADER = "header"
    INSIDE = "inside only"


@dataclass(frozen=True)
class Attack:
    """One attack. pieces: what is sent, after Host is filled in. safe: the statuses of the first response; 0: none.

    once: the server must take the bytes for one request and close the connection, because what follows is not a
    request that the client meant. pause: seconds between two pieces. never: what no answer may contain, and
    never_in_head: what its headers may not.
    """

    kind: Kind
    name: str
    pieces: tuple[bytes, ...] | Callable[[], Iterable[bytes]]
    safe: frozenset[int]
    advice: str
    once: bool = False
    pause: float = 0.0
    never: tuple[bytes, ...] = field(default=())
    never_in_head: tuple[bytes, ...] = field(default=())

    def run(self, door: Door) -> str:
        """What went wrong; empty if the line is safe. Raises OSError if nothing listens."""
        pieces = self.pieces if isinstance(self.pieces, tuple) else self.pieces()
        host = door.host.encode()
        return self.fault(door.exchange((piece.replace(b"{host}", host) for piece in pieces), self.pause))

    def fault(self, answer: Answer) -> str:
        if answer.status not in self.safe:
            return f"the answer is {answer.status or 'none'}"
        if not answer.statuses and not answer.closed:
            return "no answer, and the connection stays open"
        if self.once and len(answer.statuses) > 1:
            return f"one request gets {len(answer.statuses)} answers"
        if self.once and not answer.closed:
            return "the connection stays open"
        head = answer.data.partition(b"\r\n\r\n")[0]
        shown = next((words for words in (*SECRETS, *self.never) if words in answer.data), b"")
        shown = shown or next((words for words in self.never_in_head if words in head), b"")
        return f"the answer shows {shown.decode('latin-1')!r}" if shown else ""

    def __str__(self) -> str:
        return f"{self.kind}: {self.name}"


def request(target: bytes, *lines: bytes, method: bytes = b"GET", body: bytes | None = None) -> bytes:
    """A request that ends its connection. lines: further header lines, without their ends."""
    length = [b"Content-Length: %d" % len(body)] if body is not None else []
    head = [method + b" " + target + b" HTTP/1.1", b"Host: {host}", b"Connection: close", *length, *lines]
    return b"\r\n".join(head) + b"\r\n\r\n" + (body or b"")


def _post(target: bytes, *lines: bytes, body: bytes = TEXT) -> bytes:
    return request(target, FORM.strip(), *lines, method=b"POST", body=body)


_SIGNED = b"X-Twilio-Signature: "
_CHECK = "Twilio's signature is not checked: set TWILIO_AUTH_TOKEN and PUBLIC_URL, and let only the line answer there."
FORGED = [
    Attack(Kind.FORGED, name, (data,), frozenset(safe), _CHECK)
    for name, data, safe in (
        ("a text without a signature", _post(b"/sms"), {403}),
        ("a call without a signature", _post(b"/voice"), {403}),
        ("a receipt without a signature", _post(b"/receipts/text/" + b"a" * 32), {403}),
        ("an end of a call without a signature", _post(b"/receipts/call/incoming"), {403}),
        ("a signature that somebody made up", _post(b"/sms", _SIGNED + b"bm8gc2lnbmF0dXJlIGF0IGFsbCE="), {403}),
        ("an empty signature", _post(b"/sms", _SIGNED), {403}),
        ("two signatures", _post(b"/sms", _SIGNED + b"YQ==", _SIGNED + b"Yg=="), {403}),
        ("a signature in the query", _post(b"/sms?X-Twilio-Signature=YQ=="), {403}),
        ("a signature with an underscore", _post(b"/sms", b"X_Twilio_Signature: YQ=="), {403}),
        ("a signature of 10 kB", _post(b"/sms", _SIGNED + b"A" * 10_000), {403, 400, 431, 494}),
        ("a signature that is not ASCII", _post(b"/sms", _SIGNED + b"\xff\xfe"), {403, 400}),
        ("a text as a GET", request(b"/sms?" + TEXT), {405, 403}),
        ("another method in a header", _post(b"/sms", b"X-HTTP-Method-Override: GET"), {403}),
        ("a text as JSON", request(b"/sms", b"Content-Type: application/json", method=b"POST", body=b"{}"), {403}),
        ("a path with an encoded letter", _post(b"/%73ms"), {403, 404}),
        ("a path with two slashes", _post(b"//sms"), {403, 404, 405}),
        ("a path below", _post(b"/sms/"), {403, 404, 405, 308}),
    )
]

_CANARY = b"GET /healthz HTTP/1.1\r\nHost: {host}\r\n\r\n"
_HEAD = b"POST /voice HTTP/1.1\r\nHost: {host}\r\nX-Twilio-Signature: YQ==\r\n"
_CHUNKED = b"Transfer-Encoding: chunked\r\n"
_REFUSED = frozenset({0, 400, 403, 411, 413, 431, 501, 505})
_ONE = "Two programs read this request differently: use the line's own port, or the proxy of deploy/nginx."
SMUGGLED = [
    Attack(Kind.SMUGGLED, name, (data,), _REFUSED, _ONE, once=True)
    for name, data in (
        ("a length and chunks", _HEAD + b"Content-Length: 60\r\n" + _CHUNKED + b"\r\n0\r\n\r\n" + _CANARY),
        ("chunks and a length", _HEAD + _CHUNKED + b"Content-Length: 3\r\n\r\n1\r\nA\r\n0\r\n\r\n" + _CANARY),
        ("two lengths", _HEAD + b"Content-Length: 0\r\nContent-Length: 44\r\n\r\n" + _CANARY),
        ("two lengths in one header", _HEAD + b"Content-Length: 0, 44\r\n\r\n" + _CANARY),
        ("a length with a sign", _HEAD + b"Content-Length: +0\r\n\r\n" + _CANARY),
        ("a length in hexadecimal", _HEAD + b"Content-Length: 0x2c\r\n\r\n" + _CANARY),
        ("a length with an underscore", _HEAD + b"Content-Length: 4_4\r\n\r\n" + _CANARY),
        ("a negative length", _HEAD + b"Content-Length: -1\r\n\r\n" + _CANARY),
        ("a space before the colon", _HEAD + b"Content-Length : 44\r\n\r\n" + _CANARY),
        ("chunks with a tab", _HEAD + b"Transfer-Encoding:\tchunked, identity\r\n\r\n0\r\n\r\n" + _CANARY),
        ("chunks of another kind", _HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + _CANARY),
        ("chunks twice", _HEAD + _CHUNKED + _CHUNKED + b"\r\n0\r\n\r\n" + _CANARY),
        ("a folded line", _HEAD + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n" + _CANARY),
        ("a bare carriage return", _HEAD + b"X: y\rContent-Length: 44\r\n\r\n" + _CANARY),
        ("a null in a header", _HEAD + b"X: \0\r\nContent-Length: 0\r\n\r\n" + _CANARY),
        ("a bare line feed in chunks", _HEAD + _CHUNKED + b"\r\n1;\nA\r\n0\r\n\r\n" + _CANARY),
        ("a chunk size that overflows", _HEAD + _CHUNKED + b"\r\n1000000000000000a\r\nA\r\n0\r\n\r\n" + _CANARY),
        ("chunks to HTTP/1.0", _HEAD.replace(b"1.1", b"1.0") + b"Content-Length: 5\r\n" + _CHUNKED + b"\r\n0\r\n\r\n"),
        ("another version", _HEAD.replace(b"HTTP/1.1", b"HTTP/3.0") + b"\r\n" + _CANARY),
        ("an upgrade to HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _CANARY),
    )
]

_TIMES = "A client that sends slowly holds a connection: put the proxy of deploy/nginx in front, with its times."
_CUT_OFF = frozenset({0, 400, 403, 408})
SLOW = [
    Attack(Kind.SLOW, name, pieces, _CUT_OFF, _TIMES, once=True, pause=pause)
    for name, pieces, pause in (
        ("half a head", (b"POST /voice HTTP/1.1\r\nHost: {host}\r\nX-A: ",), 0.0),
        ("half a body", (_HEAD + b"Content-Length: 500\r\n\r\nFrom=",), 0.0),
        ("half a chunk", (_HEAD + _CHUNKED + b"\r\nff\r\nFrom=",), 0.0),
        ("a head byte by byte", lambda: chain([b"GET /healthz HTTP/1.1\r\nX: "], repeat(b"a")), 0.5),
        ("a body byte by byte", lambda: chain([_HEAD + b"Content-Length: 500\r\n\r\n"], repeat(b"a")), 0.5),
    )
]


def _headers(count: int, size: int = 1) -> Iterator[bytes]:
    yield b"GET /healthz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n"
    block = (b"X-A: " + b"b" * size + b"\r\n") * 1000
    for _ in range(count // 1000):
        yield block
    yield b"\r\n"


def _endless_chunks() -> Iterator[bytes]:
    yield _HEAD + _CHUNKED + b"\r\n"
    yield from repeat(b"1000\r\n" + b"a" * 4096 + b"\r\n", 5000)


# 408: what it does not keep, the line reads until the time is over.
_TOO_LARGE = frozenset({0, 400, 403, 408, 413, 414, 431, 494})
_LIMITS = "The limits of sizes are off: put the proxy of deploy/nginx in front, or let the line's own port answer."
LARGE = [
    Attack(Kind.LARGE, name, data, _TOO_LARGE, _LIMITS, once=True)
    for name, data in (
        ("a header of 100 kB", (request(b"/healthz", b"X-A: " + b"b" * 100_000),)),
        ("a thousand headers of 100 bytes", lambda: _headers(1000, 100)),
        ("a million headers", lambda: _headers(1_000_000)),
        ("a URL of a million bytes", (request(b"/healthz?" + b"a" * 1_000_000),)),
        ("a path of a million slashes", (request(b"/" * 1_000_000),)),
        ("a body of 70 kB", (_post(b"/sms", _SIGNED + b"YQ==", body=b"a" * 70_000),)),
        ("a body of a terabyte", (_HEAD + b"Content-Length: 1000000000000\r\n\r\nFrom=",)),
        ("a length of a thousand digits", (_HEAD + b"Content-Length: " + b"9" * 1000 + b"\r\n\r\nFrom=",)),
        ("chunks without an end", _endless_chunks),
        ("a chunk extension without an end", (_HEAD + _CHUNKED + b"\r\n1;" + b"a" * 200_000,)),
        ("a file to the API without a key", (request(b"/api/v1/batches", method=b"POST", body=b"a" * 900_000),)),
    )
]
# The API asks for a key first; behind the proxy, it is not there.
LARGE[-1] = Attack(Kind.LARGE, LARGE[-1].name, LARGE[-1].pieces, frozenset({0, 401, 404, 413}), _LIMITS)

_FILES = "A path leads out of what the line serves: let nothing but the line answer at this address."
# 308: to the same path with one slash instead of two.
_NOT_THERE = frozenset({308, 400, 403, 404, 405})
PATHS = [
    Attack(Kind.PATH, target.decode("latin-1")[:60], (request(target),), _NOT_THERE, _FILES)
    for target in (
        b"/audio/../../../../etc/passwd",
        b"/audio/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        b"/audio/..%2f..%2f..%2fetc%2fpasswd",
        b"/audio/%252e%252e%252fetc%252fpasswd",
        b"/audio/..\\..\\..\\etc\\passwd",
        b"/audio/..%5c..%5cetc%5cpasswd",
        b"/audio/%00",
        b"/audio/" + b"0" * 64 + b"%00.mp3",
        b"/audio/%c0%ae%c0%ae/etc/passwd",
        b"/audio/file:///etc/passwd",
        b"/console/static/../../../../etc/passwd",
        b"/console/static/%2e%2e/%2e%2e/app.py",
        b"/console/static/..%2f..%2fapp.py",
        b"/console/static/..%5c..%5capp.py",
        b"/console/static/%2fetc%2fpasswd",
        b"/console/static/console.css%00.js",
        b"/console/../sms",
        b"/voice/../../etc/passwd",
        b"/voice/..%2f..%2fmetrics",
        b"/healthz/../metrics/..",
        b"/.env",
        b"/.git/config",
        b"/infoline.db",
        b"/var/infoline.db",
        b"/server-status",
        b"/console/login%00",
    )
]

_HEADERS = "The answer repeats what the client sent: let nothing but the line answer at this address."
HEADERS = [
    Attack(Kind.HEADER, name, (data,), frozenset(safe), _HEADERS, never=never, never_in_head=in_head)
    for name, data, safe, never, in_head in (
        (
            "the host of another site",
            b"GET /console HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
            {301, 302, 303, 308, 400, 404, 421},
            (EVIL,),
            (),
        ),
        (
            "the host of another site, and two slashes",
            b"GET //console//login HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
            {301, 302, 303, 308, 400, 404, 421},
            (EVIL,),
            (),
        ),
        (
            "a host in X-Forwarded-Host",
            request(b"/console", b"X-Forwarded-Host: evil.example"),
            {302, 308, 404},
            (EVIL,),
            (),
        ),
        (
            "another site after two slashes",
            request(b"/console//evil.example/"),
            {302, 308, 400, 404},
            (),
            (b"Location: //", b"Location: http"),
        ),
        (
            "another site after the sign-in",
            request(b"/console/login?next=https://evil.example/"),
            {200, 400, 404},
            (),
            (b"Location: http",),
        ),
        (
            "a header in the address",
            request(b"/console/login?next=%0d%0aSet-Cookie:%20a=b%0d%0aX-Split:%201"),
            {200, 400, 404},
            (),
            (b"\r\nX-Split", b"Set-Cookie: a=b"),
        ),
        ("a header in a path", request(b"/console/%0d%0aX-Split:%201"), {302, 308, 400, 404}, (), (b"\r\nX-Split",)),
        (
            "a script in a path",
            request(b"/console/%3Cscript%3Ealert(1)"),
            {302, 308, 400, 404},
            (b"<script>alert",),
            (),
        ),
        ("TRACE", request(b"/healthz", b"Cookie: a=secret", method=b"TRACE"), {400, 404, 405, 501}, (b"secret",), ()),
        ("CONNECT", b"CONNECT 169.254.169.254:80 HTTP/1.1\r\nHost: {host}\r\n\r\n", {0, 400, 404, 405}, (), ()),
        ("a full address", request(b"http://169.254.169.254/latest/meta-data"), {400, 403, 404}, (), ()),
    )
]

_ONLY_INSIDE = "This is open to everybody: let the proxy allow it from the hospital's networks only (deploy/nginx)."
INSIDE = [
    Attack(Kind.INSIDE, target.decode(), (request(target, *lines),), frozenset({400, 403, 404}), _ONLY_INSIDE)
    for target, lines in (
        (b"/console/login", ()),
        (b"/console/", ()),
        (b"/metrics", ()),
        (b"/metrics", (b"X-Forwarded-For: 127.0.0.1", b"X-Real-IP: 127.0.0.1", b"Forwarded: for=127.0.0.1")),
        (b"/readyz", ()),
        (b"/api/v1/openapi.json", ()),
        (b"/%63onsole/login", ()),
        (b"//console/login", ()),
        (b"/voice/../console/login", ()),
        (b"/voice/..%2fconsole/login", ()),
        (b"/console/login/../../voice", ()),
        (b"/console/login/..%2f..%2fvoice", ()),
        (b"/console/static/console.css/../../../voice", ()),
        (b"/api/v1/openapi.json/../../../healthz", ()),
        (b"/metrics/../healthz", ()),
    )
]
"""What only the hospital may open. Not for a line on this machine, which is inside."""


def attacks(door: Door) -> list[Attack]:
    """All attacks that make sense at a door."""
    inside = [] if door.is_on_this_machine else INSIDE
    return [*FORGED, *SMUGGLED, *SLOW, *LARGE, *PATHS, *HEADERS, *inside]
