"""Whether a webhook comes from the carrier: exactly when the carrier's own validator says so."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator
from werkzeug.datastructures import MultiDict

from ivr.carrier.twilio.signature import Fields, is_signed, sign
from tests.conftest import shared_json

URL = "https://line.example.org/voice"
FORM: Fields = [("CallSid", "CA1"), ("From", "+16035550123"), ("Body", " Hello & ¿qué? ")]
TOKEN = "a-token"


def signature(url: str = URL, fields: Fields = FORM, token: str = TOKEN) -> str:
    return sign(url, fields, token).decode()


def official(url: str, fields: Fields | str, signed: str, token: str) -> bool:
    """The carrier's validator, given the fields as a web framework would."""
    form = fields if isinstance(fields, str) else MultiDictForm(fields)
    return bool(RequestValidator(token).validate(url, form, signed))


class MultiDictForm(MultiDict[str, str]):
    """Flask's fields, under the name that the validator looks for."""

    def getall(self, name: str) -> list[str]:
        return self.getlist(name)


def test_every_vector_of_the_carriers_own_tests_is_judged_as_there() -> None:
    vectors: list[dict[str, Any]] = shared_json("signature/vectors.json")
    assert vectors
    for vector in vectors:
        fields = _asked(vector)
        for url in {vector["request_url"], vector["signed_url"]}:
            expected = official(url, fields, vector["signature"], vector["token"])
            assert is_signed(url, fields, vector["signature"], [vector["token"]]) is expected
        assert is_signed(vector["request_url"], fields, vector["signature"], [vector["token"]]), vector["source"]
        spoilt = "A" + vector["signature"][1:] if vector["signature"][0] != "A" else "B" + vector["signature"][1:]
        assert not is_signed(vector["request_url"], fields, spoilt, [vector["token"]])


def _asked(vector: dict[str, Any]) -> Fields | str:
    if "body" in vector:
        return str(vector["body"])
    pairs = vector.get("params_list") or vector["params"].items()
    return [(name, value) for name, value in pairs]


words = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
forms = st.lists(st.tuples(st.sampled_from(["Body", "From", "a", "B", ""]) | words, st.just("") | words), max_size=6)
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
    by_the_carrier = RequestValidator(TOKEN).compute_signature(url, MultiDictForm(fields))
    assert signed == by_the_carrier
    mixed = list(fields)
    order.shuffle(mixed)
    assert is_signed(url, mixed, signed, [TOKEN]) is is_signed(url, fields, signed, [TOKEN])


@given(fields=forms, token=st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=100))
def test_any_token_signs_as_the_carriers_own_library_does(fields: Fields, token: str) -> None:
    signed = RequestValidator(token).compute_signature(URL, MultiDictForm(fields))
    assert sign(URL, fields, token).decode() == signed
    assert is_signed(URL, fields, signed, [token])


@given(url=urls, other=urls, fields=forms)
def test_any_form_signed_for_another_address_is_judged_as_the_official_validator_does(
    url: str, other: str, fields: Fields
) -> None:
    signed = signature(other, fields)
    assert is_signed(url, fields, signed, [TOKEN]) is official(url, fields, signed, TOKEN)


@given(fields=forms, forged=forms)
def test_any_other_form_is_refused(fields: Fields, forged: Fields) -> None:
    signed_over = "".join(name + value for name, value in sorted(set(fields)))
    asked_over = "".join(name + value for name, value in sorted(set(forged)))
    assert is_signed(URL, forged, signature(URL, fields), [TOKEN]) is (signed_over == asked_over)


@given(st.text(max_size=40))
def test_any_other_signature_is_refused_and_none_crashes(forged: str) -> None:
    assert not is_signed(URL, FORM, forged, [TOKEN])
    assert not is_signed(URL, "a body", forged, [TOKEN])


@given(st.text(max_size=40), st.text(max_size=20))
def test_any_address_and_body_is_judged_without_a_crash(tail: str, body: str) -> None:
    for fields in (body, [("Body", body)]):
        assert is_signed("https://line.example.org" + tail, fields, "AAAA", [TOKEN]) is False


@pytest.mark.parametrize(
    "url",
    ["https://line.example.org[", "https://line.example.org:port/", "https://line.example.org:99999/", "", "\ud800"],
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    assert is_signed(url, FORM, "AAAA", [TOKEN]) is False


REFUSED = [
    ("an empty signature", URL, FORM, "", [TOKEN]),
    ("a signature that is not ASCII", URL, FORM, "ñ" * 28, [TOKEN]),
    ("another token", URL, FORM, signature(token="other"), [TOKEN]),
    ("no token", URL, FORM, signature(), []),
    ("an empty token", URL, FORM, signature(token=""), [""]),
    ("a field more", URL, [*FORM, ("x", "y")], signature(), [TOKEN]),
    ("a field less", URL, FORM[1:], signature(), [TOKEN]),
    ("a trimmed field", URL, [(name, value.strip()) for name, value in FORM], signature(), [TOKEN]),
    ("another path", URL + "/", FORM, signature(), [TOKEN]),
    ("another query", URL + "?a=1", FORM, signature(), [TOKEN]),
    ("plain http", URL.replace("https", "http"), FORM, signature(), [TOKEN]),
]


@pytest.mark.parametrize(("label", "url", "fields", "signed", "tokens"), REFUSED, ids=[case[0] for case in REFUSED])
def test_what_is_not_signed_is_refused(label: str, url: str, fields: Fields, signed: str, tokens: list[str]) -> None:
    assert is_signed(url, fields, signed, tokens) is False


@pytest.mark.parametrize("token", ["the-new-one", "the-old-one"])
def test_both_tokens_count_during_a_rotation(token: str) -> None:
    assert is_signed(URL, FORM, signature(token=token), ("the-new-one", "the-old-one"))
    assert not is_signed(URL, FORM, signature(token="a-third-one"), ("the-new-one", "the-old-one"))


def test_a_name_that_comes_twice_counts_with_each_of_its_values() -> None:
    fields = [("MediaUrl", "b"), ("MediaUrl", "a"), ("MediaUrl", "a")]
    assert is_signed(URL, fields, signature(URL, fields), [TOKEN])
    assert not is_signed(URL, fields[:1], signature(URL, fields), [TOKEN])


@given(body=st.text(st.characters(exclude_categories=("Cs",)), max_size=60), spoilt=st.booleans())
def test_any_body_that_is_no_form_is_accepted_with_its_hash_alone(body: str, spoilt: bool) -> None:
    url = f"{URL}?bodySHA256={quote(hashlib.sha256(body.encode()).hexdigest())}"
    asked = body + "x" if spoilt else body
    assert is_signed(url, asked, signature(url, []), [TOKEN]) is not spoilt
    assert official(url, asked, signature(url, []), TOKEN) is not spoilt


def test_a_body_that_is_no_form_and_has_no_hash_is_refused() -> None:
    assert is_signed(URL, '{"a": 1}', signature(URL, []), [TOKEN]) is False
    assert is_signed(f"{URL}?bodySHA256=", '{"a": 1}', signature(f"{URL}?bodySHA256=", []), [TOKEN]) is False
