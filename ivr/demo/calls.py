"""Made-up calls: each is a walk on the live graph, logged as a web process logs it."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

from ivr.ledger import Vault
from ivr.line.callflow.graph import Graph
from ivr.line.callflow.states import (
    TASK_OUTCOMES,
    ActionResult,
    CallbackOffer,
    Goodbye,
    Heard,
    Key,
    Menu,
    Silence,
    SpokenWords,
    State,
    Task,
    Transfer,
)
from ivr.line.content.loader import Content
from ivr.people.calls.call_log import CallLog

T = TypeVar("T")
MOST_TURNS = 14
HANGS_UP = 0.12
SPANISH = 0.2
# What callers do at a menu or in a topic, and how often.
INPUTS: tuple[tuple[Heard, int], ...] = (
    *((Key(key), weight) for key, weight in (("1", 8), ("2", 4), ("3", 4), ("4", 2), ("#", 3), ("0", 2), ("9", 2))),
    (Key("7"), 1),
    (Silence(), 2),
    (SpokenWords("scheduling"), 2),
    (SpokenWords("skin-products"), 2),
)
DIALED = (("completed", 8), ("busy", 2), ("no-answer", 1))


class CallRows(CallLog):
    """The rows of the call log, without a thread that writes them."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault


def call_rows(content: Content, vault: Vault, starts: list[datetime], dice: random.Random) -> Iterator[dict[str, Any]]:
    """The turns of one call from each moment, for the table of calls."""
    graph, log = Graph(content), CallRows(vault)
    for number, start in enumerate(starts):
        sid, at = f"CA{number:032x}", start
        for token, heard, seconds in _walk(graph, content, dice):
            at += timedelta(seconds=seconds)
            yield log.row((at, sid, content.digest, token, heard, ""))


def _walk(graph: Graph, content: Content, dice: random.Random) -> Iterator[tuple[str, str, int]]:
    """(state, what was heard, seconds since the last turn) of one call, until it ends."""
    language = "es" if "es" in content.config.languages and dice.random() < SPANISH else None
    open_entries = {entry.id for entry in content.config.directory}
    state = graph.start().state
    yield state.token, "start", 0
    if language:
        state = State(language, Menu("welcome"))
        yield state.token, "key:8", dice.randint(4, 9)
    for _ in range(MOST_TURNS):
        if isinstance(state.node, Goodbye):
            return
        heard = _input(state, dice)
        state = graph.next_turn(state, heard, open_entries.__contains__).state
        while isinstance(state.node, Task):
            done = ActionResult(TASK_OUTCOMES[type(state.node)][0])
            state = graph.next_turn(state, done, open_entries.__contains__).state
        yield state.token, _logged(heard), dice.randint(5, 45)
        if heard == ActionResult("completed") or dice.random() < HANGS_UP:
            break
    yield "", "end:completed", dice.randint(8, 30)


def _input(state: State, dice: random.Random) -> Heard:
    if isinstance(state.node, Transfer):
        return ActionResult(_pick(DIALED, dice))
    if isinstance(state.node, CallbackOffer):
        return Key("9")
    return _pick(INPUTS, dice)


def _logged(heard: Heard) -> str:
    match heard:
        case Key(key):
            return f"key:{key}"
        case SpokenWords(outcome):
            return f"words:{outcome}"
        case ActionResult(status):
            return f"dial:{status}"
    return "silence"


def _pick(choices: Sequence[tuple[T, int]], dice: random.Random) -> T:
    return dice.choices([value for value, _ in choices], [weight for _, weight in choices])[0]
