"""Unanswered questions that an operator has said are none for the line"""

import sqlalchemy as sa
from alembic import op

from ivr.ledger.types import UtcDateTime

revision = "0031"
down_revision = "0025"


def upgrade() -> None:
    op.add_column("unanswered", sa.Column("ignored_at", UtcDateTime()))
