"""The tables of verdicts, credits and edits, and of the voices that are linked under them."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Float, ForeignKey, Index, LargeBinary, String, Table, Text, UniqueConstraint

from speaker_search.catalog.tables.keys import RowId, key_to_lasting, metadata

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

#: Every linking that found something changed or all characters due, and what it knew of each character. So the next one
#: can leave the voices of unchanged characters alone, and old voices come back where everything is as it was.
linkings = Table(
    "linkings",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("encoder_id", RowId, nullable=False),
    Column("at", Float, nullable=False),
    Column("position", RowId, nullable=False),  # of the change log: an older state is never stored over a newer one
    Column("whole", Boolean, nullable=False),  # see kept_voices.Kept
    Column("digest", String(32), nullable=False),  # of all that was known
    Column("last_event_id", RowId, nullable=False),  # in voice_events, of the space: 0 before the first
    Column("seen", LargeBinary),  # see kept_voices.Seen; of the latest linking only
    Index("ix_linkings_encoder_id_digest", "encoder_id", "digest"),
    key_to_lasting("encoder_id", "encoders"),
    sqlite_autoincrement=True,
)

#: People's verdicts on two characters. Rows are never deleted: an undone verdict stays as history.
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
    Column("sex", String(1)),  # f, m; NULL where no list says it
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

#: Which space people chose to be searched: the latest row counts. Rows are never deleted: a return is one more row.
adoptions = Table(
    "adoptions",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("encoder_id", RowId, nullable=False),
    Column("before_id", RowId),  # the space that was searched before; NULL: there was no other
    Column("author", Text, nullable=False),
    Column("at", Float, nullable=False),
    key_to_lasting("encoder_id", "encoders"),
    key_to_lasting("before_id", "encoders"),
    sqlite_autoincrement=True,
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
    Column(
        "noun", String(10), primary_key=True
    ),  # game, character, game_name, clip, clip_game: see mending.rename_and_merge.Moves
    Column("row_id", RowId, primary_key=True),
    Column("before_id", RowId),  # the parent before
)
