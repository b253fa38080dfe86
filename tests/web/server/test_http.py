"""Parsing requests: what is read, and what is refused because another parser might read it differently."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.web.server.http import MAX_HEADERS, ChunkedBody, HttpError, parse_head

LIMIT = 1000


def test_a_request_of_twilio_is_parsed() -> None:
    head = parse_head(
        b"POST /voice?a=%20b HTTP/1.1\r\nHost: line.example.org\r\nX-Twilio-Signature:  abc= \r\nContent-Length: 5"
    )
    assert (head.method, head.target, head.length) == ("POST", "/voice?a=%20b", 5)
    assert head.headers == {"HTTP_HOST": "line.example.org", "HTTP_X_TWILIO_SIGNATURE": "abc=", "CONTENT_LENGTH": "5"}
    assert head.keep_alive


REFUSED = [
    ("no request line", b"", 400),
    ("a bare line feed", b"GET / HTTP/1.1\nHost: x", 400),
    ("no path", b"GET  HTTP/1.1", 400),
    ("a full URL", b"GET http://x/ HTTP/1.1", 400),
    ("a path that is not ASCII", b"GET /\xf1 HTTP/1.1", 400),
    ("a method in lower case", b"get / HTTP/1.1", 400),
    ("HTTP/2", b"PRI * HTTP/2.0", 505),
    ("HTTP/0.9", b"GET /", 400),
    ("a space before the colon", b"GET / HTTP/1.1\r\nContent-Length : 5", 400),
    ("a folded line", b"GET / HTTP/1.1\r\nA: b\r\n c", 400),
    ("a null", b"GET / HTTP/1.1\r\nA: \0", 400),
    ("a carriage return", b"GET / HTTP/1.1\r\nA: b\rc", 400),
    ("no colon", b"GET / HTTP/1.1\r\nHost", 400),
    ("two lengths", b"POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 5", 400),
    ("a negative length", b"POST / HTTP/1.1\r\nContent-Length: -5", 400),
    ("a signed length", b"POST / HTTP/1.1\r\nContent-Length: +5", 400),
    ("an empty length", b"POST / HTTP/1.1\r\nContent-Length:", 400),
    ("a length in other digits", "POST / HTTP/1.1\r\nContent-Length: \u00b2".encode("latin-1"), 400),
    ("a length and chunks", b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked", 400),
    ("another encoding", b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked", 501),
    ("chunks twice", b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked", 501),
    ("too many headers", b"GET / HTTP/1.1" + b"\r\nA: b" * (MAX_HEADERS + 1), 431),
]


@pytest.mark.parametrize(("label", "data", "status"), REFUSED, ids=[case[0] for case in REFUSED])
def test_an_ambiguous_or_malformed_request_is_refused(label: str, data: bytes, status: int) -> None:
    with pytest.raises(HttpError) as error:
        parse_head(data)
    assert error.value.status == status


KEPT = [
    (b"GET / HTTP/1.1", True),
    (b"GET / HTTP/1.1\r\nConnection: close", False),
    (b"GET / HTTP/1.0", False),
    (b"GET / HTTP/1.0\r\nConnection: Keep-Alive", True),
]


@pytest.mark.parametrize(("data", "kept"), KEPT)
def test_a_connection_is_kept_as_the_client_asks(data: bytes, kept: bool) -> None:
    assert parse_head(data).keep_alive is kept


def test_a_header_with_an_underscore_does_not_replace_the_one_with_a_hyphen() -> None:
    head = parse_head(b"GET / HTTP/1.1\r\nX_Twilio_Signature: forged\r\nX-Twilio-Signature: real")
    assert head.headers["HTTP_X_TWILIO_SIGNATURE"] == "real"


def test_a_length_with_thousands_of_digits_is_a_length() -> None:
    length = parse_head(b"POST / HTTP/1.1\r\nContent-Length: " + b"9" * 5000).length
    assert length is not None
    assert length > 10**18


@given(st.binary(max_size=200) | st.text(max_size=80).map(lambda text: f"GET / HTTP/1.1\r\n{text}".encode()))
def test_any_bytes_are_parsed_or_refused(data: bytes) -> None:
    with contextlib.suppress(HttpError):
        assert parse_head(data).target


def chunked(parts: list[bytes]) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts if part) + b"0\r\n\r\n"


@given(st.lists(st.binary(max_size=40), max_size=8), st.binary(max_size=10), st.lists(st.integers(0, 400), max_size=8))
def test_any_chunks_are_decoded_however_they_are_split(parts: list[bytes], rest: bytes, cuts: list[int]) -> None:
    message, body = chunked(parts), ChunkedBody(LIMIT)
    places = [0, *sorted(cut for cut in cuts if cut < len(message)), len(message)]
    results = [body.feed(message[start:end]) for start, end in zip(places, places[1:], strict=False)]
    assert results[-1] == b""
    assert not any(results[:-1])
    assert bytes(body.data) == b"".join(parts)
    assert ChunkedBody(LIMIT).feed(message + rest) == rest


BAD_CHUNKS = [
    ("no size", b"\r\n", 400),
    ("not hexadecimal", b"g\r\n", 400),
    ("a negative size", b"-1\r\n", 400),
    ("a wrong end", b"1\r\nab\r\n", 400),
    ("too long a size line", b"1;" + b"x" * 300, 400),
    ("a declared size over the limit", b"3e9\r\n", 413),
    ("a sum over the limit", (b"1f4\r\n" + b"x" * 500 + b"\r\n") * 3, 413),
    ("endless trailers", b"0\r\n" + (b"a: " + b"x" * 200 + b"\r\n") * 200, 431),
]


@pytest.mark.parametrize(("label", "data", "status"), BAD_CHUNKS, ids=[case[0] for case in BAD_CHUNKS])
def test_bad_chunks_are_refused(label: str, data: bytes, status: int) -> None:
    with pytest.raises(HttpError) as error:
        ChunkedBody(LIMIT).feed(data)
    assert error.value.status == status


def test_trailers_are_ignored() -> None:
    body = ChunkedBody(LIMIT)
    assert body.feed(b"3;a=b\r\nabc\r\n0\r\nX: y\r\n\r\nrest") == b"rest"
    assert bytes(body.data) == b"abc"
