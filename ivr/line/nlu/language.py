"""Detects the language of a message from the words of a release's examples, and messages in another alphabet."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence

from ivr.line.locales.locale import all_locales

# How far a language must lead every other, and the cap on the vote of one word.
_LANGUAGE_MARGIN = 1.0
_LARGEST_VOTE = 3.0
_PRIOR = 0.3
# Alphabets in which people write the Latin letters of "STOP" or "yes" as a disguise or by accident.
_LOOK_ALIKE_ALPHABETS = ("LATIN", "CYRILLIC", "GREEK", "FULLWIDTH", "MATHEMATICAL")
_FEWEST_FOREIGN_LETTERS = 2
_NAMES = {name: code for code, locale in all_locales().items() for name in locale.names}
_NAME = rf"(?P<name>{'|'.join(sorted(_NAMES))})"
_NAMED = re.compile(rf"\b{_NAME}\b")
# "No English", "no entiendo nada de inglés", "en inglés no", but not "you did not send it in English".
_REFUSED = re.compile(
    r"\b(?:(?:no|not|ni)|"
    r"(?:dont|doesnt|cant|cannot|didnt|never|no|not)(?: really| even)?"
    r" (?:speak|speaks|understand|read|reads|know|knows|talk|want|need|learn|learned)|"
    r"dont (?:send|write|text)(?: it| me| them| this)* in|"
    r"no (?:le |lo |me )?(?:hablo|ablo|habla|hablamos|entiendo|entiende|leo|lee|se|sabe|comprendo|quiero|domino))"
    rf"(?: (?:any|much|the|a word of|in|nada|bien|mucho|ni jota|ni papa|de|el|al|en))* {_NAME}\b"
    rf"|\b{_NAME.replace('name', 'before')} no$"
)


class LanguageClassifier:
    """Detects the language of a message from the vocabulary of all phrases and questions."""

    def __init__(self, vocabulary: Mapping[str, Mapping[str, int]]) -> None:
        """vocabulary: word counts by language code."""
        total = Counter[str]()
        for counts in vocabulary.values():
            total.update(counts)
        self._votes: dict[str, dict[str, float]] = {
            language: {
                word: max(0.0, min(_LARGEST_VOTE, math.log((count + _PRIOR) / (total[word] - count + _PRIOR))))
                for word, count in counts.items()
            }
            for language, counts in vocabulary.items()
        }

    def of(self, words: Sequence[str]) -> str | None:
        """The language of normalized words; None if they could be any language, like "ok", a number or a name."""
        votes = {language: sum(by_word.get(word, 0.0) for word in words) for language, by_word in self._votes.items()}
        if not votes:
            return None
        best, *others = sorted(votes, key=lambda language: votes[language], reverse=True)
        return best if all(votes[best] - votes[other] >= _LANGUAGE_MARGIN for other in others) else None


def refused_languages(normalized: str) -> frozenset[str]:
    """The languages that a normalized message names only to say that they are not wanted or not understood."""
    refused = [match["name"] or match["before"] for match in _REFUSED.finditer(normalized)]
    named = [match["name"] for match in _NAMED.finditer(normalized)]
    wanted = {_NAMES[name] for name in (Counter(named) - Counter(refused))}
    return frozenset(_NAMES[name] for name in refused) - wanted


def is_foreign_alphabet(message: str) -> bool:
    """Whether most letters of a message belong to an alphabet that neither English nor Spanish uses."""
    letters = [character for character in message if character.isalpha()]
    foreign = sum(
        not character.isascii() and _alphabet(character) not in _LOOK_ALIKE_ALPHABETS for character in letters
    )
    return foreign >= _FEWEST_FOREIGN_LETTERS and 2 * foreign > len(letters)


def _alphabet(letter: str) -> str:
    return unicodedata.name(letter, "").partition(" ")[0].partition("-")[0]
