"""Lint rules for the call graph: help is always within reach. Each takes the explored graph and yields findings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import reduce

from ivr.i18n import N_, Sentence, sentence
from ivr.line.callflow.explore import Exploration, Explorer
from ivr.line.callflow.graph import Graph
from ivr.line.callflow.speech import Speech
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
    Task,
    TextConsent,
    TopicEnd,
    TopicPart,
    Transfer,
    Which,
)
from ivr.line.content.findings import Finding
from ivr.line.content.loader import LINE_FILE, Content

DEEPEST = 3
_NODES: dict[type[Node], str] = {
    Menu: N_("the menu {name}"),
    TopicPart: N_("the topic {topic}"),
    TopicEnd: N_("the choices after the topic {topic}"),
    SpokenAnswer: N_("the spoken answer {outcome}"),
    Which: N_("the question whether {first} or {second} is meant"),
    Confirmation: N_("the question before a {action}"),
    TextConsent: N_("the question whether to text {topic}"),
    Transfer: N_("the transfer to {entry}"),
    CallbackOffer: N_("the call-back offer of {entry}"),
    ConfirmOwnNumber: N_("the question about the caller's own number for {entry}"),
    EnterNumber: N_("the entry of a number for {entry}"),
    ReadBack: N_("the number read back for {entry}"),
    CallbackTime: N_("the question when {entry} calls back"),
    Helped: N_("the end of a call-back request to {entry}"),
}
_SILENCES = (N_("{count} silence"), N_("{count} silences"))
_WRONG_KEYS = (N_("{count} wrong key"), N_("{count} wrong keys"))
_REPEATS = (N_("{count} repeat"), N_("{count} repeats"))
_NO_PERSON = N_("At {state}, pressing 0 does not lead to a person")
_NO_OFFER = N_("At {state}, pressing 0 does not lead to the call-back offer")
# Facts that make every office open, and every office closed.
_OPEN, _CLOSED = (lambda _fact: True), (lambda _fact: False)


class ExploredGraph:
    """Every state that a call can reach, and the transitions between them. states: by their tokens in URLs."""

    def __init__(self, content: Content) -> None:
        self.content, self.graph = content, Graph(content)
        self.speech = Speech(content, self.graph)
        self.transitions = 0
        # By exploration, because thousands of states share one, and each leads to hundreds.
        self._origins: dict[Exploration, list[State]] = defaultdict(list)
        for state, exploration in Explorer(self.graph, speech=content.config.speech).explore():
            self.transitions += exploration.transitions
            self._origins[exploration].append(state)
        self._leading_to: dict[State, list[Exploration]] = defaultdict(list)
        for exploration in self._origins:
            for state in exploration.states:
                self._leading_to[state].append(exploration)
        reached = (*(self.graph.start(code).state for code in self.graph.languages), *self._leading_to)
        self.states = {state.token: state for state in reached if not isinstance(state.node, Task)}

    def predecessors(self, state: State) -> Iterator[State]:
        """The states from which a transition leads to this one."""
        return (origin for exploration in self._leading_to.get(state, ()) for origin in self._origins[exploration])

    def leading_to(self, targets: Iterable[State]) -> set[State]:
        """The targets, and every state from which some sequence of transitions leads to one of them."""
        queue = list(targets)
        found, followed = set(queue), set[Exploration]()
        for state in queue:
            for exploration in self._leading_to.get(state, ()):
                if exploration not in followed:
                    followed.add(exploration)
                    new = [origin for origin in self._origins[exploration] if origin not in found]
                    found.update(new)
                    queue += new
        return found


def _error(rule: str, problem: Sentence) -> Finding:
    template = N_("{problem}: undo the last change to line.yaml, or ask a developer.")
    return Finding.of(LINE_FILE, 0, rule, "error", sentence(template, problem=problem))


def _describe(state: State) -> Sentence:
    """A state in words, with its token: the topic cancer, part 2, in es after 1 silence (es.piece-cancer-1.s1)."""
    node = state.node
    name = sentence(
        _NODES.get(type(node), type(node).__name__), **{key: str(value) for key, value in vars(node).items()}
    )
    if isinstance(node, TopicPart | TopicEnd):
        name = sentence(N_("{name}, part {part},"), name=name, part=node.part + 1)
    counted = ((state.silences, _SILENCES), (state.wrongs, _WRONG_KEYS), (state.repeats, _REPEATS))
    counts = [sentence(forms[count > 1], count=count) for count, forms in counted if count]
    if not counts:
        return sentence(N_("{name} in {code} ({token})"), name=name, code=state.language, token=state.token)
    template = N_("{name} in {code} after {counts} ({token})")
    return sentence(template, name=name, code=state.language, counts=reduce(_and, counts), token=state.token)


def _and(first: Sentence, second: Sentence) -> Sentence:
    return sentence(N_("{first} and {second}"), first=first, second=second)


def _help_is_one_key_away(explored: ExploredGraph) -> Iterator[Finding]:
    """From every state, 0 leads to a person during opening hours, and to the call-back offer outside them."""
    graph = explored.graph
    for state in explored.states.values():
        if isinstance(state.node, Transfer | Goodbye):
            continue
        for facts, target, template in ((_OPEN, Transfer, _NO_PERSON), (_CLOSED, CallbackOffer, _NO_OFFER)):
            if not isinstance(graph.next_turn(state, Key("0"), facts).state.node, target):
                yield _error("no-help", sentence(template, state=_describe(state)))


def _dead_ends(explored: ExploredGraph) -> Iterator[Finding]:
    """From every state, some sequence of keys leads to a person, the call-back offer or the end of the call."""
    states = explored.states.values()
    helped = explored.leading_to(s for s in states if isinstance(s.node, Transfer | CallbackOffer | Goodbye))
    for state in states:
        if state not in helped:
            yield _error("dead-end", sentence(N_("From {state}, no key leads to help"), state=_describe(state)))


def _silent_loops(explored: ExploredGraph) -> Iterator[Finding]:
    """A silent caller reaches a person, or hears the number, within the tries that line.yaml allows."""
    graph, tries = explored.graph, explored.content.config.tries
    for state in explored.states.values():
        for facts in (_OPEN, _CLOSED):
            reached = state
            for _ in range(tries):
                if isinstance(reached.node, Transfer | CallbackOffer | Helped | Goodbye):
                    break
                reached = graph.next_turn(reached, Silence(), facts).state
            else:
                if not isinstance(reached.node, Transfer | CallbackOffer):
                    template = N_("At {state}, a silent caller gets no help within {tries} tries")
                    yield _error("silent-loop", sentence(template, state=_describe(state), tries=tries))


def _hang_ups(explored: ExploredGraph) -> Iterator[Finding]:
    """The line hangs up only after a transfer, or after the caller has heard the number."""
    for ended in (state for state in explored.states.values() if isinstance(state.node, Goodbye)):
        for state in explored.predecessors(ended):
            if not isinstance(state.node, Transfer | CallbackOffer | Helped):
                template = N_("At {state}, the line hangs up before the caller gets help")
                yield _error("hang-up", sentence(template, state=_describe(state)))


def _unreached(explored: ExploredGraph) -> Iterator[Finding]:
    config, source = explored.content.config, explored.content.source
    has_key = explored.graph.is_reached_by_keys
    for name in config.menus:
        if not has_key(Menu(name)):
            template = N_("No key leads to the menu `{name}`: add it to the choices of a menu, or remove it.")
            yield source.fault(("menus", name), "unreached", template, name=name)
    for index, topic in enumerate(config.topics):
        if topic.id not in config.menus and not has_key(TopicPart(topic.id, 0)):
            template = N_("No key leads to the topic `{name}`: add it to the choices of a menu, or remove it.")
            yield source.fault(("topics", index), "unreached", template, name=topic.id)


def _too_deep(explored: ExploredGraph) -> Iterator[Finding]:
    for menu in {state.node for state in explored.states.values() if isinstance(state.node, Menu)}:
        depth = 1
        ancestor: Node = menu
        while ancestor != Menu("welcome"):
            ancestor, depth = explored.graph.parent(ancestor), depth + 1
        if depth + 1 > DEEPEST:
            template = N_("The choices of `{menu}` are {depth} levels deep: move them up to level {most}.")
            values: dict[str, int | str] = {"menu": menu.name, "depth": depth + 1, "most": DEEPEST}
            yield explored.content.source.fault(("menus", menu.name), "depth", template, **values)


GRAPH_RULES: tuple[Callable[[ExploredGraph], Iterator[Finding]], ...] = (
    _help_is_one_key_away,
    _dead_ends,
    _silent_loops,
    _hang_ups,
    _unreached,
    _too_deep,
)
