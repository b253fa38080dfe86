"""Faults in the words that patients reply with are reported with their line."""

from __future__ import annotations

import pytest

from ivr.line.content.loader import LINE_FILE
from tests.line.content.test_loader import changed, errors, line_of

FAULTS = [
    ("a reply word that an answer has", "help: {en: ABOUT", "help: {en: BIOPSY", "help: {en: BIOPSY", "double"),
    ("a reply word that is reserved", "help: {en: ABOUT", "help: {en: HELP", "help: {en: HELP", "double"),
    ("a reply word in one language only", ", es: LINEA}", "}", "help: {en: ABOUT}", "translation"),
    ("a reply word for a red flag", "  help: {en: ABOUT", "  urgent: {en: ABOUT", "urgent: {en: ABOUT", "reference"),
    ("a reply word in small letters", "help: {en: ABOUT", "help: {en: about", "help: {en: about", "line-yaml"),
]  # fmt: skip


@pytest.mark.parametrize(("label", "old", "new", "marker", "rule"), FAULTS, ids=[case[0] for case in FAULTS])
def test_a_fault_in_a_reply_word_is_reported_with_its_line(
    label: str, old: str, new: str, marker: str, rule: str
) -> None:
    files = changed(LINE_FILE, old, new)
    assert (LINE_FILE, line_of(files, LINE_FILE, marker), rule) in errors(files)
