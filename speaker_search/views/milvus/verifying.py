"""Comparing a collection in Milvus with the catalog, clip by clip."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from sqlalchemy import Connection

from speaker_search.catalog.checks.vectors import unusable_vectors
from speaker_search.catalog.database import Catalog
from speaker_search.catalog.embeddings import UNKNOWN, EmbeddedClips, Labels, all_embedded, all_labels, embedded
from speaker_search.catalog.spaces import Space, count_clips, position
from speaker_search.entities import Ids
from speaker_search.views.clip_index.columns import ById, Columns
from speaker_search.views.milvus import writing
from speaker_search.views.milvus.collection import MOST_FOUND, Collection
from speaker_search.views.milvus.milvus_views import MilvusViews
from speaker_search.views.snapshot import Snapshot
from speaker_search.views.verify import SAMPLED, Comparison, Verification, differing_characters, same_vectors

LOWEST, HIGHEST = -(2**62), 2**62  # ids


def verify(
    views: MilvusViews, catalog: Catalog, space: Space, folder: Path, *, deep: bool = False, sampled: int = SAMPLED
) -> Verification:
    """Compare the catalog with the collection, and with the characters as a program would open them now.

    Ids, labels and lengths of all clips are compared, and the vectors of up to `sampled`; with `deep`, all vectors and
    sums. No program writes to the collection meanwhile. Raises IndexUnusableError when the server fails, or when what
    is saved is damaged.
    """
    collection = views.collection(space)
    saved = views.load(folder, catalog.uuid, space)
    seen = collection.state()
    with catalog.read() as connection:
        reached = position(connection, space, catalog.uuid)
    ahead = max(0, *(one.position - reached for one in (saved, seen) if one is not None), 0)
    while True:
        before = views.follow(catalog, space, saved)
        seen = collection.state()

        def compared(connection: Connection) -> Verification | None:
            now = views.counted(connection, collection, before)  # noqa: B023 - called before the next round
            if writing.write(connection, catalog.uuid, collection, seen, now.clips.clips):  # noqa: B023 - likewise
                return None  # so much has come meanwhile that it takes several portions
            everything = deep or count_clips(connection, space.id).embedded <= sampled
            return _compared(connection, views, collection, now, None if everything else sampled)

        found = views.alone(catalog, collection, compared)
        if found is not None:
            return replace(found, ahead=ahead)


def _compared(
    connection: Connection, views: MilvusViews, collection: Collection, snapshot: Snapshot, sampled: int | None
) -> Verification:
    """Compare the two in a transaction in which the collection is as far as the catalog: all vectors, or that many."""
    space, sums = collection.space, snapshot.characters
    missing: list[int] = []
    ids, characters = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    vectors = extra = different = 0
    last = LOWEST
    parts = all_labels(connection, space) if sampled else all_embedded(connection, space)
    for part in (one for one in parts if len(one)):
        until, there = int(part.ids[-1]), [np.empty(0, np.int64)]
        for held in _between(collection, last, until, vectors=not sampled):
            vectors += len(held)
            rows = ById(part.ids).rows(held.ids)
            known = rows >= 0
            extra += int(np.count_nonzero(~known))
            different += _differing(held.take(known), part, rows[known])
            there.append(held.ids)
        missing += np.setdiff1d(part.ids, np.concatenate(there)).tolist()
        ids += there
        characters.append(part.characters[~np.isin(part.ids, snapshot.unusable)])
        last = until
    for held in _between(collection, last, HIGHEST, vectors=False):
        vectors, extra = vectors + len(held), extra + len(held)
    every, who = np.concatenate(ids), np.concatenate(characters)
    named, counts = np.unique(who[who != UNKNOWN], return_counts=True)
    if not (np.array_equal(named, sums.ids) and np.array_equal(counts, sums.counts)):
        different += 1
    elif not sampled:
        different += differing_characters(sums, views.counted(connection, collection, None).characters)
    compared = vectors
    wanted: list[int] | None = None
    if sampled:
        sample = every[np.linspace(0, len(every) - 1, min(sampled, len(every))).astype(np.int64)]
        compared, wanted = len(sample), [*sample.tolist(), *missing]
        different += _differing_sample(connection, collection, sample)
    unusable = unusable_vectors(connection, space, wanted)  # damaged ones are in no view
    absent = set(missing) - {one.id for one in unusable}
    found = Comparison(vectors, len(absent), extra, different)
    wrong = unusable or absent or extra or different
    return Verification(count_clips(connection, space.id), found, compared, unusable, 0, not wrong)


def _between(collection: Collection, after: int, until: int, *, vectors: bool) -> Iterator[Columns]:
    """The clips with ids over `after` and up to `until`, in halves where there are too many for one answer."""
    found = collection.between(after, until, vectors=vectors)
    if len(found) < MOST_FOUND:
        yield found
        return
    middle = (after + until) // 2
    yield from _between(collection, after, middle, vectors=vectors)
    yield from _between(collection, middle, until, vectors=vectors)


def _differing(held: Columns, part: Labels, rows: Ids) -> int:
    """How many clips differ from the catalog's rows, in their labels or, where it has them, vectors."""
    same = (held.characters == part.characters[rows]) & (held.games == part.games[rows])
    same &= held.seconds == part.seconds[rows]
    if isinstance(part, EmbeddedClips):
        same &= same_vectors(held, part, rows)
    return int(np.count_nonzero(~same))


def _differing_sample(connection: Connection, collection: Collection, sample: Ids) -> int:
    """How many of these clips have another vector than in the catalog."""
    held, different = collection.rows(sample), 0
    by_id = ById(held.ids)
    for part in embedded(connection, collection.space, sample):
        rows = by_id.rows(part.ids)
        there = rows >= 0
        different += int(np.count_nonzero(~same_vectors(held.take(rows[there]), part, np.flatnonzero(there))))
    return different
