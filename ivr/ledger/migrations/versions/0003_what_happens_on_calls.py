"""Add the turns of calls."""

import sqlalchemy as sa
from alembic import op

from ivr.ledger.types import UtcDateTime

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "call_turn",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("call", sa.String(length=64), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("release", sa.String(length=12), nullable=False),
        sa.Column("state", sa.String(length=120), nullable=False),
        sa.Column("heard", sa.String(length=20), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_call_turn")),
    )
    with op.batch_alter_table("call_turn", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_call_turn_at"), ["at"], unique=False)
        batch_op.create_index("ix_call_turn_call_at", ["call", "at"], unique=False)
