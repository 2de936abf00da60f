"""the first schema"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "catalog",
        sa.Column("uuid", sa.String(length=36), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("uuid"),
    )
    op.create_table(
        "encoders",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("space", sa.String(length=200), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("dim", sa.Integer(), nullable=False),
        sa.Column("changes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("space"),
    )
    op.create_table(
        "makers",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key"),
    )
    op.create_table(
        "games",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("maker_id", ROW_ID, nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["maker_id"],
            ["makers.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("maker_id", "key", name="uq_games_maker_id_key"),
    )
    op.create_table(
        "removals",
        sa.Column("encoder_id", ROW_ID, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("clip_id", ROW_ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["encoder_id"],
            ["encoders.id"],
        ),
        sa.PrimaryKeyConstraint("encoder_id", "seq"),
    )
    op.create_table(
        "characters",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("game_id", ROW_ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["game_id"],
            ["games.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("game_id", "key", name="uq_characters_game_id_key"),
    )
    op.create_table(
        "roots",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("game_id", ROW_ID, nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["game_id"],
            ["games.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("path"),
    )
    op.create_index("ix_roots_game_id", "roots", ["game_id"], unique=False)
    op.create_table(
        "clips",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("root_id", ROW_ID, nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("character_id", ROW_ID, nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("mtime_ns", sa.BigInteger(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(
            ["character_id"],
            ["characters.id"],
        ),
        sa.ForeignKeyConstraint(
            ["root_id"],
            ["roots.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("root_id", "path", name="uq_clips_root_id_path"),
    )
    op.create_index("ix_clips_character_id", "clips", ["character_id"], unique=False)
    op.create_table(
        "embeddings",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("encoder_id", ROW_ID, nullable=False),
        sa.Column("clip_id", ROW_ID, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["clip_id"],
            ["clips.id"],
        ),
        sa.ForeignKeyConstraint(
            ["encoder_id"],
            ["encoders.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("encoder_id", "clip_id", name="uq_embeddings_encoder_id_clip_id"),
        sa.UniqueConstraint("encoder_id", "seq", name="uq_embeddings_encoder_id_seq"),
    )
    op.create_index("ix_embeddings_clip_id", "embeddings", ["clip_id"], unique=False)
    op.create_table(
        "unembedded",
        sa.Column("encoder_id", ROW_ID, nullable=False),
        sa.Column("clip_id", ROW_ID, nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.String(length=20), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(status = 'pending' AND reason IS NULL) OR (status = 'refused' AND reason IS NOT NULL)",
            name="ck_unembedded_status_reason",
        ),
        sa.ForeignKeyConstraint(
            ["clip_id"],
            ["clips.id"],
        ),
        sa.ForeignKeyConstraint(
            ["encoder_id"],
            ["encoders.id"],
        ),
        sa.PrimaryKeyConstraint("encoder_id", "clip_id"),
    )
    op.create_index("ix_unembedded_clip_id", "unembedded", ["clip_id"], unique=False)
    op.create_index(
        "ix_unembedded_encoder_id_status_clip_id", "unembedded", ["encoder_id", "status", "clip_id"], unique=False
    )


def downgrade() -> None:
    op.drop_index("ix_unembedded_encoder_id_status_clip_id", table_name="unembedded")
    op.drop_index("ix_unembedded_clip_id", table_name="unembedded")
    op.drop_table("unembedded")
    op.drop_index("ix_embeddings_clip_id", table_name="embeddings")
    op.drop_table("embeddings")
    op.drop_index("ix_clips_character_id", table_name="clips")
    op.drop_table("clips")
    op.drop_index("ix_roots_game_id", table_name="roots")
    op.drop_table("roots")
    op.drop_table("characters")
    op.drop_table("removals")
    op.drop_table("games")
    op.drop_table("makers")
    op.drop_table("encoders")
    op.drop_table("catalog")
