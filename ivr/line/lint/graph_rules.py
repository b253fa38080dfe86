"""The rules for the call graph: where each key leads. Each is a function from a proof to findings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator

from ivr.line.callflow.explore import Explorer
from ivr.line.callflow.graph import Graph
from ivr.line.callflow.states import (
    CallbackOffer,
    Goodbye,
    Helped,
    Key,
    Menu,
    Node,
    Silence,
    State,
    TopicPart,
    Transfer,
    Turn,
)
from ivr.line.content.findings import Finding
from ivr.line.content.loader import LINE_FILE, Content
from ivr.line.twiml.release import CompiledLine

DEEPEST = 3


class ExploredGraph:
    """A compiled line, and all that was seen on one walk over every arrow of its graph."""

    def __init__(self, content: Content) -> None:
        graph = Graph(content)
        self.arrows = 0
        self.before: dict[State, list[State]] = defaultdict(list)
        turns: set[Turn] = set()
        for state, found in Explorer(graph, speech=content.config.speech).steps():
            self.arrows += found.arrows
            turns |= found.turns
            for after in found.states:
                self.before[after].append(state)
        self.line = CompiledLine(content, turns=turns)


def _helpless(message: str, rule: str) -> Finding:
    return Finding(LINE_FILE, 0, rule, "error", message)


def _help_is_one_key_away(proof: ExploredGraph) -> Iterator[Finding]:
    """From every state, 0 leads to a person when open, and to the offer when closed."""
    for state in proof.line.states.values():
        if isinstance(state.place, Transfer | Goodbye):
            continue
        for is_open, wanted, what in ((_everybody, Transfer, "a person"), (_nobody, CallbackOffer, "the offer")):
            if not isinstance(proof.line.graph.step(state, Key("0"), is_open).state.place, wanted):
                yield _helpless(f"At {state.token} key 0 does not lead to {what}.", "no-help")


def _everybody(_fact: str) -> bool:
    return True


def _nobody(_fact: str) -> bool:
    return False


def _dead_ends(proof: ExploredGraph) -> Iterator[Finding]:
    """A state from which no sequence of keys leads to a person or the offer: a dead end, or a loop for ever."""
    states = proof.line.states.values()
    good = [state for state in states if isinstance(state.place, Transfer | CallbackOffer | Goodbye)]
    seen = set(good)
    for state in good:
        for before in proof.before.get(state, ()):
            if before not in seen:
                seen.add(before)
                good.append(before)
    for state in states:
        if state not in seen:
            yield _helpless(f"From {state.token} no key leads to help.", "dead-end")


def _silent_loops(proof: ExploredGraph) -> Iterator[Finding]:
    """Who says nothing is with a person, or has been told the number, after as many tries as line.yaml allows."""
    tries = proof.line.content.config.tries
    for state in proof.line.states.values():
        for is_open in (_everybody, _nobody):
            reached = state
            for _ in range(tries):
                if isinstance(reached.place, Transfer | CallbackOffer | Helped | Goodbye):
                    break
                reached = proof.line.graph.step(reached, Silence(), is_open).state
            else:
                if not isinstance(reached.place, Transfer | CallbackOffer):
                    yield _helpless(f"From {state.token} silence leads to nobody in {tries} tries.", "silent-loop")


def _hung_up_on(proof: ExploredGraph) -> Iterator[Finding]:
    """The line ends a call only after somebody was rung, or the number was told."""
    for ended, states in proof.before.items():
        for state in states if isinstance(ended.place, Goodbye) else ():
            if not isinstance(state.place, Transfer | CallbackOffer | Helped):
                yield _helpless(f"At {state.token} the line hangs up on a caller who was not helped.", "hang-up")


def _unreached(proof: ExploredGraph) -> Iterator[Finding]:
    config, source = proof.line.content.config, proof.line.content.source
    leads = proof.line.graph.leads_a_key
    for name in config.menus:
        if not leads(Menu(name)):
            message = f"No key leads to the menu `{name}`: give it one, or take it away."
            yield source.fault(("menus", name), "unreached", message)
    for at, topic in enumerate(config.topics):
        if topic.id not in config.menus and not leads(TopicPart(topic.id, 0)):
            message = f"No key leads to the topic `{topic.id}`: give it one in a menu, or take it away."
            yield source.fault(("topics", at), "unreached", message)


def _too_deep(proof: ExploredGraph) -> Iterator[Finding]:
    line = proof.line
    for place in {state.place for state in line.states.values() if isinstance(state.place, Menu)}:
        depth = 1
        above: Node = place
        while above != Menu("welcome"):
            above, depth = line.graph.parent(above), depth + 1
        if depth + 1 > DEEPEST:
            message = f"The choices of `{place.name}` lie {depth + 1} deep: callers get lost beyond {DEEPEST}."
            yield line.content.source.fault(("menus", place.name), "depth", message)


GRAPH_RULES: tuple[Callable[[ExploredGraph], Iterator[Finding]], ...] = (
    _help_is_one_key_away,
    _dead_ends,
    _silent_loops,
    _hung_up_on,
    _unreached,
    _too_deep,
)
