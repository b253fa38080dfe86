"""The subject of an alarm, such as the release or the keys that it is about"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    # The default lets workers of the previous version, which do not know the column, raise alarms during an upgrade.
    op.add_column("alarm", sa.Column("subject", sa.Text(), server_default="", nullable=False))
