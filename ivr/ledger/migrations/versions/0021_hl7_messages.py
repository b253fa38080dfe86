"""Messages of HL7 feeds"""

import sqlalchemy as sa
from alembic import op

from ivr.ledger.types import UtcDateTime

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    op.create_table(
        "hl7_message",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key_hash", sa.String(64), nullable=False),
        sa.Column("sender", sa.String(100), nullable=False),
        sa.Column("event", sa.String(10), nullable=False),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.Column("sent_at", UtcDateTime()),
        sa.Column("appointment_id", sa.String(100)),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("fault", sa.String(40)),
        sa.Column("place", sa.String(40)),
        sa.Column("row_sealed", sa.LargeBinary()),
        sa.Column("message_sealed", sa.LargeBinary()),
        sa.Column("done_at", UtcDateTime()),
        sa.Column("done_by", sa.String(200)),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hl7_message")),
        sa.UniqueConstraint("key_hash", name=op.f("uq_hl7_message_key_hash")),
    )
    op.create_index(op.f("ix_hl7_message_received_at"), "hl7_message", ["received_at"])
    op.create_index("ix_hl7_message_appointment_id_sent_at", "hl7_message", ["appointment_id", "sent_at"])
    is_waiting = sa.text("state = 'waiting'")
    op.create_index(
        "ix_hl7_message_waiting", "hl7_message", ["id"], sqlite_where=is_waiting, postgresql_where=is_waiting
    )
