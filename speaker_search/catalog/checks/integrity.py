"""Whether the database itself is whole: its own integrity check, every row readable, no reference broken."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, ForeignKey, exists, func, select

from speaker_search.catalog.checks.database_errors import damaged
from speaker_search.catalog.database import Catalog
from speaker_search.catalog.rows import existing, stream
from speaker_search.catalog.tables import characters, clips, games, makers, metadata


def check_integrity(catalog: Catalog) -> None:
    """Raise CatalogError when the database is damaged; it says how, and what to do.

    PostgreSQL has no integrity check in SQL: there all that can be seen is rows that cannot be read, and broken
    references.
    """
    with catalog.read() as connection:
        for found in _faults(connection):
            raise damaged(catalog.engine.url, found)


def _faults(connection: Connection) -> Iterator[str]:
    if connection.dialect.name == "sqlite":
        found = str(connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar())
        if found != "ok":
            yield found.splitlines()[-1]
    for table in metadata.sorted_tables:
        # SQLite's check does not look into texts, which may no longer be UTF-8.
        for _ in stream(connection, select(table)):
            pass
        for key in table.foreign_keys:
            if broken := count_broken(connection, key):
                yield f"{broken:,} rows of {table.name} refer to {key.column.table.name} that are not there"
    yield from merged_faults(connection)


def merged_faults(connection: Connection) -> Iterator[str]:
    """What is wrong with merged rows: each must lead to one that is not, and have no clips or unmerged parts."""
    for table in (makers, games, characters):
        c = table.c
        merged = connection.execute(select(c.id, c.merged_into_id).where(c.merged_into_id.is_not(None)))
        into = {row[0]: row[1] for row in merged}
        there = existing(connection, table, set(into.values()))
        if lost := sum(other not in there for other in into.values()):
            yield f"{lost:,} merged {table.name} lead to rows that do not exist"
        left = into  # a step takes away what ends at a row that stands for itself; a circle stays
        while (further := {id_: other for id_, other in left.items() if other in left}) != left:
            left = further
        if left:
            yield f"{len(left):,} merged {table.name} lead to each other in a circle"
    for part, parent, key in (
        (clips, characters, clips.c.character_id),
        (clips, games, clips.c.game_id),
        (characters, games, characters.c.game_id),
        (games, makers, games.c.maker_id),
    ):
        gone = select(parent.c.id).where(parent.c.merged_into_id.is_not(None))
        query = select(func.count()).select_from(part).where(key.in_(gone))
        if part is not clips:
            query = query.where(part.c.merged_into_id.is_(None))
        if count := connection.execute(query).scalar_one():
            yield f"{count:,} rows of {part.name} belong to merged {parent.name}"


def count_broken(connection: Connection, key: ForeignKey) -> int:
    """How many rows refer by this key to a row that is not there."""
    parent = key.column.table.alias()
    there = exists().where(parent.c[key.column.name] == key.parent)
    query = select(func.count()).select_from(key.parent.table).where(key.parent.is_not(None), ~there)
    return int(connection.execute(query).scalar_one())
