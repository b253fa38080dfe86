"""Trained models, in the database and on disk, by the digest of the examples that they were trained on.

Publishing trains a model, and the web processes load it. A model that is missing or damaged is trained anew from the
examples in the release, so a call or a text never gets a worse answer, only a later first one.
"""

from __future__ import annotations

import fcntl
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path

from sqlalchemy import delete, insert, select

from ivr import clock, log
from ivr.ledger import Ledger, LedgerUnavailable
from ivr.ledger.tables import topic_model
from ivr.line.content.loader import Content
from ivr.line.nlu.topic_model import ModelDamaged, TopicModel, read_model
from ivr.line.nlu.training import Example, examples_of, model_digest, train_model
from ivr.releases.training_process import TrainingProcess

# Releases that share their phrases and questions share a model.
MOST_MODELS = 20


class ModelStore:
    """The models of a line. folder: MODEL_DIR."""

    def __init__(self, ledger: Ledger | None, folder: Path) -> None:
        self._ledger, self._folder = ledger, folder

    def model_of(self, content: Content, on_training: Callable[[int], None] = lambda _count: None) -> TopicModel:
        """The model from disk or the database, or one trained now, which takes seconds, and stored in both.

        on_training: called with the number of examples before a training.
        """
        digest = model_digest(content)
        model = self._stored(digest)
        if model is None:
            with self._only_trainer():
                model = self._stored(digest)
                if model is None:
                    examples = examples_of(content)
                    on_training(len(examples))
                    model = self.train(examples)
        return model

    def has(self, content: Content) -> bool:
        """Whether the model of a content is stored."""
        return self._stored(model_digest(content)) is not None

    def train_apart(self, content: Content) -> None:
        """Store the model of a content, trained in another process, so that this one goes on answering."""
        with self.in_training(content, lambda _count: None) as finish:
            finish()

    @contextmanager
    def _only_trainer(self) -> Iterator[None]:
        """No other process of this machine trains meanwhile: one that waited usually finds the model that it needs."""
        with ExitStack() as stack:
            # Without the lock, a model may be trained twice, and is the same.
            with suppress(OSError):
                self._folder.mkdir(parents=True, exist_ok=True)
                lock = stack.enter_context((self._folder / ".training").open("wb"))
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    @contextmanager
    def in_training(self, content: Content, on_training: Callable[[int], None]) -> Iterator[Callable[[], object]]:
        """Train the model of content that may be published, if it is not stored, in another process.

        Yields what waits for the model and stores it. Leaving the block before that discards the model.
        """
        digest = model_digest(content)
        with ExitStack() as stack:
            model = self._stored(digest)
            if model is None:
                stack.enter_context(self._only_trainer())
                model = self._stored(digest)
            if model is not None:
                stack.close()
                yield lambda: None
                return
            examples = examples_of(content)
            on_training(len(examples))
            yield stack.enter_context(self._being_trained(examples, digest))

    def _stored(self, digest: str) -> TopicModel | None:
        return self.from_disk(digest) or self._from_ledger(digest)

    @contextmanager
    def _being_trained(self, examples: Sequence[Example], digest: str) -> Iterator[Callable[[], object]]:
        try:
            process = TrainingProcess(examples)
        except OSError:
            # No room for the examples or for another process.
            yield partial(self.train, examples)
            return

        def finish() -> None:
            data = process.result()
            model = _read(data, digest, "the process that trains") if data else None
            if model:
                self._keep(model)
            else:
                self.train(examples)

        try:
            yield finish
        finally:
            process.cancel()

    def _path(self, digest: str) -> Path:
        return self._folder / f"{digest}.npz"

    def from_disk(self, digest: str) -> TopicModel | None:
        """The model on disk; None if there is none, or it is damaged."""
        try:
            return _read(self._path(digest).read_bytes(), digest, str(self._path(digest)))
        except OSError:
            return None

    def _from_ledger(self, digest: str) -> TopicModel | None:
        if self._ledger is None:
            return None
        try:
            with self._ledger.read() as connection:
                query = select(topic_model.c.data).where(topic_model.c.examples == digest)
                data = connection.execute(query).scalar_one_or_none()
        except LedgerUnavailable:
            return None
        model = _read(data, digest, f"topic_model {digest}") if data else None
        if model:
            self._keep_on_disk(model)
        return model

    def train(self, examples: Sequence[Example]) -> TopicModel:
        """Train a model now, and store it."""
        model = train_model(examples)
        self._keep(model)
        return model

    def _keep(self, model: TopicModel) -> None:
        self._keep_on_disk(model)
        if self._ledger is not None:
            _keep_in_ledger(self._ledger, model.to_bytes(), model.examples)

    def _keep_on_disk(self, model: TopicModel) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            temporary = self._folder / f".{secrets.token_hex(8)}"
            # Uncompressed, so that a process starts soon.
            temporary.write_bytes(model.to_bytes(compressed=False))
            temporary.replace(self._path(model.examples))
            newest_last = sorted(self._folder.glob("*.npz"), key=lambda path: path.stat().st_mtime_ns)
            for path in newest_last[:-MOST_MODELS]:
                path.unlink(missing_ok=True)
        except OSError as error:
            log.get_logger().warning("model_not_kept", error=str(error.strerror))


def _read(data: bytes, digest: str, place: str) -> TopicModel | None:
    try:
        model = read_model(data)
    except ModelDamaged as damage:
        log.get_logger().error("model_damaged", place=place, problem=str(damage))
        return None
    if model.examples != digest:
        log.get_logger().error("model_damaged", place=place, problem="it was trained on other examples")
        return None
    return model


def _keep_in_ledger(ledger: Ledger, data: bytes, digest: str) -> None:
    """Store a model in place of a damaged one; keep the newest. Any process may train it again, so none waits."""
    try:
        with ledger.write() as connection:
            ledger.exclusive_lock(connection)
            connection.execute(delete(topic_model).where(topic_model.c.examples == digest))
            connection.execute(insert(topic_model).values(examples=digest, data=data, at=clock.now()))
            newest = select(topic_model.c.examples).order_by(topic_model.c.at.desc()).limit(MOST_MODELS)
            kept = connection.execute(newest).scalars().all()
            connection.execute(delete(topic_model).where(topic_model.c.examples.not_in(kept)))
    except LedgerUnavailable as error:
        log.get_logger().warning("model_not_kept", error=str(error))
