"""Clips of the same audio: one clip with several addresses within a game, clips apart in different games."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, and_, delete, insert, or_, select, update

from speaker_search.catalog.chunks import IDS_PER_STATEMENT, chunks
from speaker_search.catalog.embedding import Space, raise_revision, remove_embeddings, vectors_of
from speaker_search.catalog.tables import clips, copies, embeddings, unembedded
from speaker_search.entities import Floats


def known_vectors(connection: Connection, space: Space, hashes: Sequence[bytes]) -> dict[bytes, Floats]:
    """The vectors (dim,) that a space already holds for some of these audio hashes: the same audio, the same vector."""
    found: dict[bytes, int] = {}
    for some in chunks(set(hashes), IDS_PER_STATEMENT):
        query = select(clips.c.audio_hash, clips.c.id).join_from(clips, embeddings, embeddings.c.clip_id == clips.c.id)
        rows = connection.execute(query.where(embeddings.c.encoder_id == space.id, clips.c.audio_hash.in_(some)))
        found.update((hash_, id_) for hash_, id_ in rows)
    vectors = vectors_of(connection, space, list(found.values()))
    return {hash_: vectors[id_] for hash_, id_ in found.items()}


def merge(connection: Connection, clip_ids: Sequence[int]) -> dict[int, int]:
    """Merge clips just heard into clips of their game with the same audio: the id of what each is now, by its own.

    What was heard before stays, of those heard together the first. It takes over the address of the other as one more,
    or as its only one when its own file is gone: then it was moved. Clips of two different characters stay two. What it
    lacks, a character or a text, it takes from the other. The caller holds the locks of all spaces.
    """
    elder, younger = clips.alias("elder"), clips.alias("younger")
    heard = set(clip_ids)
    pairs: dict[int, int] = {}
    for some in chunks(clip_ids, IDS_PER_STATEMENT):
        query = (
            select(younger.c.id, elder.c.id)
            .join_from(
                younger,
                elder,
                and_(
                    elder.c.audio_hash == younger.c.audio_hash,
                    elder.c.game_id == younger.c.game_id,
                    elder.c.id != younger.c.id,
                    or_(
                        elder.c.character_id.is_(None),
                        younger.c.character_id.is_(None),
                        elder.c.character_id == younger.c.character_id,
                    ),
                ),
            )
            .where(younger.c.id.in_(some))
        )
        for young, old in connection.execute(query):
            if old not in heard or old < young:
                pairs[young] = min(pairs.get(young, old), old, key=lambda id_: (id_ in heard, id_))
    merged: dict[int, int] = {}
    for young, old in sorted(pairs.items()):
        kept = merged.get(old, old)
        if _absorb(connection, young, kept):
            merged[young] = kept
    return merged


def _absorb(connection: Connection, young: int, old: int) -> bool:
    """Give `old` the addresses of `young`, and delete `young`. False when their characters differ by now."""
    rows = {row.id: row for row in connection.execute(select(clips).where(clips.c.id.in_((young, old))))}
    one, other = rows[old], rows[young]
    if None not in (one.character_id, other.character_id) and one.character_id != other.character_id:
        return False
    remove_embeddings(connection, [young])
    connection.execute(delete(unembedded).where(unembedded.c.clip_id == young))
    connection.execute(update(copies).where(copies.c.clip_id == young).values(clip_id=old))
    connection.execute(delete(clips).where(clips.c.id == young))
    address = {"root_id": other.root_id, "path": other.path, "size": other.size, "mtime_ns": other.mtime_ns}
    taken: dict[str, Any] = {}
    if one.gone and not other.gone:
        taken |= address | {"gone": False}
    elif not other.gone:
        label = {"character_id": other.character_id, "text": other.text}
        connection.execute(insert(copies).values(**address, **label, clip_id=old))
    if one.character_id is None and other.character_id is not None:
        taken["character_id"] = other.character_id
        raise_revision(connection)
    if not one.text and other.text:
        taken["text"] = other.text
    if taken:
        connection.execute(update(clips).where(clips.c.id == old).values(**taken))
    return True


def detach_copies(connection: Connection, clip_ids: Sequence[int]) -> list[int]:
    """Make clips of their own of these clips' copies, whose audio another file lies at by now; their ids."""
    made: list[int] = []
    for some in chunks(clip_ids, IDS_PER_STATEMENT):
        held = copies.c.clip_id.in_(some)
        rows = connection.execute(select(copies, clips.c.game_id).join_from(copies, clips).where(held)).all()
        connection.execute(delete(copies).where(held))
        for row in rows:
            own = {name: getattr(row, name) for name in ("root_id", "path", "character_id", "text", "size", "mtime_ns")}
            new = insert(clips).values(**own, game_id=row.game_id, gone=False)
            made.append(int(connection.execute(new.returning(clips.c.id)).scalar_one()))
    return made
