"""Add an index for the limits on requested texts, and the appointments that a sender was asked to choose from."""

import sqlalchemy as sa
from alembic import op

from ivr.ledger.types import UtcDateTime

revision = "0009"
down_revision = "0008"

_ASKED = sa.text("asked_in IS NOT NULL")


def upgrade() -> None:
    op.create_index("ix_text_asked_at", "text", ["asked_at"], sqlite_where=_ASKED, postgresql_where=_ASKED)
    op.create_table(
        "offered_choice",
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("choices", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_offered_choice_person_id_person")),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_offered_choice")),
    )
