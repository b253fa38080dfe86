"""Trained classifiers of topics"""

import sqlalchemy as sa
from alembic import op

from ivr.ledger.types import UtcDateTime

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.create_table(
        "topic_model",
        sa.Column("examples", sa.String(64), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("examples", name=op.f("pk_topic_model")),
    )
