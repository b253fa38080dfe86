"""From where each change to an appointment came; which feed a message is from, and how often it came"""

import sqlalchemy as sa
from alembic import op

from ivr.ledger.types import UtcDateTime

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    op.create_table(
        "appointment_change",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("appointment_id", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("source", sa.String(200), nullable=False),
        sa.Column("what", sa.String(100), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_appointment_change")),
        sa.ForeignKeyConstraint(
            ["appointment_id"],
            ["appointment.id"],
            name=op.f("fk_appointment_change_appointment_id_appointment"),
            ondelete="CASCADE",
        ),
    )
    op.create_index(op.f("ix_appointment_change_appointment_id"), "appointment_change", ["appointment_id"])
    # The last change was stored with the appointment; before migration 0023, only its time.
    op.execute(
        "INSERT INTO appointment_change (appointment_id, at, source, what)"
        " SELECT id, COALESCE(changed_at, updated_at), COALESCE(changed_from, ''), '' FROM appointment"
        " WHERE changed_at IS NOT NULL OR (created_from IS NULL AND updated_at <> created_at"
        " AND (answered_at IS NULL OR updated_at <> answered_at))"
    )
    op.add_column("hl7_message", sa.Column("feed", sa.String(8), nullable=False, server_default="hl7"))
    op.add_column("hl7_message", sa.Column("times", sa.Integer(), nullable=False, server_default="1"))
