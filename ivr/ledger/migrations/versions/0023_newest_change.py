"""When and from where the newest change to an appointment came, so that an older one that arrives later is left out"""

import sqlalchemy as sa
from alembic import op

from ivr.ledger.types import UtcDateTime

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    op.add_column("appointment", sa.Column("as_of", UtcDateTime()))
    op.add_column("appointment", sa.Column("created_from", sa.String(200)))
    op.add_column("appointment", sa.Column("changed_at", UtcDateTime()))
    op.add_column("appointment", sa.Column("changed_from", sa.String(200)))
    op.add_column("staged_change", sa.Column("as_of", UtcDateTime()))
