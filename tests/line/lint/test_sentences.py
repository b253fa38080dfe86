"""Every finding carries the sentences that the console translates, and a command's words are those in English."""

from __future__ import annotations

import ast

import pytest

from ivr.i18n import N_, filled, sentence
from ivr.line.content.findings import Finding
from ivr.line.lint.runner import check_files
from tests.support.paths import ROOT

LINE = ROOT / "ivr/line"
CANCER = "en/cancer.md"


@pytest.mark.parametrize("path", sorted(LINE.rglob("*.py")), ids=lambda path: str(path.relative_to(LINE)))
def test_no_finding_is_written_in_one_language_only(path):
    for node in ast.walk(ast.parse(path.read_text())):
        is_finding = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Finding"
        assert not is_finding, (path, node.lineno)


def test_the_message_of_a_finding_is_its_sentence_in_english():
    report = check_files({"line.yaml": b"languages: [&a en]\n", "notes.txt": b"", CANCER: b"no fields\n"})
    assert len(report.findings) > 2
    for finding in report.findings:
        assert finding.message == " ".join(map(filled, finding.sentences)) != ""


def test_the_sentences_are_no_part_of_the_json_or_of_the_comparison():
    part = sentence(N_("There is no text here"))
    finding = Finding.of(CANCER, 1, "heading", "error", sentence(N_("{problem}."), problem=part))
    assert finding.as_json() == {
        "file": CANCER,
        "line": 1,
        "rule": "heading",
        "level": "error",
        "message": "There is no text here.",
    }
    assert finding == Finding(CANCER, 1, "heading", "error", "There is no text here.")


def test_a_sentence_joins_several_names_and_writes_numbers_as_digits():
    assert filled(sentence("{names}: {count}", names=["a", "b", "c"], count=1000)) == "a, b, and c: 1000"
    assert filled(sentence("{names}", names=["a", "b"])) == "a and b"
