"""The tables of makers, games, characters and clips, their embeddings, and the work on them."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from speaker_search.catalog.tables.keys import RowId, key_to_lasting, metadata

MERGED = text("merged_into_id IS NOT NULL")


def _merged(table: str) -> Index:
    """The rows that others stand for: few."""
    return Index(f"ix_{table}_merged_into_id", "merged_into_id", sqlite_where=MERGED, postgresql_where=MERGED)


#: One row: which catalog this is.
catalog = Table("catalog", metadata, Column("uuid", String(36), primary_key=True))

makers = Table(
    "makers",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("name", Text, nullable=False),
    Column("key", Text, nullable=False, unique=True),  # entities.fold(name)
    Column("merged_into_id", RowId),  # another row that now stands for this one; see `edits`
    _merged("makers"),
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
    _merged("games"),
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
    _merged("characters"),
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
