"""Schedules: what goes wrong, and when. A schedule is one line of text, with which a failure can be replayed."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import combinations, product

ANSWERS = {
    "ok": "The carrier accepts the text.",
    "unreachable": "No connection can be opened.",
    "cut": "The connection breaks before the carrier has the request.",
    "unheard": "The carrier accepts the text, and its answer is lost.",
    "slow": "The answer is lost, and the text appears in the carrier's log 90 seconds later.",
    "error": "The carrier answers 500, and has not accepted the text.",
    "accepted-error": "The carrier answers 500, and has accepted the text.",
    "too-fast": "The carrier answers 429.",
}
RECEIPTS = {
    "in-order": "sent, then delivered",
    "none": "Both are lost.",
    "twice": "Each comes twice.",
    "late": "Both come after five minutes.",
    "reversed": "delivered, then sent",
}
EVENTS = {
    "kill": "The process is killed.",
    "stop": "The process is told to stop, and ends when it can.",
    "pause": "The process is suspended for five minutes, while fresh processes go on.",
    "forward": "The machine's clock jumps an hour ahead.",
    "back": "The machine's clock jumps an hour back.",
    "database": "The database does not answer: before a commit, it undoes the transaction; after it, it has happened.",
    "queue": "The queue server loses everything.",
    "refused": "The queue server does not answer; a command under way has been done.",
}


@dataclass(frozen=True)
class Schedule:
    """texts: how many are due. answers, receipts: of the first texts that the carrier is asked to send; then "ok".

    events: what happens at which point, counted over all processes from 1.
    """

    texts: int = 1
    answers: tuple[str, ...] = ()
    receipts: str = "in-order"
    events: dict[int, str] = field(default_factory=dict)

    def __str__(self) -> str:
        events = ",".join(f"{point}:{event}" for point, event in sorted(self.events.items()))
        return f"{self.texts} {','.join(self.answers) or 'ok'} {self.receipts} {events or '-'}"

    @classmethod
    def parse(cls, line: str) -> Schedule:
        texts, answers, receipts, events = line.split()
        pairs = [pair.split(":") for pair in events.split(",")] if events != "-" else []
        return cls(int(texts), tuple(answers.split(",")), receipts, {int(point): event for point, event in pairs})


def undisturbed() -> Iterator[Schedule]:
    """Every kind of answer and receipt, for one to three texts, with no event yet."""
    for texts, answer in product((1, 2, 3), ANSWERS):
        yield Schedule(texts, (answer,))
    for receipts in RECEIPTS:
        yield Schedule(2, (), receipts)
    yield Schedule(3, ("unheard", "cut", "slow"))
    yield Schedule(3, ("slow", "ok", "too-fast"), "none")


def alone(schedule: Schedule, points: int, events: Iterable[str]) -> Iterator[Schedule]:
    """The schedule with each of the events at each of its points in turn."""
    for event, point in product(events, range(1, points + 1)):
        yield replace(schedule, events={point: event})


def in_pairs(schedule: Schedule, points: int, first: str, second: str) -> Iterator[Schedule]:
    """The schedule with two events, at each pair of points."""
    for earlier, later in combinations(range(1, points + 1), 2):
        yield replace(schedule, events={earlier: first, later: second})


def at_random(seed: int) -> Schedule:
    """A schedule with two to four events of any kind."""
    draw = random.Random(seed)
    points = draw.sample(range(1, 150), draw.randint(2, 4))
    return Schedule(
        draw.randint(1, 3),
        tuple(draw.choice(list(ANSWERS)) for _ in range(draw.randint(0, 4))),
        draw.choice(list(RECEIPTS)),
        {point: draw.choice(list(EVENTS)) for point in points},
    )
