"""The vectors of a space: by clip, or all of them in order of their clips."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import ColumnElement, Connection, Select, delete, exists, false, func, select

from speaker_search.catalog.rows import among, chunks, stream
from speaker_search.catalog.spaces import Space
from speaker_search.catalog.tables import clips, embeddings, games
from speaker_search.entities import Floats, Ids

STORED = np.dtype("<f4")  # how the catalog stores a vector, on every machine
UNKNOWN = 0  # the character id of an unknown speaker: no row has this id
UNIT_WITHIN = 0.001  # encoders scale to unit length in float32, which is right to 1e-6


@dataclass(frozen=True, slots=True)
class Labels:
    """What is known of embedded clips (n), by id."""

    ids: Ids  # (n,)
    characters: Ids  # (n,) UNKNOWN where the speaker is unknown
    games: Ids  # (n,)
    seconds: Floats  # (n,) of audio; 0 where the catalog does not know it

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class EmbeddedClips(Labels):
    """Embedded clips (n) with their labels, by id."""

    vectors: Floats  # (n, dim)
    #: (m,) clips that are left out, because their vectors are unusable
    unusable: Ids = field(default_factory=lambda: np.empty(0, np.int64))


def embedded(connection: Connection, space: Space, clip_ids: Ids) -> Iterator[EmbeddedClips]:
    """The clips with these ids (in order) that the space holds, up to 1,000 at a time.

    Those whose vectors are unusable are left out, here and wherever vectors are read, and named as `unusable`.
    """
    for some in chunks(clip_ids.tolist()):
        query = _labelled(space).where(among(connection, embeddings.c.clip_id, some))
        yield _clips(connection.execute(query).all(), space)


def all_embedded(connection: Connection, space: Space) -> Iterator[EmbeddedClips]:
    """Every clip that a space holds, by id, up to 10,000 at a time."""
    for rows in _parts(connection, space):
        yield _clips(rows, space)


def all_labels(connection: Connection, space: Space) -> Iterator[Labels]:
    """The labels of every clip that a space holds, by id, up to 10,000 at a time; damaged vectors are not noticed."""
    for rows in stream(connection, _labelled(space).with_only_columns(*_labels())):
        yield Labels(*_label_columns(rows))


def labels_of_game(connection: Connection, space: Space, game: int) -> Labels:
    """The labels of a game's clips that a space holds."""
    return _labels_where(connection, space, clips.c.game_id == game)


def labels_of_characters(connection: Connection, space: Space, games: Ids, characters: Ids) -> Labels:
    """The labels of the clips of these characters (m,), whose games `games` (m,) are, that a space holds."""
    found = [_labels_where(connection, space, false())]
    for some in chunks(np.unique(characters[characters != UNKNOWN]).tolist()):
        found.append(_labels_where(connection, space, among(connection, clips.c.character_id, some)))
    for some in chunks(np.unique(games[characters == UNKNOWN]).tolist()):
        nobody = clips.c.character_id.is_(None) & among(connection, clips.c.game_id, some)
        found.append(_labels_where(connection, space, nobody))
    ids, who, of_games, seconds = (
        np.concatenate([getattr(part, name) for part in found]) for name in ("ids", "characters", "games", "seconds")
    )
    order = np.argsort(ids)
    return Labels(ids[order], who[order], of_games[order], seconds[order])


def filled_games(connection: Connection, space: Space) -> Ids:
    """The games that have clips in a space, by id."""
    held = select(clips.c.id).where(clips.c.game_id == games.c.id, _held(space)).exists()
    return np.array(connection.execute(select(games.c.id).where(held).order_by(games.c.id)).scalars().all(), np.int64)


def vectors_of(connection: Connection, space: Space, clip_ids: Sequence[int]) -> dict[int, Floats]:
    """The vectors (dim,) of those clips that are embedded in a space, by clip id."""
    found: dict[int, Floats] = {}
    c = embeddings.c
    for ids in chunks(clip_ids):
        query = select(c.clip_id, c.vector).where(c.encoder_id == space.id, among(connection, c.clip_id, ids))
        rows = connection.execute(query).all()
        vectors, good = _vectors([row[1] for row in rows], space.dim)
        found.update((row[0], vector) for row, vector, fine in zip(rows, vectors, good, strict=True) if fine)
    return found


def unusable(connection: Connection, space: Space, clip_ids: Sequence[int] | None = None) -> Iterator[tuple[int, str]]:
    """The clips of a space whose vectors do not have its dimension, are not finite or not of unit length, and why.

    Of all clips by id, or of those given.
    """
    for rows in _parts(connection, space, clip_ids):
        vectors, good = _vectors([row[4] for row in rows], space.dim)
        for place in np.flatnonzero(~good).tolist():
            size = len(rows[place][4])
            if size != space.dim * STORED.itemsize:
                why = f"its vector has {size:,} bytes, not {space.dim * STORED.itemsize:,}"
            elif np.isfinite(vectors[place]).all():
                why = f"the length of its vector is {np.linalg.norm(vectors[place].astype(np.float64)):.4g}, not 1"
            else:
                why = "its vector is not finite"
            yield int(rows[place][0]), why


def delete_embeddings(connection: Connection, clip_ids: Sequence[int]) -> None:
    """Delete clips' embeddings in every space; call `log.removals` first for the log's entries."""
    for ids in chunks(clip_ids):
        connection.execute(delete(embeddings).where(among(connection, embeddings.c.clip_id, ids)))


def stored(vector: Floats) -> bytes:
    """A vector (dim,) as the catalog stores it."""
    return np.ascontiguousarray(vector, STORED).tobytes()


def _labelled(space: Space) -> Select[Any]:
    e = embeddings.c
    query = select(*_labels(), e.vector).join_from(embeddings, clips, clips.c.id == e.clip_id)
    return query.where(e.encoder_id == space.id).order_by(e.clip_id)


def _labels() -> tuple[ColumnElement[Any], ...]:
    character, seconds = func.coalesce(clips.c.character_id, UNKNOWN), func.coalesce(clips.c.seconds, 0.0)
    return embeddings.c.clip_id, character, clips.c.game_id, seconds


def _label_columns(rows: Sequence[Any]) -> tuple[Ids, Ids, Ids, Floats]:
    labels = np.array([row[:3] for row in rows], np.int64).reshape(-1, 3)
    return labels[:, 0], labels[:, 1], labels[:, 2], np.array([row[3] for row in rows], np.float32)


def _held(space: Space) -> ColumnElement[bool]:
    return exists().where(embeddings.c.encoder_id == space.id, embeddings.c.clip_id == clips.c.id)


def _labels_where(connection: Connection, space: Space, where: ColumnElement[bool]) -> Labels:
    """The labels of those clips, by id, that a space holds: read from the clips, which have indexes for it."""
    query = select(clips.c.id, *_labels()[1:]).where(where, _held(space)).order_by(clips.c.id)
    return Labels(*_label_columns(connection.execute(query).all()))


def _parts(connection: Connection, space: Space, clip_ids: Sequence[int] | None = None) -> Iterator[Sequence[Any]]:
    """The rows of `_labelled` by clip id, up to 10,000 at a time: all, or those of the clips given."""
    query = _labelled(space)
    if clip_ids is not None:
        query = query.where(among(connection, embeddings.c.clip_id, clip_ids))
    return stream(connection, query)


def _clips(rows: Sequence[Any], space: Space) -> EmbeddedClips:
    vectors, good = _vectors([row[4] for row in rows], space.dim)
    ids = np.array([row[0] for row in rows], np.int64)
    if not good.all():
        rows, vectors = [row for row, fine in zip(rows, good, strict=True) if fine], vectors[good]
    return EmbeddedClips(*_label_columns(rows), vectors, ids[~good])


def _vectors(blobs: Sequence[bytes], dim: int) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Vectors (n, dim) as stored, and which of them (n,) are usable; one of another dimension becomes zeros."""
    size = dim * STORED.itemsize
    whole = (blob if len(blob) == size else bytes(size) for blob in blobs)
    vectors = np.frombuffer(b"".join(whole), STORED).reshape(len(blobs), dim).astype(np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        lengths = np.sqrt(np.einsum("nd,nd->n", vectors, vectors))
        return vectors, np.abs(lengths - 1.0) <= UNIT_WITHIN
