"""where clips are and who has them: games and hashes of clips, copies, workers and their claims"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
STATUS = (
    "(status = 'refused') = (reason IS NOT NULL) AND (status = 'claimed') = (worker_id IS NOT NULL)"
    " AND status IN ('pending', 'claimed', 'refused')"
)
STATUS_BEFORE = "(status = 'pending' AND reason IS NULL) OR (status = 'refused' AND reason IS NOT NULL)"


def upgrade() -> None:
    with op.batch_alter_table("clips") as clips:
        clips.add_column(sa.Column("game_id", ROW_ID, nullable=True))
        clips.add_column(sa.Column("gone", sa.Boolean(), nullable=True))
        clips.add_column(sa.Column("audio_hash", sa.LargeBinary(length=16), nullable=True))
    op.execute(
        "UPDATE clips SET gone = false, game_id = (SELECT roots.game_id FROM roots WHERE roots.id = clips.root_id)"
    )
    with op.batch_alter_table("clips") as clips:
        clips.alter_column("game_id", existing_type=ROW_ID, nullable=False)
        clips.alter_column("gone", existing_type=sa.Boolean(), nullable=False)
        clips.create_foreign_key("fk_clips_game_id", "games", ["game_id"], ["id"])
        clips.create_index("ix_clips_game_id", ["game_id"], unique=False)
        clips.create_index("ix_clips_audio_hash", ["audio_hash"], unique=False)
    with op.batch_alter_table("roots") as roots:
        roots.drop_index("ix_roots_game_id")
        roots.drop_column("game_id")
    op.create_table(
        "copies",
        sa.Column("root_id", ROW_ID, nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("clip_id", ROW_ID, nullable=False),
        sa.Column("character_id", ROW_ID, nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("mtime_ns", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["character_id"], ["characters.id"]),
        sa.ForeignKeyConstraint(["clip_id"], ["clips.id"]),
        sa.ForeignKeyConstraint(["root_id"], ["roots.id"]),
        sa.PrimaryKeyConstraint("root_id", "path"),
    )
    op.create_index("ix_copies_clip_id", "copies", ["clip_id"], unique=False)
    op.create_table(
        "workers",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("machine", sa.Text(), nullable=False),
        sa.Column("pid", sa.BigInteger(), nullable=False),
        sa.Column("lease_until", sa.Float(), nullable=False),
        sa.Column("in_hand", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("unembedded") as unembedded:
        unembedded.add_column(sa.Column("worker_id", ROW_ID, nullable=True))
        unembedded.add_column(sa.Column("kills", sa.Integer(), nullable=True))
    op.execute("UPDATE unembedded SET kills = 0")
    with op.batch_alter_table("unembedded") as unembedded:
        unembedded.alter_column("kills", existing_type=sa.Integer(), nullable=False)
        unembedded.create_foreign_key("fk_unembedded_worker_id", "workers", ["worker_id"], ["id"])
        unembedded.drop_constraint("ck_unembedded_status_reason", type_="check")
        unembedded.create_check_constraint("ck_unembedded_status", STATUS)
        unembedded.drop_index("ix_unembedded_encoder_id_status_clip_id")
        unembedded.create_index("ix_unembedded_waiting", ["encoder_id", "status", "kills", "clip_id"], unique=False)
        unembedded.create_index("ix_unembedded_worker_id", ["worker_id"], unique=False)


def downgrade() -> None:
    op.execute("UPDATE unembedded SET status = 'pending', worker_id = NULL WHERE status = 'claimed'")
    with op.batch_alter_table("unembedded") as unembedded:
        unembedded.drop_index("ix_unembedded_worker_id")
        unembedded.drop_index("ix_unembedded_waiting")
        unembedded.create_index("ix_unembedded_encoder_id_status_clip_id", ["encoder_id", "status", "clip_id"])
        unembedded.drop_constraint("ck_unembedded_status", type_="check")
        unembedded.create_check_constraint("ck_unembedded_status_reason", STATUS_BEFORE)
        unembedded.drop_column("kills")
        unembedded.drop_column("worker_id")
    op.drop_table("workers")
    op.drop_table("copies")
    with op.batch_alter_table("roots") as roots:
        roots.add_column(sa.Column("game_id", ROW_ID, nullable=True))
    op.execute("UPDATE roots SET game_id = (SELECT min(clips.game_id) FROM clips WHERE clips.root_id = roots.id)")
    op.execute("DELETE FROM roots WHERE game_id IS NULL")
    with op.batch_alter_table("roots") as roots:
        roots.alter_column("game_id", existing_type=ROW_ID, nullable=False)
        roots.create_foreign_key("fk_roots_game_id", "games", ["game_id"], ["id"])
        roots.create_index("ix_roots_game_id", ["game_id"], unique=False)
    with op.batch_alter_table("clips") as clips:
        clips.drop_index("ix_clips_audio_hash")
        clips.drop_index("ix_clips_game_id")
        clips.drop_column("audio_hash")
        clips.drop_column("gone")
        clips.drop_column("game_id")
