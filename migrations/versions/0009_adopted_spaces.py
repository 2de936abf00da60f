"""which space was chosen to be searched, when and by whom"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    postgresql = op.get_bind().dialect.name == "postgresql"  # which has no keys to rows that are never deleted
    keys = [sa.ForeignKeyConstraint([column], ["encoders.id"]) for column in ("encoder_id", "before_id")]
    op.create_table(
        "adoptions",
        sa.Column("id", ROW_ID, primary_key=True),
        sa.Column("encoder_id", ROW_ID, nullable=False),
        sa.Column("before_id", ROW_ID, nullable=True),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        *(() if postgresql else keys),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    op.drop_table("adoptions")
