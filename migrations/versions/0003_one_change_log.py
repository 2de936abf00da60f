"""one change log: a table of changes with old and new character; the queue and fingerprints get their names"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
STATUS = (
    "(status = 'refused') = (reason IS NOT NULL) AND (status = 'claimed') = (worker_id IS NOT NULL)"
    " AND status IN ('pending', 'claimed', 'refused')"
)


def upgrade() -> None:
    # The log starts over: the views that follow it are rebuilt from the embeddings.
    op.create_table(
        "changes",
        sa.Column("encoder_id", ROW_ID, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("action", sa.String(length=10), nullable=False),
        sa.Column("clip_id", ROW_ID, nullable=False),
        sa.Column("old_character_id", ROW_ID, nullable=True),
        sa.Column("new_character_id", ROW_ID, nullable=True),
        sa.ForeignKeyConstraint(["encoder_id"], ["encoders.id"]),
        sa.PrimaryKeyConstraint("encoder_id", "number"),
        sqlite_with_rowid=False,
    )
    op.drop_table("removals")
    _replace_embeddings(sa.PrimaryKeyConstraint("encoder_id", "clip_id"), copied={})
    with op.batch_alter_table("catalog") as catalog:
        catalog.drop_column("revision")
    _rename_fingerprint("audio_hash", "fingerprint")
    _rename_queue("unembedded", "queue")
    if op.get_bind().dialect.name == "sqlite":
        for table in ("clips", "workers"):  # ids are not reused from now on
            with op.batch_alter_table(table, recreate="always", table_kwargs={"sqlite_autoincrement": True}):
                pass


def downgrade() -> None:
    _rename_queue("queue", "unembedded")
    _rename_fingerprint("fingerprint", "audio_hash")
    with op.batch_alter_table("catalog") as catalog:
        catalog.add_column(sa.Column("revision", sa.BigInteger(), nullable=False, server_default="0"))
    with op.batch_alter_table("catalog") as catalog:
        catalog.alter_column("revision", existing_type=sa.BigInteger(), server_default=None)
    _replace_embeddings(
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("encoder_id", "clip_id", name="uq_embeddings_encoder_id_clip_id"),
        sa.UniqueConstraint("encoder_id", "seq", name="uq_embeddings_encoder_id_seq"),
        copied={"seq": "row_number() OVER (PARTITION BY encoder_id ORDER BY clip_id)"},
    )
    op.execute(
        "UPDATE encoders SET changes = (SELECT count(*) FROM embeddings WHERE embeddings.encoder_id = encoders.id)"
    )
    op.create_table(
        "removals",
        sa.Column("encoder_id", ROW_ID, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("clip_id", ROW_ID, nullable=False),
        sa.ForeignKeyConstraint(["encoder_id"], ["encoders.id"]),
        sa.PrimaryKeyConstraint("encoder_id", "seq"),
    )
    op.drop_table("changes")


def _replace_embeddings(*parts: sa.schema.SchemaItem, copied: dict[str, str]) -> None:
    """Change the primary key by copying every row to a new table; `copied` gives the values of further columns."""
    op.drop_index("ix_embeddings_clip_id", table_name="embeddings")
    op.rename_table("embeddings", "embeddings_before")
    op.create_table(
        "embeddings",
        sa.Column("encoder_id", ROW_ID, nullable=False),
        sa.Column("clip_id", ROW_ID, nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["clip_id"], ["clips.id"]),
        sa.ForeignKeyConstraint(["encoder_id"], ["encoders.id"]),
        *parts,
    )
    names = ", ".join(["encoder_id", "clip_id", "vector", *copied])
    values = ", ".join(["encoder_id", "clip_id", "vector", *copied.values()])
    op.execute(f"INSERT INTO embeddings ({names}) SELECT {values} FROM embeddings_before ORDER BY encoder_id, clip_id")  # noqa: S608 - all values are constants of this file
    op.drop_table("embeddings_before")
    op.create_index("ix_embeddings_clip_id", "embeddings", ["clip_id"], unique=False)


def _rename_fingerprint(before: str, after: str) -> None:
    op.drop_index(f"ix_clips_{before}", table_name="clips")
    op.execute(f"ALTER TABLE clips RENAME COLUMN {before} TO {after}")
    op.create_index(f"ix_clips_{after}", "clips", [after], unique=False)


def _rename_queue(before: str, after: str) -> None:
    for name in ("waiting", "clip_id", "worker_id"):
        op.drop_index(f"ix_{before}_{name}", table_name=before)
    op.rename_table(before, after)
    with op.batch_alter_table(after) as table:
        table.drop_constraint(f"ck_{before}_status", type_="check")
        table.create_check_constraint(f"ck_{after}_status", STATUS)
    op.create_index(f"ix_{after}_waiting", after, ["encoder_id", "status", "kills", "clip_id"], unique=False)
    op.create_index(f"ix_{after}_clip_id", after, ["clip_id"], unique=False)
    op.create_index(f"ix_{after}_worker_id", after, ["worker_id"], unique=False)
