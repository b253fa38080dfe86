"""A model that several processes of a machine need is trained once."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from ivr.line.content.loader import Content
from ivr.line.nlu.training import examples_digest
from ivr.releases import models
from ivr.releases.models import ModelStore


def test_a_store_that_needs_a_model_in_training_waits_for_it_instead_of_training_it_again(
    content: Content, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained, other_has_begun = [], threading.Event()
    small = [example for example in models.examples_of(content)][:60]
    monkeypatch.setattr(models, "examples_of", lambda _content: small)
    monkeypatch.setattr(models, "model_digest", lambda _content: examples_digest(small))
    train = models.train_model

    def slow_train(examples: Any) -> Any:
        trained.append(len(examples))
        other_has_begun.wait(10)
        return train(examples)

    monkeypatch.setattr(models, "train_model", slow_train)
    first, second = (ModelStore(None, tmp_path) for _ in range(2))
    results: list[Any] = []
    threads = [
        threading.Thread(target=lambda store=store: results.append(store.model_of(content)))
        for store in (first, second)
    ]
    for thread in threads:
        thread.start()
    threading.Timer(0.5, other_has_begun.set).start()
    for thread in threads:
        thread.join(30)
    assert trained == [60]
    assert [model.examples for model in results] == [examples_digest(small)] * 2


def test_nobody_waits_for_a_model_that_is_stored_already(
    content: Content, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = [example for example in models.examples_of(content)][:60]
    monkeypatch.setattr(models, "examples_of", lambda _content: small)
    monkeypatch.setattr(models, "model_digest", lambda _content: examples_digest(small))
    store = ModelStore(None, tmp_path)
    store.model_of(content)
    first, second = (store.in_training(content, lambda _count: None) for _ in range(2))
    with first as finish, second as other:
        assert finish() is other() is None
