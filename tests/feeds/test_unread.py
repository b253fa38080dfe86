"""Why something that a feed has sent could not be read: the same sentences for the console and for the API."""

from __future__ import annotations

import json

import pytest

from ivr.feeds.hl7.acks import FAULTS
from ivr.feeds.hl7.message import MessageFault
from ivr.feeds.unread import explanation
from ivr.i18n import filled, sentence

REASON = json.dumps([sentence("The {what} is missing.", what="end"), sentence("It has {count}.", count=2)])
CASES = [
    ("a fault of a table", "cut_off", None, "The message has no end: send it again as a whole."),
    ("a fault that a later version has stored", "torn", None, "The message has a fault called torn."),
    ("a reason in words", "rejected", REASON, "The end is missing. It has 2."),
]


@pytest.mark.parametrize(("fault", "reason", "words"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_fault_is_explained_by_its_reason_or_by_its_code(fault, reason, words):
    assert " ".join(map(filled, explanation(fault, reason))) == words


@pytest.mark.parametrize("fault", MessageFault)
def test_each_fault_has_a_sentence_of_its_own(fault):
    assert [template for template, _ in explanation(fault.value, None)] == [FAULTS[fault].text]
