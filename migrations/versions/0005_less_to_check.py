"""less to check for each clip: the queue has two indexes fewer, PostgreSQL no keys to rows that are never deleted"""

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
LASTING = (
    ("clips", "game_id", "games"),
    ("clips", "root_id", "roots"),
    ("embeddings", "encoder_id", "encoders"),
    ("changes", "encoder_id", "encoders"),
)
CLAIMED = sa.text("worker_id IS NOT NULL")


def upgrade() -> None:
    postgresql = op.get_bind().dialect.name == "postgresql"
    op.drop_index("ix_queue_clip_id", table_name="queue")
    keys = () if postgresql else (sa.ForeignKeyConstraint(["encoder_id"], ["encoders.id"]),)
    _replace_queue(sa.PrimaryKeyConstraint("clip_id", "encoder_id"), *keys, with_rowid=False)
    op.create_index("ix_queue_worker_id", "queue", ["worker_id"], sqlite_where=CLAIMED, postgresql_where=CLAIMED)
    if postgresql:
        for table, column, _ in LASTING:
            for key in sa.inspect(op.get_bind()).get_foreign_keys(table):
                if key["constrained_columns"] == [column]:
                    op.drop_constraint(key["name"], table, type_="foreignkey")


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for table, column, parent in LASTING:
            op.create_foreign_key(f"fk_{table}_{column}", table, parent, [column], ["id"])
    key = sa.ForeignKeyConstraint(["encoder_id"], ["encoders.id"])
    _replace_queue(sa.PrimaryKeyConstraint("encoder_id", "clip_id"), key, with_rowid=True)
    op.create_index("ix_queue_worker_id", "queue", ["worker_id"])
    op.create_index("ix_queue_clip_id", "queue", ["clip_id"])


def _replace_queue(*parts: sa.schema.SchemaItem, with_rowid: bool) -> None:
    """Change the primary key and other keys by copying every row to a new table."""
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
        sa.ForeignKeyConstraint(["worker_id"], ["workers.id"]),
        *parts,
        sqlite_with_rowid=with_rowid,
    )
    names = "encoder_id, clip_id, status, worker_id, kills, reason, detail"
    op.execute(f"INSERT INTO queue ({names}) SELECT {names} FROM queue_before ORDER BY clip_id, encoder_id")  # noqa: S608 - all values are constants of this file
    op.drop_table("queue_before")
    op.create_index("ix_queue_waiting", "queue", ["encoder_id", "status", "kills", "clip_id"])
