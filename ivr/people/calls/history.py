"""What callers did: each call's story, derived from its turns, and a summary of many stories."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import groupby
from typing import Any, Literal

from sqlalchemy import Connection, exists, select

from ivr.ledger import Vault
from ivr.ledger.tables import call_turn
from ivr.line.callflow.graph import ANSWERED

HEARD_SECONDS = 10
# The line asks again within this time; a conversation after a transfer can last longer.
QUIET = timedelta(minutes=2)
TALKING = timedelta(hours=2)
UNKNOWN = "unknown"
_NUMBERED = ("piece", "ending", "transfer")
Ended = Literal["transferred", "goodbye", "hung_up"]


@dataclass(frozen=True)
class CallPosition:
    """A place of a call, as its token tells it. part: of a topic, from 0, or the link of a transfer's chain."""

    language: str
    place: str
    kind: str
    name: str
    part: int | None = None
    wrongs: int = 0


@dataclass(frozen=True)
class LoggedTurn:
    """One row of a call. where: None where nobody heard it."""

    at: datetime
    heard: str
    where: CallPosition | None


@dataclass(frozen=True)
class CallSummary:
    """One call, from its first turn to its end; without word of its end, to its last turn.

    language: the last one heard. path: the places in their order, each once however often it was said again.
    topics_heard: topics whose last piece was reached, and after that the line heard something more of this call
    (a key, words or silence), or the call ended no sooner than 10 seconds later.
    transfer: the entry asked for last, and how ringing it, or who is tried next, ended; `unknown` until told.
    ended: transferred when somebody answered, goodbye when the line ended it. gave_up_at: else the place left.
    """

    started_at: datetime
    seconds: int
    language: str
    path: tuple[str, ...]
    topics_heard: tuple[str, ...]
    transfer: tuple[str, str] | None
    ended: Ended
    gave_up_at: str | None
    silences: int
    wrong_keys: int


@lru_cache(maxsize=4096)
def parse_token(token: str) -> CallPosition | None:
    """The place that a state's token names, in any release: `en.piece-what-they-are-0.s1`. None: no token.

    The first word is the kind; of a piece, an ending and a transfer the last is a number.
    """
    language, _, rest = token.partition(".")
    place, *counts = rest.split(".")
    if not language or not place:
        return None
    kind, _, name = place.partition("-")
    part = None
    head, _, last = name.rpartition("-")
    if kind in _NUMBERED and head and _is_count(last):
        name, part = head, int(last)
    wrongs = next((int(one[1:]) for one in counts if one[:1] == "w" and _is_count(one[1:])), 0)
    return CallPosition(language, place, kind, name, part, wrongs)


def _is_count(word: str) -> bool:
    return word.isascii() and word.isdigit()


def recent_calls(
    connection: Connection, since: datetime, now: datetime, pieces: Mapping[str, int]
) -> list[CallSummary]:
    """The calls that began at or after `since` and are over at `now`, oldest first.

    pieces: how many pieces each topic has; a topic that is not named counts as not heard. Without word of its end
    a call is over after two minutes without a turn, or two hours after a transfer whose outcome is not told.
    A call of which nothing but its end is known has no story.
    """
    earlier = call_turn.alias()
    began_before = exists().where(earlier.c.call == call_turn.c.call, earlier.c.at < since)
    rows = connection.execute(
        select(call_turn.c.call, call_turn.c.at, call_turn.c.state, call_turn.c.heard)
        .where(call_turn.c.at >= since, ~began_before)
        .order_by(call_turn.c.call, call_turn.c.at)
    )
    calls = (
        [LoggedTurn(at, heard, parse_token(state)) for _, at, state, heard in call] for _, call in groupby(rows, _call)
    )
    told = (summarize_call(call, now, pieces) for call in calls)
    return sorted((one for one in told if one is not None), key=lambda one: one.started_at)


def _call(row: Any) -> str:
    return str(row[0])


def summarize_call(rows: Iterable[LoggedTurn], now: datetime, pieces: Mapping[str, int]) -> CallSummary | None:
    """The story of one call's rows, oldest first; None while it goes on, or when no turn of it is known."""
    turns: list[LoggedTurn] = []
    end: datetime | None = None
    for row in rows:
        if row.heard.startswith("end:"):
            end = row.at
        else:
            turns.append(row)
    if not turns:
        return None
    if turns[-1].heard == "dial:canceled":
        # She hung up while it rang; what the line said to that went nowhere.
        turns[-1] = LoggedTurn(turns[-1].at, turns[-1].heard, None)
    been = [turn.where for turn in turns if turn.where]
    transfer = _transfer(turns)
    ended = _ended(been, transfer)
    if end is None and ended == "hung_up" and now - turns[-1].at < _patience(turns[-1]):
        return None
    path = tuple(place for place, _ in groupby(where.place for where in been))
    return CallSummary(
        started_at=turns[0].at,
        seconds=round((max(end or turns[-1].at, turns[-1].at) - turns[0].at).total_seconds()),
        language=been[-1].language if been else "",
        path=path,
        topics_heard=_topics_heard(turns, end, pieces),
        transfer=transfer,
        ended=ended,
        gave_up_at=path[-1] if path and ended == "hung_up" else None,
        silences=sum(turn.heard == "silence" for turn in turns),
        wrong_keys=sum(
            turn.heard.startswith("key:") and turn.where is not None and turn.where.wrongs > 0 for turn in turns
        ),
    )


def _patience(last: LoggedTurn) -> timedelta:
    return TALKING if last.where and last.where.kind == "transfer" else QUIET


def _ended(been: list[CallPosition], transfer: tuple[str, str] | None) -> Ended:
    if transfer and transfer[1] in ANSWERED:
        return "transferred"
    return "goodbye" if been and been[-1].kind == "goodbye" else "hung_up"


def _transfer(turns: list[LoggedTurn]) -> tuple[str, str] | None:
    found: tuple[str, str] | None = None
    for turn in turns:
        if found and turn.heard.startswith("dial:"):
            found = (found[0], turn.heard.partition(":")[2])
        if turn.where and turn.where.kind == "transfer":
            found = (turn.where.name, UNKNOWN)
    return found


def _topics_heard(turns: list[LoggedTurn], end: datetime | None, pieces: Mapping[str, int]) -> tuple[str, ...]:
    heard = turns[:-1]
    if end and end - turns[-1].at >= timedelta(seconds=HEARD_SECONDS):
        heard = turns
    topics = (_topic_ended_by(turn.where, pieces) for turn in heard)
    return tuple(dict.fromkeys(topic for topic in topics if topic))


def _topic_ended_by(where: CallPosition | None, pieces: Mapping[str, int]) -> str | None:
    """The topic whose last piece this is."""
    if where is None or where.kind != "piece" or where.part is None or where.name not in pieces:
        return None
    return where.name if where.part + 1 >= pieces[where.name] else None


def last_topic(connection: Connection, vault: Vault, call_sid: str) -> str | None:
    """The topic or answer that a call under way heard last, as far as its turns are written down."""
    about = call_turn.c.state.like("%.piece-%") | call_turn.c.state.like("%.answer-%")
    heard = select(call_turn.c.state).where(call_turn.c.call == vault.hash(call_sid), about)
    token = connection.execute(heard.order_by(call_turn.c.at.desc()).limit(1)).scalar()
    where = parse_token(token) if token else None
    return where.name if where else None


def summarize_calls(told: list[CallSummary]) -> dict[str, Any]:
    """Stories counted, the most frequent first; median_seconds is None without calls.

    A last wrong key, which leads to a person, looks like a choice and is not among wrong_keys.
    """
    transfers: dict[str, Counter[str]] = {}
    for entry, outcome in (one.transfer for one in told if one.transfer):
        transfers.setdefault(entry, Counter())[outcome] += 1
    return {
        "calls": len(told),
        "median_seconds": round(statistics.median(one.seconds for one in told)) if told else None,
        "languages": _counted(one.language for one in told),
        "ended": _counted(one.ended for one in told),
        "transfers": {entry: _counted(transfers[entry].elements()) for entry in sorted(transfers)},
        "topics_heard": _counted(topic for one in told for topic in one.topics_heard),
        "gave_up_at": _counted(one.gave_up_at for one in told if one.gave_up_at),
        "silences": sum(one.silences for one in told),
        "wrong_keys": sum(one.wrong_keys for one in told),
    }


def _counted(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items(), key=lambda item: (-item[1], item[0])))
