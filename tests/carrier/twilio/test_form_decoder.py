"""The form decoder agrees with the standard library on every body."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.carrier.twilio.form_decoder import MAX_FIELDS, TooManyFields, decode_form


@given(st.lists(st.tuples(st.text(), st.text())))
def test_any_encoded_form_is_decoded_to_its_fields(fields: list[tuple[str, str]]) -> None:
    encodable = [(name, value) for name, value in fields if _is_encodable(name + value)]
    assert decode_form(urlencode(encodable)) == encodable


@given(st.text(alphabet="abB=&%+;20éC3A9 \x00"))
def test_any_body_is_decoded_as_the_standard_library_does(body: str) -> None:
    assert decode_form(body) == parse_qsl(body, keep_blank_values=True)


@pytest.mark.parametrize("template", ["%{:02X}", "%{:02x}"], ids=["upper case", "lower case"])
def test_every_escape_is_decoded_as_the_standard_library_does(template: str) -> None:
    escapes = [template.format(code) for code in range(256)]
    for text in (*escapes, "".join(escapes), "%C3%B1", "%2b%2B+%252B", "%aF%Af"):
        body = f"{text}={text}&x={text}"
        assert decode_form(body) == parse_qsl(body, keep_blank_values=True)


def test_a_form_with_too_many_fields_is_rejected_with_a_sentence() -> None:
    with pytest.raises(TooManyFields, match=r"502 fields; at most 500 are accepted\."):
        decode_form("a=1&" * (MAX_FIELDS + 1))


def _is_encodable(text: str) -> bool:
    return not any(0xD800 <= ord(character) <= 0xDFFF for character in text)
