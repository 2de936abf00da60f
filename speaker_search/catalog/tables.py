"""The catalog's tables. migrations/ builds the same; a test compares the two.

Some of it needs a word. `embeddings.vector` holds a unit vector as `dim` little-endian float32. `embeddings.seq` and
`removals.seq` are places in the change log of one space: a transaction that changes a space first raises
`encoders.changes`, and the row lock this takes is held until it commits, so numbers become visible in their order and
a reader that has seen number n has seen everything before it, whichever database it is.
"""

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
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()

# SQLite numbers rows by itself only in a column of the exact type INTEGER.
RowId = BigInteger().with_variant(Integer, "sqlite")

#: One row: which catalog this is, and a count raised whenever names or labels change.
catalog = Table(
    "catalog",
    metadata,
    Column("uuid", String(36), primary_key=True),
    Column("revision", BigInteger, nullable=False),
)

makers = Table(
    "makers",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("name", Text, nullable=False),
    Column("key", Text, nullable=False, unique=True),  # entities.fold(name)
)

games = Table(
    "games",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("maker_id", RowId, ForeignKey("makers.id"), nullable=False),
    Column("title", Text, nullable=False),
    Column("key", Text, nullable=False),
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
    UniqueConstraint("game_id", "key", name="uq_characters_game_id_key"),
)

clips = Table(
    "clips",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("game_id", RowId, ForeignKey("games.id"), nullable=False, index=True),
    Column("root_id", RowId, ForeignKey("roots.id"), nullable=False),
    Column("path", Text, nullable=False),
    Column("character_id", RowId, ForeignKey("characters.id"), index=True),  # NULL: nobody knows who speaks
    Column("text", Text, nullable=False),
    Column("size", BigInteger, nullable=False),  # bytes; -1 when the file is missing
    Column("mtime_ns", BigInteger, nullable=False),
    Column("gone", Boolean, nullable=False),  # the last scan of its folder did not meet it
    Column("seconds", Float),  # NULL until decoded
    Column("audio_hash", LargeBinary(16), index=True),  # audio.fingerprint; NULL until decoded
    UniqueConstraint("root_id", "path", name="uq_clips_root_id_path"),
)

#: Other places of a clip's audio in its game. A file that turns out to be a clip known already becomes a row here. No
#: place is in this table and in `clips`: whoever writes one there takes it out here, under the locks of all spaces.
copies = Table(
    "copies",
    metadata,
    Column("root_id", RowId, ForeignKey("roots.id"), primary_key=True),
    Column("path", Text, primary_key=True),
    Column("clip_id", RowId, ForeignKey("clips.id"), nullable=False, index=True),
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
    Column("id", RowId, primary_key=True),
    Column("encoder_id", RowId, ForeignKey("encoders.id"), nullable=False),
    Column("clip_id", RowId, ForeignKey("clips.id"), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("vector", LargeBinary, nullable=False),
    UniqueConstraint("encoder_id", "clip_id", name="uq_embeddings_encoder_id_clip_id"),
    UniqueConstraint("encoder_id", "seq", name="uq_embeddings_encoder_id_seq"),
    Index("ix_embeddings_clip_id", "clip_id"),
)

#: Embeddings that are gone, so that an index can take them out.
removals = Table(
    "removals",
    metadata,
    Column("encoder_id", RowId, ForeignKey("encoders.id"), primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("clip_id", RowId, nullable=False),
)

#: A program that embeds clips, for as long as it says so now and then. What it has claimed is its own until then.
workers = Table(
    "workers",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("machine", Text, nullable=False),
    Column("pid", BigInteger, nullable=False),
    Column("lease_until", Float, nullable=False),  # seconds since 1970, by the database's clock
    Column("in_hand", LargeBinary, nullable=False),  # ids of the clips it is at, as little-endian int64
)

#: What an encoder has not embedded: clips that wait for it, those a worker has claimed, and those it refused. A clip's
#: state belongs to a space, since one encoder may have embedded what another has yet to see.
unembedded = Table(
    "unembedded",
    metadata,
    Column("encoder_id", RowId, ForeignKey("encoders.id"), primary_key=True),
    Column("clip_id", RowId, ForeignKey("clips.id"), primary_key=True),
    Column("status", String(10), nullable=False),
    Column("worker_id", RowId, ForeignKey("workers.id"), index=True),
    Column("kills", Integer, nullable=False),  # workers that died while they were at it
    Column("reason", String(20)),
    Column("detail", Text),
    CheckConstraint(
        "(status = 'refused') = (reason IS NOT NULL) AND (status = 'claimed') = (worker_id IS NOT NULL)"
        " AND status IN ('pending', 'claimed', 'refused')",
        name="ck_unembedded_status",
    ),
    Index("ix_unembedded_waiting", "encoder_id", "status", "kills", "clip_id"),
    Index("ix_unembedded_clip_id", "clip_id"),
)
