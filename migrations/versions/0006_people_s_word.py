"""stored voices; verdicts, voice actors and their credits; names mended by people"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
NEW = ("moved_rows", "edits", "credits", "pen_names", "actors", "verdicts", "voice_events", "voice_members", "voices")


def upgrade() -> None:
    for table in ("makers", "games", "characters"):
        op.add_column(table, _id("merged_into_id", nullable=True))
    op.create_table(
        "voices",
        _key(),
        _id("encoder_id"),
        sa.Column("probability", sa.Float(), nullable=False),
        sa.Column("since", sa.Float(), nullable=False),
        *_of_an_encoder(),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_voices_encoder_id", "voices", ["encoder_id"])
    op.create_table(
        "voice_members",
        _id("encoder_id"),
        _id("character_id"),
        _id("voice_id"),
        sa.Column("probability", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("encoder_id", "character_id"),
        sa.ForeignKeyConstraint(["character_id"], ["characters.id"]),
        sa.ForeignKeyConstraint(["voice_id"], ["voices.id"]),
        *_of_an_encoder(),
    )
    op.create_index("ix_voice_members_voice_id", "voice_members", ["voice_id"])
    op.create_table(
        "voice_events",
        _key(),
        _id("encoder_id"),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        _id("voice_id"),
        _id("other_voice_id", nullable=True),
        _id("character_id", nullable=True),
        _id("position"),
        _id("calibrated"),
        *_of_an_encoder(),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_voice_events_encoder_id", "voice_events", ["encoder_id"])
    op.create_table(
        "verdicts",
        _key(),
        _id("one_id"),
        _id("other_id"),
        sa.Column("same", sa.Boolean(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("undone_at", sa.Float(), nullable=True),
        sa.Column("undone_by", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["one_id"], ["characters.id"]),
        sa.ForeignKeyConstraint(["other_id"], ["characters.id"]),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_verdicts_other_id", "verdicts", ["other_id"])
    op.create_index("ix_verdicts_one_id_other_id", "verdicts", ["one_id", "other_id"])
    op.create_table(
        "actors",
        _key(),
        sa.Column("source", sa.String(length=20), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.UniqueConstraint("source", "key", name="uq_actors_source_key"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "pen_names",
        _key(),
        _id("actor_id"),
        sa.Column("name", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["actor_id"], ["actors.id"]),
        sa.UniqueConstraint("actor_id", "name", name="uq_pen_names_actor_id_name"),
    )
    op.create_table(
        "credits",
        _id("character_id"),
        _id("actor_id"),
        _id("pen_name_id", nullable=True),
        sa.Column("spoiler", sa.Boolean(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("character_id", "actor_id"),
        sa.ForeignKeyConstraint(["character_id"], ["characters.id"]),
        sa.ForeignKeyConstraint(["actor_id"], ["actors.id"]),
        sa.ForeignKeyConstraint(["pen_name_id"], ["pen_names.id"]),
    )
    op.create_index("ix_credits_actor_id", "credits", ["actor_id"])
    op.create_table(
        "edits",
        _key(),
        sa.Column("noun", sa.String(length=10), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        _id("row_id"),
        _id("other_id", nullable=True),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("after", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("undone_at", sa.Float(), nullable=True),
        sa.Column("undone_by", sa.Text(), nullable=True),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "moved_rows",
        _id("edit_id"),
        sa.Column("noun", sa.String(length=10), nullable=False),
        _id("row_id"),
        _id("before_id", nullable=True),
        sa.PrimaryKeyConstraint("edit_id", "noun", "row_id"),
        sa.ForeignKeyConstraint(["edit_id"], ["edits.id"]),
    )


def downgrade() -> None:
    for table in NEW:
        op.drop_table(table)
    for table in ("characters", "games", "makers"):
        op.drop_column(table, "merged_into_id")


def _id(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, ROW_ID, nullable=nullable)


def _key() -> sa.Column[int]:
    return sa.Column("id", ROW_ID, primary_key=True)


def _of_an_encoder() -> tuple[sa.ForeignKeyConstraint, ...]:
    """PostgreSQL has no keys to rows that are never deleted."""
    if op.get_bind().dialect.name == "postgresql":
        return ()
    return (sa.ForeignKeyConstraint(["encoder_id"], ["encoders.id"]),)
