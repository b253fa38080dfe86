"""The vocabulary of the call graph: nodes, states, turns, and what a caller can do at each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cached_property
from typing import ClassVar, Literal, TypeGuard


@dataclass(frozen=True)
class Node:
    """A node of the call graph. Its token in a URL is its kind and the values of its fields: piece-cancer-0."""

    kind: ClassVar[str]

    def __init_subclass__(cls, kind: str = "") -> None:
        cls.kind = kind

    @cached_property
    def token(self) -> str:
        values = (getattr(self, field.name) for field in fields(self))
        return "-".join([self.kind, *(value.token if isinstance(value, Node) else str(value) for value in values)])


@dataclass(frozen=True)
class Menu(Node, kind="menu"):
    name: str


@dataclass(frozen=True)
class TopicPart(Node, kind="piece"):
    """One part of a topic; `part` counts from 0."""

    topic: str
    part: int


@dataclass(frozen=True)
class TopicEnd(Node, kind="ending"):
    """The options after a part of a topic, without the part."""

    topic: str
    part: int


@dataclass(frozen=True)
class SpokenAnswer(Node, kind="answer"):
    """The answer to speech that matches no topic: a red flag, results, an appointment."""

    outcome: str


@dataclass(frozen=True)
class Which(Node, kind="which"):
    """Asks which of two topics is meant, after speech that could ask for either."""

    first: str
    second: str


@dataclass(frozen=True)
class Confirmation(Node, kind="check"):
    """A yes-or-no question before a spoken request is carried out: a transfer to `entry`, or an opt-out.

    action: transfer or stop. entry: empty for stop. after_no: the node that "no" leads to.
    """

    action: str
    entry: str
    after_no: Node


@dataclass(frozen=True)
class TextConsent(Node, kind="consent"):
    """Asks for consent to text a topic to the caller's own number. after: the node that follows either answer."""

    topic: str
    after: Node


@dataclass(frozen=True)
class EntryNode(Node):
    """A node about one directory entry, which key 0 reaches."""

    entry: str


@dataclass(frozen=True)
class Transfer(EntryNode, kind="transfer"):
    """Dials one link of an entry's transfer chain; `link` counts from 0."""

    link: int


@dataclass(frozen=True)
class CallbackOffer(EntryNode, kind="offer"):
    """The phone number of an entry that cannot take the call, and the offer of a call-back or a text.

    reason: closed, no-one-free or offer-again.
    """

    reason: str


@dataclass(frozen=True)
class ConfirmOwnNumber(EntryNode, kind="ownnumber"):
    """Asks whether to call back the number that the caller is calling from."""


@dataclass(frozen=True)
class EnterNumber(EntryNode, kind="keyin"):
    """Asks for the number to call back, on the keypad."""


@dataclass(frozen=True)
class ReadBack(EntryNode, kind="readback"):
    """Reads the entered number back."""


@dataclass(frozen=True)
class CallbackTime(EntryNode, kind="wish"):
    """Asks when to call back. number: own or keyed."""

    number: str


@dataclass(frozen=True)
class Helped(EntryNode, kind="helped"):
    """Follows a call-back request, saved or not: the entry's phone number, and the way back."""


@dataclass(frozen=True)
class Goodbye(Node, kind="goodbye"):
    """Ends the call. Reached only after the caller got help or an offer of help."""


TimeOfDay = Literal["morning", "afternoon", "any"]


@dataclass(frozen=True)
class Task(Node):
    """A write that must finish before the next prompt. It says nothing; its outcome decides the transition."""


@dataclass(frozen=True)
class SaveCallback(Task, kind="keepcallback"):
    entry: str
    number: str
    time_of_day: TimeOfDay


@dataclass(frozen=True)
class SendText(Task, kind="sendtext"):
    topic: str
    after: Node


@dataclass(frozen=True)
class StopTexts(Task, kind="stoptexts"):
    """Opts the caller out of texts."""


SAVED, SENT, ALREADY, LANDLINE = "kept", "sent", "already", "landline"
OPTED_OUT, STOPPED, DELAYED, FAILED = "opted_out", "stopped", "delayed", "failed"
TASK_OUTCOMES: dict[type[Task], tuple[str, ...]] = {
    SaveCallback: (SAVED, FAILED),
    SendText: (SENT, ALREADY, LANDLINE, OPTED_OUT, DELAYED, FAILED),
    StopTexts: (STOPPED, FAILED),
}
"""How each task can end; the graph treats any other outcome as the last one."""


def carries_number(node: Node) -> TypeGuard[ReadBack | CallbackTime]:
    """Whether the action URL of this node must carry the number that the caller entered."""
    return isinstance(node, ReadBack) or (isinstance(node, CallbackTime) and node.number == "keyed")


@dataclass(frozen=True)
class State:
    """A node, the language of the call, and the caller's misses at this node.

    silences, wrongs: no-input and no-match so far. repeats: presses of `*` in a row.
    """

    language: str
    node: Node
    silences: int = 0
    wrongs: int = 0
    repeats: int = 0

    @cached_property
    def token(self) -> str:
        """The state as a URL carries it: en.piece-cancer-0.s1.w2"""
        counts = (("s", self.silences), ("w", self.wrongs), ("r", self.repeats))
        return ".".join([self.language, self.node.token, *(f"{mark}{n}" for mark, n in counts if n)])

    @property
    def missed(self) -> bool:
        """Whether the caller has had a no-input or a no-match at this node."""
        return bool(self.silences or self.wrongs)

    def enter(self, node: Node) -> State:
        """The state after a transition to `node`: same language, counters reset."""
        return State(self.language, node)


@dataclass(frozen=True)
class Turn:
    """One answer to the caller: the new state, and a prompt that precedes the node's own.

    preface_entry: the directory entry that the preface is about, if it is about one.
    """

    state: State
    preface: str | None = None
    preface_entry: str = ""


@dataclass(frozen=True)
class Key:
    key: str


@dataclass(frozen=True)
class Silence:
    pass


@dataclass(frozen=True)
class NumberEntered:
    """A complete, valid phone number entered on the keypad."""


@dataclass(frozen=True)
class SpokenWords:
    """Speech, as the outcome that `ivr.line.nlu.spoken_input` resolved it to."""

    outcome: str


@dataclass(frozen=True)
class ActionResult:
    """How a transfer ended (completed, busy, no-answer, failed, canceled), or a task (see TASK_OUTCOMES)."""

    status: str


Heard = Key | Silence | NumberEntered | SpokenWords | ActionResult

Facts = Callable[[str], bool]
"""Answers what depends on the moment: whether a directory entry (by id) is open, `HIDDEN`, or `UNREACHABLE`."""
HIDDEN = "number hidden"
"""The fact that the caller withholds their number."""
UNREACHABLE = "number unreachable"
"""The fact that the line may neither text nor call back the caller's number: it is hidden, foreign or premium-rate."""
