"""Parsing requests: what is read, and what is refused because another parser might read it differently."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.web.server.http import MAX_HEADERS, Head, HttpError, RequestReader

LIMIT = 1000
POST_CHUNKS = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"


def parse_head(lines: bytes) -> Head:
    """The head of a request. lines: without the empty line that ends them."""
    heads = list[Head]()
    RequestReader(heads.append, LIMIT).feed(lines + b"\r\n\r\n")
    [head] = heads
    return head


def read(data: bytes, cuts: list[int] | None = None) -> RequestReader:
    """A reader that was fed a request, cut into pieces at these places."""
    reader = RequestReader(lambda _head: None, LIMIT)
    places = [0, *sorted(cut for cut in cuts or () if cut < len(data)), len(data)]
    for start, end in zip(places, places[1:], strict=False):
        assert not reader.is_complete or start == end
        reader.feed(data[start:end])
    return reader


def test_a_request_of_twilio_is_parsed() -> None:
    head = parse_head(
        b"POST /voice?a=%20b HTTP/1.1\r\nHost: line.example.org\r\nX-Twilio-Signature:  abc= \r\nContent-Length: 5"
    )
    assert (head.method, head.target, head.length) == ("POST", "/voice?a=%20b", 5)
    assert head.headers == {"HTTP_HOST": "line.example.org", "HTTP_X_TWILIO_SIGNATURE": "abc=", "CONTENT_LENGTH": "5"}
    assert head.keep_alive


REFUSED = [
    ("a bare line feed", b"GET / HTTP/1.1\nHost: x", 400),
    ("no path", b"GET  HTTP/1.1", 400),
    ("a full URL", b"GET http://x/ HTTP/1.1", 400),
    ("a path that is not ASCII", b"GET /\xf1 HTTP/1.1", 400),
    ("a method in lower case", b"get / HTTP/1.1", 400),
    ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM", 400),
    ("HTTP/0.9", b"GET /", 505),
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
    ("chunks twice", b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked", 400),
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


def test_a_request_after_the_first_is_noticed_and_not_read() -> None:
    reader = read(b"GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n")
    assert (reader.is_complete, reader.has_more) == (True, True)


@pytest.mark.parametrize("rest", [b"junk", b"\0", b"GET /2 HTTP/1.1\r\nConnection: close\r\n\r\n"])
def test_what_follows_a_last_request_changes_nothing(rest: bytes) -> None:
    reader = read(b"POST / HTTP/1.1\r\nConnection: close\r\nContent-Length: 2\r\n\r\nab" + rest)
    assert (reader.is_complete, reader.has_more, bytes(reader.body)) == (True, True, b"ab")


def test_an_offer_of_another_protocol_is_ignored() -> None:
    assert read(b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n").is_complete


def test_an_empty_line_does_not_begin_a_request() -> None:
    assert not read(b"\r\n").is_started
    assert read(b"\r\nGET / HTTP/1.1\r\n\r\n").is_complete


@pytest.mark.parametrize("line", [b"/" + b"a" * 20_000, b"/ HTTP/1.1\r\nA: " + b"b" * 20_000])
def test_a_head_that_does_not_end_is_refused(line: bytes) -> None:
    for size in (100, len(line)):
        with pytest.raises(HttpError) as error:
            read(b"GET " + line, list(range(size, len(line), size)))
        assert error.value.status == 431


@given(st.binary(max_size=200) | st.text(max_size=80).map(lambda text: f"GET / HTTP/1.1\r\n{text}".encode()))
def test_any_bytes_are_parsed_or_refused(data: bytes) -> None:
    with contextlib.suppress(HttpError):
        read(data)


def chunked(parts: list[bytes]) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts if part) + b"0\r\n\r\n"


@given(st.lists(st.binary(max_size=40), max_size=8), st.lists(st.integers(0, 400), max_size=8))
def test_any_chunks_are_decoded_however_they_are_split(parts: list[bytes], cuts: list[int]) -> None:
    reader = read(POST_CHUNKS + chunked(parts), cuts)
    assert (reader.is_complete, reader.has_more) == (True, False)
    assert bytes(reader.body) == b"".join(parts)


BAD_CHUNKS = [
    ("no size", b"\r\n", 400),
    ("not hexadecimal", b"g\r\n", 400),
    ("a negative size", b"-1\r\n", 400),
    ("a wrong end", b"1\r\nab\r\n", 400),
    ("a size of seventeen digits", b"11111111111111111\r\n", 400),
    ("a sum over the limit", (b"1f4\r\n" + b"x" * 500 + b"\r\n") * 3, 413),
    ("endless trailers", b"0\r\n" + (b"a: " + b"x" * 200 + b"\r\n") * 200, 431),
]


@pytest.mark.parametrize(("label", "data", "status"), BAD_CHUNKS, ids=[case[0] for case in BAD_CHUNKS])
def test_bad_chunks_are_refused(label: str, data: bytes, status: int) -> None:
    with pytest.raises(HttpError) as error:
        read(POST_CHUNKS + data)
    assert error.value.status == status


def test_trailers_are_ignored() -> None:
    reader = read(POST_CHUNKS + b"3;a=b\r\nabc\r\n0\r\nX: y\r\n\r\n")
    assert (reader.is_complete, bytes(reader.body)) == (True, b"abc")


def test_a_body_over_the_limit_is_refused() -> None:
    with pytest.raises(HttpError) as error:
        read(b"POST / HTTP/1.1\r\nContent-Length: 1001\r\n\r\n" + b"x" * 1001)
    assert error.value.status == 413
