"""Every arrow of a call graph: what any caller can do at any place that any caller can reach."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TypeVar

from ivr.line.callflow.graph import KEYS_ONLY, Graph, Stay
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
_DIALLED = [ActionResult(status) for status in ("completed", "busy", "no-answer", "failed", "canceled")]
# "?" stands for every key that a keypad does not have, and for several keys at once.
_KEYS: list[Heard] = [Silence(), *(Key(key) for key in "1234567890*#?")]


@dataclass(frozen=True)
class Exploration:
    """Where one step leads: by how many arrows, to which turns, and to which states."""

    arrows: int
    turns: frozenset[Turn]
    states: frozenset[State]


class Explorer:
    """All that can happen on a call. What hangs on this moment is taken once as true and once as false."""

    def __init__(self, graph: Graph, *, speech: bool) -> None:
        """speech: whether callers may use words."""
        self._graph = graph
        said = {*OUTCOMES, *ANSWERS, *graph.words, "stop-alone"} if speech else set()
        self._words: list[Heard] = [SpokenWords(meant) for meant in sorted(said)]
        # Where understood words lead does not hang on what was missed before: it is asked once for each place.
        self._moves_from = lru_cache(None)(self._moves)
        # Each turn and state is one object, though it is found many times: what is the same is not compared.
        self._turns: dict[Turn, Turn] = {}
        self._states: dict[State, State] = {}

    def steps(self) -> Iterator[tuple[State, Exploration]]:
        """Each state that a call can reach, and all that one step from it leads to: each input, in every case."""
        waiting = [self._graph.start(language).state for language in self._graph.languages]
        states = set(waiting)
        for state in waiting:
            for found in self._steps(state):
                yield state, found
                waiting += found.states - states
                states |= found.states

    def turns(self) -> set[Turn]:
        """Every turn that a call can reach."""
        return {turn for _, found in self.steps() for turn in found.turns}

    def _steps(self, state: State) -> Iterator[Exploration]:
        moved, stays = self._moves_from(State(state.language, state.place), state.wrongs < KEYS_ONLY)
        yield moved
        for why, times in stays.items():
            yield self._found(times * self._each_way(partial(self._graph.stay, state, why)))

    def _moves(self, state: State, listens: bool) -> tuple[Exploration, Counter[Stay]]:
        """Where all that is understood leads from a place, and how often the caller stays there for which reason."""
        turns: list[Turn] = []
        stays: Counter[Stay] = Counter()
        for heard in self._inputs(state.place, listens):
            for moved in self._each_way(partial(self._graph.move, state, heard)):
                if isinstance(moved, Turn):
                    turns.append(moved)
                else:
                    stays[moved] += 1
        return self._found(turns), stays

    def _found(self, turns: Sequence[Turn]) -> Exploration:
        distinct = frozenset(self._turns.setdefault(turn, turn) for turn in turns)
        return Exploration(
            len(turns), distinct, frozenset(self._states.setdefault(one.state, one.state) for one in distinct)
        )

    def _inputs(self, place: Node, listens: bool) -> list[Heard]:
        if isinstance(place, Goodbye):
            return []
        if isinstance(place, Transfer):
            return list(_DIALLED)
        if isinstance(place, Task):
            return [ActionResult(outcome) for outcome in TASK_OUTCOMES[type(place)]]
        if isinstance(place, EnterNumber):
            return [*_KEYS, NumberEntered()]
        return [*_KEYS, *self._words] if listens else _KEYS

    def _each_way(self, ask: Callable[[Facts], T]) -> list[T]:
        """All answers to a question about facts: each fact that it asks about, once false and once true."""
        asked: list[str] = []

        def unknown(fact: str) -> bool:
            asked.append(fact)
            return False

        answers = [ask(unknown)]
        if asked:
            answers += self._with_facts(ask, asked)
        return answers

    def _with_facts(self, ask: Callable[[Facts], T], asked: list[str]) -> set[T]:
        answers: set[T] = set()
        waiting = [{**dict.fromkeys(asked[:at], False), fact: True} for at, fact in enumerate(asked)]
        while waiting:
            known = waiting.pop()
            more: list[str] = []

            def holds(fact: str, known: dict[str, bool] = known, more: list[str] = more) -> bool:
                if fact not in known:
                    more.append(fact)
                return known.get(fact, False)

            answers.add(ask(holds))
            waiting += [{**known, **dict.fromkeys(more[:at], False), fact: True} for at, fact in enumerate(more)]
        return answers


_walked: list[tuple[Graph, bool, frozenset[Turn]]] = []


def reachable(graph: Graph, *, speech: bool) -> frozenset[Turn]:
    """Every turn that a call can reach. Most releases change words alone, and so the last two walks are remembered."""
    known = (turns for other, words, turns in list(_walked) if words == speech and other.is_like(graph))
    found = next(known, None)
    if found is None:
        found = frozenset(Explorer(graph, speech=speech).turns())
        _walked[:] = [(graph, speech, found), *_walked][:2]
    return found
