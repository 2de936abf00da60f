"""Folders and archives that were moved or renamed as a whole: their clips stay what they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection, Table, delete, exists, func, insert, or_, select, update

from speaker_search.catalog.clips import is_root
from speaker_search.catalog.database import Catalog
from speaker_search.catalog.mending.standing import game_called, lock_names, standing
from speaker_search.catalog.rows import chunks, ensure
from speaker_search.catalog.tables import clips, edits, games, makers, roots
from speaker_search.entities import ObjectPath, Place, fold, place_at
from speaker_search.sources import Candidate

FILES_COMPARED = 10_000  # of a game: enough to tell where it was before
FEW = 10  # files: with fewer, equal names and sizes may be chance, so their times must be equal too
PROBES = 20  # files looked for in all vanished roots at once: half of them agree, so it is unlikely that none does


@dataclass(frozen=True, slots=True)
class Former:
    """A root whose files are now in the scanned one."""

    root_id: int
    game_id: int  #: of most of these files
    clips: int  #: how many of them have the same name and size


class Moves:
    """The roots of a catalog that no longer exist, looked for once, and where an ingest has found them again."""

    def __init__(self, catalog: Catalog, exists: Callable[[Place], bool]) -> None:
        """`exists` says whether a folder or archive does, or may."""
        self._catalog = catalog
        self._exists = exists
        self._gone: dict[ObjectPath | None, dict[int, str]] = {}  # by the bucket of the scanned root
        self._moved: dict[Place, int] = {}  # ids of roots by the path where they were found

    def follow(self, root: Place, maker: str, title: str, files: Sequence[Candidate]) -> str | None:
        """Give a root that was moved or renamed to `root` its new path; returns its former path.

        It is recognised by one game, whose first FILES_COMPARED candidates are `files`: at least half of them, and at
        least half of the game's clips, have the same name and size in both places. (Only the former, when there may be
        more files than these.) The game gets the name that it has here, and so does each other game of the root when
        its turn comes; for those None is returned.
        """
        moved = self._moved.get(root)
        if moved is not None:
            former = self._former([moved], files)
            if former is not None:
                self._catalog.transact(partial(_rename, former=former, maker=maker, title=title))
            return None
        with self._catalog.read() as connection:
            known = is_root(connection, str(root))
        former = None if known else self._former(self._vanished(root), files)
        if former is None:
            return None
        path = self._vanished(root).pop(former.root_id)
        if not self._catalog.transact(partial(_move, root_id=former.root_id, path=path, root=root)):
            return None
        self._catalog.transact(partial(_rename, former=former, maker=maker, title=title))
        self._moved[root] = former.root_id
        return path

    def _vanished(self, root: Place) -> dict[int, str]:
        """The roots on disks that are gone, and those in the bucket of this one: others may take long to answer."""
        bucket = root.bucket if isinstance(root, ObjectPath) else None
        if bucket not in self._gone:
            with self._catalog.read() as connection:
                listed = connection.execute(select(roots.c.id, roots.c.path)).all()
            places = ((id_, path, place_at(path)) for id_, path in listed)
            near = (one for one in places if not isinstance(one[2], ObjectPath) or one[2].bucket == bucket)
            self._gone[bucket] = {id_: path for id_, path, place in near if not self._exists(place)}
        return self._gone[bucket]

    def _former(self, root_ids: Iterable[int], files: Sequence[Candidate]) -> Former | None:
        there = {one.path: one for one in files if one.size >= 0}
        if not there:
            return None
        probes = list(there)[:: max(1, len(there) // PROBES)]
        c = clips.c
        likely: set[int] = set()
        with self._catalog.read() as connection:
            for ids in chunks(root_ids):
                rows = select(c.root_id, c.path, c.size).where(c.root_id.in_(ids), c.path.in_(probes))
                likely.update(id_ for id_, path, size in connection.execute(rows) if size == there[path].size)
            whole = len(files) < FILES_COMPARED
            found = [_compare(connection, id_, there, whole=whole) for id_ in sorted(likely)]
        return max((one for one in found if one), key=lambda former: former.clips, default=None)


def _compare(connection: Connection, root_id: int, there: dict[str, Candidate], *, whole: bool) -> Former | None:
    c = clips.c
    by_game: Counter[int] = Counter()
    same_times = True
    for names in chunks(there):
        rows = connection.execute(
            select(c.path, c.game_id, c.size, c.mtime_ns).where(c.root_id == root_id, c.path.in_(names))
        )
        for name, game_id, size, mtime_ns in rows:
            if size == there[name].size:
                by_game[game_id] += 1
                same_times &= mtime_ns == there[name].mtime_ns
    same = by_game.total()
    if same * 2 < len(there) or (same < FEW and not same_times):
        return None
    game_id, of_game = by_game.most_common(1)[0]
    in_game = select(func.count()).where(c.root_id == root_id, c.game_id == game_id, c.size >= 0)
    if whole and of_game * 2 < connection.execute(in_game).scalar_one():
        return None
    return Former(root_id, game_id, same)


def _move(connection: Connection, root_id: int, path: str, root: Place) -> bool:
    """Give a root its new path; False when another scan was quicker."""
    if is_root(connection, str(root)):
        return False
    moved = update(roots).where(roots.c.id == root_id, roots.c.path == path).values(path=str(root))
    return connection.execute(moved).rowcount == 1


def _rename(connection: Connection, former: Former, maker: str, title: str) -> None:
    """Give a moved game the name it has now, if the catalog has no other game of that name and all of it was moved.

    A game that people have renamed or merged keeps its name, and the new one becomes another name of it.
    """
    lock_names(connection)
    c = games.c
    known = game_called(connection, maker, title)
    mended = _is_mended(connection, "game", games, former.game_id)
    if known not in (None, former.game_id) or (mended and known is not None):
        return
    elsewhere = exists().where(clips.c.game_id == former.game_id, clips.c.root_id != former.root_id)
    if not mended and connection.execute(select(elsewhere)).scalar_one():
        return
    before = connection.execute(select(c.maker_id).where(c.id == former.game_id)).scalar_one()
    maker_id = ensure(connection, makers, {"key": fold(maker)}, {"name": maker})
    maker_id = standing(connection, [maker_id], makers)[maker_id]
    name = {"maker_id": maker_id, "key": fold(title), "title": title}
    if mended:
        connection.execute(insert(games).values(**name, merged_into_id=former.game_id))
        return
    keeps = _is_mended(connection, "maker", makers, before)
    if not keeps:
        connection.execute(update(makers).where(makers.c.id == maker_id, makers.c.id == before).values(name=maker))
    connection.execute(update(games).where(c.id == former.game_id).values(name))
    if not keeps:
        connection.execute(delete(makers).where(makers.c.id == before, ~exists().where(c.maker_id == before)))


def _is_mended(connection: Connection, noun: str, table: Table, id_: int) -> bool:
    """Whether people have renamed a row, or merged it with another one, or whether it has another name."""
    e = edits.c
    edited = exists().where(e.noun == noun, or_(e.row_id == id_, e.other_id == id_), e.undone_at.is_(None))
    return bool(connection.execute(select(or_(edited, exists().where(table.c.merged_into_id == id_)))).scalar_one())
