"""The call graph, explored once for all releases of a test process that differ in the words of their prompts only."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ivr.line.callflow.explore import Exploration, Explorer
from ivr.line.callflow.graph import Graph
from ivr.line.callflow.states import State
from ivr.line.content.config import Config

Explored = list[tuple[State, Exploration]]
_MOST = 4


@pytest.fixture(autouse=True, scope="session")
def explore_once() -> Iterator[None]:
    """For the conftest.py of a folder: explore each graph once, which takes two seconds of each check."""
    explore, methods = Explorer.explore, dict(vars(Graph))
    known: list[tuple[Config, dict[str, int], bool, Explored]] = []

    def explore_and_keep(explorer: Explorer) -> Iterator[tuple[State, Exploration]]:
        graph, speech = explorer._graph, bool(explorer._speech)
        if dict(vars(Graph)) != methods:
            # A test has replaced a transition.
            return explore(explorer)
        for config, part_counts, spoken, explored in known:
            # A graph depends on nothing else.
            if (graph._config, graph.part_counts, speech) == (config, part_counts, spoken):
                return iter(explored)
        explored = list(explore(explorer))
        known[:] = [(graph._config, graph.part_counts, speech, explored), *known][:_MOST]
        return iter(explored)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Explorer, "explore", explore_and_keep)
        yield
