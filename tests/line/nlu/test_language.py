"""The language of a message, and messages in another alphabet."""

from __future__ import annotations

import pytest

from ivr.line.nlu.language import is_foreign_alphabet, refused_languages

FOREIGN = ("नमस्ते, मलाई दोभाषे चाहियो", "هل تتكلم العربية", "你会说中文吗", "한국어 되나요", "Elliot? 我看不懂这条短信")
OURS = ("", "?!", "👍", "is it cancer", "¿Qué son las calcificaciones?", "ѕтор", "ＳＴＯＰ", "Ñ", "ok 好", "5")


@pytest.mark.parametrize("message", FOREIGN)
def test_a_message_in_another_alphabet_is_recognized(message: str) -> None:
    assert is_foreign_alphabet(message)


@pytest.mark.parametrize("message", OURS)
def test_latin_letters_their_look_alikes_and_symbols_are_no_other_alphabet(message: str) -> None:
    assert not is_foreign_alphabet(message)


@pytest.mark.parametrize(
    ("normalized", "refused"),
    [
        ("no english", {"en"}),
        ("i dont speak any english", {"en"}),
        ("no entiendo nada de ingles", {"en"}),
        ("en ingles no", {"en"}),
        ("no hablo espanol", {"es"}),
        ("i dont read spanish english please", {"es"}),
        ("i dont speak english or spanish", {"en"}),
        ("you did not send it in english", set()),
        ("english please", set()),
        ("no english is fine thanks i speak english", set()),
        ("nothing", set()),
    ],
)
def test_a_language_is_refused_only_if_the_message_does_not_ask_for_it_too(normalized: str, refused: set[str]) -> None:
    assert refused_languages(normalized) == refused
