"""Catalogs with something of everything in them, and all that a catalog holds, to compare two of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from catalog.shelf import fingerprint
from search.filling import enqueue, fill, forget, some_voices
from sqlalchemy import Connection, Table, make_url, select, text
from standin import DIM, StandInEncoder
from views.made_up import unit

from speaker_search.catalog import outcomes, spaces, tables
from speaker_search.catalog.database import open_catalog
from speaker_search.catalog.outcomes import Outcome
from speaker_search.catalog.queue import Claims
from speaker_search.entities import Refusal
from speaker_search.library import Library
from speaker_search.settings import Settings

REFUSED, WAITING = 3, 12  # clips of the last game


def mixed(library: Library) -> int:
    """Write clips in every state into a library's catalog, in two spaces; returns how many a worker has claimed."""
    catalog, voices = library.catalog, some_voices()
    fill(library, voices, lambda id_: 1.0 + id_ / 7, heard=True)
    last = {"maker9/遊び": {"ミミ": unit(REFUSED + WAITING, 5, DIM)}}
    enqueue(library, last)
    other = spaces.ensure_space(catalog, space="other@1", name="other", dim=4)
    own = spaces.ensure_space(catalog, space=StandInEncoder.space, name=StandInEncoder.name, dim=DIM)
    claims = Claims(catalog, own.id, machine="elsewhere", pid=1)
    waiting = claims.claim(REFUSED)
    detail = "そう \\N\t'\"\\ ok."
    outcomes.store(catalog, own.id, [Outcome(one.id, refusal=Refusal.SILENT, detail=detail) for one in waiting])
    (pending,) = claims.claim(1)
    # The same audio as an older clip of the game: a copy.
    elder, younger = (replace(_heard(one), clip_id=one) for one in (pending.id, pending.id + 1))
    outcomes.store(catalog, own.id, [elder])
    claims.claim(1)
    outcomes.store(catalog, own.id, [younger])
    with catalog.write() as connection:
        connection.execute(tables.embeddings.insert().values(encoder_id=other.id, clip_id=1, vector=b"\0\1\2\xff"))
        _said(connection, own.id)
    with catalog.read() as connection:
        highest = connection.execute(select(tables.clips.c.id).order_by(tables.clips.c.id.desc())).scalars().first()
    assert highest is not None
    forget(library, highest)  # the next clip must not get its id
    return len(claims.claim(WAITING // 2))


def _said(connection: Connection, space_id: int) -> None:
    """What people and credits say of characters, and the voices that follow."""
    t, when = tables, 1.5e9 + 1 / 3
    by = {"author": "誰か", "at": when}
    linked = {"last_event_id": 1, "seen": b"\0\1\xff"}
    rows: list[tuple[Table, dict[str, Any]]] = [
        (t.voices, {"encoder_id": space_id, "probability": 0.9, "since": when}),
        (t.voice_members, {"encoder_id": space_id, "character_id": 1, "voice_id": 1, "probability": 1 / 3}),
        (t.voice_events, {"encoder_id": space_id, "at": when, "kind": "new", "voice_id": 1}),
        (t.linkings, {"encoder_id": space_id, "at": when, "position": 2, "whole": True, "digest": "0", **linked}),
        (t.verdicts, {"one_id": 1, "other_id": 2, "same": True, "note": "そう", **by}),
        (t.actors, {"source": "vndb", "key": "s1", "name": "声"}),
        (t.pen_names, {"actor_id": 1, "name": "別名"}),
        (t.credits, {"character_id": 1, "actor_id": 1, "pen_name_id": 1, "spoiler": False, "at": when}),
        (t.edits, {"noun": "maker", "kind": "rename", "row_id": 1, "before": "a", "after": "b", **by}),
        (t.adoptions, {"encoder_id": space_id, "before_id": None, **by}),
        (t.moved_rows, {"edit_id": 1, "noun": "clip", "row_id": 1, "before_id": 1}),
    ]
    for table, row in rows:
        connection.execute(table.insert().values(row))


def _heard(clip_id: int) -> Outcome:
    return Outcome(clip_id, 1.5, unit(1, 9, DIM)[0], fingerprint=fingerprint("A"))


def contents(url: str | Any) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table of a catalog, in order of its primary key."""
    catalog = open_catalog(url)
    with catalog.read() as connection:
        found = {
            table.name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))]
            for table in tables.metadata.sorted_tables
        }
    catalog.close()
    return found


def write_voices(file: Path, /, *, space: str = "other@1", **columns: Any) -> Path:
    """A file of voices with these columns; those not given have a maker, a game and a character."""
    rows = len(next(iter(columns.values())))
    names = {"maker": "M", "game": "G", "character": "A"}
    whole = {**{name: [value] * rows for name, value in names.items()}, **columns}
    table = pa.table(whole).replace_schema_metadata({"spksearch.space": space})
    pq.write_table(table, file)
    return file


def next_clip(url: str | Any) -> int:
    """The id that a new clip of a catalog gets."""
    catalog = open_catalog(url)
    names = "game_id, root_id, path, text, size, mtime_ns, gone"
    with catalog.write() as connection:
        row = f"INSERT INTO clips ({names}) VALUES (1, 1, 'new', '', 1, 1, false) RETURNING id"  # noqa: S608
        new = int(connection.execute(text(row)).scalar_one())
        connection.rollback()
    catalog.close()
    return new


def answers(settings: Settings, home: Path) -> list[str]:
    """What a catalog answers, by views that are made for it in this home."""
    url = make_url(settings.url).render_as_string(hide_password=False)
    with Library(settings.model_copy(update={"home": home, "database_url": url}), encoder=StandInEncoder()) as library:
        assert library.verify(deep=True).ok
        heard = [character.id for character in library.characters().characters if character.clips]
        found = [library.similar(id_).document() for id_ in heard[:12]]
        found.append(library.search_like(embedding=unit(1, 3, DIM)[0].tolist()).document())
        cast = library.cast_document()
    return [document.model_dump_json(exclude={"next"}) for document in [*found, cast]]  # a cursor names its catalog
