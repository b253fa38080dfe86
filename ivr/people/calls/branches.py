"""How many callers took each branch of the menus."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, case, func, select

from ivr.ledger.tables import call_turn
from ivr.line.callflow.states import Menu, TopicPart

# A state's token starts with the two letters of the language and a dot.
_AFTER_LANGUAGE = 4


@dataclass(frozen=True)
class BranchCounts:
    """Numbers of calls. by_key: by menu and key. spoken: by the menu or topic that callers asked for in words."""

    calls: int
    by_key: dict[tuple[str, str], int]
    spoken: dict[str, int]


def count_branches(
    connection: Connection, since: datetime, menus: Iterable[str], topics: Iterable[str]
) -> BranchCounts:
    """Count the calls that began since then, and those that pressed each key of each menu; a call counts once a key."""
    menus = list(menus)
    recent = call_turn.c.at >= since
    calls = connection.execute(select(func.count()).select_from(call_turn).where(recent, call_turn.c.heard == "start"))
    return BranchCounts(
        calls.scalar_one(), _by_key(connection, recent, menus), _spoken(connection, recent, menus, topics)
    )


def _by_key(connection: Connection, recent: ColumnElement[bool], menus: list[str]) -> dict[tuple[str, str], int]:
    before = func.lag(call_turn.c.state).over(partition_by=call_turn.c.call, order_by=call_turn.c.at)
    turns = select(call_turn.c.call, call_turn.c.heard, before.label("before")).where(recent).subquery()
    node = func.substr(turns.c.before, _AFTER_LANGUAGE)
    # After silence or a wrong key, a count follows the node in its token.
    tokens = {name: Menu(name).token for name in menus}
    is_at = (
        (((node == token) | node.startswith(f"{token}.", autoescape=True)), name) for name, token in tokens.items()
    )
    menu = case(*is_at).label("menu")
    rows = connection.execute(
        select(menu, turns.c.heard, func.count(turns.c.call.distinct()))
        .where(turns.c.heard.like("key:_"), node.startswith("menu-"))
        .group_by(menu, turns.c.heard)
    )
    return {(name, heard.removeprefix("key:")): count for name, heard, count in rows if name is not None}


def _spoken(
    connection: Connection, recent: ColumnElement[bool], menus: list[str], topics: Iterable[str]
) -> dict[str, int]:
    # Words lead to the first part of a topic.
    targets = {Menu(name).token: name for name in menus} | {TopicPart(name, 0).token: name for name in topics}
    node = func.substr(call_turn.c.state, _AFTER_LANGUAGE)
    query = (
        select(case(targets, value=node).label("target"), func.count(call_turn.c.call.distinct()))
        .where(recent, call_turn.c.heard.startswith("words:"), node.in_(list(targets)))
        .group_by("target")
    )
    return {target: count for target, count in connection.execute(query)}
