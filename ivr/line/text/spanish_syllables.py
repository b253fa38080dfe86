"""Counts the syllables of Spanish words by the rules of spelling, which say where two vowels are one syllable.

Real Academia Española, Ortografía de la lengua española (2010), 3.4.2: diphthongs, triphthongs, and hiatuses, on paper
the same everywhere: https://www.rae.es/ortografía/diptongos
"""

from __future__ import annotations

import re

# An h is silent, so "prohibir" has a diphthong like "oí", and "búho" a hiatus like "púa".
_SILENT = re.compile(r"h|(?<=q)u|(?<=g)u(?=[eiéí])")
# A y between consonants or at the end is a vowel: "muy", "y". Before a vowel it is a consonant: "mayo".
_VOWELS = re.compile(r"(?:[aeiouáéíóúàèìòùâêîôûäëïöü]|y(?![aeiouáéíóúü]))+")
# Each of these is a syllable; i, u, and y beside one belong to it. An accent on í or ú separates it from a, e, and o.
_STRONG = re.compile("[aeoáéóàèòâêôäëöíúìù]")


def spanish_syllables(word: str) -> int:
    """The number of syllables of a word, at least 1. Two vowels of which neither is strong, as in "ruido", are one."""
    letters = _SILENT.sub("", word.lower())
    return max(1, sum(max(1, len(_STRONG.findall(run))) for run in _VOWELS.findall(letters)))
