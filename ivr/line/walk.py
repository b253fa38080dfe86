"""Every arrow of a call graph: what any caller can do at any place that any caller can reach."""

from __future__ import annotations

from collections.abc import Iterator

from ivr.line.config import ANSWERS
from ivr.line.graph import KEYS_ONLY, Graph
from ivr.line.needed import OUTCOMES
from ivr.line.places import (
    TASK_OUTCOMES,
    Goodbye,
    Heard,
    Key,
    KeyIn,
    Number,
    Outcome,
    Silence,
    State,
    Task,
    Transfer,
    Turn,
    Words,
)

Arrow = tuple[State, Heard, Turn]
_DIALLED = [Outcome(status) for status in ("completed", "busy", "no-answer", "failed", "canceled")]
# "?" stands for every key that a keypad does not have, and for several keys at once.
_KEYS: list[Heard] = [Silence(), *(Key(key) for key in "1234567890*#?")]


class Walk:
    """All that can happen on a call. What hangs on this moment is taken once as true and once as false."""

    def __init__(self, graph: Graph, *, speech: bool) -> None:
        """speech: whether callers may use words."""
        self._graph = graph
        said = {*OUTCOMES, *ANSWERS, *graph.words, "stop-alone"} if speech else set()
        self._words: list[Heard] = [Words(meant) for meant in sorted(said)]

    def arrows(self) -> Iterator[Arrow]:
        """Each state, what is heard there, and the turn that it leads to; every combination once."""
        seen = {self._graph.start(language) for language in self._graph.languages}
        states = {turn.state for turn in seen}
        waiting = list(states)
        for state in waiting:
            for heard in self._inputs(state):
                for turn in self._turns(state, heard):
                    yield state, heard, turn
                    if turn.state not in states:
                        states.add(turn.state)
                        waiting.append(turn.state)

    def turns(self) -> set[Turn]:
        """Every turn that a call can reach."""
        return {turn for _, _, turn in self.arrows()}

    def _inputs(self, state: State) -> list[Heard]:
        place = state.place
        if isinstance(place, Goodbye):
            return []
        if isinstance(place, Transfer):
            return list(_DIALLED)
        if isinstance(place, Task):
            return [Outcome(outcome) for outcome in TASK_OUTCOMES[type(place)]]
        if isinstance(place, KeyIn):
            return [*_KEYS, Number()]
        return _KEYS if state.wrongs >= KEYS_ONLY else [*_KEYS, *self._words]

    def _turns(self, state: State, heard: Heard) -> list[Turn]:
        """All that one input can lead to: each fact that the step asks about, once false and once true."""
        asked: list[str] = []

        def unknown(fact: str) -> bool:
            asked.append(fact)
            return False

        turns = [self._graph.step(state, heard, unknown)]
        if asked:
            turns += self._with_facts(state, heard, asked)
        return turns

    def _with_facts(self, state: State, heard: Heard, asked: list[str]) -> set[Turn]:
        turns: set[Turn] = set()
        waiting = [{**dict.fromkeys(asked[:at], False), fact: True} for at, fact in enumerate(asked)]
        while waiting:
            known = waiting.pop()
            more: list[str] = []

            def holds(fact: str, known: dict[str, bool] = known, more: list[str] = more) -> bool:
                if fact not in known:
                    more.append(fact)
                return known.get(fact, False)

            turns.add(self._graph.step(state, heard, holds))
            waiting += [{**known, **dict.fromkeys(more[:at], False), fact: True} for at, fact in enumerate(more)]
        return turns


_walked: list[tuple[Graph, bool, frozenset[Turn]]] = []


def reachable(graph: Graph, *, speech: bool) -> frozenset[Turn]:
    """Every turn that a call can reach. Most releases change words alone, and so the last two walks are remembered."""
    known = (turns for other, words, turns in list(_walked) if words == speech and other.is_like(graph))
    found = next(known, None)
    if found is None:
        found = frozenset(Walk(graph, speech=speech).turns())
        _walked[:] = [(graph, speech, found), *_walked][:2]
    return found
