"""One real line for all attacks of a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from redis import Redis

from ivr.line.content.loader import Content
from ivr.line.nlu.training import examples_of
from ivr.releases import models
from tests.attack.target import Target, fill
from tests.support.clinic import open_clinic


@pytest.fixture(scope="module")
def target(content: Content, queue_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A line under attack. A module that uses it carries the marker `processes`."""
    # Trains the model if no test has done so; a process that trains takes long to start.
    models.train_model(examples_of(content))
    with Redis.from_url(queue_server) as connection:
        connection.flushall()
    with open_clinic(content, tmp_path_factory.mktemp("line")) as clinic:
        fill(clinic)
        target = Target(clinic, queue_server)
        yield target
        target.end()
