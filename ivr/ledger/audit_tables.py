"""The table of the audit log."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ColumnElement, Index, Integer, String, Table, Text, literal_column

from ivr.ledger.metadata import metadata
from ivr.ledger.types import UtcDateTime

# In a query of this table alone. A literal, because SQLite does not use a partial index for a parameter.
audit_details_are_short: ColumnElement[bool] = literal_column("length(details) <= 60")
# Who read or changed personal data, and when; kept for good: triggers of migration 0012 refuse UPDATE and DELETE.
# actor: the name of the account. uid, sudo_user: of an operating system's user. details: JSON, by ivr/people/audit.py.
audit_entry = Table(
    "audit_entry",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", UtcDateTime, nullable=False, index=True),
    Column("actor", String(200), nullable=False),
    Column("uid", BigInteger),
    Column("sudo_user", String(200)),
    Column("kind", String(40), nullable=False),
    Column("details", Text, nullable=False),
    Index("ix_audit_entry_actor_at_id", "actor", "at", "id"),
    Index("ix_audit_entry_kind_at_id", "kind", "at", "id"),
    # Partial, in PostgreSQL too (migration 0027). A list of ids can be too long for an index.
    Index("ix_audit_entry_short_details", "details", "at", "id", sqlite_where=audit_details_are_short),
    Index("ix_audit_entry_of_commands", "at", "id", sqlite_where=literal_column("uid").is_not(None)),
)
