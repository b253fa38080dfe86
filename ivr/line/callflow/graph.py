"""The call graph of a release: given a state and what the caller does, the next turn.

`Graph.start()` is the first turn and `Graph.next_turn(state, heard, facts)` each later one. Both are pure: whether an
entry is open, and whether the caller's number is withheld or unreachable, come in as `facts`.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any, Literal

from ivr.line.callflow.states import (
    ALREADY,
    DELAYED,
    FAILED,
    HIDDEN,
    LANDLINE,
    OPTED_OUT,
    SAVED,
    SENT,
    STOPPED,
    UNREACHABLE,
    ActionResult,
    CallbackOffer,
    CallbackTime,
    Confirmation,
    ConfirmOwnNumber,
    EnterNumber,
    EntryNode,
    Facts,
    Goodbye,
    Heard,
    Helped,
    Key,
    Menu,
    Node,
    NumberEntered,
    ReadBack,
    SaveCallback,
    SendText,
    SpokenAnswer,
    SpokenWords,
    State,
    StopTexts,
    Task,
    TextConsent,
    TimeOfDay,
    TopicEnd,
    TopicPart,
    Transfer,
    Turn,
    Which,
)
from ivr.line.callflow.transfers import Transfers
from ivr.line.content.config import Config
from ivr.line.content.loader import Content
from ivr.line.content.required_prompts import ANSWERED_ALOUD, NUMBERS

MAX_REPEATS = 10
# After this many no-matches in a row the line stops listening for speech and asks for keys.
KEYS_ONLY = 2
_TIMES_OF_DAY: dict[str, TimeOfDay] = {"1": "morning", "2": "afternoon", "3": "any"}
_TEXT_PREFACES = {
    SENT: "text-sent",
    ALREADY: "text-already",
    LANDLINE: "text-landline",
    OPTED_OUT: "text-opted-out",
    DELAYED: "text-delayed",
}
# Spoken outcomes that answer a node's question, and the key that each is equivalent to.
_YES_OR_NO = {"yes": "1", "no": "2"}
_SPOKEN_KEYS: dict[type[Node], dict[str, str]] = {
    **dict.fromkeys((Confirmation, TextConsent, ConfirmOwnNumber, ReadBack), _YES_OR_NO),
    **dict.fromkeys((TopicPart, TopicEnd), {"yes": "1", "text": "5"}),
    SpokenAnswer: {"yes": "1"},
    CallbackOffer: {"yes": "1", "call": "1", "text": "5"},
    CallbackTime: {time: key for key, time in _TIMES_OF_DAY.items()},
}
# Nodes that ask nothing, so that words without an answer may lead away from them.
_WITHOUT_QUESTION = (Menu, TopicPart, TopicEnd, SpokenAnswer, Which)
_SYNONYMS = {"change": "scheduling", "confirm": "scheduling", "help": "menu"}
StayReason = Literal["again", "silence", "wrong-key", "not-a-number", "none"]
"""Why the node does not change: the caller asked for a repeat ("again"), or the error prompt that is due."""


class Graph:
    """The call graph of one release."""

    def __init__(self, content: Content) -> None:
        config = content.config
        self._config = config
        self.languages = list(config.languages)
        self._menus = config.menus
        self.transfers = Transfers(config)
        self.chains = self.transfers.chains
        self._persons = {subject.id: subject.person for subject in config.subjects}
        self.part_counts = {
            subject.id: len(content.prompt(self.languages[0], subject.id).spoken) for subject in config.subjects
        }
        self.offers = {subject.id: _offers(config, subject.id) for subject in config.subjects}
        """What the keys at the end of each topic or library answer play: library answers, by key."""
        self.pairs = {pair_outcome(*pair): pair for pair in combinations((topic.id for topic in config.topics), 2)}
        """The pairs of topics between which a caller is asked to choose, by spoken outcome."""
        self._parents = self._find_parents()
        self._key_handlers: dict[type[Node], Callable[[State, Any, str, Facts], Turn | None]] = {
            Menu: self._menu_key,
            **dict.fromkeys((TopicPart, TopicEnd), self._topic_key),
            SpokenAnswer: self._answer_key,
            Which: self._which_key,
            Confirmation: self._confirmation_key,
            CallbackOffer: self._offer_key,
            **dict.fromkeys((TextConsent, ConfirmOwnNumber, ReadBack, CallbackTime), self._question_key),
        }

    def has_same_transitions(self, other: Graph) -> bool:
        """Whether both graphs have the same transitions; prompts, phone numbers and hours may differ."""
        return self._structure == other._structure

    @property
    def _structure(self) -> tuple[object, ...]:
        # The order of the menus and of their choices decides the parents, and so where key 9 leads.
        menus = [(name, menu.person, list(menu.choices.items())) for name, menu in self._menus.items()]
        config = (self._config.answers, self._config.tries)
        return (self.languages, menus, self.chains, self._persons, self.part_counts, self.offers, *config)

    @property
    def spoken_targets(self) -> set[str]:
        """What callers can ask for by speech that line.yaml defines: topics, answers, menus, entries, languages."""
        return {*self.pairs, *self._persons, *self._menus, *self.chains, *self.languages}

    def start(self, language: str | None = None) -> Turn:
        """The first turn of a call."""
        return Turn(State(language or self.languages[0], Menu("welcome")))

    def next_turn(self, state: State, heard: Heard, facts: Facts) -> Turn:
        """The next turn after `heard` at `state`."""
        result = self.transition(State(state.language, state.node), heard, facts)
        return result if isinstance(result, Turn) else self.reprompt(state, result, facts)

    def transition(self, state: State, heard: Heard, facts: Facts) -> Turn | StayReason:
        """The transition for `heard` from a state with its counters at zero, or the reason that there is none."""
        node = state.node
        if isinstance(node, Transfer):
            return self.transfers.after_dial(state, node, heard, facts)
        if isinstance(node, Task):
            return self._after_task(state, node, heard.status if isinstance(heard, ActionResult) else FAILED)
        if isinstance(node, Goodbye):
            return Turn(state)
        if isinstance(heard, Key):
            return self._after_key(state, heard.key, facts)
        if isinstance(heard, SpokenWords) and not isinstance(node, EnterNumber):
            return self._after_speech(state, heard.outcome, facts)
        if isinstance(heard, NumberEntered):
            return Turn(state.enter(ReadBack(node.entry))) if isinstance(node, EnterNumber) else "wrong-key"
        return "silence"

    def reprompt(self, state: State, reason: StayReason, facts: Facts) -> Turn:
        """The next turn when the node does not change: a repeat, or an error prompt."""
        return self._repeat(state) if reason == "again" else self._miss(state, facts, reason)

    def _after_key(self, state: State, key: str, facts: Facts) -> Turn | StayReason:
        node = state.node
        if key == "*":
            return "again"
        if key == "0":
            return self.reach(state.language, self.person_of(node), facts)
        if key == "8" and len(self.languages) > 1:
            next_index = (self.languages.index(state.language) + 1) % len(self.languages)
            return Turn(State(self.languages[next_index], node))
        if key == "9":
            return Turn(state.enter(self.parent(node)))
        handler = self._key_handlers.get(type(node))
        error: StayReason = "not-a-number" if isinstance(node, EnterNumber) else "wrong-key"
        return (handler and handler(state, node, key, facts)) or error

    def _repeat(self, state: State) -> Turn:
        repeats = min(state.repeats + 1, MAX_REPEATS)
        node = state.node
        if isinstance(node, TopicEnd):
            # A caller who skipped to the end asks for the whole topic again.
            is_last = node.part + 1 >= self.part_counts[node.topic]
            node = TopicPart(node.topic, 0 if is_last else node.part)
        return Turn(State(state.language, node, repeats=repeats), "repeat-offer" if repeats == MAX_REPEATS else None)

    def _after_speech(self, state: State, outcome: str, facts: Facts) -> Turn | StayReason:
        key = _SPOKEN_KEYS.get(type(state.node), {}).get(outcome)
        if key:
            return self._after_key(state, key, facts)
        return self._spoken_request(state, outcome) or ("none" if outcome == "none" else "wrong-key")

    def _spoken_request(self, state: State, outcome: str) -> Turn | None:
        """The transition for a spoken request, which is the same from every node."""
        outcome = _SYNONYMS.get(outcome, outcome)
        if outcome == "person" or outcome in self.chains:
            entry = self.person_of(state.node) if outcome == "person" else outcome
            return Turn(state.enter(Confirmation("transfer", entry, self._after_no(state.node))))
        if outcome in self._persons or outcome in self._menus:
            return Turn(state.enter(self._menu_or_topic(outcome)))
        if outcome in self.pairs:
            return Turn(state.enter(Which(*self.pairs[outcome])))
        if outcome in ANSWERED_ALOUD:
            return Turn(state.enter(SpokenAnswer(outcome)))
        if outcome == "stop":
            return Turn(state.enter(StopTexts()))
        if outcome == "stop-alone":
            return Turn(state.enter(Confirmation("stop", "", self._after_no(state.node))))
        if outcome == "menu":
            return self.start(state.language)
        return Turn(State(outcome, state.node)) if outcome in self.languages else None

    def _after_no(self, node: Node) -> Node:
        """Where "no" to a confirmation leads: to the caller's menu, or to the menu above their topic."""
        if isinstance(node, TopicPart | TopicEnd):
            return self.parent(node)
        return node if isinstance(node, Menu) else Menu("welcome")

    def _menu_or_topic(self, target: str) -> Node:
        return Menu(target) if target in self._menus else TopicPart(target, 0)

    def _menu_key(self, state: State, node: Menu, key: str, facts: Facts) -> Turn | None:
        target = self._menus[node.name].choices.get(key)
        if target in self.chains:
            return self.reach(state.language, target, facts)
        return Turn(state.enter(self._menu_or_topic(target))) if target else None

    def _topic_key(self, state: State, node: TopicPart | TopicEnd, key: str, facts: Facts) -> Turn | None:
        topic, last = node.topic, self.part_counts[node.topic] - 1
        if key == "5":
            return self._offer_text(state, topic, TopicEnd(topic, node.part), facts)
        if node.part >= last:
            offered = self.offers.get(topic, {}).get(key)
            if offered:
                return Turn(state.enter(TopicPart(offered, 0)))
            # Callers who used 1 for the next part or # to skip press it once more at the end.
            return Turn(state.enter(self.parent(node))) if key in ("1", "#") else None
        if key == "1":
            return Turn(state.enter(TopicPart(topic, node.part + 1)))
        return Turn(state.enter(TopicEnd(topic, last))) if key == "#" else None

    def _offer_text(self, state: State, topic: str, after: Node, facts: Facts) -> Turn:
        if facts(HIDDEN):
            return Turn(state.enter(after), "text-hidden")
        if facts(UNREACHABLE):
            return Turn(state.enter(after), "text-failed")
        return Turn(state.enter(TextConsent(topic, after)))

    def _answer_key(self, state: State, node: SpokenAnswer, key: str, facts: Facts) -> Turn | None:
        entry = self._config.answers.get(node.outcome)
        return self.reach(state.language, entry, facts) if key == "1" and entry else None

    def _which_key(self, state: State, node: Which, key: str, _facts: Facts) -> Turn | None:
        topic = {"1": node.first, "2": node.second}.get(key)
        return Turn(state.enter(TopicPart(topic, 0))) if topic else None

    def _confirmation_key(self, state: State, node: Confirmation, key: str, facts: Facts) -> Turn | None:
        if key == "1" and node.action == "transfer":
            return self.reach(state.language, node.entry, facts)
        target = {"1": StopTexts(), "2": node.after_no}.get(key)
        return Turn(state.enter(target)) if target else None

    def _offer_key(self, state: State, node: CallbackOffer, key: str, facts: Facts) -> Turn | None:
        if key == "1":
            question = EnterNumber(node.entry) if facts(UNREACHABLE) else ConfirmOwnNumber(node.entry)
            return Turn(state.enter(question))
        if key == "5":
            return self._offer_text(state, NUMBERS, CallbackOffer(node.entry, "offer-again"), facts)
        return None

    def _question_key(self, state: State, node: Node, key: str, _facts: Facts) -> Turn | None:
        """The transition at a question whose answer depends on nothing else."""
        targets: dict[str, Node] = {}
        match node:
            case TextConsent(topic, after):
                targets = {"1": SendText(topic, after), "2": after}
            case ConfirmOwnNumber(entry):
                targets = {"1": CallbackTime(entry, "own"), "2": EnterNumber(entry)}
            case ReadBack(entry):
                targets = {"1": CallbackTime(entry, "keyed"), "2": EnterNumber(entry)}
            case CallbackTime(entry, number):
                targets = {key: SaveCallback(entry, number, time) for key, time in _TIMES_OF_DAY.items()}
        return Turn(state.enter(targets[key])) if key in targets else None

    def _miss(self, state: State, facts: Facts, error: StayReason) -> Turn:
        """Counts a no-input or a no-match. The last try leads to a person; at an offer of help, to goodbye."""
        silences = state.silences + (error == "silence")
        wrongs = state.wrongs + (error != "silence")
        if max(silences, wrongs) < self._config.tries:
            if error == "none" and wrongs < KEYS_ONLY and isinstance(state.node, _WITHOUT_QUESTION):
                return Turn(State(state.language, SpokenAnswer("none"), silences, wrongs))
            preface = "use-keys" if error == "none" else error
            return Turn(State(state.language, state.node, silences, wrongs), preface)
        if isinstance(state.node, CallbackOffer | Helped):
            return Turn(state.enter(Goodbye()))
        return self.reach(state.language, self.person_of(state.node), facts, "to-a-person")

    def reach(self, language: str, entry: str, facts: Facts, preface: str | None = None) -> Turn:
        """A transfer to the first open link of an entry's chain, or the call-back offer if all are closed."""
        return self.transfers.reach(language, entry, facts, preface)

    def _after_task(self, state: State, task: Task, outcome: str) -> Turn:
        if isinstance(task, SaveCallback):
            preface = "callback-kept" if outcome == SAVED else "callback-failed"
            return Turn(state.enter(Helped(task.entry)), preface)
        if isinstance(task, SendText):
            return Turn(state.enter(task.after), _TEXT_PREFACES.get(outcome, "text-failed"))
        return Turn(state.enter(Menu("welcome")), "texts-stopped" if outcome == STOPPED else "texts-not-stopped")

    def person_of(self, node: Node) -> str:
        """The directory entry that key 0 reaches from a node."""
        if isinstance(node, Menu):
            return self._menus[node.name].person
        if isinstance(node, TopicPart | TopicEnd):
            return self._persons[node.topic]
        if isinstance(node, Which):
            return self._persons[node.first]
        if isinstance(node, TextConsent):
            return self.person_of(node.after)
        if isinstance(node, SpokenAnswer):
            return self._config.answers.get(node.outcome) or self._menus["welcome"].person
        if isinstance(node, EntryNode) or (isinstance(node, Confirmation) and node.entry):
            return node.entry
        return self._menus["welcome"].person

    def parent(self, node: Node) -> Node:
        """The node that key 9 leads to."""
        if isinstance(node, TextConsent):
            return node.after
        if isinstance(node, Confirmation):
            return node.after_no
        if isinstance(node, ConfirmOwnNumber | EnterNumber | ReadBack | CallbackTime):
            return CallbackOffer(node.entry, "offer-again")
        root = TopicPart(node.topic, 0) if isinstance(node, TopicPart | TopicEnd) else node
        return self._parents.get(root, Menu("welcome"))

    def is_reached_by_keys(self, node: Node) -> bool:
        """Whether keys alone reach a menu or the first part of a topic."""
        return node in self._parents

    def _find_parents(self) -> dict[Node, Node]:
        """The menu above each menu and topic, breadth first from the welcome menu."""
        welcome = Menu("welcome")
        parents: dict[Node, Node] = {welcome: welcome}
        queue: list[Menu] = [welcome]
        for menu in queue:
            for target in self._menus[menu.name].choices.values():
                node = self._menu_or_topic(target)
                if target not in self.chains and node not in parents:
                    parents[node] = menu
                    if isinstance(node, Menu):
                        queue.append(node)
        subjects = [topic.id for topic in self._config.topics]
        for subject in subjects:
            # Key 9 leads to the same menu from a topic and from the answers that are offered after it.
            parent = parents.get(TopicPart(subject, 0), welcome)
            offered = self.offers[subject].values()
            parents |= {TopicPart(answer, 0): parent for answer in offered}
            subjects += offered
        return parents


def pair_outcome(first: str, second: str) -> str:
    """The spoken outcome that means either of two topics, in the order of the topics in line.yaml."""
    return f"which/{first}/{second}"


def _offers(config: Config, subject: str) -> dict[str, str]:
    return dict(zip("23", (answer.id for answer in config.offered_after(subject)), strict=False))
