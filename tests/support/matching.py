"""Matchers for tests."""

from __future__ import annotations

from ivr.line.content.loader import Content
from ivr.line.nlu.matcher import Matcher
from ivr.line.nlu.models import trained_model


def matcher_of(content: Content) -> Matcher:
    """A matcher with a model trained on the content."""
    return Matcher(content, trained_model(content))
