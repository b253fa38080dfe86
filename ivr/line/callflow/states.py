"""Where a caller can be, and what can be heard there: the words in which the call graph is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cached_property
from typing import ClassVar, Literal, TypeGuard


@dataclass(frozen=True)
class Node:
    """One place of a call. Its name in a URL is its kind and its fields: piece-cancer-0."""

    kind: ClassVar[str]

    @cached_property
    def token(self) -> str:
        values = (getattr(self, field.name) for field in fields(self))
        words = (value.token if isinstance(value, Node) else str(value) for value in values)
        return "-".join([self.kind, *words])


@dataclass(frozen=True)
class Menu(Node):
    kind: ClassVar[str] = "menu"
    name: str


@dataclass(frozen=True)
class TopicPart(Node):
    """One piece of a topic; part counts from 0."""

    kind: ClassVar[str] = "piece"
    topic: str
    part: int


@dataclass(frozen=True)
class TopicEnd(Node):
    """After a piece, without saying it again: where to go from here."""

    kind: ClassVar[str] = "ending"
    topic: str
    part: int


@dataclass(frozen=True)
class SpokenAnswer(Node):
    """What is said to spoken words that ask for no topic: a red flag, results, an appointment."""

    kind: ClassVar[str] = "answer"
    outcome: str


@dataclass(frozen=True)
class Confirmation(Node):
    """A question that takes yes or no: before a transfer that was asked for in words, or the end of all texts.

    about: the entry to ring. then: where she goes on after a no.
    """

    kind: ClassVar[str] = "check"
    what: str
    about: str
    then: Node


@dataclass(frozen=True)
class TextConsent(Node):
    """May we text this topic to her own number? `then`: where she goes on."""

    kind: ClassVar[str] = "consent"
    topic: str
    then: Node


@dataclass(frozen=True)
class Transfer(Node):
    """Ringing somebody: link counts along the chain of who is asked for and who is tried next."""

    kind: ClassVar[str] = "transfer"
    entry: str
    link: int


@dataclass(frozen=True)
class CallbackOffer(Node):
    """Nobody can take the call: the number, and what to do now. why: closed, no-one-free or offer-again."""

    kind: ClassVar[str] = "offer"
    entry: str
    why: str


@dataclass(frozen=True)
class ConfirmOwnNumber(Node):
    """Shall we call back the number that she calls from?"""

    kind: ClassVar[str] = "ownnumber"
    entry: str


@dataclass(frozen=True)
class EnterNumber(Node):
    """She keys in the number to call back."""

    kind: ClassVar[str] = "keyin"
    entry: str


@dataclass(frozen=True)
class ReadBack(Node):
    """The number that she keyed in, read back."""

    kind: ClassVar[str] = "readback"
    entry: str


@dataclass(frozen=True)
class CallbackTime(Node):
    """When to call back. number: own or keyed."""

    kind: ClassVar[str] = "wish"
    entry: str
    number: str


@dataclass(frozen=True)
class Helped(Node):
    """What she asked for is done, or could not be: the number once more, and the way back."""

    kind: ClassVar[str] = "helped"
    entry: str


@dataclass(frozen=True)
class Goodbye(Node):
    """The call ends, and the caller has been helped or has been offered help."""

    kind: ClassVar[str] = "goodbye"


TimeOfDay = Literal["morning", "afternoon", "any"]


@dataclass(frozen=True)
class Task(Node):
    """Something to be written down before the next words: never heard, and left by how it went."""


@dataclass(frozen=True)
class SaveCallback(Task):
    kind: ClassVar[str] = "keepcallback"
    entry: str
    number: str
    wished: TimeOfDay


@dataclass(frozen=True)
class SendText(Task):
    kind: ClassVar[str] = "sendtext"
    topic: str
    then: Node


@dataclass(frozen=True)
class StopTexts(Task):
    kind: ClassVar[str] = "stoptexts"


# How each task can end. Whoever performs one says which; anything else counts as the last.
KEPT, SENT, ALREADY, LANDLINE, OPTED_OUT, STOPPED, FAILED = (
    "kept",
    "sent",
    "already",
    "landline",
    "opted_out",
    "stopped",
    "failed",
)
TASK_OUTCOMES: dict[type[Task], tuple[str, ...]] = {
    SaveCallback: (KEPT, FAILED),
    SendText: (SENT, ALREADY, LANDLINE, OPTED_OUT, FAILED),
    StopTexts: (STOPPED, FAILED),
}


def carries_number(place: Node) -> TypeGuard[ReadBack | CallbackTime]:
    """Whether the number that was keyed in goes on with the caller from here."""
    return isinstance(place, ReadBack) or (isinstance(place, CallbackTime) and place.number == "keyed")


@dataclass(frozen=True)
class State:
    """Where a caller is. silences and wrongs count what was not an answer here; repeats, `*` in a row."""

    language: str
    place: Node
    silences: int = 0
    wrongs: int = 0
    repeats: int = 0

    @cached_property
    def token(self) -> str:
        """The state as it stands in a URL: en.piece-cancer-0.s1.w2"""
        counts = (("s", self.silences), ("w", self.wrongs), ("r", self.repeats))
        return ".".join([self.language, self.place.token, *(f"{mark}{n}" for mark, n in counts if n)])

    @property
    def missed(self) -> bool:
        """Whether the caller has been silent or wrong here."""
        return bool(self.silences or self.wrongs)

    @property
    def counts(self) -> bool:
        """Whether anything is counted here: a miss, or that the caller asked to hear it again."""
        return bool(self.silences or self.wrongs or self.repeats)

    def at(self, place: Node) -> State:
        """Somebody who was understood: at a place, with nothing counted."""
        return State(self.language, place)


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
class NumberEntered:
    """A whole phone number, keyed in."""


@dataclass(frozen=True)
class SpokenWords:
    """Spoken words, by what was understood: see `ivr.line.nlu.spoken_input`."""

    meant: str


@dataclass(frozen=True)
class ActionResult:
    """How a transfer ended (completed, busy, no-answer, failed, canceled), or a task."""

    status: str


Heard = Key | Silence | NumberEntered | SpokenWords | ActionResult

# What a step may ask about this very moment: whether an entry of the directory answers now, by its id, or
# whether the caller withholds her number.
Facts = Callable[[str], bool]
HIDDEN = "number hidden"
