"""Stored models: trained once for each set of examples, loaded by every process, and replaced if damaged."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select, update

from ivr.ledger import Ledger, open_ledger
from ivr.ledger.tables import topic_model
from ivr.line.content.loader import read_content
from ivr.line.nlu.features import words_of
from ivr.line.nlu.topic_model import TopicModel
from ivr.line.nlu.training import Example, examples_digest, examples_of, train_model
from ivr.releases import models as models_module
from ivr.releases.models import MOST_MODELS, ModelStore
from ivr.releases.training_process import TrainingProcess
from tests.line.content.test_loader import SHIPPED
from tests.support.clinic import NOW

# Few examples, so that a training takes no time.
SMALL = {name: data for name, data in SHIPPED.items() if not name.endswith(".tsv")}
CONTENT = read_content(SMALL)
OTHER_WORDS = read_content(
    {**SMALL, "en/goodbye.md": SMALL["en/goodbye.md"].replace(b"Spoken\n\n", b"Spoken\n\nWell. ")}
)
OTHER_PHRASES = read_content({**SMALL, "en/questions.tsv": b"cancer\tis this thing the big c\n"})


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of examples of each training."""
    counts: list[int] = []

    def train(examples: Sequence[Example]) -> TopicModel:
        counts.append(len(examples))
        return train_model(examples)

    monkeypatch.setattr(models_module, "train_model", train)
    return counts


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The events that were logged."""
    events: list[str] = []

    class Recorder:
        def error(self, event: str, **_fields: object) -> None:
            events.append(event)

        warning = error

    monkeypatch.setattr(models_module.log, "get_logger", Recorder)
    return events


def sure(model: TopicModel) -> str:
    return next(iter(model.probabilities(words_of("can i wear deodorant"))))


def test_a_model_is_trained_once_and_then_read_by_every_process_and_machine(
    ledger: Ledger, tmp_path: Path, trainings: list[int]
) -> None:
    assert sure(ModelStore(ledger, tmp_path / "a").model_of(CONTENT)) == "skin-products"
    assert sure(ModelStore(ledger, tmp_path / "a").model_of(CONTENT)) == "skin-products"
    assert sure(ModelStore(ledger, tmp_path / "b").model_of(CONTENT)) == "skin-products"
    assert len(trainings) == 1


def test_a_release_that_changes_no_phrase_and_no_question_needs_no_training(
    ledger: Ledger, tmp_path: Path, trainings: list[int]
) -> None:
    store = ModelStore(ledger, tmp_path)
    announced: list[int] = []
    for content in (CONTENT, OTHER_WORDS, OTHER_PHRASES, CONTENT):
        store.model_of(content, announced.append)
    assert len(trainings) == 2
    assert announced == trainings


def test_a_damaged_model_in_the_database_is_logged_and_replaced(
    ledger: Ledger, tmp_path: Path, trainings: list[int], logged: list[str]
) -> None:
    ModelStore(ledger, tmp_path / "a").model_of(CONTENT)
    with ledger.write() as connection:
        connection.execute(update(topic_model).values(data=b"PK damaged"))
    assert sure(ModelStore(ledger, tmp_path / "b").model_of(CONTENT)) == "skin-products"
    assert "model_damaged" in logged
    assert len(trainings) == 2
    ModelStore(ledger, tmp_path / "c").model_of(CONTENT)
    assert len(trainings) == 2, "the damaged model was replaced"


def test_a_damaged_copy_on_disk_is_logged_and_replaced_from_the_database(
    ledger: Ledger, tmp_path: Path, trainings: list[int], logged: list[str]
) -> None:
    store = ModelStore(ledger, tmp_path)
    store.model_of(CONTENT)
    (copy,) = tmp_path.glob("*.npz")
    copy.write_bytes(copy.read_bytes()[:1000])
    assert sure(store.model_of(CONTENT)) == "skin-products"
    assert "model_damaged" in logged
    assert len(trainings) == 1


def test_a_model_of_other_examples_is_never_used(ledger: Ledger, tmp_path: Path, trainings: list[int]) -> None:
    store = ModelStore(ledger, tmp_path / "a")
    store.model_of(CONTENT)
    (right,) = (tmp_path / "a").glob("*.npz")
    store.model_of(OTHER_PHRASES)
    (other,) = set((tmp_path / "a").glob("*.npz")) - {right}
    other.write_bytes(right.read_bytes())
    assert store.model_of(OTHER_PHRASES).examples == other.stem


def test_without_the_database_the_copy_on_disk_serves_and_without_a_disk_the_database(
    ledger: Ledger, tmp_path: Path, trainings: list[int]
) -> None:
    ModelStore(ledger, tmp_path / "a").model_of(CONTENT)
    (tmp_path / "file").write_text("a file where a folder should be")
    ModelStore(ledger, tmp_path / "file").model_of(CONTENT)
    down = open_ledger("postgresql+psycopg://nobody@127.0.0.1:1/nowhere")
    ModelStore(down, tmp_path / "a").model_of(CONTENT)
    assert len(trainings) == 1
    assert sure(ModelStore(down, tmp_path / "empty").model_of(CONTENT)) == "skin-products"
    assert len(trainings) == 2, "with neither, it is trained again"


def test_only_the_newest_models_are_kept(ledger: Ledger, tmp_path: Path) -> None:
    rows = [{"examples": f"{number:064}", "data": b"x", "at": NOW} for number in range(MOST_MODELS + 5)]
    with ledger.write() as connection:
        connection.execute(insert(topic_model), rows)
    for number in range(MOST_MODELS + 5):
        (tmp_path / f"{number}.npz").write_bytes(b"x")
    ModelStore(ledger, tmp_path).model_of(CONTENT)
    with ledger.read() as connection:
        assert connection.execute(select(func.count()).select_from(topic_model)).scalar_one() == MOST_MODELS
    assert len(list(tmp_path.glob("*.npz"))) == MOST_MODELS


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> list[TrainingProcess]:
    """The processes that train."""
    started: list[TrainingProcess] = []

    def start(examples: Sequence[Example]) -> TrainingProcess:
        started.append(TrainingProcess(examples))
        return started[-1]

    monkeypatch.setattr(models_module, "TrainingProcess", start)
    return started


def test_a_model_that_another_process_trains_is_the_same_and_is_stored(
    ledger: Ledger, tmp_path: Path, trainings: list[int], processes: list[TrainingProcess]
) -> None:
    announced: list[int] = []
    for folder in ("a", "b"):
        with ModelStore(ledger, tmp_path / folder).in_training(CONTENT, announced.append) as finish:
            finish()
    assert (trainings, len(processes), len(announced)) == ([], 1, 1)
    stored = ModelStore(ledger, tmp_path / "c").model_of(CONTENT)
    assert stored.to_bytes() == train_model(examples_of(CONTENT)).to_bytes()


def test_a_process_that_trains_ends_when_the_prompts_are_refused(
    ledger: Ledger, tmp_path: Path, processes: list[TrainingProcess]
) -> None:
    store = ModelStore(ledger, tmp_path)
    with store.in_training(CONTENT, lambda _count: None):
        assert processes[0]._process.poll() is None
    assert processes[0]._process.poll() == -signal.SIGKILL
    with ledger.read() as connection:
        assert connection.execute(select(func.count()).select_from(topic_model)).scalar_one() == 0


def test_a_model_whose_process_died_is_trained_in_this_one(
    ledger: Ledger, tmp_path: Path, trainings: list[int], processes: list[TrainingProcess], logged: list[str]
) -> None:
    store = ModelStore(ledger, tmp_path)
    with store.in_training(CONTENT, lambda _count: None) as finish:
        processes[0]._process.kill()
        finish()
    assert (len(trainings), logged) == (1, [])
    assert store.from_disk(examples_digest(examples_of(CONTENT))) is not None


def test_a_model_is_trained_in_this_process_if_no_other_can_be_started(
    ledger: Ledger, tmp_path: Path, trainings: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_examples: Sequence[Example]) -> TrainingProcess:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(models_module, "TrainingProcess", fail)
    store = ModelStore(ledger, tmp_path)
    with store.in_training(CONTENT, lambda _count: None) as finish:
        finish()
    assert len(trainings) == 1
    assert store.from_disk(examples_digest(examples_of(CONTENT))) is not None
