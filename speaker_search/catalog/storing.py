"""Writing down what became of claimed clips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection, bindparam, delete, insert, select, update

from speaker_search.catalog import identity
from speaker_search.catalog.chunks import IDS_PER_STATEMENT, chunks
from speaker_search.catalog.database import Catalog
from speaker_search.catalog.embedding import STORED, advance, lock_spaces
from speaker_search.catalog.tables import clips, embeddings, unembedded
from speaker_search.entities import Floats, Refusal


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a clip: a vector, or a refusal with its reason."""

    clip_id: int
    seconds: float | None = None
    vector: Floats | None = None  # (dim,), unit length
    refusal: Refusal | None = None
    detail: str = ""
    file: tuple[int, int] | None = None  #: that of the claimed clip: nothing is stored if it is another one by now
    audio_hash: bytes | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """What storing did."""

    kept: list[Outcome]  #: of clips that still waited
    merged: int  #: of these, clips that turned out to be an older clip of their game


def store(catalog: Catalog, encoder_id: int, outcomes: Sequence[Outcome]) -> Stored:
    """Write down what became of claimed clips, in one transaction.

    A clip that another worker has finished in the meantime is left as that worker left it, and one whose file a scan
    has found changed still waits. One whose audio an older clip of its game has becomes another address of that.
    """
    if not outcomes:
        return Stored([], 0)
    with catalog.write() as connection:
        lock_spaces(connection)  # a merge may touch every space
        last = advance(connection, encoder_id, sum(outcome.vector is not None for outcome in outcomes))
        kept = _take_off_the_list(connection, encoder_id, outcomes)
        _describe(connection, kept)
        heard = {outcome.clip_id: outcome for outcome in kept if outcome.vector is not None}
        merged = identity.merge(connection, [id_ for id_, outcome in heard.items() if outcome.audio_hash])
        made = _vectors_by_clip(connection, encoder_id, heard, merged)
        if made:
            rows = [
                {"encoder_id": encoder_id, "clip_id": id_, "seq": last - place, "vector": vector}
                for place, (id_, vector) in enumerate(made.items())
            ]
            connection.execute(insert(embeddings), rows)
        refused = [
            {
                "encoder_id": encoder_id,
                "clip_id": outcome.clip_id,
                "status": "refused",
                "kills": 0,
                "reason": str(outcome.refusal),
                "detail": outcome.detail,
            }
            for outcome in kept
            if outcome.refusal is not None
        ]
        if refused:
            connection.execute(insert(unembedded), refused)
    return Stored(kept, len(merged))


def _take_off_the_list(connection: Connection, encoder_id: int, outcomes: Sequence[Outcome]) -> list[Outcome]:
    """The outcomes of clips that still wait, which from now on they do not."""
    files = _files(connection, [outcome.clip_id for outcome in outcomes])
    timely = [outcome.clip_id for outcome in outcomes if outcome.file in (None, files.get(outcome.clip_id))]
    still: set[int] = set()
    for ids in chunks(timely, IDS_PER_STATEMENT):
        mine = (unembedded.c.encoder_id == encoder_id) & unembedded.c.clip_id.in_(ids)
        waiting = delete(unembedded).where(mine, unembedded.c.status != "refused").returning(unembedded.c.clip_id)
        still.update(connection.execute(waiting).scalars())
    return [outcome for outcome in outcomes if outcome.clip_id in still]


def _describe(connection: Connection, outcomes: Sequence[Outcome]) -> None:
    """Write down how long the clips are and what their audio is."""
    rows = [
        {"clip": outcome.clip_id, "seconds_": outcome.seconds, "hash_": outcome.audio_hash}
        for outcome in outcomes
        if outcome.seconds is not None
    ]
    if rows:
        one = update(clips).where(clips.c.id == bindparam("clip"))
        connection.execute(one.values(seconds=bindparam("seconds_"), audio_hash=bindparam("hash_")), rows)


def _vectors_by_clip(
    connection: Connection, encoder_id: int, heard: dict[int, Outcome], merged: dict[int, int]
) -> dict[int, bytes]:
    """Vectors as stored, by clip id: those of merged clips go to the clip they are now, if it has none."""
    made = {
        id_: np.ascontiguousarray(outcome.vector, STORED).tobytes()
        for id_, outcome in heard.items()
        if id_ not in merged
    }
    lacking = {old: young for young, old in merged.items() if old not in made}
    for ids in chunks(lacking, IDS_PER_STATEMENT):
        held = select(embeddings.c.clip_id).where(embeddings.c.encoder_id == encoder_id, embeddings.c.clip_id.in_(ids))
        for old in set(ids) - set(connection.execute(held).scalars()):
            mine = (unembedded.c.encoder_id == encoder_id) & (unembedded.c.clip_id == old)
            connection.execute(delete(unembedded).where(mine))
            made[old] = np.ascontiguousarray(heard[lacking[old]].vector, STORED).tobytes()
    return made


def _files(connection: Connection, clip_ids: Sequence[int]) -> dict[int, tuple[int, int]]:
    """Size and mtime of the files behind clips, by clip id."""
    found: dict[int, tuple[int, int]] = {}
    for ids in chunks(clip_ids, IDS_PER_STATEMENT):
        rows = connection.execute(select(clips.c.id, clips.c.size, clips.c.mtime_ns).where(clips.c.id.in_(ids)))
        found.update((id_, (size, mtime_ns)) for id_, size, mtime_ns in rows)
    return found
