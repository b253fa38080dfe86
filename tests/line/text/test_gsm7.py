"""What a text costs, against Twilio's own calculator, and how it is folded to cost less."""

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


@pytest.mark.skipif(not VECTORS.exists(), reason=f"no vectors of Twilio's calculator at {VECTORS}")
def test_every_vector_of_the_carriers_calculator_is_matched() -> None:
    expected = {
        vector["text"]: SegmentCount(vector["encoding"], vector["segments"], vector["characters"])
        for vector in vectors()
    }
    assert expected
    assert {text: count_segments(text) for text in expected} == expected


@pytest.mark.skipif(not VECTORS.exists(), reason=f"no vectors of Twilio's calculator at {VECTORS}")
def test_folding_makes_every_vector_a_gsm_text() -> None:
    assert vectors()
    assert {count_segments(fold_to_gsm7(vector["text"])).encoding for vector in vectors()} == {"GSM-7"}


@pytest.mark.parametrize(
    ("label", "text", "expected"),
    [
        ("nothing", "", SegmentCount("GSM-7", 0, 0)),
        ("one letter", "a", SegmentCount("GSM-7", 1, 1)),
        ("the last that fits in one", "a" * 160, SegmentCount("GSM-7", 1, 160)),
        ("the first that needs two", "a" * 161, SegmentCount("GSM-7", 2, 161)),
        ("the last that fits in two", "a" * 306, SegmentCount("GSM-7", 2, 306)),
        ("the first that needs three", "a" * 307, SegmentCount("GSM-7", 3, 307)),
        ("letters that count twice", "€" * 80, SegmentCount("GSM-7", 1, 160)),
        ("Spanish letters that are free", "ñéü¿¡", SegmentCount("GSM-7", 1, 5)),
        ("one accent that turns it all", "á" + "a" * 69, SegmentCount("UCS-2", 1, 70)),
        ("the same, one longer", "á" + "a" * 70, SegmentCount("UCS-2", 2, 71)),
        ("a picture", "\U0001f600", SegmentCount("UCS-2", 1, 1)),
        ("a line break at the end", "a\n", SegmentCount("GSM-7", 1, 2)),
    ],
)
def test_a_text_is_counted_as_the_carrier_counts_it(label: str, text: str, expected: SegmentCount) -> None:
    assert count_segments(text) == expected, label


@pytest.mark.parametrize(
    ("label", "text", "expected"),
    [
        ("accents that GSM-7 lacks", "á í ó ú Á Í Ó Ú", "a i o u A I O U"),
        ("letters that it has", "é ñ ü ¿ ¡ à è ì ò ù Ñ É Ü ä ö å ß Ç", "é ñ ü ¿ ¡ à è ì ò ù Ñ É Ü ä ö å ß Ç"),
        ("an accent typed apart", "man\u0303ana, cafe\u0301, a\u0301", "mañana, café, a"),
        ("typographic quotes", "\u201cit\u2019s\u201d \u00abya\u00bb", '"it\'s" "ya"'),
        ("dashes", "8\u201310 \u2014 10\u201111", "8-10 - 10-11"),
        ("an ellipsis", "wait\u2026", "wait..."),
        ("spaces that do not break", "603\u00a0663\u202f2180", "603 663 2180"),
        ("marks without width", "a\u200bb\ufeff\u00ad", "ab"),
        ("a tab", "a\tb", "a b"),
        ("French and Portuguese", "ça, œuvre, não, Âge", "ca, oeuvre, nao, Age"),
        ("ordinals and fractions", "1ª 2º ½", "1a 2o 1/2"),
        ("letters with a stroke", "Łódź", "Lodz"),
        ("a picture", "ok \U0001f600", "ok ?"),
        ("another script", "नमस्ते"[:1], "?"),
        ("the euro, which is in the extension", "€5 [x]", "€5 [x]"),
        ("line breaks", "a\nb", "a\nb"),
        ("nothing", "", ""),
    ],
)
def test_folding_follows_its_table(label: str, text: str, expected: str) -> None:
    assert fold_to_gsm7(text) == expected, label


@given(st.text(max_size=60))
def test_a_folded_text_is_gsm_and_stays_as_it_is(text: str) -> None:
    folded = fold_to_gsm7(text)
    assert non_gsm7_characters(folded) == ()
    assert fold_to_gsm7(folded) == folded


@given(st.text(alphabet="abcñéü¿¡@$ .?€[]\n", max_size=60))
def test_a_text_that_is_gsm_already_is_not_touched(text: str) -> None:
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
def test_the_dear_characters_are_named_once_in_order(text: str, expected: tuple[str, ...]) -> None:
    assert non_gsm7_characters(text) == expected


@given(st.text(min_size=1, max_size=60))
def test_a_text_is_ucs2_exactly_when_it_has_dear_characters(text: str) -> None:
    assert (count_segments(text).encoding == "UCS-2") == bool(non_gsm7_characters(text))
