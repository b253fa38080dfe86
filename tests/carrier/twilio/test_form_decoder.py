"""Posted forms."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.carrier.twilio.form_decoder import TooManyFields, decode_form


@given(st.lists(st.tuples(st.text(), st.text())))
def test_any_form_that_is_encoded_comes_back_as_it_was(fields: list[tuple[str, str]]) -> None:
    encodable = [(name, value) for name, value in fields if _encodable(name + value)]
    assert decode_form(urlencode(encodable)) == encodable


@given(st.text(alphabet="abB=&%+;20éC3A9 \x00"))
def test_any_body_is_read_as_the_standard_library_reads_it(words: str) -> None:
    assert decode_form(words) == parse_qsl(words, keep_blank_values=True)


@pytest.mark.parametrize("write", ["%{:02X}", "%{:02x}"])
def test_every_escape_is_read_as_the_standard_library_reads_it(write: str) -> None:
    escapes = [write.format(code) for code in range(256)]
    for words in (*escapes, "".join(escapes), "%C3%B1", "%2b%2B+%252B", "%aF%Af"):
        assert decode_form(f"{words}={words}&x={words}") == parse_qsl(
            f"{words}={words}&x={words}", keep_blank_values=True
        )


def test_a_form_with_too_many_fields_is_refused() -> None:
    with pytest.raises(TooManyFields):
        decode_form("a=1&" * 501)


def _encodable(words: str) -> bool:
    return not any(0xD800 <= ord(character) <= 0xDFFF for character in words)
