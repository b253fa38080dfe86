"""Add call-back requests, and texts that callers ask for."""

import sqlalchemy as sa
from alembic import op

from ivr.ledger.types import UtcDateTime

revision = "0002"
down_revision = "0001"

_ASKED = sa.text("asked_in IS NOT NULL")


def upgrade() -> None:
    op.create_table(
        "callback",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("entry", sa.String(length=64), nullable=False),
        sa.Column("topic", sa.String(length=64), nullable=True),
        sa.Column("wished", sa.String(length=10), nullable=False),
        sa.Column("call", sa.String(length=64), nullable=False),
        sa.Column("request", sa.String(length=64), nullable=True),
        sa.Column("asked_at", UtcDateTime(), nullable=False),
        sa.Column("done_at", UtcDateTime(), nullable=True),
        sa.Column("done_by", sa.String(length=200), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_callback_person_id_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_callback")),
        sa.UniqueConstraint("call", "entry", name=op.f("uq_callback_call_entry")),
    )
    with op.batch_alter_table("callback", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_callback_person_id"), ["person_id"], unique=False)

    if op.get_bind().dialect.name == "sqlite":
        # SQLite changes a table by dropping the old one, and drops none that others point to.
        op.execute("CREATE TABLE text_move_aside AS SELECT * FROM text_move")
        op.drop_table("text_move")
        _change_text()
        _create_text_move()
        op.execute("INSERT INTO text_move SELECT * FROM text_move_aside")
        op.drop_table("text_move_aside")
    else:
        _change_text()


def _change_text() -> None:
    with op.batch_alter_table("text", schema=None) as batch_op:
        batch_op.alter_column("appointment_id", existing_type=sa.Integer(), nullable=True)
        batch_op.alter_column("starts_at", existing_type=UtcDateTime(), nullable=True)
        batch_op.add_column(sa.Column("asked_in", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("request", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("asked_at", UtcDateTime(), nullable=True))
        batch_op.add_column(sa.Column("asked_language", sa.String(length=8), nullable=True))
        batch_op.create_check_constraint(
            "ck_text_of_a_visit_or_asked",
            "(asked_in IS NULL) = (appointment_id IS NOT NULL) AND (asked_in IS NULL) = (starts_at IS NOT NULL)",
        )
    _index("uq_text_asked_in_step", ["asked_in", "step"], unique=True)
    _index("ix_text_asked_state_retry_at", ["state", "retry_at"], unique=False)


def _index(name: str, columns: list[str], unique: bool) -> None:
    op.create_index(name, "text", columns, unique=unique, sqlite_where=_ASKED, postgresql_where=_ASKED)


def _create_text_move() -> None:
    op.create_table(
        "text_move",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("text_id", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("from_state", sa.String(length=12), nullable=True),
        sa.Column("to_state", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=True),
        sa.ForeignKeyConstraint(["text_id"], ["text.id"], name=op.f("fk_text_move_text_id_text")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_text_move")),
    )
    with op.batch_alter_table("text_move", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_text_move_text_id"), ["text_id"], unique=False)
