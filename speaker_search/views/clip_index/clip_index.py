"""The clips of a space: a large immutable segment, and a small tail of what has changed since."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from uuid import uuid4

import numpy as np
import psutil  # type: ignore[import-untyped]  # psutil carries no types

from speaker_search.documents import DEFAULT_RECALL
from speaker_search.entities import Floats, Ids
from speaker_search.views.changes import Delta
from speaker_search.views.clip_index import columns, drift, exact, filters, lists, tuning
from speaker_search.views.clip_index.columns import ById, Columns, Runs
from speaker_search.views.clip_index.filters import Allowed, Bools
from speaker_search.views.clip_index.lists import Lists
from speaker_search.views.clip_index.plan import Plan, outgrown, plan
from speaker_search.views.clip_index.probing import Tuning
from speaker_search.views.engine import Near

TAIL_ROWS = 16_384  # scanned in about 2 ms; a tail over this and over a 20th of the segment is folded into it
TAIL_SHARE = 1 / 20
FILTERS_KEPT = 64  # with what is derived from them: up to an eighth of a byte for each row of the segment
TOMBSTONE_SHARE = 1 / 5  # of the segment's rows: with more tombstones it is rewritten


@dataclass(frozen=True)
class Segment:
    """Sorted clips with FAISS over their rows. Immutable, so a folder's files of it stay valid."""

    columns: Columns
    lists: Lists
    id: str = field(default_factory=lambda: uuid4().hex)  #: identifies its files

    def tuned(self, how: Tuning) -> Segment:
        """The same rows and files, probed as measurements say."""
        return Segment(self.columns, self.lists.tuned(how), self.id)

    @cached_property
    def by_id(self) -> ById:
        return ById(self.columns.ids)

    @cached_property
    def runs(self) -> Runs:
        return filters.runs(self.columns)


@dataclass(frozen=True)
class ClipIndex:
    """The clips of a space at one position of its change log. Immutable: `apply` returns another one."""

    position: int
    segment: Segment
    tombstones: Bools  # (segment's rows,): removed, or replaced by a row of the tail
    tail: Columns  #: clips since the segment was made, in their order

    @property
    def clips(self) -> int:
        return len(self.segment.columns) - self._tombstone_count + len(self.tail)

    @property
    def dim(self) -> int:
        return self.tail.dim

    def apply(self, delta: Delta) -> ClipIndex:
        """The index after a step of the change log."""
        touched = np.unique(np.concatenate([delta.removed.ids, delta.added.ids]))
        rows = self.segment.by_id.rows(touched)
        tombstones = self.tombstones
        if (rows >= 0).any():
            tombstones = tombstones.copy()
            tombstones[rows[rows >= 0]] = True
        left = self.tail.take(~np.isin(self.tail.ids, touched)) if len(self.tail) else self.tail
        return ClipIndex(delta.position, self.segment, tombstones, columns.ordered(columns.join([left, delta.added])))

    def held(self, ids: Ids) -> Columns:
        """The clips with these ids that the index holds."""
        rows = self.segment.by_id.rows(ids)
        rows = rows[rows >= 0]
        alive = self.segment.columns.take(rows[~self.tombstones[rows]])
        return columns.join([alive, self.tail.take(np.isin(self.tail.ids, ids))])

    def all(self) -> Columns:
        """Every clip, in order."""
        if not self._tombstone_count and not len(self.tail):
            return self.segment.columns
        return columns.ordered(columns.join([self.segment.columns.take(~self.tombstones), self.tail]))

    def nearest(self, query: Floats, limit: int, *, games: Ids | None = None, characters: Ids | None = None) -> Near:
        """At most `limit` clips nearest to a unit vector (dim,), only of these games and characters if given."""
        own, tail = self.segment.columns, self.tail
        usable, late = self.allowed(games, characters)
        rows, cosines = self.segment.lists.nearest(own.vectors, query, limit, usable)
        tail_rows, tail_cosines = exact.scan(tail.vectors, late.first, late.end, query, min(limit, late.count))
        ids = np.concatenate([own.ids[rows], tail.ids[tail_rows]])
        values = np.concatenate([cosines, tail_cosines])
        best = np.lexsort((ids, -values))[:limit]  # ties go to the lower id, whether in the segment or the tail
        characters_ = np.concatenate([own.characters[rows], tail.characters[tail_rows]])
        games_ = np.concatenate([own.games[rows], tail.games[tail_rows]])
        return Near(ids[best], characters_[best], games_[best], values[best])

    def nearest_of_each(
        self, query: Floats, games: Ids, characters: Ids, limit: int, most: int
    ) -> list[tuple[Ids, Floats]]:
        """For each character (m,), whose games `games` (m,) are: its clips nearest to a unit vector (dim,), and their
        cosines, best first. At most `most` of each are compared, evenly chosen.
        """
        held = list(self.of_characters(games, characters, most))
        best = exact.of_each([clips.vectors for clips in held], query, limit)
        return [(clips.ids[rows], cosines) for clips, (rows, cosines) in zip(held, best, strict=True)]

    def allowed(self, games: Ids | None = None, characters: Ids | None = None) -> tuple[Allowed, Allowed]:
        """The rows of the segment and of the tail that a search may return; kept, since the same filters come again."""
        key = (None if games is None else games.tobytes(), None if characters is None else characters.tobytes())
        found = self._filters.get(key)
        if found is None:
            own, gone = self.segment, self.tombstones if self._tombstone_count else None
            found = (
                filters.allowed(own.runs, len(own.columns), gone, games, characters),
                filters.allowed(self._tail_runs, len(self.tail), None, games, characters),
            )
            if len(self._filters) >= FILTERS_KEPT:
                self._filters.clear()
            self._filters[key] = found
        return found

    def of_characters(self, games: Ids, characters: Ids, most: int) -> Iterator[Columns]:
        """The clips of each character (m,), whose games `games` (m,) are, by id and one character at a time.

        At most `most` of each, evenly chosen, so that no more than m x most clips are read in all. The choice does not
        depend on whether clips are in the segment or the tail.
        """
        own, tail = self.segment.columns, self.tail
        whole = not self._tombstone_count
        places = self.segment.runs.rows(games, characters), self._tail_runs.rows(games, characters)
        for low, high, tail_low, tail_high in zip(*places[0], *places[1], strict=True):
            if high - low <= most and tail_low == tail_high and (whole or not self.tombstones[low:high].any()):
                yield own.take(slice(low, high))
                continue
            rows = low + np.flatnonzero(~self.tombstones[low:high])
            late = np.arange(tail_low, tail_high)
            if len(rows) + len(late) > most:
                by_id = np.argsort(np.concatenate([own.ids[rows], tail.ids[late]]), kind="stable")
                kept = by_id[np.linspace(0, len(by_id) - 1, most).astype(np.int64)]
                rows, late = rows[np.sort(kept[kept < len(rows)])], late[np.sort(kept[kept >= len(rows)] - len(rows))]
            found = columns.join([own.take(rows), tail.take(late)])
            yield found.take(np.argsort(found.ids)) if len(rows) and len(late) else found

    def of_game(self, game: int) -> Columns:
        """The clips of a game."""
        own, tail, wanted = self.segment.columns, self.tail, np.array([game])
        (first,), (end,) = columns.ranges(own, wanted)
        (tail_first,), (tail_end,) = columns.ranges(tail, wanted)
        rows = first + np.flatnonzero(~self.tombstones[first:end])
        return columns.join([own.take(rows), tail.take(slice(tail_first, tail_end))])

    def evenly(self, most: int) -> Columns:
        """All clips in order, or that many of them, evenly chosen in this order, wherever they are."""
        if self.clips <= most:
            return self.all()
        own, tail = self.segment.columns, self.tail
        rows = np.flatnonzero(~self.tombstones)
        keys = [
            np.concatenate([getattr(own, name)[rows], getattr(tail, name)]) for name in ("ids", "characters", "games")
        ]
        chosen = np.lexsort(keys)[np.linspace(0, len(keys[0]) - 1, most).astype(np.int64)]
        in_tail = chosen[chosen >= len(rows)] - len(rows)
        return columns.ordered(columns.join([own.take(rows[chosen[chosen < len(rows)]]), tail.take(in_tail)]))

    @property
    def unfolded(self) -> bool:
        """Whether enough has changed that the tail should be folded into a new segment, with `folded`."""
        segment = len(self.segment.columns)
        return (
            len(self.tail) > max(TAIL_ROWS, segment * TAIL_SHARE)
            or self._tombstone_count > max(TAIL_ROWS, segment * TOMBSTONE_SHARE)
            or (len(self.tail) > 0 and outgrown(self.segment.lists.plan, self.segment.lists.built_for, self.clips))
        )

    def tuned(self, target: float, *, makers: Mapping[int, int], say: tuning.Say = tuning.silently) -> ClipIndex:
        """The same clips in the same files, searched so that this share of the ten nearest is found."""
        own = self.segment
        if own.lists.plan.kind == "flat":
            return self
        gone = self.tombstones if self._tombstone_count else None
        made = tuning.tuned(own.lists, own.columns, target, gone=gone, makers=makers, say=say)
        return replace(self, segment=Segment(own.columns, made, own.id))

    def folded(self) -> ClipIndex:
        """The same clips in one new segment. Takes seconds at a million clips, minutes when lists are retrained: where
        the old ones are outgrown, or no longer find enough (see drift).
        """
        whole = self.all()
        before = self.segment.lists
        wanted = planned(whole, before.tuning.target if before.tuning else before.plan.recall)
        if wanted.kind == "flat" or outgrown(before.plan, before.built_for, len(whole)):
            made = lists.build(whole, wanted)
        else:
            by_id = ById(whole.ids)
            rows = np.where(self.tombstones, -1, by_id.rows(self.segment.columns.ids))  # each old row's new one
            made = drift.fitting(before.moved(rows, self.tail, by_id.rows(self.tail.ids)), whole, wanted)
        return of_columns(whole, self.position, made)

    @property
    def ids(self) -> Ids:
        """The clips (n,) that it holds, ascending."""
        return np.union1d(self.segment.columns.ids[~self.tombstones], self.tail.ids)

    @cached_property
    def games(self) -> Ids:
        """The games that have clips here, by id."""
        own = self.segment.columns.games[~self.tombstones]
        first = np.flatnonzero(np.diff(own, prepend=-1))  # rows where the next game begins
        return np.union1d(own[first], self.tail.games)

    @cached_property
    def _tombstone_count(self) -> int:
        return int(np.count_nonzero(self.tombstones))

    @cached_property
    def _filters(self) -> dict[tuple[bytes | None, bytes | None], tuple[Allowed, Allowed]]:
        return {}

    @cached_property
    def _tail_runs(self) -> Runs:
        return filters.runs(self.tail)


def of_columns(whole: Columns, position: int, made: Lists | None = None) -> ClipIndex:
    """All clips in one segment, with lists planned for their number unless `made`."""
    made = made or lists.build(whole, planned(whole))
    return ClipIndex(position, Segment(whole, made), np.zeros(len(whole), np.bool_), columns.none(whole.dim))


def planned(whole: Columns, recall: float = DEFAULT_RECALL) -> Plan:
    """The layout for these clips in the memory at hand."""
    return plan(len(whole), dim=whole.dim, memory=psutil.virtual_memory().available, recall=recall)
