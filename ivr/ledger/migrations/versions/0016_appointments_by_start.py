"""An index for the list of appointments by day"""

from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.create_index("ix_appointment_starts_at_status_batch_id", "appointment", ["starts_at", "status", "batch_id"])
