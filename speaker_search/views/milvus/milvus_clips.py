"""The clips of a space: Milvus finds the nearest ones; whole characters and games are read from the catalog."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection

from speaker_search.catalog import embeddings, log
from speaker_search.catalog.database import Catalog
from speaker_search.catalog.embeddings import UNKNOWN, Labels
from speaker_search.catalog.rows import ROWS_PER_READ
from speaker_search.catalog.spaces import Space, position
from speaker_search.entities import Floats, Ids
from speaker_search.views.clip_index import columns, exact
from speaker_search.views.clip_index.columns import ById, Columns
from speaker_search.views.engine import Near
from speaker_search.views.milvus.collection import MOST_FOUND, Collection, probed

COMPARED_CLIPS = 5_000  # read in some 10 ms
AT_ONCE = 8  # searches, for the nearest clips of several characters
CHARACTERS_PER_READ = 500  # whose clips are looked up together


@dataclass(frozen=True)
class MilvusClips:
    """The clips of a space at one position of its change log. Immutable; what has changed since is left out of whatever
    is read from the catalog, and may be in what Milvus finds.
    """

    catalog: Catalog
    space: Space
    collection: Collection
    position: int
    clips: int  #: how many there are
    games: Ids  #: that have clips, by id
    unusable: Ids  # (m,) clips that are left out: their stored vectors are damaged
    lists: int  #: that Milvus's index has; 0 where it compares vectors one by one
    timestamp: int  #: Milvus's, which searches wait for: it had seen what the collection held when this was made

    @property
    def dim(self) -> int:
        return self.space.dim

    @property
    def ids(self) -> Ids:
        """The clips (n,) that there are, ascending."""
        with self._as_it_was() as (connection, changed):
            return self._kept(self._labels(connection), changed).ids

    def nearest(self, query: Floats, limit: int, *, games: Ids | None = None, characters: Ids | None = None) -> Near:
        """At most `limit` clips nearest to a unit vector (dim,), only of these games and characters if given.

        More than 16,384, which Milvus does not answer, are found by comparing all clips of the catalog.
        """
        if limit <= 0 or any(some is not None and not len(some) for some in (games, characters)):
            nothing = np.empty(0, np.int64)
            return Near(nothing, nothing, nothing, np.empty(0, np.float32))
        if limit > MOST_FOUND and self.clips > MOST_FOUND:
            return self._compared(query, limit, games, characters)
        where = [
            f"{name} in {some.tolist()}"
            for name, some in (("game", games), ("character", characters))
            if some is not None
        ]
        share = 1.0 if games is None else len(games) / max(1, len(self.games))
        lists = self.lists if characters is not None else probed(self.lists, share)  # those of a character: all lists
        found = {"lists": max(1, lists), "timestamp": self.timestamp}
        return self.collection.nearest(query, min(limit, MOST_FOUND), " and ".join(where), **found)

    def nearest_of_each(
        self,
        query: Floats,
        games: Ids,
        characters: Ids,
        limit: int,
        most: int,
    ) -> list[tuple[Ids, Floats]]:
        """For each character (m,), whose games `games` (m,) are: its clips nearest to a unit vector (dim,), and their
        cosines, best first.

        Up to COMPARED_CLIPS in all are read from the catalog and compared, which is quicker than a search for each
        character; of more, Milvus finds the nearest.
        """
        with self._as_it_was() as (connection, changed):
            labels = self._kept(embeddings.labels_of_characters(connection, self.space, games, characters), changed)
            few = len(labels) <= COMPARED_CLIPS
            held = self._read_each(connection, list(_evenly(labels, games, characters, most))) if few else []
        if few:
            best = exact.of_each([clips.vectors for clips in held], query, limit)
            return [(clips.ids[rows], cosines) for clips, (rows, cosines) in zip(held, best, strict=True)]

        def of_one(game: int, character: int) -> tuple[Ids, Floats]:
            where = f"character == {character}" + (f" and game == {game}" if character == UNKNOWN else "")
            found = self.collection.nearest(query, limit, where, lists=max(1, self.lists), timestamp=self.timestamp)
            return found.ids, found.cosines

        with ThreadPoolExecutor(AT_ONCE) as threads:
            return list(threads.map(of_one, games.tolist(), characters.tolist()))

    def of_characters(self, games: Ids, characters: Ids, most: int) -> Iterator[Columns]:
        """The clips of each character (m,), whose games `games` (m,) are, by id and one character at a time.

        At most `most` of each, evenly chosen.
        """
        for start in range(0, len(characters), CHARACTERS_PER_READ):
            some = slice(start, start + CHARACTERS_PER_READ)
            with self._as_it_was() as (connection, changed):
                labels = embeddings.labels_of_characters(connection, self.space, games[some], characters[some])
                chosen = list(_evenly(self._kept(labels, changed), games[some], characters[some], most))
                parts = self._read_each(connection, chosen)
            yield from parts

    def of_game(self, game: int) -> Columns:
        """The clips of a game."""
        with self._as_it_was() as (connection, changed):
            labels = self._kept(embeddings.labels_of_game(connection, self.space, game), changed)
            return columns.ordered(self._read(connection, labels.ids))

    def evenly(self, most: int) -> Columns:
        """All clips in order, or that many of them, evenly chosen in this order."""
        with self._as_it_was() as (connection, changed):
            labels = self._kept(self._labels(connection), changed)
            order = np.lexsort((labels.ids, labels.characters, labels.games))
            if len(labels) > most:
                order = order[np.linspace(0, len(labels) - 1, most).astype(np.int64)]
            return columns.ordered(self._read(connection, np.sort(labels.ids[order])))

    def held(self, ids: Ids) -> Columns:
        """Those of the clips with these ids that there are."""
        with self._as_it_was() as (connection, changed):
            return self._read(connection, np.setdiff1d(ids, changed))

    def all(self) -> Columns:
        """Every clip, in order."""
        with self._as_it_was() as (connection, changed):
            whole = columns.gather(embeddings.all_embedded(connection, self.space), self.dim)
        return whole.take(~np.isin(whole.ids, changed)) if len(changed) else whole

    @contextmanager
    def _as_it_was(self) -> Iterator[tuple[Connection, Ids]]:
        """The catalog, and the clips that have changed since `position`."""
        with self.catalog.read() as connection:
            reached = position(connection, self.space, self.catalog.uuid)
            changed = log.touched_between(connection, self.space.id, self.position, reached)
            yield connection, np.empty(0, np.int64) if changed is None else changed

    def _labels(self, connection: Connection) -> Labels:
        """The labels of all clips; 28 bytes each."""
        parts = list(embeddings.all_labels(connection, self.space))
        none = Labels(*(np.empty(0, np.int64),) * 3, np.empty(0, np.float32))
        names = ("ids", "characters", "games", "seconds")
        return Labels(*(np.concatenate([getattr(part, name) for part in (none, *parts)]) for name in names))

    def _kept(self, labels: Labels, changed: Ids) -> Labels:
        """Those whose vectors are usable and that have not changed."""
        kept = ~np.isin(labels.ids, np.union1d(changed, self.unusable))
        return Labels(labels.ids[kept], labels.characters[kept], labels.games[kept], labels.seconds[kept])

    def _read(self, connection: Connection, ids: Ids) -> Columns:
        return columns.gather(embeddings.embedded(connection, self.space, ids), self.dim)

    def _read_each(self, connection: Connection, chosen: list[Ids]) -> list[Columns]:
        """The clips of each list of ids, by id."""
        parts: list[Columns] = []
        waiting: list[Ids] = []
        for place, ids in enumerate(chosen):
            waiting.append(ids)
            if sum(map(len, waiting)) >= ROWS_PER_READ or place == len(chosen) - 1:
                found = self._read(connection, np.unique(np.concatenate(waiting)))
                by_id = ById(found.ids)
                rows = (by_id.rows(each) for each in waiting)
                parts += [found.take(each[each >= 0]) for each in rows]
                waiting = []
        return parts

    def _compared(self, query: Floats, limit: int, games: Ids | None, characters: Ids | None) -> Near:
        """The same as `nearest` by comparing all clips of the catalog, part by part."""
        best = Near(*(np.empty(0, np.int64),) * 3, np.empty(0, np.float32))
        with self._as_it_was() as (connection, changed):
            for part in embeddings.all_embedded(connection, self.space):
                fits = ~np.isin(part.ids, changed)
                for own, some in ((part.games, games), (part.characters, characters)):
                    if some is not None:
                        fits &= np.isin(own, some)
                cosines = exact.floats(columns.halves(part.vectors[fits])) @ query
                ids = np.concatenate([best.ids, part.ids[fits]])
                values = np.concatenate([best.cosines, cosines.astype(np.float32)])
                kept = np.lexsort((ids, -values))[:limit]
                who, of = (
                    np.concatenate([one, other])[kept]
                    for one, other in (
                        (best.characters, part.characters[fits]),
                        (best.games, part.games[fits]),
                    )
                )
                best = Near(ids[kept], who, of, values[kept])
        return best


def _evenly(labels: Labels, games: Ids, characters: Ids, most: int) -> Iterator[Ids]:
    """The ids of each character's clips (m,), in order; at most `most` of each, evenly chosen."""
    order = np.lexsort((labels.ids, labels.characters, labels.games))
    sorted_ = Columns(
        labels.ids[order],
        labels.characters[order],
        labels.games[order],
        labels.seconds[order],
        np.empty((len(order), 0), np.float16),
    )
    for first, end in zip(*columns.ranges(sorted_, games, characters), strict=True):
        ids = sorted_.ids[first:end]
        yield ids[np.linspace(0, len(ids) - 1, most).astype(np.int64)] if len(ids) > most else ids
