"""Folders and archives that were moved or renamed as a whole: their clips stay what they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, delete, exists, func, select, update

from speaker_search.catalog.database import Catalog
from speaker_search.catalog.rows import IDS_PER_STATEMENT, chunks, ensure
from speaker_search.catalog.scans.gone import IsThere
from speaker_search.catalog.tables import clips, games, makers, roots
from speaker_search.entities import fold
from speaker_search.sources import Candidate

FEW = 10  # files: with fewer, equal names and sizes may be chance, so their times must be equal too


@dataclass(frozen=True, slots=True)
class Former:
    """A root that no longer exists, whose files are now in the scanned one."""

    root_id: int
    path: str
    game_id: int  #: of most of these files
    clips: int  #: how many of them have the same name and size


def vanished_roots(catalog: Catalog, root: Path, is_there: IsThere) -> dict[int, str]:
    """Ids and paths of roots that no longer exist: `root` may be one of them, moved. Empty if `root` is known."""
    with catalog.read() as connection:
        places = {path: id_ for id_, path in connection.execute(select(roots.c.id, roots.c.path))}
    if str(root) in places:
        return {}
    return {id_: path for path, id_ in places.items() if not is_there(Path(path), "")}


def find_former(catalog: Catalog, vanished: Mapping[int, str], files: Sequence[Candidate]) -> Former | None:
    """The root that was moved, judged by the first files of a scan: at least half of its files and of these must have
    the same name and size.
    """
    there = {one.path: one for one in files if one.size >= 0}
    if not there:
        return None
    with catalog.read() as connection:
        found = [former for id_, path in vanished.items() if (former := _compare(connection, id_, path, there))]
    return max(found, key=lambda former: former.clips, default=None)


def move(connection: Connection, former: Former, root: Path, maker: str, title: str) -> None:
    """Give a root its new path, and its game the new name if the catalog has no such game and all of it was moved."""
    if connection.execute(select(exists().where(roots.c.path == str(root)))).scalar_one():
        return  # another scan was quicker
    where = (roots.c.id == former.root_id) & (roots.c.path == former.path)
    connection.execute(update(roots).where(where).values(path=str(root)))
    c = games.c
    known = select(c.id).join(makers).where(makers.c.key == fold(maker), c.key == fold(title))
    elsewhere = exists().where(clips.c.game_id == former.game_id, clips.c.root_id != former.root_id)
    if connection.execute(known).first() or connection.execute(select(elsewhere)).scalar_one():
        return
    before = connection.execute(select(c.maker_id).where(c.id == former.game_id)).scalar_one()
    maker_id = ensure(connection, makers, {"key": fold(maker)}, {"name": maker})
    name = {"maker_id": maker_id, "key": fold(title), "title": title}
    connection.execute(update(games).where(c.id == former.game_id).values(name))
    connection.execute(delete(makers).where(makers.c.id == before, ~exists().where(c.maker_id == before)))


def _compare(connection: Connection, root_id: int, path: str, there: dict[str, Candidate]) -> Former | None:
    c = clips.c
    by_game: Counter[int] = Counter()
    same_times = True
    compared = 0
    for names in chunks(there):
        rows = connection.execute(
            select(c.path, c.game_id, c.size, c.mtime_ns).where(c.root_id == root_id, c.path.in_(names))
        )
        for name, game_id, size, mtime_ns in rows:
            if size == there[name].size:
                by_game[game_id] += 1
                same_times &= mtime_ns == there[name].mtime_ns
        compared += len(names)
        if by_game.total() * 2 < min(compared, IDS_PER_STATEMENT):
            return None  # most roots have nothing in common: a thousand names show it
    same = by_game.total()
    held = connection.execute(select(func.count()).where(c.root_id == root_id, c.size >= 0)).scalar_one()
    if same * 2 < max(len(there), held) or (same < FEW and not same_times):
        return None
    return Former(root_id, path, by_game.most_common(1)[0][0], same)
