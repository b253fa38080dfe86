"""The model of a content that is in memory only, such as a draft that somebody is previewing."""

from __future__ import annotations

from functools import lru_cache

from ivr.line.content.loader import Content
from ivr.line.nlu.topic_model import TopicModel
from ivr.line.nlu.training import Example, examples_of, train_model


def trained_model(content: Content) -> TopicModel:
    """A model trained on the content's examples, which takes seconds the first time."""
    return _trained(tuple(examples_of(content)))


# Cached because most changes change no phrase and no question.
@lru_cache(4)
def _trained(examples: tuple[Example, ...]) -> TopicModel:
    return train_model(examples)
