"""Matchers for tests."""

from __future__ import annotations

from functools import cache

from ivr.line.content.loader import Content, read_content, read_folder
from ivr.line.nlu.matcher import Matcher
from ivr.line.nlu.models import trained_model
from tests.support.paths import ROOT


def matcher_of(content: Content) -> Matcher:
    """A matcher with a model trained on the content."""
    return Matcher(content, trained_model(content))


@cache
def shipped_matcher() -> Matcher:
    """A matcher of the shipped prompts. Ask for it in a test: only there is a model trained once for all processes."""
    return matcher_of(read_content(read_folder(ROOT / "prompts")))
