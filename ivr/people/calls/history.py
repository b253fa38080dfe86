"""Summaries of calls, derived from their logged turns, and statistics of many calls."""

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
from ivr.line.callflow.transfers import ANSWERED

# A topic counts as heard if the call ends at least this long after its last part began.
HEARD_SECONDS = 10
# A call without a turn for this long is over, unless it was transferred: a conversation can last longer.
IDLE = timedelta(minutes=2)
IN_CONVERSATION = timedelta(hours=2)
UNKNOWN = "unknown"
_NUMBERED = ("piece", "ending", "transfer")
Ended = Literal["transferred", "goodbye", "hung_up"]


@dataclass(frozen=True)
class CallPosition:
    """A state of a call, parsed from its token. part: the part of a topic or the entry of a transfer chain, from 0."""

    language: str
    node: str
    kind: str
    name: str
    part: int | None = None
    wrong_keys: int = 0


@dataclass(frozen=True)
class LoggedTurn:
    """One row of a call. position: None if the caller did not hear the response."""

    at: datetime
    heard: str
    position: CallPosition | None


@dataclass(frozen=True)
class CallSummary:
    """One call, from its first turn to its end, or to its last turn if the end was not logged.

    language: the last one. path: the nodes in order, without immediate repeats. topics_heard: topics whose last part
    was followed by another turn, or by the end of the call at least HEARD_SECONDS later. transfer: the last entry
    requested, and the result of dialing its chain; `unknown` until logged. ended: transferred if someone picked up,
    goodbye if the line hung up. gave_up_at: the node at which the caller hung up.
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
    """Parse the token of a state, from any release, such as `en.piece-what-they-are-0.s1`. None: not a token.

    The first word of the node is its kind; for the kinds in _NUMBERED, the last word may be a number.
    """
    language, _, rest = token.partition(".")
    node, *counters = rest.split(".")
    if not language or not node:
        return None
    kind, _, name = node.partition("-")
    part = None
    head, _, last = name.rpartition("-")
    if kind in _NUMBERED and head and _is_count(last):
        name, part = head, int(last)
    wrong_keys = next((int(counter[1:]) for counter in counters if counter[:1] == "w" and _is_count(counter[1:])), 0)
    return CallPosition(language, node, kind, name, part, wrong_keys)


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit()


def recent_calls(connection: Connection, since: datetime, now: datetime, parts: Mapping[str, int]) -> list[CallSummary]:
    """Return the calls that began at or after `since` and are over at `now`, oldest first.

    parts: the number of parts of each topic; topics not in it never count as heard. Calls of which only the end was
    logged are left out.
    """
    earlier = call_turn.alias()
    began_before = exists().where(earlier.c.call == call_turn.c.call, earlier.c.at < since)
    rows = connection.execute(
        select(call_turn.c.call, call_turn.c.at, call_turn.c.state, call_turn.c.heard)
        .where(call_turn.c.at >= since, ~began_before)
        .order_by(call_turn.c.call, call_turn.c.at)
    )
    calls = (
        [LoggedTurn(at, heard, parse_token(state)) for _, at, state, heard in call]
        for _, call in groupby(rows, lambda row: str(row[0]))
    )
    summaries = (summarize_call(call, now, parts) for call in calls)
    return sorted((summary for summary in summaries if summary is not None), key=lambda summary: summary.started_at)


def summarize_call(rows: Iterable[LoggedTurn], now: datetime, parts: Mapping[str, int]) -> CallSummary | None:
    """Summarize the rows of one call, oldest first. None if it is in progress, or if only its end was logged."""
    turns: list[LoggedTurn] = []
    end: datetime | None = None
    for row in rows:
        if row.heard.startswith("end:"):
            end = row.at
        else:
            turns.append(row)
    if not turns:
        return None
    last = turns[-1]
    if last.heard == "dial:canceled":
        # The caller hung up during the dial and did not hear the response.
        last = turns[-1] = LoggedTurn(last.at, last.heard, None)
    positions = [turn.position for turn in turns if turn.position]
    transfer = _transfer(turns)
    ended = _ended(positions, transfer)
    timeout = IN_CONVERSATION if last.position and last.position.kind == "transfer" else IDLE
    if end is None and ended == "hung_up" and now - last.at < timeout:
        return None
    path = tuple(node for node, _ in groupby(position.node for position in positions))
    return CallSummary(
        started_at=turns[0].at,
        seconds=round((max(end or last.at, last.at) - turns[0].at).total_seconds()),
        language=positions[-1].language if positions else "",
        path=path,
        topics_heard=_topics_heard(turns, end, parts),
        transfer=transfer,
        ended=ended,
        gave_up_at=path[-1] if path and ended == "hung_up" else None,
        silences=sum(turn.heard == "silence" for turn in turns),
        wrong_keys=sum(
            turn.heard.startswith("key:") and turn.position.wrong_keys > 0 for turn in turns if turn.position
        ),
    )


def _ended(positions: list[CallPosition], transfer: tuple[str, str] | None) -> Ended:
    if transfer and transfer[1] in ANSWERED:
        return "transferred"
    return "goodbye" if positions and positions[-1].kind == "goodbye" else "hung_up"


def _transfer(turns: list[LoggedTurn]) -> tuple[str, str] | None:
    transfer: tuple[str, str] | None = None
    for turn in turns:
        if transfer and turn.heard.startswith("dial:"):
            transfer = (transfer[0], turn.heard.partition(":")[2])
        if turn.position and turn.position.kind == "transfer":
            transfer = (turn.position.name, UNKNOWN)
    return transfer


def _topics_heard(turns: list[LoggedTurn], end: datetime | None, parts: Mapping[str, int]) -> tuple[str, ...]:
    heard = turns[:-1]
    if end and end - turns[-1].at >= timedelta(seconds=HEARD_SECONDS):
        heard = turns
    topics = (_topic_completed_by(turn.position, parts) for turn in heard)
    return tuple(dict.fromkeys(topic for topic in topics if topic))


def _topic_completed_by(position: CallPosition | None, parts: Mapping[str, int]) -> str | None:
    """Return the topic whose last part this is."""
    if position is None or position.kind != "piece" or position.part is None or position.name not in parts:
        return None
    return position.name if position.part + 1 >= parts[position.name] else None


def last_topic(connection: Connection, vault: Vault, call_sid: str) -> str | None:
    """Return the last topic or answer of a call in progress whose turn is in the database by now."""
    about = call_turn.c.state.like("%.piece-%") | call_turn.c.state.like("%.answer-%")
    heard = select(call_turn.c.state).where(call_turn.c.call == vault.hash(call_sid), about)
    token = connection.execute(heard.order_by(call_turn.c.at.desc()).limit(1)).scalar()
    position = parse_token(token) if token else None
    return position.name if position else None


def summarize_calls(calls: list[CallSummary]) -> dict[str, Any]:
    """Count what callers did, most frequent first. median_seconds: None if there are no calls.

    wrong_keys leaves out the last wrong key before a transfer, which looks like a choice in the log.
    """
    transfers: dict[str, Counter[str]] = {}
    for entry, result in (call.transfer for call in calls if call.transfer):
        transfers.setdefault(entry, Counter())[result] += 1
    return {
        "calls": len(calls),
        "median_seconds": round(statistics.median(call.seconds for call in calls)) if calls else None,
        "languages": _count(call.language for call in calls),
        "ended": _count(call.ended for call in calls),
        "transfers": {entry: _count(transfers[entry].elements()) for entry in sorted(transfers)},
        "topics_heard": _count(topic for call in calls for topic in call.topics_heard),
        "gave_up_at": _count(call.gave_up_at for call in calls if call.gave_up_at),
        "silences": sum(call.silences for call in calls),
        "wrong_keys": sum(call.wrong_keys for call in calls),
    }


def _count(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items(), key=lambda item: (-item[1], item[0])))
