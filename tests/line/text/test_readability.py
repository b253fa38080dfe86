"""How hard a prompt is to read, and how long it takes to say."""

from __future__ import annotations

import pytest

from ivr.line.text.readability import (
    average_sentence_length,
    crawford_grade,
    flesch_kincaid_grade,
    seconds_to_speak,
    sentences,
    syllables,
    words,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Call 603-663-2180 now.", ["Call", "603-663-2180", "now"]),
        ("It's a close-up view, at 10:30.", ["It's", "a", "close-up", "view", "at", "10:30"]),
        ("¿Qué son? ¡Señora!", ["Qué", "son", "Señora"]),
        ("- – … ?", []),
        ("", []),
    ],
)
def test_a_number_or_a_hyphenated_word_is_one_word(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@pytest.mark.parametrize(
    ("word", "language", "expected"),
    [
        ("duct", "en", 1),
        ("doctor", "en", 2),
        ("again", "en", 2),
        ("mammogram", "en", 3),
        ("calcifications", "en", 5),
        ("microcalcifications", "en", 7),
        ("radiologist", "en", 5),
        ("close-up", "en", 2),
        ("don't", "en", 1),
        ("603-663-2180", "en", 1),
        ("imágenes", "es", 4),
        ("calcificaciones", "es", 6),
        ("sol", "es", 1),
        ("doctor", "xx", 2),
    ],
)
def test_syllables_are_counted_with_the_patterns_of_the_language(word: str, language: str, expected: int) -> None:
    assert syllables(word, language) == expected


@pytest.mark.parametrize(
    ("label", "text", "expected"),
    [
        ("two sentences", "Please wait. We are here.", ["Please wait.", "We are here."]),
        ("a question and an exclamation", "Is it? Yes! Good", ["Is it?", "Yes!", "Good"]),
        ("Spanish punctuation", "¿Duele? No mucho. ¡Gracias!", ["¿Duele?", "No mucho.", "¡Gracias!"]),
        ("a title", "Ask Dr. Lee today. Or la Dra. Paz.", ["Ask Dr. Lee today.", "Or la Dra. Paz."]),
        ("a time inside a sentence", "From 8 a.m. to 5 p.m. every day.", ["From 8 a.m. to 5 p.m. every day."]),
        ("a time at the end of a sentence", "Come at 8 a.m. Eat first.", ["Come at 8 a.m.", "Eat first."]),
        ("no as an answer", "Will it hurt? No. It is short.", ["Will it hurt?", "No.", "It is short."]),
        ("no as an abbreviation of number", "Room No. 4 is here.", ["Room No. 4 is here."]),
        ("an empty line ends one", "Our numbers\n\nCall us", ["Our numbers", "Call us"]),
        ("a line break does not", "Call us\ntoday.", ["Call us\ntoday."]),
        ("a numbered line does", "Reply:\n1 What\n2. Why", ["Reply:", "1 What", "2. Why"]),
        ("an ellipsis", "Well... Let us see.", ["Well...", "Let us see."]),
        ("a closing quote", 'She said "stop." Then we did.', ['She said "stop."', "Then we did."]),
        ("punctuation without words", "... !", []),
    ],
)
def test_a_text_is_split_into_sentences(label: str, text: str, expected: list[str]) -> None:
    assert sentences(text) == expected, label


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", 0.0), ("One two three.", 3.0), ("One two three. Four.", 2.0), ("Call 603-663-2180.", 2.0)],
)
def test_the_average_sentence_length_counts_words(text: str, expected: float) -> None:
    assert average_sentence_length(text) == expected


def test_the_grade_follows_the_published_formula() -> None:
    text = "The doctor will call. Wait."
    assert flesch_kincaid_grade(text) == pytest.approx(0.39 * 5 / 2 + 11.8 * 6 / 5 - 15.59)


def test_the_grade_of_spanish_follows_the_published_formula() -> None:
    # 5 words, 11 syllables, and 2 sentences: 40 sentences and 220 syllables in 100 words.
    text = "El médico le llamará. Espere."
    assert crawford_grade(text) == pytest.approx(-0.205 * 40 + 0.049 * 220 - 3.407)


def test_plain_spanish_reads_easier_than_a_brochure() -> None:
    plain = "Son puntos pequeños de calcio. Mucha gente nunca ha oído hablar de ellos."
    brochure = (
        "Las microcalcificaciones constituyen deposiciones radiográficamente identificables que requieren una "
        "caracterización diagnóstica exhaustiva por radiólogos especializados."
    )
    assert crawford_grade(plain) < 4 < 6 < crawford_grade(brochure)


def test_a_text_without_words_has_grade_zero() -> None:
    assert flesch_kincaid_grade(" ... ") == 0.0
    assert crawford_grade(" ... ") == 0.0


def test_plain_words_read_easier_than_a_brochure() -> None:
    plain = "They are small bits of calcium. Most people have never heard of them."
    brochure = (
        "Microcalcifications constitute radiographically identifiable depositions requiring "
        "comprehensive diagnostic characterization by specialized radiologists."
    )
    assert flesch_kincaid_grade(plain) < 6 < 12 < flesch_kincaid_grade(brochure)


def test_a_phone_number_does_not_make_a_sentence_harder() -> None:
    assert flesch_kincaid_grade("Call 603-663-2180 now.") == flesch_kincaid_grade("Call me now.")


@pytest.mark.parametrize(
    ("label", "text", "language", "pace", "seconds"),
    [
        ("140 words take a minute", "word " * 140, "en", 140, 60.0),
        ("half the pace takes twice the time", "word " * 140, "en", 70, 120.0),
        ("a phone number counts as ten words", "603-663-2180", "en", 60, 10.0),
        ("911 counts as three words", "Call 911.", "en", 60, 4.0),
        ("a time of day counts its digits", "At 10:30.", "en", 60, 5.0),
        ("an empty line is a pause", "one\n\ntwo", "en", 60, 2.5),
        ("several empty lines are one pause", "one\n\n \n\ntwo\n\n", "en", 60, 2.5),
        ("a line break is not a pause", "one\ntwo", "en", 60, 2.0),
        ("Spanish counts the same way", "¿Qué son las calcificaciones?", "es", 60, 4.0),
        ("Chinese has no spaces", "你好你好你好你好", "zh-TW", 60, 5.0),
        ("an empty text takes no time", "", "en", 140, 0.0),
    ],
)
def test_speaking_time_counts_words_digits_and_pauses(
    label: str, text: str, language: str, pace: float, seconds: float
) -> None:
    assert seconds_to_speak(text, language, pace) == pytest.approx(seconds), label


def test_the_length_of_a_pause_can_be_set() -> None:
    assert seconds_to_speak("one\n\ntwo", "en", 60, pause_ms=2000) == pytest.approx(4.0)


@pytest.mark.parametrize("pace", [0, -140])
def test_a_pace_of_zero_or_less_is_rejected(pace: float) -> None:
    with pytest.raises(ValueError, match="words_per_minute"):
        seconds_to_speak("one", "en", pace)


@pytest.mark.parametrize(
    ("text", "average"), [("." * 90_000, 0.0), ("go" + "?!" * 40_000, 1.0), ("Mr. " * 9_000, 9_000.0)]
)
def test_a_long_text_of_punctuation_is_handled(text: str, average: float) -> None:
    assert average_sentence_length(text) == average
