"""The line's own times and counts, by name: when something was last done."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, Integer, String, cast, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from ivr.ledger.tables import mark

TEXTS_FORGOTTEN = "texts-forgotten"
"""A time before which texts may have been deleted, because their period was over."""


def read_mark(connection: Connection, name: str) -> datetime | None:
    """The time of a mark; None if it was never set."""
    return connection.execute(select(mark.c.at).where(mark.c.name == name)).scalar()


def set_mark(connection: Connection, name: str, at: datetime, value: str = "") -> None:
    """Set a mark, whether or not another process has just added it."""
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    added = dialect.insert(mark).values(name=name, value=value, at=at)
    connection.execute(added.on_conflict_do_update(index_elements=[mark.c.name], set_={"at": at, "value": value}))


def add_to_count(connection: Connection, name: str, added: int, at: datetime) -> None:
    """Increase a count by `added`, also if other processes do so at the same time. It starts at zero."""
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    new = dialect.insert(mark).values(name=name, value=str(added), at=at)
    total = cast(cast(mark.c.value, Integer) + added, String)
    connection.execute(new.on_conflict_do_update(index_elements=[mark.c.name], set_={"at": at, "value": total}))


def take_counts(connection: Connection, prefix: str) -> dict[str, int]:
    """The counts whose names begin with a prefix, without it. Each is zero then."""
    taken = delete(mark).where(mark.c.name.startswith(prefix, autoescape=True)).returning(mark.c.name, mark.c.value)
    return {row.name.removeprefix(prefix): int(row.value) for row in connection.execute(taken)}
