"""a lighter queue: its primary key begins with the clip and spares an index, and only claims are indexed by worker"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
STATUS = (
    "(status = 'refused') = (reason IS NOT NULL) AND (status = 'claimed') = (worker_id IS NOT NULL)"
    " AND status IN ('pending', 'claimed', 'refused')"
)
CLAIMED = sa.text("worker_id IS NOT NULL")


def upgrade() -> None:
    op.drop_index("ix_queue_clip_id", table_name="queue")
    _replace_queue(["clip_id", "encoder_id"], with_rowid=False)
    op.create_index("ix_queue_worker_id", "queue", ["worker_id"], sqlite_where=CLAIMED, postgresql_where=CLAIMED)


def downgrade() -> None:
    _replace_queue(["encoder_id", "clip_id"], with_rowid=True)
    op.create_index("ix_queue_worker_id", "queue", ["worker_id"])
    op.create_index("ix_queue_clip_id", "queue", ["clip_id"])


def _replace_queue(primary_key: list[str], *, with_rowid: bool) -> None:
    """Change the primary key by copying every row to a new table."""
    for name in ("ix_queue_waiting", "ix_queue_worker_id"):
        op.drop_index(name, table_name="queue")
    op.rename_table("queue", "queue_before")
    op.create_table(
        "queue",
        sa.Column("encoder_id", ROW_ID, nullable=False),
        sa.Column("clip_id", ROW_ID, nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("worker_id", ROW_ID, nullable=True),
        sa.Column("kills", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=20), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.CheckConstraint(STATUS, name="ck_queue_status"),
        sa.ForeignKeyConstraint(["clip_id"], ["clips.id"]),
        sa.ForeignKeyConstraint(["encoder_id"], ["encoders.id"]),
        sa.ForeignKeyConstraint(["worker_id"], ["workers.id"]),
        sa.PrimaryKeyConstraint(*primary_key),
        sqlite_with_rowid=with_rowid,
    )
    names = "encoder_id, clip_id, status, worker_id, kills, reason, detail"
    op.execute(f"INSERT INTO queue ({names}) SELECT {names} FROM queue_before ORDER BY clip_id, encoder_id")  # noqa: S608 - all values are constants of this file
    op.drop_table("queue_before")
    op.create_index("ix_queue_waiting", "queue", ["encoder_id", "status", "kills", "clip_id"])
