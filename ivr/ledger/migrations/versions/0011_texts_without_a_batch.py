"""Complete the texts that earlier workers wrote without a batch, and an index to find those that follow"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0008"


def upgrade() -> None:
    op.execute(
        "UPDATE text SET batch_id = (SELECT batch_id FROM appointment WHERE appointment.id = text.appointment_id)"
        " WHERE batch_id IS NULL AND appointment_id IS NOT NULL"
    )
    where = sa.text("batch_id IS NULL AND appointment_id IS NOT NULL")
    op.create_index("ix_text_without_batch", "text", ["id"], sqlite_where=where, postgresql_where=where)
