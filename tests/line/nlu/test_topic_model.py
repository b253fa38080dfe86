"""Models: training is reproducible, probabilities are probabilities, and nothing damaged is ever used."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.line.nlu.features import BUCKETS, features_of, features_of_all, words_of
from ivr.line.nlu.topic_model import VERSION, ModelDamaged, TopicModel, read_model
from ivr.line.nlu.training import Example, examples_digest, train_model

SUBJECTS = ("deodorant", "radiation", "parking")
FRAMES = ("what about {}", "{} please", "tell me of {}", "is there {} there", "{}", "any {} for me", "{} question")
EXAMPLES = [Example(frame.format(subject), subject, "en") for subject in SUBJECTS for frame in FRAMES]


@pytest.fixture(scope="module")
def model() -> TopicModel:
    return train_model(EXAMPLES)


def test_the_most_probable_outcome_is_the_one_whose_examples_are_alike(model: TopicModel) -> None:
    for subject in SUBJECTS:
        assert next(iter(model.probabilities(words_of(f"a word on {subject}, thanks")))) == subject


def test_a_misspelled_word_resembles_the_right_one(model: TopicModel) -> None:
    for typo, subject in (("deoderant", "deodorant"), ("radiaton", "radiation"), ("parkin", "parking")):
        assert next(iter(model.probabilities([typo]))) == subject


def test_the_same_examples_give_the_same_model(model: TopicModel) -> None:
    assert train_model(EXAMPLES).to_bytes() == model.to_bytes()
    assert model.examples == examples_digest(EXAMPLES) != examples_digest(EXAMPLES[1:])


@pytest.mark.parametrize("compressed", [True, False])
def test_a_stored_model_gives_the_same_probabilities(model: TopicModel, compressed: bool) -> None:
    stored = read_model(model.to_bytes(compressed=compressed))
    assert stored.examples == model.examples
    for message, _, _ in EXAMPLES:
        assert stored.probabilities(words_of(message)) == model.probabilities(words_of(message))


@given(st.text(max_size=300))
def test_probabilities_of_any_message_add_up_to_one_and_descend(message: str) -> None:
    chances = list(_MODEL.probabilities(words_of(message)).values())
    assert not words_of(message) or sum(chances) == pytest.approx(1)
    assert chances == sorted(chances, reverse=True)


@given(st.lists(st.lists(st.text("abcñ", min_size=1, max_size=6), min_size=1, max_size=8), max_size=6))
def test_the_features_of_many_messages_are_those_of_each(messages: list[list[str]]) -> None:
    features, ends = features_of_all(messages)
    each = [features_of(words).tolist() for words in messages]
    assert [part.tolist() for part in np.split(features, ends)[:-1]] == each


_MODEL = train_model(EXAMPLES)


def test_a_release_without_examples_has_a_model_that_knows_nothing() -> None:
    empty = read_model(train_model([]).to_bytes())
    assert empty.probabilities(["hello"]) == {}


def test_every_feature_falls_into_a_bucket_and_hashing_never_changes() -> None:
    buckets = features_of(["is", "it", "cancer"])
    assert (buckets >= 0).all()
    assert (buckets < BUCKETS).all()
    assert features_of(["no"]).tolist() == sorted(features_of(["no"]).tolist())
    # A stored model means nothing if a word moves to another bucket.
    assert features_of(["no"]).tolist() == GOLDEN


GOLDEN = [7995, 10738, 66613, 103729, 138703, 141343, 155578, 166527, 418002]


def _rewritten(data: bytes, **changes: Any) -> bytes:
    with np.load(io.BytesIO(data)) as arrays:
        values = {name: arrays[name] for name in arrays.files} | changes
    file = io.BytesIO()
    np.savez_compressed(file, **values)
    return file.getvalue()


DAMAGE = {
    "another version": {"version": np.array([VERSION + 1])},
    "weights of another shape": {"weights": np.zeros((BUCKETS, 1), np.int8)},
    "weights of another kind": {"weights": np.zeros((BUCKETS, len(SUBJECTS)), np.float64)},
    "rows of another kind": {"rows": np.full(BUCKETS, "row")},
    "rows of another shape": {"rows": np.zeros(0, np.int32)},
    "a row below zero": {"rows": np.full(BUCKETS, -1, np.int32)},
    "a row without weights": {"rows": np.full(BUCKETS, 1_000_000, np.int32)},
    "a scale that is not finite": {"scales": np.array([1.0, np.nan, 1.0], np.float32)},
    "a temperature of zero": {"temperature": np.array([0.0])},
    "names that are not text": {"names": np.array([255, 254], np.uint8)},
    "objects instead of numbers": {"bias": np.array([{}, {}, {}], dtype=object)},
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_model_is_refused(model: TopicModel, damage: str) -> None:
    with pytest.raises(ModelDamaged):
        read_model(_rewritten(model.to_bytes(), **DAMAGE[damage]))


@pytest.mark.parametrize("data", [b"", b"PK", b"not a model" * 1000])
def test_bytes_that_are_not_a_model_are_refused(data: bytes) -> None:
    with pytest.raises(ModelDamaged):
        read_model(data)


def test_a_model_cut_short_anywhere_is_refused(model: TopicModel) -> None:
    data = model.to_bytes()
    for end in range(0, len(data) - 1, max(1, len(data) // 40)):
        with pytest.raises(ModelDamaged):
            read_model(data[:end])
