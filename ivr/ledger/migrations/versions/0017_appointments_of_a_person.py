"""An index for the landlines of persons with an appointment ahead. It replaces the one of the person alone."""

from __future__ import annotations

from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    op.create_index("ix_appointment_person_id_status_starts_at", "appointment", ["person_id", "status", "starts_at"])
    op.drop_index("ix_appointment_person_id", "appointment")
