"""A local line answers before its model is trained: by keys, rules, and known phrases, and then with the model."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ivr.ledger import Ledger
from ivr.line.content.loader import content_digest
from ivr.line.nlu.matcher import Matcher
from ivr.releases import models
from ivr.releases.cache import ReleaseCache
from ivr.releases.models import ModelStore
from tests.releases.draft_files import SHIPPED

NEW_QUESTION = "my underarm spray, is it ok that day"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The shipped prompts, with so few questions that training takes no time."""
    for name, data in SHIPPED.items():
        path = tmp_path / "prompts" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"\n".join(data.split(b"\n")[:300]) if name.endswith("questions.tsv") else data)
    return tmp_path / "prompts"


@pytest.fixture
def may_train(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Trainings wait until this is set."""
    event = threading.Event()
    train_apart = ModelStore.train_apart

    def wait_and_train(store: ModelStore, content: object) -> None:
        event.wait(60)
        train_apart(store, content)  # type: ignore[arg-type]

    monkeypatch.setattr(ModelStore, "train_apart", wait_and_train)
    yield event
    event.set()


def matcher_of(cache: ReleaseCache) -> Matcher:
    assert cache.live is not None
    return cache.live.matcher


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_until_the_model_is_trained_rules_and_known_phrases_are_understood_and_other_words_are_not_guessed(
    ledger: Ledger, folder: Path, tmp_path: Path, may_train: threading.Event
) -> None:
    cache = ReleaseCache(
        ledger,
        tmp_path / "var",
        folder,
        f"https://{tmp_path.name}.example",
        model_dir=tmp_path / "models",
        start_untrained=True,
    )
    untrained = matcher_of(cache)
    understood = {
        "I can't breathe and my chest hurts": "urgent",
        "i found a new lump in my breast": "person-soon",
        "encontré un bulto nuevo en el pecho": "person-soon",
        "STOP": "stop",
        "2": "cancer",
        "can i wear deodorant": "skin-products",
        NEW_QUESTION: "none",
    }
    assert {words: untrained.match(words).topic for words in understood} == understood
    may_train.set()
    wait_for(lambda: matcher_of(cache) is not untrained)
    assert matcher_of(cache).match("can i wear deodorant").scores
    assert list((tmp_path / "models").glob("*.npz"))


@pytest.mark.parametrize(("start_untrained", "is_stored"), [(False, False), (True, True)])
def test_a_line_waits_for_its_model_unless_it_may_start_without_and_there_is_none(
    ledger: Ledger,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    start_untrained: bool,
    is_stored: bool,
) -> None:
    trained = []
    train = models.train_model
    monkeypatch.setattr(models, "train_model", lambda examples: trained.append(len(examples)) or train(examples))
    # Not that of another test, because compiled lines are shared.
    base_url, places = f"https://{tmp_path.name}.example", {"model_dir": tmp_path / "models"}
    if is_stored:
        ReleaseCache(ledger, tmp_path / "var", folder, base_url, **places)
    cache = ReleaseCache(ledger, tmp_path / "var", folder, base_url, **places, start_untrained=start_untrained)
    assert cache.live is not None
    assert cache.live.digest == content_digest(cache.live.content.files)
    assert matcher_of(cache).match("can i wear deodorant").scores
    assert len(trained) == 1
