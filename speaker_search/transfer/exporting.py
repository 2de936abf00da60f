"""The clips of a space -> a file of voices: names, texts and vectors, without audio."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
from sqlalchemy import Connection, exists, select

from speaker_search.catalog import tables
from speaker_search.catalog.embeddings import EmbeddedClips, all_embedded, embedded
from speaker_search.catalog.people import games_called, makers_called
from speaker_search.catalog.rows import chunks
from speaker_search.catalog.spaces import Space, count_clips
from speaker_search.entities import Ids
from speaker_search.transfer.backing_up import OnRows
from speaker_search.transfer.voices_file import schema

_REPEATED = ["maker", "game", "character", "root"]  # a few names in all rows


def export(
    connection: Connection,
    space: Space,
    path: Path,
    *,
    makers: Sequence[str] = (),
    titles: Sequence[str] = (),
    on_rows: OnRows = lambda _, __: None,
) -> tuple[int, int]:
    """Write the embedded clips of a space to a new file, by id: all, or those of some makers and games.

    Returns how many, and how many were left out because their vectors are damaged. Raises OSError, and NotFoundError
    for a maker or game that is not there.
    """
    uuid = connection.execute(select(tables.catalog.c.uuid)).scalar_one()
    columns = schema(space.name, space.dim, uuid)
    if makers or titles:
        ids = _ids(connection, space, makers, titles)
        total, parts = len(ids), embedded(connection, space, ids)
    else:
        total, parts = count_clips(connection, space.id).embedded, all_embedded(connection, space)
    names, done = _Names(connection), 0
    with pq.ParquetWriter(path, columns, use_dictionary=_REPEATED, write_page_checksum=True) as writer:
        for part in parts:
            writer.write_batch(_batch(connection, part, names, columns))
            done += len(part)
            on_rows(done, total)
    return done, total - done


def _ids(connection: Connection, space: Space, makers: Sequence[str], titles: Sequence[str]) -> Ids:
    """The ids (n,) of the embedded clips of these makers and games, in order."""
    g, e = tables.games.c, tables.embeddings.c
    wanted = []
    if makers:
        wanted.append(g.maker_id.in_(makers_called(connection, makers)))
    if titles:
        wanted.append(g.id.in_(games_called(connection, titles)))
    games = connection.execute(select(g.id).where(*wanted)).scalars().all()
    held = exists().where(e.encoder_id == space.id, e.clip_id == tables.clips.c.id)
    query = select(tables.clips.c.id).where(tables.clips.c.game_id.in_(games), held).order_by(tables.clips.c.id)
    return np.fromiter(connection.execute(query).scalars(), np.int64)


class _Names:
    """Names by id: there are thousands, and millions of clips."""

    def __init__(self, connection: Connection) -> None:
        games, makers, characters, roots = tables.games, tables.makers, tables.characters, tables.roots
        titles = select(games.c.id, makers.c.name, games.c.title).join_from(games, makers)
        self.games = {id_: (maker, title) for id_, maker, title in connection.execute(titles)}
        self.characters = {row.id: row.name for row in connection.execute(select(characters.c.id, characters.c.name))}
        self.roots = {row.id: row.path for row in connection.execute(select(roots))}


def _batch(connection: Connection, part: EmbeddedClips, names: _Names, columns: Any) -> Any:
    c = tables.clips.c
    about: dict[int, Any] = {}
    for ids in chunks(part.ids.tolist()):
        query = select(c.id, c.root_id, c.path, c.text, c.seconds, c.fingerprint).where(c.id.in_(ids))
        about.update((row.id, row) for row in connection.execute(query))
    rows = [about[id_] for id_ in part.ids.tolist()]
    games = [names.games[id_] for id_ in part.games.tolist()]
    values = {
        "maker": [maker for maker, _ in games],
        "game": [title for _, title in games],
        "character": [names.characters.get(id_) for id_ in part.characters.tolist()],
        "text": [row.text for row in rows],
        "seconds": [row.seconds for row in rows],
        "root": [names.roots[row.root_id] for row in rows],
        "path": [row.path for row in rows],
        "clip": part.ids,
        "fingerprint": [None if row.fingerprint is None else row.fingerprint.hex() for row in rows],
    }
    arrays = [pa.array(values[field.name], field.type) for field in columns if field.name in values]
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(part.vectors.reshape(-1)), part.vectors.shape[1])
    return pa.record_batch([*arrays, vectors.cast(columns.field("embedding").type)], schema=columns)
