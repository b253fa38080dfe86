"""Indexes for the appointments and persons that a file which is being imported will change"""

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_index("ix_staged_change_appointment", "staged_change", ["appointment"])
    op.create_index("ix_staged_change_person_id", "staged_change", ["person_id"])
