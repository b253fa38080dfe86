"""When alarms began, were seen and ended; who handles an HL7 message that could not be read, and why it could not"""

import json

import sqlalchemy as sa
from alembic import op

from ivr.ledger.types import UtcDateTime

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    alarm_event = op.create_table(
        "alarm_event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("raised_at", UtcDateTime(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("seen_at", UtcDateTime()),
        sa.Column("seen_by", sa.String(200)),
        sa.Column("ended_at", UtcDateTime()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alarm_event")),
    )
    op.create_index(op.f("ix_alarm_event_raised_at"), "alarm_event", ["raised_at"])
    is_active = sa.text("ended_at IS NULL")
    op.create_index(
        "ix_alarm_event_active", "alarm_event", ["name"], sqlite_where=is_active, postgresql_where=is_active
    )
    alarm = sa.table(
        "alarm", sa.column("name", sa.String), sa.column("raised_at", UtcDateTime), sa.column("detail", sa.Text)
    )
    for name, raised_at, detail in op.get_bind().execute(sa.select(alarm)).all():
        values = {"name": name, "raised_at": raised_at, "detail": json.dumps(["{text}", {"text": detail}])}
        op.execute(alarm_event.insert().values(values))
    # Batch mode would copy the table, which is large where a feed is busy.
    reference = "INTEGER CONSTRAINT fk_hl7_message_claimed_by_console_user REFERENCES console_user (id)"
    op.execute(f"ALTER TABLE hl7_message ADD COLUMN claimed_by {reference}")
    op.add_column("hl7_message", sa.Column("claimed_at", UtcDateTime()))
    op.add_column("hl7_message", sa.Column("note_sealed", sa.LargeBinary()))
    op.add_column("hl7_message", sa.Column("reason", sa.Text()))
    is_unread = sa.text("state = 'unread'")
    op.create_index("ix_hl7_message_unread", "hl7_message", ["id"], sqlite_where=is_unread, postgresql_where=is_unread)
