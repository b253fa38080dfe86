"""Complete the texts that earlier workers wrote without a batch; indexes of those to come, and of lost receipts"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.execute(
        "UPDATE text SET batch_id = (SELECT batch_id FROM appointment WHERE appointment.id = text.appointment_id)"
        " WHERE batch_id IS NULL AND appointment_id IS NOT NULL"
    )
    _index("ix_text_without_batch", "id", "batch_id IS NULL AND appointment_id IS NOT NULL")
    _index("ix_text_fetched_claimed_at", "claimed_at", "reason = 'fetched'")


def _index(name: str, column: str, condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, "text", [column], sqlite_where=where, postgresql_where=where)
