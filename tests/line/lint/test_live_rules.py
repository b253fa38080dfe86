"""Numbers and reply words that patients have in old text messages keep the answer that they lead to."""

from __future__ import annotations

import pytest

from ivr.line.content.loader import LINE_FILE, read_content
from ivr.line.lint.live_rules import reused_replies
from tests.line.content.test_loader import SHIPPED, line_of

# What replaces a piece of line.yaml, and (reply, answer now, answer before) of each warning.
CASES = [
    ("nothing changes", (), []),
    (
        "two topics swap their numbers",
        (("next-steps, number: 4", "next-steps, number: 3"), ("more-pictures, number: 3", "more-pictures, number: 4")),
        [("4", "more-pictures", "next-steps"), ("3", "next-steps", "more-pictures")],
    ),
    ("a topic gets a number that nobody had", (("next-steps, number: 4", "next-steps, number: 8"),), []),
    (
        "a word moves to another answer",
        (("en: NUMB", "en: OUCH"), ("en: CLIP", "en: NUMB")),
        [("NUMB", "biopsy-mark", "biopsy-pain")],
    ),
    ("a word of one language is the same word in the other", (("en: DCIS, es: DCIS", "en: DUCT, es: DCIS"),), []),
    ("an answer gets a new word", (("en: NUMB", "en: OUCH"),), []),
]


@pytest.mark.parametrize(("label", "replaced", "expected"), CASES, ids=[case[0] for case in CASES])
def test_a_reply_that_means_something_else_than_in_the_live_release_is_reported(
    label: str, replaced: tuple[tuple[str, str], ...], expected: list[tuple[str, str, str]]
) -> None:
    text = SHIPPED[LINE_FILE].decode()
    for before, after in replaced:
        assert text.count(before) == 1
        text = text.replace(before, after)
    files = {**SHIPPED, LINE_FILE: text.encode()}
    found = list(reused_replies(read_content(SHIPPED).config, read_content(files)))
    assert [tuple(finding.message.split("`")[1:6:2]) for finding in found] == expected
    for finding, (reply, answer, _) in zip(found, expected, strict=True):
        assert (finding.rule, finding.level) == ("reply", "warning")
        where = f"id: {answer}, number: {reply}" if reply.isdigit() else f"{{id: {answer}, "
        assert finding.line == line_of(files, LINE_FILE, where)
