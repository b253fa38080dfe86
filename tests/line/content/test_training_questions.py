"""Training questions are read, errors in them are reported, and the classifier learns from them."""

from __future__ import annotations

import re

import pytest

from ivr.line.content.findings import BrokenPrompts
from ivr.line.content.loader import read_content
from tests.line.content.test_loader import SHIPPED
from tests.support.matching import matcher_of

QUESTIONS = [
    ("no tab", b"cancer is it bad\n", 1, "A tab or the question is missing"),
    ("no question", b"cancer\t \n", 1, "A tab or the question is missing"),
    ("an unknown outcome", b"cancer\tis it bad\ntumour\tis it bad\n", 2, "`tumour` is not a topic or outcome"),
    ("bytes that are not UTF-8", b"cancer\tis it bad\ncancer\t\xff\n", 2, "UTF-8"),
    ("a file that is too large", b"cancer\tis it bad\n" * 600_000, 0, "10000000"),
]


@pytest.mark.parametrize(("data", "line", "expected"), [case[1:] for case in QUESTIONS], ids=[c[0] for c in QUESTIONS])
def test_an_error_in_a_question_file_is_reported_with_its_line(data: bytes, line: int, expected: str) -> None:
    with pytest.raises(BrokenPrompts) as broken:
        read_content({**SHIPPED, "en/questions.tsv": data})
    assert [(finding.file, finding.line, expected in finding.message) for finding in broken.value.findings] == [
        ("en/questions.tsv", line, True)
    ]


def test_the_classifier_learns_from_training_questions() -> None:
    # Without the other questions: learning from them too takes seconds.
    few = {**SHIPPED, "en/questions.tsv": b"", "es/questions.tsv": b""}
    before = read_content(few)
    data = b"skin-products\twill glimmer stuff on my bust upset the gizmo\r\n\nskin-products\tglimmer stuff again\n"
    after = read_content({**few, "en/questions.tsv": data})
    assert [(q.words, q.outcome, q.language) for q in after.questions()] == [
        ("will glimmer stuff on my bust upset the gizmo", "skin-products", "en"),
        ("glimmer stuff again", "skin-products", "en"),
    ]
    assert after.digest != before.digest
    assert matcher_of(after).match("glimmer stuff").topic == "skin-products"
    assert matcher_of(before).match("glimmer stuff").topic != "skin-products"


def test_content_without_questions_phrases_and_keyword_rules_can_be_read_and_understands_nothing() -> None:
    files = {name: data for name, data in SHIPPED.items() if not name.endswith(".tsv")}
    for name, data in files.items():
        if name.endswith(".md"):
            top, _, body = data.decode().partition("\n---\n")
            files[name] = (re.split(r"\n(?=phrases:|keyword_rules:)", top)[0] + "\n---\n" + body).encode()
    content = read_content(files)
    assert not any(prompt.phrases or prompt.keyword_rules for prompt in content.prompts.values())
    assert matcher_of(content).match("is it cancer").topic == "none"
