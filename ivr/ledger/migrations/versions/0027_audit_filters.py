"""Indexes for the filters of the audit log: by who, by what, and by the appointment or person that an entry is about"""

from typing import Any

from alembic import op
from sqlalchemy import literal_column

revision = "0027"
down_revision = "0026"

_INDEXES: dict[str, tuple[list[str], Any]] = {
    "ix_audit_entry_actor_at_id": (["actor", "at", "id"], None),
    "ix_audit_entry_kind_at_id": (["kind", "at", "id"], None),
    "ix_audit_entry_short_details": (["details", "at", "id"], literal_column("length(details) <= 60")),
    "ix_audit_entry_of_commands": (["at", "id"], literal_column("uid").is_not(None)),
}


def upgrade() -> None:
    for name, (columns, where) in _INDEXES.items():
        op.create_index(name, "audit_entry", columns, sqlite_where=where, postgresql_where=where)
