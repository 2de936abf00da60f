"""The catalog's tables. migrations/ builds the same; a test compares the two.

`embeddings.vector` holds a unit vector as `dim` little-endian float32. `changes` is the change log of every space.
A transaction that alters an answer takes its numbers last, by raising `encoders.changes`. That row stays locked until
the commit, so numbers become visible in their order: a reader that has seen number n has seen everything before it, on
SQLite and PostgreSQL alike.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

metadata = MetaData()

# SQLite assigns ids only to a column of the exact type INTEGER. Without AUTOINCREMENT it reuses the highest id after
# its row is deleted, and an id that is still held somewhere would then refer to another row.
RowId = BigInteger().with_variant(Integer, "sqlite")


def key_to_lasting(column: str, table: str) -> ForeignKeyConstraint:
    """A foreign key to rows that are never deleted, which PostgreSQL does not have.

    Checking one takes PostgreSQL 7 microseconds a row, a tenth of registering a clip. `verify` follows it all the same.
    """
    return ForeignKeyConstraint([column], [f"{table}.id"]).ddl_if(dialect="sqlite")


#: One row: which catalog this is.
catalog = Table("catalog", metadata, Column("uuid", String(36), primary_key=True))

makers = Table(
    "makers",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("name", Text, nullable=False),
    Column("key", Text, nullable=False, unique=True),  # entities.fold(name)
    Column("merged_into_id", RowId),  # another row that now stands for this one; see `edits`
)

games = Table(
    "games",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("maker_id", RowId, ForeignKey("makers.id"), nullable=False),
    Column("title", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("merged_into_id", RowId),
    UniqueConstraint("maker_id", "key", name="uq_games_maker_id_key"),
)

#: A folder that clips' paths are relative to, or an archive that they are names in.
roots = Table(
    "roots",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("path", Text, nullable=False, unique=True),
)

characters = Table(
    "characters",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("game_id", RowId, ForeignKey("games.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("merged_into_id", RowId),
    UniqueConstraint("game_id", "key", name="uq_characters_game_id_key"),
)

clips = Table(
    "clips",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("game_id", RowId, nullable=False, index=True),  # what a scan knows of its game
    Column("root_id", RowId, nullable=False),
    Column("path", Text, nullable=False),
    # NULL: the speaker is unknown. The index: a character's first clips, and how many it has.
    Column("character_id", RowId, ForeignKey("characters.id"), index=True),
    Column("text", Text, nullable=False),
    Column("size", BigInteger, nullable=False),  # bytes; -1 when the file is missing
    Column("mtime_ns", BigInteger, nullable=False),
    Column("gone", Boolean, nullable=False),  # the last scan of its folder did not find the file
    Column("seconds", Float),  # NULL until decoded
    Column("fingerprint", LargeBinary(16)),  # audio.fingerprint; NULL until decoded
    key_to_lasting("game_id", "games"),
    key_to_lasting("root_id", "roots"),
    UniqueConstraint("root_id", "path", name="uq_clips_root_id_path"),  # scans, moved folders: clips by their place
    # Clips of the same audio; the game is there for `duplicates.repeated`, which reads only the index.
    Index("ix_clips_fingerprint", "fingerprint", "game_id"),
    sqlite_autoincrement=True,
)

#: Other paths of a clip's audio in its game: a file that turns out to be a known clip becomes a row here. A path is
#: either in `clips` or in this table: inserting it into one deletes it from the other, in the same transaction.
copies = Table(
    "copies",
    metadata,
    Column("root_id", RowId, ForeignKey("roots.id"), primary_key=True),
    Column("path", Text, primary_key=True),
    Column("clip_id", RowId, ForeignKey("clips.id"), nullable=False, index=True),  # a clip's other places
    Column("character_id", RowId, ForeignKey("characters.id")),  # as the source has it; NULL: it does not say
    Column("text", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("mtime_ns", BigInteger, nullable=False),
)

encoders = Table(
    "encoders",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("space", String(200), nullable=False, unique=True),
    Column("name", String(100), nullable=False),
    Column("dim", Integer, nullable=False),
    Column("changes", BigInteger, nullable=False),
)

embeddings = Table(
    "embeddings",
    metadata,
    Column("encoder_id", RowId, primary_key=True),
    Column("clip_id", RowId, ForeignKey("clips.id"), primary_key=True),
    Column("vector", LargeBinary, nullable=False),
    key_to_lasting("encoder_id", "encoders"),
    Index("ix_embeddings_clip_id", "clip_id"),  # which spaces hold a clip that is removed, relabelled or merged
)

#: The change log: what became of a clip in a space, numbered from 1 without gaps. Its clips may since be deleted.
changes = Table(
    "changes",
    metadata,
    Column("encoder_id", RowId, primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("action", String(10), nullable=False),  # log.Action
    Column("clip_id", RowId, nullable=False),
    Column("old_character_id", RowId),  # NULL: the speaker is unknown, or the clip was not in the space before
    Column("new_character_id", RowId),  # NULL: the speaker is unknown, or the clip has left the space
    key_to_lasting("encoder_id", "encoders"),
    sqlite_with_rowid=False,
)

#: A program that embeds clips. It keeps its claims as long as it renews its lease.
workers = Table(
    "workers",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("machine", Text, nullable=False),
    Column("pid", BigInteger, nullable=False),
    Column("lease_until", Float, nullable=False),  # seconds since 1970, by the database's clock
    Column("in_hand", LargeBinary, nullable=False),  # ids of the clips it is working on, as little-endian int64
    sqlite_autoincrement=True,
)

CLAIMED = text("worker_id IS NOT NULL")

#: Clips that are not embedded in a space: pending, claimed by a worker, or refused by the encoder. The state belongs to
#: the space, since one encoder may have embedded a clip that another has not seen yet.
queue = Table(
    "queue",
    metadata,
    Column("encoder_id", RowId, nullable=False),
    Column("clip_id", RowId, ForeignKey("clips.id"), nullable=False),
    Column("status", String(10), nullable=False),
    Column("worker_id", RowId, ForeignKey("workers.id")),
    Column("kills", Integer, nullable=False),  # workers that died while processing it
    Column("reason", String(20)),
    Column("detail", Text),
    key_to_lasting("encoder_id", "encoders"),
    # The clip first: a clip that is deleted, or whose file has changed, is taken off every queue.
    PrimaryKeyConstraint("clip_id", "encoder_id"),
    CheckConstraint(
        "(status = 'refused') = (reason IS NOT NULL) AND (status = 'claimed') = (worker_id IS NOT NULL)"
        " AND status IN ('pending', 'claimed', 'refused')",
        name="ck_queue_status",
    ),
    Index("ix_queue_waiting", "encoder_id", "status", "kills", "clip_id"),  # the next to claim; counts; refused clips
    Index("ix_queue_worker_id", "worker_id", sqlite_where=CLAIMED, postgresql_where=CLAIMED),  # what a worker releases
    sqlite_with_rowid=False,
)

#: The recurring voices of a space as they were last stored, so that each keeps its id while the catalog grows.
voices = Table(
    "voices",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("encoder_id", RowId, nullable=False, index=True),
    Column("probability", Float, nullable=False),  # that its members are one person
    Column("since", Float, nullable=False),  # seconds since 1970, as are all times below
    key_to_lasting("encoder_id", "encoders"),
    sqlite_autoincrement=True,
)

voice_members = Table(
    "voice_members",
    metadata,
    Column("encoder_id", RowId, primary_key=True),
    Column("character_id", RowId, ForeignKey("characters.id"), primary_key=True),
    Column("voice_id", RowId, ForeignKey("voices.id"), nullable=False, index=True),
    Column("probability", Float, nullable=False),  # that the character belongs to the voice
    key_to_lasting("encoder_id", "encoders"),
)

#: What became of the stored voices, oldest first: what `cast --changes` reports.
voice_events = Table(
    "voice_events",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("encoder_id", RowId, nullable=False, index=True),
    Column("at", Float, nullable=False),
    Column("kind", String(10), nullable=False),  # new, ended, merged, split, joined, left
    Column("voice_id", RowId, nullable=False),  # may have ended since, as may the other
    Column("other_voice_id", RowId),  # merged: the one it is now part of; split: the one it was part of
    Column("character_id", RowId),  # joined, left
    key_to_lasting("encoder_id", "encoders"),
    sqlite_autoincrement=True,
)

#: People's word on two characters. Rows are never deleted: an undone verdict stays as history.
verdicts = Table(
    "verdicts",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("one_id", RowId, ForeignKey("characters.id"), nullable=False),  # the lower id
    Column("other_id", RowId, ForeignKey("characters.id"), nullable=False, index=True),
    Column("same", Boolean, nullable=False),
    Column("author", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("at", Float, nullable=False),
    Column("undone_at", Float),
    Column("undone_by", Text),
    Index("ix_verdicts_one_id_other_id", "one_id", "other_id"),
    sqlite_autoincrement=True,
)

#: Voice actors. `key` identifies one in its source, such as VNDB's staff id, or the folded name in a CSV.
actors = Table(
    "actors",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("source", String(20), nullable=False),
    Column("key", Text, nullable=False),
    Column("name", Text, nullable=False),
    UniqueConstraint("source", "key", name="uq_actors_source_key"),
    sqlite_autoincrement=True,
)

pen_names = Table(
    "pen_names",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("actor_id", RowId, ForeignKey("actors.id"), nullable=False),
    Column("name", Text, nullable=False),
    UniqueConstraint("actor_id", "name", name="uq_pen_names_actor_id_name"),
)

credits = Table(
    "credits",
    metadata,
    Column("character_id", RowId, ForeignKey("characters.id"), primary_key=True),
    Column("actor_id", RowId, ForeignKey("actors.id"), primary_key=True),
    Column("pen_name_id", RowId, ForeignKey("pen_names.id")),  # NULL: under the actor's own name
    Column("spoiler", Boolean, nullable=False),
    Column("at", Float, nullable=False),
    Index("ix_credits_actor_id", "actor_id"),
)

#: People's changes to names: renamed and merged makers, games and characters. Rows are never deleted: an undone edit
#: stays as history. A merged row stays with `merged_into_id`, so that a later scan still finds its old name.
edits = Table(
    "edits",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("noun", String(10), nullable=False),  # maker, game, character
    Column("kind", String(10), nullable=False),  # rename, merge
    Column("row_id", RowId, nullable=False),  # what was renamed, or what the other was merged into
    Column("other_id", RowId),
    Column("before", Text, nullable=False),  # names, for the history
    Column("after", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("at", Float, nullable=False),
    Column("undone_at", Float),
    Column("undone_by", Text),
    sqlite_autoincrement=True,
)

#: What an edit moved, and where from, so that it can be undone.
moved_rows = Table(
    "moved_rows",
    metadata,
    Column("edit_id", RowId, ForeignKey("edits.id"), primary_key=True),
    Column("noun", String(10), primary_key=True),  # game, character, clip; copy: a copy's clip
    Column("row_id", RowId, primary_key=True),
    Column("before_id", RowId),  # the parent before
)
