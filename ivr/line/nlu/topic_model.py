"""A trained classifier of topics: calibrated probabilities of every outcome, from arrays that load in milliseconds."""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ivr.line.nlu.features import BUCKETS, Buckets, features_of
from ivr.line.nlu.language import LanguageClassifier

VERSION = 7
"""Changes whenever the features, the training or the format of a model change, so that old models are trained anew."""
_LARGEST_WEIGHT = 127

Floats = NDArray[np.float32]


class ModelDamaged(Exception):
    """The bytes are not a model, or one of another version; the message says which."""


@dataclass(frozen=True, eq=False)
class TopicModel:
    """Softmax regression over hashed features.

    outcomes: (k). rows: (BUCKETS), the row of each feature in the weights; row 0, of zeros, is for those that the model
    has not learned. weights: (rows, k), each column in units of its scale. scales, bias: (k). idf: (BUCKETS), how much
    each feature weighs in a message. temperature: what scores are divided by, so that probabilities are calibrated.
    vocabulary: how often each word occurs in the examples of each language. examples: the digest of the examples that
    the model was trained on.
    """

    outcomes: tuple[str, ...]
    rows: NDArray[np.int32]
    weights: NDArray[np.int8]
    scales: Floats
    bias: Floats
    idf: NDArray[np.float16]
    temperature: float
    vocabulary: Mapping[str, Mapping[str, int]]
    examples: str

    @cached_property
    def languages(self) -> LanguageClassifier:
        """Built once: a matcher is made for each draft that is tried."""
        return LanguageClassifier(self.vocabulary)

    def probabilities(self, words: Sequence[str]) -> dict[str, float]:
        """The probability of every outcome for normalized words, the highest first; empty without words."""
        if not (words and self.outcomes):
            return {}
        scores = (self.scores(features_of(words)) / self.temperature).astype(np.float64)
        odds = np.exp(scores - scores.max())
        chances = odds / odds.sum()
        order = np.argsort(-chances, kind="stable").tolist()
        values = chances.tolist()
        return {self.outcomes[index]: values[index] for index in order}

    def scores(self, buckets: Buckets) -> Floats:
        """The raw score of each outcome for a message's features."""
        weights = self.weights[self.rows[buckets]].astype(np.float32)
        scores: Floats = unit_vector(self.idf, buckets) @ weights
        return scores * self.scales + self.bias

    def to_bytes(self, *, compressed: bool = True) -> bytes:
        """The model as an archive of arrays. Without compression it is twice as large, and read ten times as fast."""
        names = {"examples": self.examples, "outcomes": self.outcomes, "vocabulary": self.vocabulary}
        arrays = {
            "version": np.array([VERSION]),
            "names": np.frombuffer(json.dumps(names).encode(), np.uint8),
            "rows": self.rows,
            "weights": self.weights,
            "scales": self.scales,
            "bias": self.bias,
            "idf": self.idf,
            "temperature": np.array([self.temperature]),
        }
        file = io.BytesIO()
        # Not np.savez_compressed: its level of compression takes six times as long to save a tenth more.
        method = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
        with zipfile.ZipFile(file, "w", method, compresslevel=1) as archive:
            for name, array in arrays.items():
                with archive.open(f"{name}.npy", "w") as member:
                    np.lib.format.write_array(member, array, allow_pickle=False)
        return file.getvalue()


def unit_vector(idf: NDArray[np.floating], buckets: Buckets) -> Floats:
    """The weights of a message's features, scaled to length 1."""
    weights: Floats = idf[buckets].astype(np.float32)
    return weights / (math.sqrt(float(weights @ weights)) or 1.0)


def quantized(weights: Floats) -> tuple[NDArray[np.int8], Floats]:
    """8-bit weights, and the scale of each outcome."""
    scales = np.maximum(np.abs(weights).max(axis=0), 1e-6) / _LARGEST_WEIGHT
    return np.rint(weights / scales).astype(np.int8), scales.astype(np.float32)


def read_model(data: bytes) -> TopicModel:
    """Read what `TopicModel.to_bytes` wrote. Raises ModelDamaged."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            version = int(arrays["version"][0])
            if version != VERSION:
                raise ModelDamaged(f"the model has version {version}, and this program reads {VERSION}")
            names = json.loads(arrays["names"].tobytes())
            model = TopicModel(
                tuple(names["outcomes"]),
                arrays["rows"],
                arrays["weights"],
                arrays["scales"],
                arrays["bias"],
                arrays["idf"],
                float(arrays["temperature"][0]),
                names["vocabulary"],
                names["examples"],
            )
    except ModelDamaged:
        raise
    except Exception as error:
        # A damaged archive raises many kinds of errors.
        raise ModelDamaged(f"the model cannot be read ({type(error).__name__})") from None
    _check(model)
    return model


def _check(model: TopicModel) -> None:
    if model.rows.dtype != np.int32 or model.rows.shape != (BUCKETS,) or model.rows.min() < 0:
        raise ModelDamaged("the model's rows are not those of features")
    count = len(model.outcomes)
    arrays: tuple[tuple[NDArray[np.generic], type[np.generic], tuple[int, ...]], ...] = (
        (model.weights, np.int8, (int(model.rows.max()) + 1, count)),
        (model.scales, np.float32, (count,)),
        (model.bias, np.float32, (count,)),
        (model.idf, np.float16, (BUCKETS,)),
    )
    if any(array.dtype != kind or array.shape != shape for array, kind, shape in arrays):
        raise ModelDamaged("the model's arrays do not fit together")
    finite = all(bool(np.isfinite(array).all()) for array in (model.scales, model.bias, model.idf))
    if not finite or not 0 < model.temperature < math.inf:
        raise ModelDamaged("the model contains numbers that are not finite")
