"""Lint rules for the call graph: help is always within reach. Each takes the explored graph and yields findings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator

from ivr.line.callflow.explore import Explorer
from ivr.line.callflow.graph import Graph
from ivr.line.callflow.states import (
    CallbackOffer,
    CallbackTime,
    Confirmation,
    ConfirmOwnNumber,
    EnterNumber,
    Goodbye,
    Helped,
    Key,
    Menu,
    Node,
    ReadBack,
    Silence,
    SpokenAnswer,
    State,
    TextConsent,
    TopicEnd,
    TopicPart,
    Transfer,
    Turn,
    Which,
)
from ivr.line.content.findings import Finding
from ivr.line.content.loader import LINE_FILE, Content
from ivr.line.twiml.release import CompiledLine

DEEPEST = 3
_NODES: dict[type[Node], str] = {
    Menu: "the menu {name}",
    TopicPart: "the topic {topic}",
    TopicEnd: "the choices after the topic {topic}",
    SpokenAnswer: "the spoken answer {outcome}",
    Which: "the question whether {first} or {second} is meant",
    Confirmation: "the question before a {action}",
    TextConsent: "the question whether to text {topic}",
    Transfer: "the transfer to {entry}",
    CallbackOffer: "the call-back offer of {entry}",
    ConfirmOwnNumber: "the question about the caller's own number for {entry}",
    EnterNumber: "the entry of a number for {entry}",
    ReadBack: "the number read back for {entry}",
    CallbackTime: "the question when {entry} calls back",
    Helped: "the end of a call-back request to {entry}",
}
# Facts that make every office open, and every office closed.
_OPEN, _CLOSED = (lambda _fact: True), (lambda _fact: False)


class ExploredGraph:
    """A compiled line, with the number of transitions and the predecessors of each state."""

    def __init__(self, content: Content) -> None:
        graph = Graph(content)
        self.transitions = 0
        self.predecessors: dict[State, list[State]] = defaultdict(list)
        turns: set[Turn] = set()
        for state, exploration in Explorer(graph, speech=content.config.speech).explore():
            self.transitions += exploration.transitions
            turns |= exploration.turns
            for successor in exploration.states:
                self.predecessors[successor].append(state)
        self.line = CompiledLine(content, turns=turns)


def _error(rule: str, problem: str) -> Finding:
    return Finding(LINE_FILE, 0, rule, "error", f"{problem}: undo the last change to line.yaml, or ask a developer.")


def _describe(state: State) -> str:
    """A state in words, with its token: the topic cancer, part 2, in es after 1 silence (es.piece-cancer-1.s1)."""
    node = state.node
    name = _NODES.get(type(node), type(node).__name__).format(**vars(node))
    if isinstance(node, TopicPart | TopicEnd):
        name += f", part {node.part + 1},"
    counts = ((state.silences, "silence"), (state.wrongs, "wrong key"), (state.repeats, "repeat"))
    after = " and ".join(f"{count} {what}{'' if count == 1 else 's'}" for count, what in counts if count)
    return f"{name} in {state.language}{f' after {after}' if after else ''} ({state.token})"


def _help_is_one_key_away(explored: ExploredGraph) -> Iterator[Finding]:
    """From every state, 0 leads to a person during opening hours, and to the call-back offer outside them."""
    graph = explored.line.graph
    for state in explored.line.states.values():
        if isinstance(state.node, Transfer | Goodbye):
            continue
        for facts, target, name in ((_OPEN, Transfer, "a person"), (_CLOSED, CallbackOffer, "the call-back offer")):
            if not isinstance(graph.next_turn(state, Key("0"), facts).state.node, target):
                yield _error("no-help", f"At {_describe(state)}, pressing 0 does not lead to {name}")


def _dead_ends(explored: ExploredGraph) -> Iterator[Finding]:
    """From every state, some sequence of keys leads to a person, the call-back offer or the end of the call."""
    states = explored.line.states.values()
    queue = [state for state in states if isinstance(state.node, Transfer | CallbackOffer | Goodbye)]
    seen = set(queue)
    for state in queue:
        for predecessor in explored.predecessors.get(state, ()):
            if predecessor not in seen:
                seen.add(predecessor)
                queue.append(predecessor)
    for state in states:
        if state not in seen:
            yield _error("dead-end", f"From {_describe(state)}, no key leads to help")


def _silent_loops(explored: ExploredGraph) -> Iterator[Finding]:
    """A silent caller reaches a person, or hears the number, within the tries that line.yaml allows."""
    graph, tries = explored.line.graph, explored.line.content.config.tries
    for state in explored.line.states.values():
        for facts in (_OPEN, _CLOSED):
            reached = state
            for _ in range(tries):
                if isinstance(reached.node, Transfer | CallbackOffer | Helped | Goodbye):
                    break
                reached = graph.next_turn(reached, Silence(), facts).state
            else:
                if not isinstance(reached.node, Transfer | CallbackOffer):
                    problem = f"At {_describe(state)}, a silent caller gets no help within {tries} tries"
                    yield _error("silent-loop", problem)


def _hang_ups(explored: ExploredGraph) -> Iterator[Finding]:
    """The line hangs up only after a transfer, or after the caller has heard the number."""
    for ended, states in explored.predecessors.items():
        for state in states if isinstance(ended.node, Goodbye) else ():
            if not isinstance(state.node, Transfer | CallbackOffer | Helped):
                yield _error("hang-up", f"At {_describe(state)}, the line hangs up before the caller gets help")


def _unreached(explored: ExploredGraph) -> Iterator[Finding]:
    config, source = explored.line.content.config, explored.line.content.source
    has_key = explored.line.graph.is_reached_by_keys
    for name in config.menus:
        if not has_key(Menu(name)):
            message = f"No key leads to the menu `{name}`: add it to the choices of a menu, or remove it."
            yield source.fault(("menus", name), "unreached", message)
    for index, topic in enumerate(config.topics):
        if topic.id not in config.menus and not has_key(TopicPart(topic.id, 0)):
            message = f"No key leads to the topic `{topic.id}`: add it to the choices of a menu, or remove it."
            yield source.fault(("topics", index), "unreached", message)


def _too_deep(explored: ExploredGraph) -> Iterator[Finding]:
    line = explored.line
    for menu in {state.node for state in line.states.values() if isinstance(state.node, Menu)}:
        depth = 1
        ancestor: Node = menu
        while ancestor != Menu("welcome"):
            ancestor, depth = line.graph.parent(ancestor), depth + 1
        if depth + 1 > DEEPEST:
            message = f"The choices of `{menu.name}` are {depth + 1} levels deep: move them up to level {DEEPEST}."
            yield line.content.source.fault(("menus", menu.name), "depth", message)


GRAPH_RULES: tuple[Callable[[ExploredGraph], Iterator[Finding]], ...] = (
    _help_is_one_key_away,
    _dead_ends,
    _silent_loops,
    _hang_ups,
    _unreached,
    _too_deep,
)
