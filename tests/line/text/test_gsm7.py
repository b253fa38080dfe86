"""Segment counts against Twilio's own calculator, and folding to GSM-7."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.line.text.gsm7 import SegmentCount, count_segments, fold_to_gsm7, non_gsm7_characters
from tests.support.paths import SHARED

VECTORS = SHARED / "data" / "segments" / "vectors.json"


def vectors() -> list[dict[str, Any]]:
    return json.loads(VECTORS.read_text(encoding="utf-8")) if VECTORS.exists() else []


@pytest.mark.skipif(not VECTORS.exists(), reason=f"{VECTORS} is missing")
def test_segments_are_counted_as_twilios_calculator_counts_them() -> None:
    expected = {
        vector["text"]: SegmentCount(vector["encoding"], vector["segments"], vector["characters"])
        for vector in vectors()
    }
    assert expected
    assert {text: count_segments(text) for text in expected} == expected


@pytest.mark.skipif(not VECTORS.exists(), reason=f"{VECTORS} is missing")
def test_every_vector_is_gsm7_after_folding() -> None:
    assert vectors()
    assert {count_segments(fold_to_gsm7(vector["text"])).encoding for vector in vectors()} == {"GSM-7"}


@pytest.mark.parametrize(
    ("label", "text", "expected"),
    [
        ("an empty text", "", SegmentCount("GSM-7", 0, 0)),
        ("one letter", "a", SegmentCount("GSM-7", 1, 1)),
        ("the longest text of one segment", "a" * 160, SegmentCount("GSM-7", 1, 160)),
        ("the shortest text of two segments", "a" * 161, SegmentCount("GSM-7", 2, 161)),
        ("the longest text of two segments", "a" * 306, SegmentCount("GSM-7", 2, 306)),
        ("the shortest text of three segments", "a" * 307, SegmentCount("GSM-7", 3, 307)),
        ("characters of two units", "€" * 80, SegmentCount("GSM-7", 1, 160)),
        ("Spanish letters in GSM-7", "ñéü¿¡", SegmentCount("GSM-7", 1, 5)),
        ("an accent that turns the text to UCS-2", "á" + "a" * 69, SegmentCount("UCS-2", 1, 70)),
        ("the same, one letter longer", "á" + "a" * 70, SegmentCount("UCS-2", 2, 71)),
        ("an emoji", "\U0001f600", SegmentCount("UCS-2", 1, 1)),
        ("a line break at the end", "a\n", SegmentCount("GSM-7", 1, 2)),
    ],
)
def test_a_text_has_the_expected_encoding_segments_and_characters(
    label: str, text: str, expected: SegmentCount
) -> None:
    assert count_segments(text) == expected, label


@pytest.mark.parametrize(
    ("label", "text", "expected"),
    [
        ("accents outside GSM-7", "á í ó ú Á Í Ó Ú", "a i o u A I O U"),
        ("letters in GSM-7", "é ñ ü ¿ ¡ à è ì ò ù Ñ É Ü ä ö å ß Ç", "é ñ ü ¿ ¡ à è ì ò ù Ñ É Ü ä ö å ß Ç"),
        ("combining accents", "man\u0303ana, cafe\u0301, a\u0301", "mañana, café, a"),
        ("typographic quotes", "\u201cit\u2019s\u201d \u00abya\u00bb", '"it\'s" "ya"'),
        ("dashes", "8\u201310 \u2014 10\u201111", "8-10 - 10-11"),
        ("an ellipsis", "wait\u2026", "wait..."),
        ("non-breaking spaces", "603\u00a0663\u202f2180", "603 663 2180"),
        ("zero-width marks", "a\u200bb\ufeff\u00ad", "ab"),
        ("a tab", "a\tb", "a b"),
        ("French and Portuguese", "ça, œuvre, não, Âge", "ca, oeuvre, nao, Age"),
        ("ordinals and fractions", "1ª 2º ½", "1a 2o 1/2"),
        ("letters with a stroke", "Łódź", "Lodz"),
        ("an emoji", "ok \U0001f600", "ok ?"),
        ("another script", "नमस्ते"[:1], "?"),
        ("the euro, in the extension table", "€5 [x]", "€5 [x]"),
        ("line breaks", "a\nb", "a\nb"),
        ("an empty text", "", ""),
    ],
)
def test_folding_replaces_characters_outside_gsm7(label: str, text: str, expected: str) -> None:
    assert fold_to_gsm7(text) == expected, label


@given(st.text(max_size=60))
def test_a_folded_text_is_gsm7_and_folding_it_again_changes_nothing(text: str) -> None:
    folded = fold_to_gsm7(text)
    assert non_gsm7_characters(folded) == ()
    assert fold_to_gsm7(folded) == folded


@given(st.text(alphabet="abcñéü¿¡@$ .?€[]\n", max_size=60))
def test_folding_does_not_change_a_gsm7_text(text: str) -> None:
    assert fold_to_gsm7(text) == unicodedata.normalize("NFC", text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Reply STOP to end", ()),
        ("¿Mañana? café", ()),
        ("¿Cómo está, cómo?", ("ó", "á")),
        ("it\u2019s \u2014 it\u2019s", ("\u2019", "\u2014")),
        ("", ()),
    ],
)
def test_characters_outside_gsm7_are_listed_once_in_order(text: str, expected: tuple[str, ...]) -> None:
    assert non_gsm7_characters(text) == expected


@given(st.text(min_size=1, max_size=60))
def test_a_text_is_ucs2_exactly_if_it_has_characters_outside_gsm7(text: str) -> None:
    assert (count_segments(text).encoding == "UCS-2") == bool(non_gsm7_characters(text))
