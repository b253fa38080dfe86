"""The call graph, explored once for all checks of a test process whose prompts differ in their words only."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ivr.line.callflow.explore import Exploration, Explorer
from ivr.line.callflow.graph import Graph
from ivr.line.callflow.states import State
from ivr.line.content.config import Config

_MOST = 4
_GRAPH = dict(vars(Graph))
_known: list[tuple[Config, dict[str, int], bool, list[tuple[State, Exploration]]]] = []


class _ExploresOnce(Explorer):
    def __init__(self, graph: Graph, *, speech: bool) -> None:
        super().__init__(graph, speech=speech)
        # A graph depends on nothing else.
        self._key = (graph._config, graph.part_counts, speech)

    def explore(self) -> Iterator[tuple[State, Exploration]]:
        if dict(vars(Graph)) != _GRAPH:
            # A test has replaced a transition.
            return super().explore()
        for *key, explored in _known:
            if tuple(key) == self._key:
                return iter(explored)
        explored = list(super().explore())
        _known[:] = [(*self._key, explored), *_known][:_MOST]
        return iter(explored)


@pytest.fixture(autouse=True, scope="session")
def explore_once() -> Iterator[None]:
    """For the conftest.py of a folder: explore each graph once, which takes two seconds of each check."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ivr.line.lint.graph_rules.Explorer", _ExploresOnce)
        yield
