"""Add the state of the line, and indexes for due reminders."""

import sqlalchemy as sa
from alembic import op

from ivr.ledger.types import UtcDateTime

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "mark",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("value", sa.String(length=64), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_mark")),
    )
    with op.batch_alter_table("appointment", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_appointment_batch_id"))
        batch_op.drop_index(batch_op.f("ix_appointment_next_due_at"))
        batch_op.create_index("ix_appointment_batch_id_next_due_at", ["batch_id", "next_due_at"], unique=False)
        batch_op.create_index("ix_appointment_next_due_at_id", ["next_due_at", "id"], unique=False)

    # In words of its own: SQLite would make the table anew, and with it all that points there.
    op.execute("ALTER TABLE text ADD COLUMN batch_id INTEGER CONSTRAINT fk_text_batch_id_batch REFERENCES batch (id)")
    op.create_index("ix_text_batch_id_state_reason", "text", ["batch_id", "state", "reason"])
    op.execute(
        "UPDATE text SET batch_id = (SELECT batch_id FROM appointment WHERE appointment.id = text.appointment_id)"
        " WHERE appointment_id IS NOT NULL"
    )
