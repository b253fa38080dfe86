"""A request is accepted exactly when Twilio's own validator accepts it."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator
from werkzeug.datastructures import MultiDict

from ivr.carrier.twilio.signature import Fields, compute_signature, is_signed
from tests.conftest import shared_json

URL = "https://line.example.org/voice"
FORM: Fields = [("CallSid", "CA1"), ("From", "+16035550123"), ("Body", " Hello & ¿qué? ")]
TOKEN = "a-token"


def signature(url: str = URL, fields: Fields = FORM, token: str = TOKEN) -> str:
    return compute_signature(url, fields, token).decode()


def official(url: str, fields: Fields | str, signed: str, token: str) -> bool:
    """Twilio's validator, given the fields as a web framework gives them."""
    form = fields if isinstance(fields, str) else MultiDictForm(fields)
    return bool(RequestValidator(token).validate(url, form, signed))


class MultiDictForm(MultiDict[str, str]):
    """Flask's fields, with the method that the validator calls."""

    def getall(self, name: str) -> list[str]:
        return self.getlist(name)


def test_every_vector_of_twilios_own_tests_has_the_same_result() -> None:
    vectors: list[dict[str, Any]] = shared_json("signature/vectors.json")
    assert vectors
    for vector in vectors:
        fields = _fields(vector)
        for url in {vector["request_url"], vector["signed_url"]}:
            expected = official(url, fields, vector["signature"], vector["token"])
            assert is_signed(url, fields, vector["signature"], [vector["token"]]) is expected
        assert is_signed(vector["request_url"], fields, vector["signature"], [vector["token"]]), vector["source"]
        changed = "A" + vector["signature"][1:] if vector["signature"][0] != "A" else "B" + vector["signature"][1:]
        assert not is_signed(vector["request_url"], fields, changed, [vector["token"]])


def _fields(vector: dict[str, Any]) -> Fields | str:
    if "body" in vector:
        return str(vector["body"])
    pairs = vector.get("params_list") or vector["params"].items()
    return [(name, value) for name, value in pairs]


texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
forms = st.lists(st.tuples(st.sampled_from(["Body", "From", "a", "B", ""]) | texts, st.just("") | texts), max_size=6)
hosts = st.sampled_from(["line.example.org", "LINE.example.org", "127.0.0.1", "[::1]", "user:secret@line.example.org"])
ports = st.sampled_from(["", ":80", ":443", ":8000", ":"])
paths = st.sampled_from(["", "/", "/voice", "/voice/ab12/en.menu-welcome", "/a;b", "/a;", "//x", "/ñ", "/%20"])
queries = st.sampled_from(["", "?", "?a=1&b=2", "?b=2&a=1", "?a=%C3%B1", "?#", "#f", "?q=https://x.org:1/"])
urls = st.tuples(st.sampled_from(["https://", "http://", "HTTPS://"]), hosts, ports, paths, queries).map("".join)


@given(url=urls, fields=forms, order=st.randoms(use_true_random=False))
def test_any_signed_form_is_accepted_exactly_when_the_official_validator_accepts(
    url: str, fields: Fields, order: Any
) -> None:
    signed = signature(url, fields)
    assert is_signed(url, fields, signed, [TOKEN]) is official(url, fields, signed, TOKEN)
    by_twilio = RequestValidator(TOKEN).compute_signature(url, MultiDictForm(fields))
    assert signed == by_twilio
    shuffled = list(fields)
    order.shuffle(shuffled)
    assert is_signed(url, shuffled, signed, [TOKEN]) is is_signed(url, fields, signed, [TOKEN])


@given(fields=forms, token=st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=100))
def test_any_token_signs_as_twilios_own_library_does(fields: Fields, token: str) -> None:
    signed = RequestValidator(token).compute_signature(URL, MultiDictForm(fields))
    assert compute_signature(URL, fields, token).decode() == signed
    assert is_signed(URL, fields, signed, [token])


@given(url=urls, other=urls, fields=forms)
def test_a_form_signed_for_another_url_is_accepted_exactly_when_the_official_validator_accepts(
    url: str, other: str, fields: Fields
) -> None:
    signed = signature(other, fields)
    assert is_signed(url, fields, signed, [TOKEN]) is official(url, fields, signed, TOKEN)


@given(fields=forms, forged=forms)
def test_any_other_form_is_rejected(fields: Fields, forged: Fields) -> None:
    signed_over = "".join(name + value for name, value in sorted(set(fields)))
    given_over = "".join(name + value for name, value in sorted(set(forged)))
    assert is_signed(URL, forged, signature(URL, fields), [TOKEN]) is (signed_over == given_over)


@given(st.text(max_size=40))
def test_any_other_signature_is_rejected_without_an_error(forged: str) -> None:
    assert not is_signed(URL, FORM, forged, [TOKEN])
    assert not is_signed(URL, "a body", forged, [TOKEN])


@given(st.text(max_size=40), st.text(max_size=20))
def test_any_unsigned_url_and_body_is_rejected_without_an_error(tail: str, body: str) -> None:
    for fields in (body, [("Body", body)]):
        assert is_signed("https://line.example.org" + tail, fields, "AAAA", [TOKEN]) is False


@pytest.mark.parametrize(
    "url",
    ["https://line.example.org[", "https://line.example.org:port/", "https://line.example.org:99999/", "", "\ud800"],
)
def test_a_malformed_url_is_rejected(url: str) -> None:
    assert is_signed(url, FORM, "AAAA", [TOKEN]) is False


REJECTED = [
    ("an empty signature", URL, FORM, "", [TOKEN]),
    ("a signature that is not ASCII", URL, FORM, "ñ" * 28, [TOKEN]),
    ("another token", URL, FORM, signature(token="other"), [TOKEN]),
    ("no token", URL, FORM, signature(), []),
    ("an empty token", URL, FORM, signature(token=""), [""]),
    ("an added field", URL, [*FORM, ("x", "y")], signature(), [TOKEN]),
    ("a removed field", URL, FORM[1:], signature(), [TOKEN]),
    ("a trimmed field", URL, [(name, value.strip()) for name, value in FORM], signature(), [TOKEN]),
    ("another path", URL + "/", FORM, signature(), [TOKEN]),
    ("another query", URL + "?a=1", FORM, signature(), [TOKEN]),
    ("plain http", URL.replace("https", "http"), FORM, signature(), [TOKEN]),
]


@pytest.mark.parametrize(("label", "url", "fields", "signed", "tokens"), REJECTED, ids=[case[0] for case in REJECTED])
def test_an_unsigned_request_is_rejected(label: str, url: str, fields: Fields, signed: str, tokens: list[str]) -> None:
    assert is_signed(url, fields, signed, tokens) is False


@pytest.mark.parametrize("token", ["the-new-one", "the-old-one"])
def test_both_tokens_are_accepted_during_a_rotation(token: str) -> None:
    assert is_signed(URL, FORM, signature(token=token), ("the-new-one", "the-old-one"))
    assert not is_signed(URL, FORM, signature(token="a-third-one"), ("the-new-one", "the-old-one"))


def test_a_repeated_name_is_signed_with_each_of_its_values() -> None:
    fields = [("MediaUrl", "b"), ("MediaUrl", "a"), ("MediaUrl", "a")]
    assert is_signed(URL, fields, signature(URL, fields), [TOKEN])
    assert not is_signed(URL, fields[:1], signature(URL, fields), [TOKEN])


@given(body=st.text(st.characters(exclude_categories=("Cs",)), max_size=60), changed=st.booleans())
def test_a_body_that_is_not_a_form_is_accepted_only_with_its_hash(body: str, changed: bool) -> None:
    url = f"{URL}?bodySHA256={quote(hashlib.sha256(body.encode()).hexdigest())}"
    sent = body + "x" if changed else body
    assert is_signed(url, sent, signature(url, []), [TOKEN]) is not changed
    assert official(url, sent, signature(url, []), TOKEN) is not changed


def test_a_body_that_is_neither_a_form_nor_hashed_is_rejected() -> None:
    assert is_signed(URL, '{"a": 1}', signature(URL, []), [TOKEN]) is False
    assert is_signed(f"{URL}?bodySHA256=", '{"a": 1}', signature(f"{URL}?bodySHA256=", []), [TOKEN]) is False
