"""Syllables of Spanish words, as the Real Academia Española divides them."""

from __future__ import annotations

import pytest

from ivr.line.text.readability import syllables
from ivr.line.text.spanish_syllables import spanish_syllables


@pytest.mark.parametrize(
    ("rule", "divided"),
    [
        ("one vowel", "sol pun-tos cán-cer mé-di-co i-má-ge-nes"),
        ("a weak vowel beside a strong one", "ciu-dad tam-bién es-tu-dian biop-sia mie-do ai-re cau-sa"),
        ("two weak vowels", "rui-do ciu-dad cui-da-do cuí-de-se viu-do"),
        ("two strong vowels", "le-er a-é-re-o o-es-te ca-er co-o-pe-rar"),
        ("a weak vowel with an accent beside a strong one", "pa-ís dí-a ra-úl ma-mo-gra-fí-a o-í-mos o-í-ais"),
        ("an accent on a weak vowel beside a weak one", "cons-truí vein-tiún huí-a"),
        ("three vowels", "a-ve-ri-guáis guau miau buey"),
        ("a silent h", "prohi-bir bú-ho a-ho-ra re-hú-so ca-ca-hue-te"),
        ("a silent u", "que-so quie-ro gue-rra guí-a guion a-quí"),
        ("a u that is heard", "a-gua ver-güen-za pin-güi-no guar-de cua-tro"),
        ("y as a vowel", "y muy hoy u-ru-guay"),
        ("y as a consonant", "ma-yo a-yu-da le-yes ya"),
        ("no vowel", "nh"),
        ("capital letters", "Í-DO-LO DÍ-A"),
    ],
)
def test_syllables_are_counted_by_the_rules_of_spelling(rule: str, divided: str) -> None:
    for word in divided.split():
        assert spanish_syllables(word.replace("-", "")) == word.count("-") + 1, (rule, word)


def test_the_parts_of_a_word_with_a_hyphen_are_counted_apart() -> None:
    assert syllables("ley-día", "es") == 3
    assert syllables("603-663-2180", "es") == 1
