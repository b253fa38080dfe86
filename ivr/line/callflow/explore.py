"""Walks the whole call graph: everything that a caller can do in every state that a caller can reach."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TypeVar

from ivr.line.callflow.graph import KEYS_ONLY, Graph, StayReason
from ivr.line.callflow.states import (
    TASK_OUTCOMES,
    ActionResult,
    EnterNumber,
    Facts,
    Goodbye,
    Heard,
    Key,
    Node,
    NumberEntered,
    Silence,
    SpokenWords,
    State,
    Task,
    Transfer,
    Turn,
)
from ivr.line.content.config import ANSWERS
from ivr.line.content.required_prompts import OUTCOMES

T = TypeVar("T")
_DIAL_RESULTS = [ActionResult(status) for status in ("completed", "busy", "no-answer", "failed", "canceled")]
# "?" represents any key that a keypad does not have, and several keys at once.
_KEYS: list[Heard] = [Silence(), *(Key(key) for key in "1234567890*#?")]


@dataclass(frozen=True, eq=False)
class Exploration:
    """Some transitions out of a state: how many, and the distinct turns and states that they lead to.

    States that differ only in their counters share one exploration where they have the same transitions.
    """

    transitions: int
    turns: frozenset[Turn]
    states: frozenset[State]


class Explorer:
    """Explores a graph breadth first. Every fact that a transition depends on is tried as false and as true."""

    def __init__(self, graph: Graph, *, speech: bool) -> None:
        """speech: whether callers can speak."""
        self._graph = graph
        outcomes = {*OUTCOMES, *ANSWERS, *graph.spoken_targets, "stop-alone"} if speech else set()
        self._speech: list[Heard] = [SpokenWords(outcome) for outcome in sorted(outcomes)]
        # Transitions do not depend on the counters, so they are computed once for each node.
        self._node_transitions = lru_cache(None)(self._transitions)
        # Equal turns and states share one object, so that later comparisons are by identity.
        self._turns: dict[Turn, Turn] = {}
        self._states: dict[State, State] = {}

    def explore(self) -> Iterator[tuple[State, Exploration]]:
        """Each reachable state with the transitions out of it; a state may be yielded more than once."""
        queue = [self._graph.start(language).state for language in self._graph.languages]
        seen = set(queue)
        explored: set[Exploration] = set()
        for state in queue:
            for exploration in self._explorations(state):
                yield state, exploration
                if exploration not in explored:
                    explored.add(exploration)
                    queue += exploration.states - seen
                    seen |= exploration.states

    def turns(self) -> set[Turn]:
        """Every turn that a call can reach."""
        explorations = {exploration for _, exploration in self.explore()}
        return {turn for exploration in explorations for turn in exploration.turns}

    def _explorations(self, state: State) -> Iterator[Exploration]:
        transitions, reprompts = self._node_transitions(State(state.language, state.node), state.wrongs < KEYS_ONLY)
        yield transitions
        for reason, count in reprompts.items():
            yield self._exploration(self._all_cases(partial(self._graph.reprompt, state, reason)), count)

    def _transitions(self, state: State, listens: bool) -> tuple[Exploration, Counter[StayReason]]:
        """All transitions out of a node, and how often each reason keeps the caller there."""
        turns: list[Turn] = []
        reprompts: Counter[StayReason] = Counter()
        for heard in self._inputs(state.node, listens):
            for result in self._all_cases(partial(self._graph.transition, state, heard)):
                if isinstance(result, Turn):
                    turns.append(result)
                else:
                    reprompts[result] += 1
        return self._exploration(turns), reprompts

    def _exploration(self, turns: Sequence[Turn], times: int = 1) -> Exploration:
        distinct = frozenset(self._turns.setdefault(turn, turn) for turn in turns)
        states = frozenset(self._states.setdefault(turn.state, turn.state) for turn in distinct)
        return Exploration(times * len(turns), distinct, states)

    def _inputs(self, node: Node, listens: bool) -> list[Heard]:
        if isinstance(node, Goodbye):
            return []
        if isinstance(node, Transfer):
            return list(_DIAL_RESULTS)
        if isinstance(node, Task):
            return [ActionResult(outcome) for outcome in TASK_OUTCOMES[type(node)]]
        if isinstance(node, EnterNumber):
            return [*_KEYS, NumberEntered()]
        return [*_KEYS, *self._speech] if listens else _KEYS

    def _all_cases(self, evaluate: Callable[[Facts], T]) -> list[T]:
        """The distinct results of `evaluate` for every combination of the facts that it depends on."""
        all_false, *others = self._cases(evaluate)
        return [all_false, *set(others)]

    def _cases(self, evaluate: Callable[[Facts], T]) -> Iterator[T]:
        """The result with every fact false, and then one for each combination, with repetitions."""
        queue: list[dict[str, bool]] = [{}]
        for known in queue:
            new: list[str] = []

            def holds(fact: str, known: dict[str, bool] = known, new: list[str] = new) -> bool:
                if fact not in known:
                    new.append(fact)
                return known.get(fact, False)

            yield evaluate(holds)
            queue += [{**known, **dict.fromkeys(new[:index], False), fact: True} for index, fact in enumerate(new)]


_recent: list[tuple[Graph, bool, frozenset[Turn]]] = []


def reachable_turns(graph: Graph, *, speech: bool) -> frozenset[Turn]:
    """Every turn that a call can reach. The last two results are cached: most releases change prompts alone."""
    for other, with_speech, turns in list(_recent):
        if with_speech == speech and other.has_same_transitions(graph):
            return turns
    turns = frozenset(Explorer(graph, speech=speech).turns())
    _recent[:] = [(graph, speech, turns), *_recent][:2]
    return turns
