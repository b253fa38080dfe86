"""A call is a walk on a finite graph: places, what is heard there, and where it leads.

`start()` begins a walk; `Graph.step(state, heard, is_open)` goes one step further. Both are pure: who is
open at this moment comes in as an argument. A `Turn` is a place reached, with what is said first there
(`preface`), for instance that nothing was heard.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from ivr.line.config import Config, Entry
from ivr.line.content import Content

MAX_REPEATS = 10
ANSWERED = ("completed", "answered")
_DIAL_PREFACES = {"busy": "transfer-busy", "no-answer": "transfer-no-answer"}


@dataclass(frozen=True)
class Menu:
    name: str


@dataclass(frozen=True)
class Piece:
    """One piece of a topic; part counts from 0."""

    topic: str
    part: int


@dataclass(frozen=True)
class Ending:
    """After a topic that was skipped: where to go from here."""

    topic: str


@dataclass(frozen=True)
class Transfer:
    """Ringing somebody: link counts along the chain of who is asked for and who is tried next."""

    entry: str
    link: int


@dataclass(frozen=True)
class Offer:
    """Nobody can take the call: the number, when it is answered, and what to do now."""

    entry: str
    why: str


@dataclass(frozen=True)
class Goodbye:
    """The call ends, and the caller has been helped or has been offered help."""


Place = Menu | Piece | Ending | Transfer | Offer | Goodbye


@dataclass(frozen=True)
class State:
    """Where a caller is. silences and wrongs count what was not an answer here; repeats, `*` in a row."""

    language: str
    place: Place
    silences: int = 0
    wrongs: int = 0
    repeats: int = 0

    @property
    def token(self) -> str:
        """The state as it stands in a URL: en.piece-cancer-0.s1.w2"""
        words = [type(self.place).__name__.lower(), *map(str, vars(self.place).values())]
        counts = (("s", self.silences), ("w", self.wrongs), ("r", self.repeats))
        return ".".join([self.language, "-".join(words), *(f"{mark}{n}" for mark, n in counts if n)])


@dataclass(frozen=True)
class Turn:
    """What a caller gets: a state, and what is said before the place's own words."""

    state: State
    preface: str | None = None


@dataclass(frozen=True)
class Key:
    key: str


@dataclass(frozen=True)
class Silence:
    pass


@dataclass(frozen=True)
class Outcome:
    """How a transfer ended: completed, answered, busy, no-answer, failed or canceled."""

    status: str


Heard = Key | Silence | Outcome
IsOpen = Callable[[str], bool]


class Graph:
    """The call graph of one release."""

    def __init__(self, content: Content) -> None:
        config = content.config
        self._tries = config.tries
        self._languages = list(config.languages)
        self._menus = config.menus
        self._chains = {entry.id: _chain(config, entry) for entry in config.directory}
        self._persons = {topic.id: topic.person for topic in config.topics}
        self._pieces = {topic.id: len(content.prompt(self._languages[0], topic.id).spoken) for topic in config.topics}
        self._parents = self._find_parents()
        self._answers: dict[type[Place], Callable[[State, str, IsOpen], Turn | None]] = {
            Menu: self._choose,
            Piece: self._in_topic,
            Ending: self._in_topic,
            Offer: self._in_offer,
        }

    def start(self, language: str | None = None) -> Turn:
        """The first turn of a call."""
        return Turn(State(language or self._languages[0], Menu("welcome")))

    def step(self, state: State, heard: Heard, is_open: IsOpen) -> Turn:
        """The next turn after `heard` at `state`. is_open: whether a directory entry answers now."""
        if isinstance(state.place, Transfer):
            return self._after_dial(state, state.place, heard, is_open)
        if isinstance(state.place, Goodbye):
            return Turn(state)
        if isinstance(heard, Key):
            return self._after_key(state, heard.key, is_open)
        return self._missed(state, is_open, silent=True)

    def _after_key(self, state: State, key: str, is_open: IsOpen) -> Turn:
        fresh = replace(state, silences=0, wrongs=0, repeats=0)
        if key == "*":
            repeats = min(state.repeats + 1, MAX_REPEATS)
            place = Piece(state.place.topic, 0) if isinstance(state.place, Ending) else state.place
            again = replace(fresh, place=place, repeats=repeats)
            return Turn(again, "repeat-offer" if repeats == MAX_REPEATS else None)
        if key == "0":
            return self.reach(state.language, self.person_of(state.place), is_open)
        if key == "8" and len(self._languages) > 1:
            at = (self._languages.index(state.language) + 1) % len(self._languages)
            return Turn(replace(fresh, language=self._languages[at]))
        if key == "9":
            return Turn(replace(fresh, place=self._parents[_root(state.place)]))
        return self._answers[type(state.place)](fresh, key, is_open) or self._missed(state, is_open, silent=False)

    def _choose(self, state: State, key: str, is_open: IsOpen) -> Turn | None:
        assert isinstance(state.place, Menu)
        target = self._menus[state.place.name].choices.get(key)
        return self._go(state, target, is_open) if target else None

    def _go(self, state: State, target: str, is_open: IsOpen) -> Turn:
        if target in self._chains:
            return self.reach(state.language, target, is_open)
        place: Place = Menu(target) if target in self._menus else Piece(target, 0)
        return Turn(replace(state, place=place))

    def _in_topic(self, state: State, key: str, _is_open: IsOpen) -> Turn | None:
        place = state.place
        if not isinstance(place, Piece) or place.part + 1 >= self._pieces[place.topic]:
            # Who pressed 1 to hear more, or # to skip, presses it once more at the end.
            return Turn(replace(state, place=self.parent(place))) if key in ("1", "#") else None
        if key == "1":
            return Turn(replace(state, place=Piece(place.topic, place.part + 1)))
        return Turn(replace(state, place=Ending(place.topic))) if key == "#" else None

    def _in_offer(self, state: State, key: str, _is_open: IsOpen) -> Turn | None:
        places: dict[str, Place] = {"1": state.place, "2": Menu("welcome")}
        return Turn(replace(state, place=places[key])) if key in places else None

    def _missed(self, state: State, is_open: IsOpen, *, silent: bool) -> Turn:
        """Silence and a wrong key count apart; after the last try a person, and after an offer goodbye."""
        state = replace(state, repeats=0)
        counted = replace(state, silences=state.silences + 1) if silent else replace(state, wrongs=state.wrongs + 1)
        if max(counted.silences, counted.wrongs) < self._tries:
            return Turn(counted, "silence" if silent else "wrong-key")
        if isinstance(state.place, Offer):
            return Turn(State(state.language, Goodbye()))
        return self.reach(state.language, self.person_of(state.place), is_open, "to-a-person")

    def reach(self, language: str, entry: str, is_open: IsOpen, preface: str | None = None) -> Turn:
        """Ring the first of an entry's chain who is open now; when nobody is, say when they are."""
        return self._ring(language, entry, 0, is_open, preface) or Turn(State(language, Offer(entry, "closed")))

    def _ring(self, language: str, entry: str, first: int, is_open: IsOpen, preface: str | None) -> Turn | None:
        for link, name in enumerate(self.chain(entry)):
            if link >= first and is_open(name):
                return Turn(State(language, Transfer(entry, link)), preface)
        return None

    def _after_dial(self, state: State, place: Transfer, heard: Heard, is_open: IsOpen) -> Turn:
        status = heard.status if isinstance(heard, Outcome) else "failed"
        if status in ANSWERED:
            return Turn(State(state.language, Goodbye()))
        preface = _DIAL_PREFACES.get(status, "transfer-failed")
        ringing = self._ring(state.language, place.entry, place.link + 1, is_open, preface)
        return ringing or Turn(State(state.language, Offer(place.entry, "no-one-free")))

    def chain(self, entry: str) -> tuple[str, ...]:
        """Who is rung, in this order, when a caller asks for an entry."""
        return self._chains[entry]

    def person_of(self, place: Place) -> str:
        """The directory entry that key 0 reaches from a place."""
        if isinstance(place, Menu):
            return self._menus[place.name].person
        if isinstance(place, Piece | Ending):
            return self._persons[place.topic]
        return place.entry if isinstance(place, Offer | Transfer) else self._menus["welcome"].person

    def parent(self, place: Place) -> Place:
        """Where key 9 leads from a place."""
        return self._parents[_root(place)]

    def _find_parents(self) -> dict[Place, Place]:
        welcome = Menu("welcome")
        parents: dict[Place, Place] = {welcome: welcome}
        waiting: list[Menu] = [welcome]
        for menu in waiting:
            for target in self._menus[menu.name].choices.values():
                place: Place = Menu(target) if target in self._menus else Piece(target, 0)
                if target in self._chains or place in parents:
                    continue
                parents[place] = menu
                if isinstance(place, Menu):
                    waiting.append(place)
        parents.update({Offer(name, ""): welcome for name in self._chains})
        return parents

    def walk(self) -> Iterator[tuple[State, Heard, Turn]]:
        """Every arrow that any caller can take: each key, a wrong one, silence, each outcome, open or closed."""
        seen = {self.start(language) for language in self._languages}
        waiting = list(seen)
        for turn in waiting:
            for heard, reached in self._arrows(turn.state):
                yield turn.state, heard, reached
                if reached not in seen:
                    seen.add(reached)
                    waiting.append(reached)

    def _arrows(self, state: State) -> Iterator[tuple[Heard, Turn]]:
        for heard in _inputs(state.place):
            for turn in self._turns(state, heard):
                yield heard, turn

    def _turns(self, state: State, heard: Heard) -> set[Turn]:
        """All that one input can lead to: each entry that the step asks about, once open and once closed."""
        turns: set[Turn] = set()
        waiting: list[dict[str, bool]] = [{}]
        while waiting:
            known = waiting.pop()
            asked: list[str] = []

            def is_open(name: str, known: dict[str, bool] = known, asked: list[str] = asked) -> bool:
                if name not in known:
                    asked.append(name)
                return known.get(name, False)

            turns.add(self.step(state, heard, is_open))
            waiting += [{**known, **dict.fromkeys(asked[:at], False), name: True} for at, name in enumerate(asked)]
        return turns


def _inputs(place: Place) -> list[Heard]:
    if isinstance(place, Goodbye):
        return []
    if isinstance(place, Transfer):
        return [Outcome(status) for status in ("completed", "busy", "no-answer", "failed", "canceled")]
    return [Silence(), *(Key(key) for key in "1234567890*#")]


def _chain(config: Config, entry: Entry) -> tuple[str, ...]:
    """An entry and who is tried next; one number is never rung twice, though two entries share it."""
    by_number: dict[str, str] = {}
    for name in (entry.id, *entry.next):
        by_number.setdefault(config.entry(name).number, name)
    return tuple(by_number.values())


def _root(place: Place) -> Place:
    """Places that share one way back: all pieces of a topic, all offers of an entry."""
    if isinstance(place, Piece | Ending):
        return Piece(place.topic, 0)
    return Offer(place.entry, "") if isinstance(place, Offer) else place
