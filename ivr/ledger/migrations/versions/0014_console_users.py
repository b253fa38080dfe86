"""Users of the console, and their failed attempts to sign in"""

import sqlalchemy as sa
from alembic import op

from ivr.ledger.types import UtcDateTime

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.create_table(
        "console_user",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("language", sa.String(8), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("password", sa.String(255)),
        sa.Column("session_key", sa.String(64), nullable=False),
        sa.Column("second_factor", sa.String(20)),
        sa.Column("totp_secret", sa.String(255)),
        sa.Column("recovery_codes_sealed", sa.LargeBinary()),
        sa.Column("invitation", sa.String(64)),
        sa.Column("invited_until", UtcDateTime()),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("last_sign_in_at", UtcDateTime()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_console_user")),
        sa.UniqueConstraint("email", name=op.f("uq_console_user_email")),
        sa.UniqueConstraint("session_key", name=op.f("uq_console_user_session_key")),
        sa.UniqueConstraint("invitation", name=op.f("uq_console_user_invitation")),
    )
    op.create_table(
        "sign_in_failure",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("name_hash", sa.String(64), nullable=False),
        sa.Column("address_hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in_failure")),
    )
    for column in ("at", "name_hash", "address_hash"):
        op.create_index(op.f(f"ix_sign_in_failure_{column}"), "sign_in_failure", [column])
