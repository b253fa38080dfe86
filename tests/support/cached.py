"""What is made once for all tests of a process: contents, compiled lines, compiled statements, and models."""

from __future__ import annotations

import gc
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from fcntl import LOCK_EX, flock
from pathlib import Path
from typing import Any, Generic, TypeVar

import pytest
from sqlalchemy import Dialect, Engine
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.util import LRUCache

from ivr.line.content.loader import Content, Files, content_digest, read_content, read_folder
from ivr.line.nlu.topic_model import TopicModel
from ivr.line.nlu.training import Example, examples_digest, train_model
from ivr.line.twiml.release import CompiledLine
from ivr.releases.models import ModelStore
from ivr.releases.store import pack
from tests.support.paths import ROOT

T = TypeVar("T")


class _LastUsed(Generic[T]):
    """The values that were used last: of a compiled line, a few dozen megabytes each."""

    def __init__(self, size: int = 8) -> None:
        self._size, self._values = size, dict[object, T]()

    def get(self, key: object, make: Callable[[], T]) -> T:
        value = self._values.pop(key) if key in self._values else make()
        self._values[key] = value
        if len(self._values) > self._size:
            del self._values[next(iter(self._values))]
        return value


@pytest.fixture(autouse=True, scope="session")
def content() -> Iterator[Content]:
    """The shipped content of prompts/. Contents and compiled lines are cached: they are immutable, and take seconds."""
    contents, lines, archives = _LastUsed[Content](), _LastUsed[CompiledLine](), _LastUsed[bytes]()
    folder = ROOT / "prompts"
    shipped = read_content(read_folder(folder))
    contents.get(shipped.digest, lambda: shipped)

    def digest_of(files: Files) -> str:
        return shipped.digest if files is shipped.files else content_digest(files)

    def cached_folder(path: Path) -> Files:
        return shipped.files if path == folder else read_folder(path)

    def cached_content(files: Files) -> Content:
        return contents.get(digest_of(files), lambda: read_content(files))

    def cached_line(content: Content, base_url: str = "", **options: Any) -> CompiledLine:
        key = (content.digest, base_url, options.get("transfer_seconds"))
        return lines.get(key, lambda: compile_line(content, base_url, **options))

    def compile_line(content: Content, base_url: str, **options: Any) -> CompiledLine:
        line = CompiledLine(content, base_url, **options)
        if content is shipped:
            # It stays until the end: the garbage collector need not look at its objects again and again.
            gc.collect()
            gc.freeze()
        return line

    def cached_archive(files: Files) -> bytes:
        return archives.get(digest_of(files), lambda: pack(files))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ivr.releases.live.read_folder", cached_folder)
        patch.setattr("ivr.releases.live.read_content", cached_content)
        for module in ("ivr.releases.disk_cache", "ivr.releases.store"):
            patch.setattr(f"{module}.pack", cached_archive)
        for module in ("ivr.releases.cache", "ivr.cli.doctor"):
            patch.setattr(f"{module}.CompiledLine", cached_line)
        yield shipped


@pytest.fixture(autouse=True, scope="session")
def compile_statements_once() -> Iterator[None]:
    """Share the compiled statements of all databases of one kind: each test has an engine of its own."""
    caches = defaultdict[str, LRUCache[Any, Any]](lambda: LRUCache(2_000))
    create = Engine.__init__

    def create_and_share(engine: Engine, pool: Any, dialect: Dialect, *arguments: Any, **values: Any) -> None:
        create(engine, pool, dialect, *arguments, **values)
        engine._compiled_cache = caches[dialect.name]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Engine, "__init__", create_and_share)
        # They are part of the key of a statement. One server, or one library, is used by all tests.
        patch.setattr(DefaultDialect, "__eq__", lambda one, other: type(one) is type(other))
        patch.setattr(DefaultDialect, "__hash__", lambda dialect: hash(type(dialect)))
        yield


@pytest.fixture(autouse=True, scope="session")
def train_once(pytestconfig: pytest.Config) -> Iterator[None]:
    """Keep trained models on disk, for every test process and for the processes that tests start."""
    folder = pytestconfig.cache.mkdir("models")
    store = ModelStore(None, folder)

    def train(examples: Sequence[Example]) -> TopicModel:
        digest = examples_digest(examples)
        with (folder / "lock").open("w") as lock:
            # Released when the file is closed.
            flock(lock, LOCK_EX)
            model = store.from_disk(digest)
            if model is None:
                model = train_model(examples)
                (folder / f"{digest}.npz").write_bytes(model.to_bytes(compressed=False))
            return model

    with pytest.MonkeyPatch.context() as patch:
        for module in ("ivr.line.nlu.models", "ivr.releases.models"):
            patch.setattr(f"{module}.train_model", train)
        patch.setenv("MODEL_DIR", str(folder))
        yield
