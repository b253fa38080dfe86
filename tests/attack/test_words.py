"""Texts and speech that are odd in every character: disguised keywords are read, and no text takes long to read."""

from __future__ import annotations

import re

import pytest

from ivr.line.text.normalize import MOST_CHARACTERS
from ivr.line.twiml.release import CompiledLine
from ivr.people.inbound import outcome as reading
from ivr.people.inbound.outcome import decide_outcome, parse_text

OPTS_OUT = {
    "full width": "ＳＴＯＰ",  # noqa: RUF001
    "zero-width characters": "S\u200bT\u200dO\u2060P\ufeff",
    "soft hyphens": "S\u00adT\u00adO\u00adP",
    "right to left": "\u202eSTOP\u202c",
    "isolates": "\u2067STOP\u2069",
    "accents on every letter": "S\u0301T\u0308O\u0335P\u0327",
    "a hundred accents": "STOP" + "\u0301" * 100,
    "Cyrillic": "\u0405\u0422\u041e\u0420",
    "Greek": "\u03a3\u03a4\u039f\u03a1",
    "mathematical letters": "\U0001d412\U0001d413\U0001d40e\U0001d40f",
    "circles": "ⓢⓣⓞⓟ",
    "emoji": "\U0001f182\U0001f183\U0001f17e\U0001f17f\ufe0f",
    "tags of flags": "STOP\U000e0041\U000e007f",
    "a null": "STOP\0",
    "Hangul fillers": "\u3164STOP\u3164",
    "line separators": "\u2028STOP\u2029",
    "a thousand line breaks": "\n" * 700 + "STOP" + "\n" * 700,
    "quotation marks": "\u201cSTOP\u201d",
}
CONFIRMS = {
    "full width": "ＹＥＳ",  # noqa: RUF001
    "zero-width characters": "Y\u200bE\u200dS",
    "Cyrillic": "\u0443\u0435\u0455",
    "accents on every letter": "Y\u0301E\u0301S\u0301",
}
CHANGES_NOTHING = {
    "mirrored": "\u202ePOTS",
    "half a surrogate pair": "STO\ufffd",
    "controls only": "".join(map(chr, range(32))),
    "zero-width characters only": "\u200b" * 200,
    "accents only": "\u0301" * 1600,
    "private characters": "\ue000" * 70,
    "a number": "0" * 1600,
    "a formula": '=HYPERLINK("http://evil.example")',
    "markup": "<Response><Dial>+19005550100</Dial></Response>",
    "a template": "{{7*7}} {hospital} %s ${x}",
}
# A hundred times a text message: what the patterns of the reader repeat, and what Unicode expands.
SIZE = 60_000
LONG = {
    "spaces": " ",
    "line breaks": "\n",
    "line breaks and spaces": "\n ",
    "names": ",A de la ",
    "dashes": "-",
    "signatures": "\n--\n",
    "sent from": "\nSent from ",
    "quotes": '"',
    "quoted lines": "\n> ",
    "reactions": "reacted with ",
    "automatic replies": "thank you for contacting ",
    "emergencies": "if for emergency ",
    "symbols": "!?",
    "accents": "\u0301",
    "ligatures": "\ufdfa",
    "zero-width joiners": "a\u200d",
    "right to left": "\u202e",
    "emoji": "\U0001f44d",
    "stops": "stop ",
    "replies": "reply to ",
    "digits": "1 ",
    "one word": "x",
    "Cyrillic": "\u0441",
}


def outcome_of(line: CompiledLine, body: str, *, reminder_asks: bool = False) -> str:
    return decide_outcome(
        parse_text(line.matcher, body, "", has_media=False, language=None), opted_out=False, reminder_asks=reminder_asks
    )


@pytest.mark.parametrize("disguise", OPTS_OUT)
def test_a_disguised_stop_opts_out(line: CompiledLine, disguise: str) -> None:
    assert outcome_of(line, OPTS_OUT[disguise]) == "stop"


@pytest.mark.parametrize("disguise", CONFIRMS)
def test_a_disguised_yes_confirms(line: CompiledLine, disguise: str) -> None:
    assert outcome_of(line, CONFIRMS[disguise], reminder_asks=True) == "confirmed"


@pytest.mark.parametrize("kind", CHANGES_NOTHING)
def test_other_odd_texts_change_nothing(line: CompiledLine, kind: str) -> None:
    assert outcome_of(line, CHANGES_NOTHING[kind]) not in ("stop", "start", "confirmed", "change")


@pytest.mark.parametrize("kind", LONG)
def test_patterns_search_only_a_text_of_bounded_length_without_runs_of_whitespace(
    line: CompiledLine, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    searched = []
    own_words = reading.own_words
    monkeypatch.setattr(reading, "own_words", lambda body: (searched.append(body), own_words(body))[1])
    body = (LONG[kind] * SIZE)[:SIZE]
    assert outcome_of(line, f"STOP {body}") is not None
    [text] = searched
    # The space in the middle is where the start and the end meet.
    assert len(text) <= MOST_CHARACTERS + 1
    assert re.search(r"\s{4}", text) is None
