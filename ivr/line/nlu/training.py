"""Trains the classifier of topics from the phrases and questions of a release.

Softmax regression by stochastic gradient descent with AdaGrad steps, on the examples in a fixed random order. Features
are dropped at random and labels are smoothed, so that no single word decides. Most pairs of words and many runs of
letters are in one example only; the model leaves those out. The temperature is fitted on examples out of every tenth,
before the model learns from these.
Duchi et al. (2011): https://jmlr.org/papers/v12/duchi11a.html
Guo et al. (2017), on temperatures: https://arxiv.org/abs/1706.04599
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ivr.line.content.loader import Content
from ivr.line.content.training_questions import is_question_file, read_questions
from ivr.line.nlu.features import BUCKETS, bucket_of_word, features_of_all, words_of
from ivr.line.nlu.topic_model import VERSION, Floats, TopicModel, quantized

LANGUAGE = "language"
# All tuned on questions that the model had not seen: see decision 25.
_EPOCHS = 3
# How many of them end before the temperature is fitted.
_EPOCHS_BEFORE = 2
_BATCH = 32
_STEP = 0.3
_FINAL_STEP = 0.02
_DROPPED = 0.3
_SMOOTHING = 0.1
_BALANCE = 0.5
_FIRST_SQUARES = 1e-3
_BIAS_STEP = 0.01
_FEWEST_WITH_FEATURE = 2
_SEED = 1
_HELD_OUT = 10
_MOST_FOR_TEMPERATURE = 5000
_TEMPERATURES = np.geomspace(0.2, 3.0, 120)


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
    return list(_examples(*_sources(content)))


def model_digest(content: Content) -> str:
    """Identifies the model of a release, in little memory."""
    return _digest(*_sources(content))


Phrases = tuple[tuple[str, str, tuple[str, ...]], ...]
QuestionFiles = tuple[tuple[str, bytes], ...]


def _sources(content: Content) -> tuple[Phrases, QuestionFiles]:
    """What the examples are made of: (language, name, phrases) of each prompt, and the question files."""
    phrases = tuple((prompt.language, prompt.name, prompt.phrases) for prompt in content.prompts.values())
    return phrases, tuple(sorted((file, data) for file, data in content.files.items() if is_question_file(file)))


def _examples(prompts: Phrases, files: QuestionFiles) -> Iterator[Example]:
    for language, name, phrases in prompts:
        outcome = outcome_of(name, language)
        yield from (Example(phrase, outcome, language) for phrase in phrases)
    for file, data in files:
        for item in read_questions(file, data):
            yield Example(item.words, outcome_of(item.outcome, item.language), item.language)


# While somebody edits a draft, its phrases and questions are mostly those of the last request.
@lru_cache(4)
def _digest(prompts: Phrases, files: QuestionFiles) -> str:
    return examples_digest(_examples(prompts, files))


def examples_digest(examples: Iterable[Example]) -> str:
    """Identifies a model: the version of the training, and what it was trained on."""
    total = hashlib.sha256(f"{VERSION}\n".encode())
    for example in examples:
        total.update("\t".join(example).encode())
    return total.hexdigest()


def train_model(examples: Sequence[Example]) -> TopicModel:
    """A calibrated model. Takes a few seconds for 20,000 examples; the same examples give the same model."""
    data = _Data.of(examples)
    if not len(data.labels):
        # A release without phrases understands only numbers and rules.
        return _model(data, _Learner.of(data), examples, 1.0)
    numbers = np.arange(len(data.labels))
    held_out, others = numbers[numbers % _HELD_OUT == 0], numbers[numbers % _HELD_OUT != 0]
    learner, batches = _Learner.of(data), _Batches.of(data)
    learner.learn(data, batches.of_epochs(others, range(_EPOCHS_BEFORE)))
    # Evenly, because the examples come by language and outcome.
    temperature = _temperature(data, learner, held_out[:: 1 + len(held_out) // _MOST_FOR_TEMPERATURE])
    # Twice, to make up for some of what they missed.
    everything = np.concatenate([others, held_out, held_out])
    learner.learn(data, batches.of_epochs(everything, range(_EPOCHS_BEFORE, _EPOCHS)))
    return _model(data, learner, examples, temperature)


def _model(data: _Data, learner: _Learner, examples: Sequence[Example], temperature: float) -> TopicModel:
    small, scales = quantized(learner.weights)
    digest, idf = examples_digest(examples), data.idf.astype(np.float16)
    return TopicModel(
        data.outcomes, data.row_of, small, scales, learner.bias, idf, temperature, data.vocabulary, digest
    )


@dataclass(frozen=True, eq=False)
class _Data:
    """The examples as arrays. row_of: the row of each feature, from 1 for the most frequent one; 0 for those left out.
    rows: those of the features of all examples; values: how much these weigh; starts: where each example begins in
    both, and where the last one ends; labels: the column of the outcome of each example."""

    outcomes: tuple[str, ...]
    row_of: NDArray[np.int32]
    rows: NDArray[np.int32]
    values: Floats
    starts: NDArray[np.int64]
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
        features, ends = features_of_all([words for words, _ in pairs])
        counts = np.bincount(features, minlength=BUCKETS)
        idf = (np.log((1 + len(pairs)) / (1 + counts)) + 1).astype(np.float16).astype(np.float32)
        row_of = _rows(counts, [bucket_of_word(word) for words in vocabulary.values() for word in words])
        # A message is as long as all of its features make it, as when it is matched.
        values = _unit_values(idf[features], ends)
        rows = row_of[features]
        is_kept = rows > 0
        kept_until = np.concatenate([[0], np.cumsum(is_kept, dtype=np.int32)])
        starts = kept_until[np.concatenate([[0], ends])]
        boosts = np.array([(len(pairs) / len(sizes) / sizes[outcome]) ** _BALANCE for _, outcome in pairs], np.float32)
        labels = np.array([columns[outcome] for _, outcome in pairs], np.int64)
        return cls(outcomes, row_of, rows[is_kept], values[is_kept], starts, labels, idf, boosts, vocabulary)

    def features_of_example(self, number: int) -> tuple[NDArray[np.int32], Floats]:
        """The rows of an example's features, and their values."""
        features = slice(self.starts[number], self.starts[number + 1])
        return self.rows[features], self.values[features]


def _unit_values(weights: Floats, ends: NDArray[np.int64]) -> Floats:
    """The weights of the features of each example, scaled to length 1."""
    sizes = np.diff(ends, prepend=0)
    squares = np.add.reduceat(weights * weights, ends - sizes) if len(ends) else np.zeros(0, np.float32)
    values: Floats = weights / np.repeat(np.sqrt(squares), sizes)
    return values


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


class _Batch(NamedTuple):
    """Examples to learn from at once. touched: the rows of their features; values: (examples, touched)."""

    numbers: NDArray[np.int64]
    step: np.float32
    touched: NDArray[np.int64]
    values: Floats


@dataclass(frozen=True, eq=False)
class _Batches:
    """Makes batches of examples in random order, with features dropped at random."""

    data: _Data
    generator: np.random.Generator
    in_batch: NDArray[np.bool_]
    columns: NDArray[np.int32]
    """Space for the features of a batch: whether each is in it, and at which column."""

    @classmethod
    def of(cls, data: _Data) -> _Batches:
        size = int(data.row_of.max()) + 1
        return cls(data, np.random.default_rng(_SEED), np.zeros(size, np.bool_), np.zeros(size, np.int32))

    def of_epochs(self, numbers: NDArray[np.int64], epochs: Iterable[int]) -> Iterator[_Batch]:
        """The batches of some epochs of learning from these examples."""
        for epoch in epochs:
            order = self.generator.permutation(numbers)
            for start in range(0, len(order), _BATCH):
                done = (epoch + start / len(order)) / _EPOCHS
                step = np.float32(_STEP + (_FINAL_STEP - _STEP) * done)
                yield self._batch(order[start : start + _BATCH], step)

    def _batch(self, numbers: NDArray[np.int64], step: np.float32) -> _Batch:
        starts, ends = self.data.starts[numbers], self.data.starts[numbers + 1]
        sizes = ends - starts
        places = np.repeat(ends - np.cumsum(sizes), sizes) + np.arange(sizes.sum())
        is_kept = self.generator.random(len(places), np.float32) > _DROPPED
        places, owners = places[is_kept], np.repeat(np.arange(len(numbers)), sizes)[is_kept]
        rows = self.data.rows[places]
        self.in_batch[rows] = True
        touched = np.flatnonzero(self.in_batch)
        self.in_batch[touched] = False
        self.columns[touched] = np.arange(len(touched), dtype=np.int32)
        values = np.zeros((len(numbers), len(touched)), np.float32)
        values[owners, self.columns[rows]] = self.data.values[places] / np.float32(1 - _DROPPED)
        return _Batch(numbers, step, touched, values)


def _prepared(batches: Iterator[_Batch]) -> Iterator[_Batch]:
    """The same batches, each made in another thread while the one before is learned from.

    numpy leaves the interpreter while it computes, so this takes two thirds of the time on two cores.
    """
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, batches, None)
        while (batch := coming.result()) is not None:
            coming = pool.submit(next, batches, None)
            yield batch


@dataclass(frozen=True, eq=False)
class _Learner:
    """The weights while they are learned."""

    weights: Floats
    squares: Floats
    bias: Floats

    @classmethod
    def of(cls, data: _Data) -> _Learner:
        rows, count = int(data.row_of.max()) + 1, len(data.outcomes)
        squares = np.full((rows, 1), _FIRST_SQUARES, np.float32)
        return cls(np.zeros((rows, count), np.float32), squares, np.zeros(count, np.float32))

    def learn(self, data: _Data, batches: Iterator[_Batch]) -> None:
        """Take a step of gradient descent for each batch."""
        for batch in _prepared(batches):
            self._update(data, batch)

    def _update(self, data: _Data, batch: _Batch) -> None:
        """One step, as products of small dense matrices: those need the least memory traffic."""
        weights, squares = self.weights[batch.touched], self.squares[batch.touched]
        scores = batch.values @ weights + self.bias
        odds = np.exp(scores - scores.max(axis=1, keepdims=True))
        errors = odds / odds.sum(axis=1, keepdims=True) - np.float32(_SMOOTHING / len(data.outcomes))
        errors[np.arange(len(batch.numbers)), data.labels[batch.numbers]] -= 1 - _SMOOTHING
        errors *= data.importance[batch.numbers][:, None]
        gradients = batch.values.T @ errors
        squares += np.einsum("ij,ij->i", gradients, gradients)[:, None] / np.float32(len(data.outcomes))
        self.squares[batch.touched] = squares
        gradients *= batch.step / np.sqrt(squares)
        weights -= gradients
        self.weights[batch.touched] = weights
        self.bias[:] -= np.float32(_BIAS_STEP) * errors.sum(axis=0)


def _temperature(data: _Data, learner: _Learner, numbers: NDArray[np.int64]) -> float:
    """The temperature at which a model is least surprised by examples that it has not learned from."""
    features = (data.features_of_example(number) for number in numbers)
    scores = np.array([values @ learner.weights[rows] + learner.bias for rows, values in features], np.float64)
    labels = data.labels[numbers]
    losses = [_loss(scores / temperature, labels) for temperature in _TEMPERATURES]
    return float(_TEMPERATURES[int(np.argmin(losses))])


def _loss(scores: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    highest = scores.max(axis=1, keepdims=True)
    totals = highest[:, 0] + np.log(np.exp(scores - highest).sum(axis=1))
    return float((totals - scores[np.arange(len(labels)), labels]).mean())
