"""The precedence of a text's readings."""

from __future__ import annotations

import pytest

from ivr.line.nlu.matcher import MatchResult
from ivr.people.inbound.outcome import decide_outcome, parse_text

NEUTRAL = {"opted_out": False, "reminder_asks": False}
OPTED_OUT, ASKED = {**NEUTRAL, "opted_out": True}, {**NEUTRAL, "reminder_asks": True}
CASES = [
    ("a carrier keyword", "STOP", "none", NEUTRAL, "stop"),
    ("a carrier keyword before a red flag", "HELP", "urgent", NEUTRAL, "help"),
    ("a red flag before a reply", "C", "urgent", NEUTRAL, "urgent"),
    ("a reply before a topic", "c thank you", "cancer", NEUTRAL, "confirmed"),
    ("a reply with a number", "R2", "none", NEUTRAL, "change"),
    ("YES from a sender who opted out", "YES", "none", OPTED_OUT, "start"),
    ("another yes from a sender who opted out", "sí", "none", OPTED_OUT, "start"),
    ("an acknowledgment from a sender who opted out", "ok", "none", OPTED_OUT, "none"),
    ("YES to a reminder that asks", "YES", "none", ASKED, "confirmed"),
    ("YES to nothing", "YES", "none", NEUTRAL, "menu"),
    ("START from a sender who has not opted out", "START", "none", NEUTRAL, "start"),
    ("the matcher's confirmation", "I will be there", "confirm", NEUTRAL, "confirmed"),
    ("a topic", "is it cancer", "cancer", NEUTRAL, "cancer"),
]  # fmt: skip


class FixedMatcher:
    def __init__(self, topic: str) -> None:
        self.topic = topic

    def match(self, _words: str, language: str | None = None) -> MatchResult:
        return MatchResult(self.topic, language or "en", {})

    def match_words(self, _words: list[str], _language: str | None) -> None:
        return None


@pytest.mark.parametrize(
    ("body", "topic", "context", "outcome"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_the_first_reading_that_applies_decides(body: str, topic: str, context: dict[str, bool], outcome: str) -> None:
    assert decide_outcome(parse_text(FixedMatcher(topic), body, "", False, None), **context) == outcome


@pytest.mark.parametrize(("topic", "outcome"), [("none", "media"), ("menu", "media"), ("cancer", "cancer")])
def test_a_picture_counts_only_without_a_question(topic: str, outcome: str) -> None:
    assert decide_outcome(parse_text(FixedMatcher(topic), "look", "", True, None), **NEUTRAL) == outcome


def test_the_carriers_own_reading_replaces_the_body() -> None:
    parsed = parse_text(FixedMatcher("none"), "arret", "STOP", False, "es")
    assert (parsed.keyword, parsed.match.language) == ("stop", "es")
