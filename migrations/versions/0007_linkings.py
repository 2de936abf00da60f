"""every linking of characters into voices, and what it knew of each character"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    postgresql = op.get_bind().dialect.name == "postgresql"  # which has no keys to rows that are never deleted
    op.create_table(
        "linkings",
        sa.Column("id", ROW_ID, primary_key=True),
        sa.Column("encoder_id", ROW_ID, nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("position", ROW_ID, nullable=False),
        sa.Column("whole", sa.Boolean(), nullable=False),
        sa.Column("digest", sa.String(length=32), nullable=False),
        sa.Column("last_event_id", ROW_ID, nullable=False),
        sa.Column("seen", sa.LargeBinary(), nullable=True),
        *(() if postgresql else (sa.ForeignKeyConstraint(["encoder_id"], ["encoders.id"]),)),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_linkings_encoder_id_digest", "linkings", ["encoder_id", "digest"])
    for column in ("position", "calibrated"):
        op.drop_column("voice_events", column)


def downgrade() -> None:
    for column in ("position", "calibrated"):
        op.add_column("voice_events", sa.Column(column, ROW_ID, nullable=False, server_default="0"))
    op.drop_table("linkings")
