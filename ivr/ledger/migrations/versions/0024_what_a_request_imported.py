"""What a repeatable request has imported, stored with the import, so that a repetition finds it after a crash"""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    op.add_column("api_request", sa.Column("import_sealed", sa.LargeBinary()))
