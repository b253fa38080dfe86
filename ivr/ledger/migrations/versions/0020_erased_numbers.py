"""Persons whose number was deleted, and whose opt-out stays as a hash"""

import sqlalchemy as sa
from alembic import op

from ivr.ledger.types import UtcDateTime

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    op.add_column("person", sa.Column("erased_at", UtcDateTime()))
