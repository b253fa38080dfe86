"""Who has taken a work item, and a note about it; completed call-backs that keep no number"""

import sqlalchemy as sa
from alembic import op

from ivr.ledger.types import UtcDateTime

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    for table in ("callback", "todo"):
        with op.batch_alter_table(table) as batch:
            batch.add_column(sa.Column("claimed_by", sa.Integer()))
            batch.add_column(sa.Column("claimed_at", UtcDateTime()))
            batch.add_column(sa.Column("note_sealed", sa.LargeBinary()))
            batch.create_foreign_key(
                op.f(f"fk_{table}_claimed_by_console_user"), "console_user", ["claimed_by"], ["id"]
            )
            if table == "callback":
                batch.alter_column("person_id", existing_type=sa.Integer(), nullable=True)
        op.create_index(op.f(f"ix_{table}_done_at"), table, ["done_at"])
    op.create_index(
        "ix_person_of_landlines",
        "person",
        ["id"],
        sqlite_where=sa.text("landline = 1"),
        postgresql_where=sa.text("landline"),
    )
