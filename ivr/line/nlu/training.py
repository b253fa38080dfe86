"""Trains the classifier of topics from the phrases and questions of a release.

Softmax regression by stochastic gradient descent with AdaGrad steps, on the examples in a fixed random order. Features
are dropped at random and labels are smoothed, so that no single word decides. Most pairs of words and many runs of
letters are in one example only; the model leaves those out. The temperature is fitted on every tenth example, with a
model that has not seen it.
Duchi et al. (2011): https://jmlr.org/papers/v12/duchi11a.html
Guo et al. (2017), on temperatures: https://arxiv.org/abs/1706.04599
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ivr.line.content.loader import Content
from ivr.line.nlu.features import BUCKETS, bucket_of_word, features_of, words_of
from ivr.line.nlu.topic_model import VERSION, Floats, TopicModel, quantized, unit_vector

LANGUAGE = "language"
# All tuned on questions that the model had not seen: see decision 25.
_EPOCHS = 4
_BATCH = 64
_STEP = 0.3
_FINAL_STEP = 0.06
_DROPPED = 0.3
_SMOOTHING = 0.1
_BALANCE = 0.5
_FIRST_SQUARES = 1e-3
_BIAS_STEP = 0.01
_FEWEST_WITH_FEATURE = 2
_SEED = 1
_HELD_OUT = 10
_TEMPERATURES = np.geomspace(0.2, 3.0, 40)


class Example(NamedTuple):
    """A message, its outcome, and the language of the file that lists it."""

    words: str
    outcome: str
    language: str


def outcome_of(name: str, language: str) -> str:
    """The outcome of a prompt. Each language has its own `language` outcome: es/language.md asks for Spanish."""
    return f"{name}/{language}" if name == LANGUAGE else name


def examples_of(content: Content) -> list[Example]:
    """Every phrase and question of a release with its outcome."""
    examples = [
        Example(phrase, outcome_of(prompt.name, prompt.language), prompt.language)
        for prompt in content.prompts.values()
        for phrase in prompt.phrases
    ]
    questions = content.questions
    return examples + [
        Example(item.words, outcome_of(item.outcome, item.language), item.language) for item in questions
    ]


def examples_digest(examples: Sequence[Example]) -> str:
    """Identifies a model: the version of the training, and what it was trained on."""
    total = hashlib.sha256(f"{VERSION}\n".encode())
    for example in examples:
        total.update("\t".join(example).encode())
    return total.hexdigest()


def train_model(examples: Sequence[Example]) -> TopicModel:
    """A calibrated model. Takes a few seconds for 20,000 examples; the same examples give the same model."""
    data = _Data.of(examples)
    numbers = np.arange(len(data.rows))
    held_out, others = numbers[numbers % _HELD_OUT == 0], numbers[numbers % _HELD_OUT != 0]
    # Side by side: numpy leaves the interpreter while it computes.
    with ThreadPoolExecutor(1) as pool:
        fitting = pool.submit(_fit, data, others)
        model = _model(data, _fit(data, numbers), examples)
        partial = _model(data, fitting.result(), examples)
    if not len(numbers):
        # A release without phrases understands only numbers and rules.
        return model
    return replace(model, temperature=_temperature(partial, data, held_out))


def _model(data: _Data, fitted: tuple[Floats, Floats], examples: Sequence[Example]) -> TopicModel:
    """A model of the fitted weights and biases, with no temperature yet."""
    weights, bias = fitted
    small, scales = quantized(weights)
    digest, idf = examples_digest(examples), data.idf.astype(np.float16)
    return TopicModel(data.outcomes, data.row_of, small, scales, bias, idf, 1.0, data.vocabulary, digest)


@dataclass(frozen=True, eq=False)
class _Data:
    """The examples as arrays. row_of: the row of each feature, from 1 for the most frequent one; 0 for those left out.
    rows: those of the features of each example; values: how much these weigh; labels: the column of its outcome."""

    outcomes: tuple[str, ...]
    row_of: NDArray[np.int32]
    rows: list[NDArray[np.int32]]
    values: list[Floats]
    labels: NDArray[np.int64]
    idf: Floats
    importance: Floats
    """More for an example whose outcome has few."""
    vocabulary: dict[str, Counter[str]]

    @classmethod
    def of(cls, examples: Sequence[Example]) -> _Data:
        pairs: list[tuple[list[str], str]] = []
        vocabulary: dict[str, Counter[str]] = {}
        for example in examples:
            words = words_of(example.words)
            vocabulary.setdefault(example.language, Counter()).update(words)
            pairs += [(words, example.outcome)] if words else []
        sizes = Counter(outcome for _, outcome in pairs)
        outcomes = tuple(sorted(sizes))
        columns = {outcome: column for column, outcome in enumerate(outcomes)}
        buckets = [features_of(words) for words, _ in pairs]
        counts = np.bincount(np.concatenate(buckets), minlength=BUCKETS) if buckets else np.zeros(BUCKETS, np.int64)
        idf = (np.log((1 + len(pairs)) / (1 + counts)) + 1).astype(np.float16).astype(np.float32)
        row_of = _rows(counts, [bucket_of_word(word) for words in vocabulary.values() for word in words])
        # A message is as long as all of its features make it, as when it is matched.
        values = [unit_vector(idf, features) for features in buckets]
        kept = [row_of[features] > 0 for features in buckets]
        boosts = np.array([(len(pairs) / len(sizes) / sizes[outcome]) ** _BALANCE for _, outcome in pairs], np.float32)
        return cls(
            outcomes,
            row_of,
            [row_of[features[keep]] for features, keep in zip(buckets, kept, strict=True)],
            [value[keep] for value, keep in zip(values, kept, strict=True)],
            np.array([columns[outcome] for _, outcome in pairs], np.int64),
            idf,
            boosts,
            vocabulary,
        )


def _rows(counts: NDArray[np.int64], words: Sequence[int]) -> NDArray[np.int32]:
    """The row of each feature. counts: in how many examples it is; words: the features that are words."""
    is_kept = counts >= _FEWEST_WITH_FEATURE
    # A word that an operator teaches with a single phrase must be known.
    is_kept[words] = True
    # From the most to the least frequent one, so that a batch reads and writes memory that is close together.
    features = np.argsort(-counts, kind="stable")
    features = features[is_kept[features]]
    rows = np.zeros(BUCKETS, np.int32)
    rows[features] = np.arange(1, len(features) + 1, dtype=np.int32)
    return rows


def _fit(data: _Data, numbers: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """The weights and biases after training on the examples with these numbers."""
    state = _State.of(data)
    generator = np.random.default_rng(_SEED)
    for epoch in range(_EPOCHS):
        step = np.float32(_STEP + (_FINAL_STEP - _STEP) * epoch / _EPOCHS)
        order = generator.permutation(numbers)
        for start in range(0, len(order), _BATCH):
            state.update(data, order[start : start + _BATCH], step, generator)
    return state.weights, state.bias


@dataclass(frozen=True, eq=False)
class _State:
    """The model while it learns."""

    weights: Floats
    squares: Floats
    bias: Floats
    in_batch: NDArray[np.bool_]
    columns: NDArray[np.int32]
    """Space for the features of a batch: whether each is in it, and at which column."""

    @classmethod
    def of(cls, data: _Data) -> _State:
        rows, count = int(data.row_of.max()) + 1, len(data.outcomes)
        weights = np.zeros((rows, count), np.float32)
        squares = np.full((rows, 1), _FIRST_SQUARES, np.float32)
        space = np.zeros(rows, np.bool_), np.zeros(rows, np.int32)
        return cls(weights, squares, np.zeros(count, np.float32), *space)

    def update(self, data: _Data, batch: NDArray[np.int64], step: np.float32, generator: np.random.Generator) -> None:
        """One step of gradient descent, as products of small dense matrices: those need the least memory traffic."""
        touched, values = self._matrix(data, batch, generator)
        weights, squares = self.weights[touched], self.squares[touched]
        scores = values @ weights + self.bias
        odds = np.exp(scores - scores.max(axis=1, keepdims=True))
        errors = odds / odds.sum(axis=1, keepdims=True) - np.float32(_SMOOTHING / len(data.outcomes))
        errors[np.arange(len(batch)), data.labels[batch]] -= 1 - _SMOOTHING
        errors *= data.importance[batch][:, None]
        gradients = values.T @ errors
        squares += np.einsum("ij,ij->i", gradients, gradients)[:, None] / np.float32(len(data.outcomes))
        self.squares[touched] = squares
        gradients *= step / np.sqrt(squares)
        weights -= gradients
        self.weights[touched] = weights
        self.bias[:] -= np.float32(_BIAS_STEP) * errors.sum(axis=0)

    def _matrix(
        self, data: _Data, batch: NDArray[np.int64], generator: np.random.Generator
    ) -> tuple[NDArray[np.int64], Floats]:
        """The rows of the features that are left in a batch, and the value of each of them in each message."""
        rows = np.concatenate([data.rows[number] for number in batch])
        owners = np.repeat(np.arange(len(batch)), [len(data.rows[number]) for number in batch])
        kept = generator.random(len(rows), np.float32) > _DROPPED
        rows = rows[kept]
        self.in_batch[rows] = True
        touched = np.flatnonzero(self.in_batch)
        self.in_batch[touched] = False
        self.columns[touched] = np.arange(len(touched), dtype=np.int32)
        matrix = np.zeros((len(batch), len(touched)), np.float32)
        values = np.concatenate([data.values[number] for number in batch])[kept]
        matrix[owners[kept], self.columns[rows]] = values / np.float32(1 - _DROPPED)
        return touched, matrix


def _temperature(model: TopicModel, data: _Data, numbers: NDArray[np.int64]) -> float:
    """The temperature at which the model is least surprised by examples that it has not seen."""
    scores = np.array([model.scores_of_rows(data.rows[number], data.values[number]) for number in numbers], np.float64)
    labels = data.labels[numbers]
    losses = [_loss(scores / temperature, labels) for temperature in _TEMPERATURES]
    return float(_TEMPERATURES[int(np.argmin(losses))])


def _loss(scores: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    highest = scores.max(axis=1, keepdims=True)
    totals = highest[:, 0] + np.log(np.exp(scores - highest).sum(axis=1))
    return float((totals - scores[np.arange(len(labels)), labels]).mean())
