"""A call is a walk on a finite graph: at each place, what is heard leads to the next.

`start()` begins a walk; `Graph.step(state, heard, facts)` goes one step further. Both are pure: who is
open at this moment, and whether the caller shows her number, comes in as an argument.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from ivr.line.callflow.states import (
    FAILED,
    HIDDEN,
    KEPT,
    STOPPED,
    ActionResult,
    CallbackOffer,
    CallbackTime,
    Confirmation,
    ConfirmOwnNumber,
    EnterNumber,
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
)
from ivr.line.content.config import Config, DirectoryEntry
from ivr.line.content.loader import Content
from ivr.line.content.required_prompts import ANSWERED_ALOUD, NUMBERS

MAX_REPEATS = 10
# After so many misses in a row the line stops listening for words, and asks for keys.
KEYS_ONLY = 2
ANSWERED = ("completed", "answered")
WISHES: dict[str, TimeOfDay] = {"1": "morning", "2": "afternoon", "3": "any"}
_DIAL_PREFACES = {"busy": "transfer-busy", "no-answer": "transfer-no-answer"}
# Words that answer a question, and the key for the same.
_YES_OR_NO = {"yes": "1", "no": "2"}
_ANSWERS: dict[type[Node], dict[str, str]] = {
    **dict.fromkeys((Confirmation, TextConsent, ConfirmOwnNumber, ReadBack), _YES_OR_NO),
    **dict.fromkeys((TopicPart, TopicEnd), {"yes": "1", "text": "5"}),
    SpokenAnswer: {"yes": "1"},
    CallbackOffer: {"yes": "1", "call": "1", "text": "5"},
    CallbackTime: {wished: key for key, wished in WISHES.items()},
}
_SAME_AS = {"change": "scheduling", "confirm": "scheduling", "help": "menu"}
# Why a caller stays where she is: a wish to hear it again, or what is said to whom was not understood.
Stay = Literal["again", "silence", "wrong-key", "not-a-number", "none"]
AGAIN: Stay = "again"
_Asked = CallbackOffer | Transfer | ConfirmOwnNumber | EnterNumber | ReadBack | CallbackTime | Helped


class Graph:
    """The call graph of one release."""

    def __init__(self, content: Content) -> None:
        config = content.config
        self._config = config
        self.languages = list(config.languages)
        self._menus = config.menus
        self._chains = {entry.id: _chain(config, entry) for entry in config.directory}
        self._persons = {topic.id: topic.person for topic in config.topics}
        self._pieces = {topic.id: len(content.prompt(self.languages[0], topic.id).spoken) for topic in config.topics}
        self._parents = self._find_parents()
        self._keys: dict[type[Node], Callable[[State, Any, str, Facts], Turn | None]] = {
            Menu: self._choose,
            TopicPart: self._in_topic,
            TopicEnd: self._in_topic,
            SpokenAnswer: self._in_answer,
            Confirmation: self._in_check,
            TextConsent: self._in_consent,
            CallbackOffer: self._in_offer,
            ConfirmOwnNumber: self._in_own_number,
            ReadBack: self._in_read_back,
            CallbackTime: self._in_wish,
        }

    def is_like(self, other: Graph) -> bool:
        """Whether every step of the two is the same, whatever is said, rung or open."""
        return self._made_of == other._made_of

    @property
    def _made_of(self) -> tuple[object, ...]:
        # With their order, on which it depends where 9 leads back to.
        menus = [(name, menu.person, list(menu.choices.items())) for name, menu in self._menus.items()]
        config = (self._config.answers, self._config.tries)
        return (self.languages, menus, self._chains, self._persons, self._pieces, *config)

    @property
    def words(self) -> set[str]:
        """What spoken words can ask for that line.yaml names: topics, menus, entries and languages."""
        return {*self._persons, *self._menus, *self._chains, *self.languages}

    def start(self, language: str | None = None) -> Turn:
        """The first turn of a call."""
        return Turn(State(language or self.languages[0], Menu("welcome")))

    def step(self, state: State, heard: Heard, facts: Facts) -> Turn:
        """The next turn after `heard` at `state`."""
        moved = self.move(State(state.language, state.place), heard, facts)
        return moved if isinstance(moved, Turn) else self.stay(state, moved, facts)

    def move(self, state: State, heard: Heard, facts: Facts) -> Turn | Stay:
        """Where `heard` leads from a state in which nothing is counted; else why the caller stays there."""
        place = state.place
        if isinstance(place, Transfer):
            return self._after_dial(state, place, heard, facts)
        if isinstance(place, Task):
            return self._after_task(state, place, heard.status if isinstance(heard, ActionResult) else FAILED)
        if isinstance(place, Goodbye):
            return Turn(state)
        if isinstance(heard, Key):
            return self._after_key(state, heard.key, facts)
        if isinstance(heard, SpokenWords) and not isinstance(place, EnterNumber):
            return self._after_words(state, heard.meant, facts)
        if isinstance(heard, NumberEntered):
            return Turn(state.at(ReadBack(place.entry))) if isinstance(place, EnterNumber) else "wrong-key"
        return "silence"

    def stay(self, state: State, why: Stay, facts: Facts) -> Turn:
        """The next turn of a caller who was not understood, or who wants to hear it again."""
        return self._again(state) if why == AGAIN else self._missed(state, facts, why)

    def _after_key(self, state: State, key: str, facts: Facts) -> Turn | Stay:
        place = state.place
        if key == "*":
            return AGAIN
        if key == "0":
            return self.reach(state.language, self.person_of(place), facts)
        if key == "8" and len(self.languages) > 1:
            at = (self.languages.index(state.language) + 1) % len(self.languages)
            return Turn(State(self.languages[at], place))
        if key == "9":
            return Turn(state.at(self.parent(place)))
        act = self._keys.get(type(place))
        wrong: Stay = "not-a-number" if isinstance(place, EnterNumber) else "wrong-key"
        return (act and act(state, place, key, facts)) or wrong

    def _again(self, state: State) -> Turn:
        repeats = min(state.repeats + 1, MAX_REPEATS)
        place = state.place
        if isinstance(place, TopicEnd):
            # Who skipped to the end wants all of it again.
            last = place.part + 1 >= self._pieces[place.topic]
            place = TopicPart(place.topic, 0 if last else place.part)
        again = State(state.language, place, repeats=repeats)
        return Turn(again, "repeat-offer" if repeats == MAX_REPEATS else None)

    def _after_words(self, state: State, meant: str, facts: Facts) -> Turn | Stay:
        key = _ANSWERS.get(type(state.place), {}).get(meant)
        if key:
            return self._after_key(state, key, facts)
        return self._asked(state, meant) or "none"

    def _asked(self, state: State, meant: str) -> Turn | None:
        """Where words lead that ask for something, from wherever they are said."""
        meant = _SAME_AS.get(meant, meant)
        if meant == "person":
            return Turn(state.at(Confirmation("transfer", self.person_of(state.place), self._here(state.place))))
        if meant in self._chains:
            return Turn(state.at(Confirmation("transfer", meant, self._here(state.place))))
        if meant in self._persons or meant in self._menus:
            return Turn(state.at(self._inside(meant)))
        if meant in ANSWERED_ALOUD:
            return Turn(state.at(SpokenAnswer(meant)))
        if meant in ("stop", "stop-alone"):
            return Turn(state.at(StopTexts() if meant == "stop" else Confirmation("stop", "", self._here(state.place))))
        if meant == "menu":
            return self.start(state.language)
        return Turn(State(meant, state.place)) if meant in self.languages else None

    def _here(self, place: Node) -> Node:
        """Where a caller goes on who says no to a question: her menu, or the one above her topic."""
        if isinstance(place, TopicPart | TopicEnd):
            return self.parent(place)
        return place if isinstance(place, Menu) else Menu("welcome")

    def _inside(self, target: str) -> Node:
        return Menu(target) if target in self._menus else TopicPart(target, 0)

    def _choose(self, state: State, place: Menu, key: str, facts: Facts) -> Turn | None:
        target = self._menus[place.name].choices.get(key)
        if target in self._chains:
            return self.reach(state.language, target, facts)
        return Turn(state.at(self._inside(target))) if target else None

    def _in_topic(self, state: State, place: TopicPart | TopicEnd, key: str, facts: Facts) -> Turn | None:
        topic, last = place.topic, self._pieces[place.topic] - 1
        if key == "5":
            return self._text_me(state, topic, TopicEnd(topic, place.part), facts)
        if place.part >= last:
            # Who pressed 1 to hear more, or # to skip, presses it once more at the end.
            return Turn(state.at(self.parent(place))) if key in ("1", "#") else None
        if key == "1":
            return Turn(state.at(TopicPart(topic, place.part + 1)))
        return Turn(state.at(TopicEnd(topic, last))) if key == "#" else None

    def _text_me(self, state: State, topic: str, then: Node, facts: Facts) -> Turn:
        if facts(HIDDEN):
            return Turn(state.at(then), "text-hidden")
        return Turn(state.at(TextConsent(topic, then)))

    def _in_answer(self, state: State, place: SpokenAnswer, key: str, facts: Facts) -> Turn | None:
        entry = self._config.answers.get(place.outcome)
        return self.reach(state.language, entry, facts) if key == "1" and entry else None

    def _in_check(self, state: State, place: Confirmation, key: str, facts: Facts) -> Turn | None:
        if key == "2":
            return Turn(state.at(place.then))
        if key != "1":
            return None
        if place.what == "transfer":
            return self.reach(state.language, place.about, facts)
        return Turn(state.at(StopTexts()))

    def _in_consent(self, state: State, place: TextConsent, key: str, _facts: Facts) -> Turn | None:
        places = {"1": SendText(place.topic, place.then), "2": place.then}
        return Turn(state.at(places[key])) if key in places else None

    def _in_offer(self, state: State, place: CallbackOffer, key: str, facts: Facts) -> Turn | None:
        if key == "1":
            hidden = facts(HIDDEN)
            return Turn(state.at(EnterNumber(place.entry) if hidden else ConfirmOwnNumber(place.entry)))
        if key == "5":
            return self._text_me(state, NUMBERS, CallbackOffer(place.entry, "offer-again"), facts)
        return None

    def _in_own_number(self, state: State, place: ConfirmOwnNumber, key: str, _facts: Facts) -> Turn | None:
        places = {"1": CallbackTime(place.entry, "own"), "2": EnterNumber(place.entry)}
        return Turn(state.at(places[key])) if key in places else None

    def _in_read_back(self, state: State, place: ReadBack, key: str, _facts: Facts) -> Turn | None:
        places = {"1": CallbackTime(place.entry, "keyed"), "2": EnterNumber(place.entry)}
        return Turn(state.at(places[key])) if key in places else None

    def _in_wish(self, state: State, place: CallbackTime, key: str, _facts: Facts) -> Turn | None:
        wished = WISHES.get(key)
        return Turn(state.at(SaveCallback(place.entry, place.number, wished))) if wished else None

    def _missed(self, state: State, facts: Facts, why: Stay) -> Turn:
        """Silence and a wrong key count apart; after the last try a person, and after an offer goodbye."""
        silences, wrongs = state.silences, state.wrongs
        if why == "silence":
            silences += 1
        else:
            wrongs += 1
        if max(silences, wrongs) < self._config.tries:
            preface = "use-keys" if why == "none" and wrongs >= KEYS_ONLY else why
            return Turn(State(state.language, state.place, silences, wrongs), preface)
        if isinstance(state.place, CallbackOffer | Helped):
            return Turn(state.at(Goodbye()))
        return self.reach(state.language, self.person_of(state.place), facts, "to-a-person")

    def reach(self, language: str, entry: str, facts: Facts, preface: str | None = None) -> Turn:
        """Ring the first of an entry's chain who is open now; when nobody is, say when they are."""
        return self._ring(language, entry, 0, facts, preface) or Turn(State(language, CallbackOffer(entry, "closed")))

    def _ring(self, language: str, entry: str, first: int, facts: Facts, preface: str | None) -> Turn | None:
        for link, name in enumerate(self._chains[entry]):
            if link >= first and facts(name):
                return Turn(State(language, Transfer(entry, link)), preface)
        return None

    def _after_dial(self, state: State, place: Transfer, heard: Heard, facts: Facts) -> Turn:
        status = heard.status if isinstance(heard, ActionResult) else FAILED
        if status in ANSWERED:
            return Turn(state.at(Goodbye()))
        preface = _DIAL_PREFACES.get(status, "transfer-failed")
        ringing = self._ring(state.language, place.entry, place.link + 1, facts, preface)
        return ringing or Turn(state.at(CallbackOffer(place.entry, "no-one-free")))

    def _after_task(self, state: State, place: Task, outcome: str) -> Turn:
        if isinstance(place, SaveCallback):
            kept = "callback-kept" if outcome == KEPT else "callback-failed"
            return Turn(state.at(Helped(place.entry)), kept)
        if isinstance(place, SendText):
            return Turn(state.at(place.then), _TEXT_PREFACES.get(outcome, "text-failed"))
        return Turn(state.at(Menu("welcome")), "texts-stopped" if outcome == STOPPED else "texts-not-stopped")

    def chain(self, entry: str) -> tuple[str, ...]:
        """Who is rung, in this order, when a caller asks for an entry."""
        return self._chains[entry]

    def pieces(self, topic: str) -> int:
        """How many pieces a topic has."""
        return self._pieces[topic]

    def person_of(self, place: Node) -> str:
        """The directory entry that key 0 reaches from a place."""
        if isinstance(place, Menu):
            return self._menus[place.name].person
        if isinstance(place, TopicPart | TopicEnd):
            return self._persons[place.topic]
        if isinstance(place, TextConsent):
            return self.person_of(place.then)
        if isinstance(place, SpokenAnswer):
            return self._config.answers.get(place.outcome) or self._menus["welcome"].person
        if isinstance(place, Confirmation) and place.about:
            return place.about
        return place.entry if isinstance(place, _Asked) else self._menus["welcome"].person

    def parent(self, place: Node) -> Node:
        """Where key 9 leads from a place."""
        if isinstance(place, TextConsent | Confirmation):
            return place.then
        if isinstance(place, ConfirmOwnNumber | EnterNumber | ReadBack | CallbackTime):
            return CallbackOffer(place.entry, "offer-again")
        root = TopicPart(place.topic, 0) if isinstance(place, TopicPart | TopicEnd) else place
        return self._parents.get(root, Menu("welcome"))

    def leads_a_key(self, place: Node) -> bool:
        """Whether keys alone lead to a menu, or to the first piece of a topic."""
        return place in self._parents

    def _find_parents(self) -> dict[Node, Node]:
        """The menu above each menu and topic that a key leads to."""
        welcome = Menu("welcome")
        parents: dict[Node, Node] = {welcome: welcome}
        waiting: list[Menu] = [welcome]
        for menu in waiting:
            for target in self._menus[menu.name].choices.values():
                if target in self._chains or self._inside(target) in parents:
                    continue
                place = self._inside(target)
                parents[place] = menu
                if isinstance(place, Menu):
                    waiting.append(place)
        return parents


_TEXT_PREFACES = {
    "sent": "text-sent",
    "already": "text-already",
    "landline": "text-landline",
    "opted_out": "text-opted-out",
}


def _chain(config: Config, entry: DirectoryEntry) -> tuple[str, ...]:
    """An entry and who is tried next; one number is never rung twice, though two entries share it."""
    by_number: dict[str, str] = {}
    for name in (entry.id, *entry.next):
        by_number.setdefault(config.entry(name).number, name)
    return tuple(by_number.values())
