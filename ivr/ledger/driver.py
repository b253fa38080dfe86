"""Statements on the driver's own cursor: what SQLAlchemy adds to one takes longer than most of ours."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError


def execute(connection: Connection, sql: str, parameters: Any = (), *, many: bool = False) -> Any:
    """Execute SQL of the driver's dialect in the connection's transaction, and return the driver's cursor.

    Raises SQLAlchemy's errors, without the parameters, which may be personal.
    """
    cursor = connection.connection.cursor()
    base: type[Exception] = connection.dialect.loaded_dbapi.Error
    try:
        (cursor.executemany if many else cursor.execute)(sql, parameters)
    except base as error:
        raise DBAPIError.instance(sql, None, error, base, dialect=connection.dialect) from error
    return cursor
