"""the sex of a voice actor, where a list of credits says it"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("actors", sa.Column("sex", sa.String(length=1), nullable=True))


def downgrade() -> None:
    op.drop_column("actors", "sex")
