"""The step that starting, ingesting and serving share: take the index as it lies, replay what the catalog has since."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sqlalchemy import Connection

from speaker_search.catalog import embedding as embeddings
from speaker_search.catalog.database import Catalog
from speaker_search.catalog.embedding import ClipCounts, Space
from speaker_search.entities import Floats
from speaker_search.errors import IndexUnusableError
from speaker_search.index import storage
from speaker_search.index.clip_index import ClipIndex, build
from speaker_search.index.plan import outgrown, plan

SAVE_AFTER_CHANGES = 10_000  # a reader that had to replay this many saves the next one the work
SAME_DISTANCE = 1e-3  # between a unit vector and its float16 form, which FAISS truncates: 2^-11 of it at most


@dataclass(frozen=True, slots=True)
class Comparison:
    """The catalog against the index, in clips."""

    vectors: int  #: held by the index
    missing: int  #: in the catalog only
    extra: int  #: in the index only
    different: int  #: in both, with another vector


@dataclass(frozen=True, slots=True)
class Verification:
    """The catalog against its index."""

    clips: ClipCounts
    index: Comparison
    ok: bool


def verify(catalog: Catalog, space: Space, home: Path) -> Verification:
    """Compare a space's index as it would be opened now with the catalog, vector by vector."""
    with catalog.read() as connection:
        counts = embeddings.count_clips(connection, space.id)
    compared = compare(catalog, space, open_index(catalog, space, folder_of(home, catalog, space)))
    return Verification(counts, compared, not (compared.missing or compared.extra or compared.different))


def folder_of(home: Path, catalog: Catalog, space: Space) -> Path:
    """Where a space's index lies."""
    return home / "index" / catalog.uuid / space.space.replace("@", "-").replace("/", "-")


def open_index(catalog: Catalog, space: Space, folder: Path, *, save: bool = False) -> ClipIndex:
    """The index of a space, equal to the catalog as it is now; saved when asked or when much had to be replayed.

    Raises IndexUnusableError when the folder is damaged.
    """
    loaded = storage.load(folder)
    index = None
    if loaded is not None:
        index, stamp = loaded
        # A stamp of another catalog, or from beyond the log's end (the catalog was put back from a copy), is of no use.
        if (stamp.catalog, stamp.space) != (catalog.uuid, space.space) or stamp.seq > space.changes:
            index = None
    before = index.seq if index else 0
    index = catch_up(catalog, space, index)
    changed = index.seq - before
    if changed and save:
        storage.save(folder, index, catalog=catalog.uuid, space=space.space)
    elif changed >= SAVE_AFTER_CHANGES:
        with contextlib.suppress(IndexUnusableError):  # a reader has what it needs, also when it may not write
            storage.save(folder, index, catalog=catalog.uuid, space=space.space)
    return index


def rebuild_index(catalog: Catalog, space: Space, folder: Path) -> ClipIndex:
    """Make a space's index anew from the catalog alone, and save it."""
    index = catch_up(catalog, space, None)
    storage.save(folder, index, catalog=catalog.uuid, space=space.space)
    return index


def catch_up(catalog: Catalog, space: Space, index: ClipIndex | None) -> ClipIndex:
    """Bring an index to where the catalog is: removals first, then what was embedded since, removed ones included."""
    with catalog.read() as connection:
        reached = next(s.changes for s in embeddings.spaces(connection) if s.id == space.id)
        clips = embeddings.count_clips(connection, space.id).embedded
        if index is None or index.replaying or outgrown(index.plan, index.built_for, clips):
            index = build(
                plan(clips), space.dim, clips, lambda count: _sample(connection, space, reached, clips, count)
            )
        if reached > index.seq:
            # The log is in commit order: all there is up to `reached` can be seen by now. What others commit while this
            # reads lies beyond it and is left to the next replay.
            index.replaying = True
            index.remove(embeddings.removed_between(connection, space.id, index.seq, reached))
            for ids, vectors in embeddings.embedded_between(connection, space, index.seq, reached):
                index.add(ids, vectors)
            index.seq, index.replaying = reached, False
    return index


def compare(catalog: Catalog, space: Space, index: ClipIndex) -> Comparison:
    """Every vector of the catalog against the index's."""
    vectors = different = 0
    matched = [np.empty(0, np.int64)]
    with catalog.read() as connection:
        for ids, held in index.contents():
            stored = embeddings.vectors_of(connection, space, ids.tolist())
            found = np.array([int(id_) in stored for id_ in ids], bool)
            if found.any():
                truth = np.stack([stored[int(id_)] for id_ in ids[found]])
                different += int((~(np.linalg.norm(truth - held[found], axis=1) <= SAME_DISTANCE)).sum())
            vectors += len(ids)
            matched.append(ids[found])
        in_catalog = embeddings.count_embedded(connection, space.id, index.seq)  # what came since is not its to hold
    in_both = len(np.unique(np.concatenate(matched)))
    return Comparison(vectors, in_catalog - in_both, vectors - in_both, different)


def _sample(connection: Connection, space: Space, reached: int, clips: int, count: int) -> Floats:
    """About `count` of a space's vectors, drawn evenly from its log as far as `reached`."""
    rng = np.random.default_rng(0)
    share = min(1.0, count / max(1, clips))

    def parts() -> Iterator[Floats]:
        for _, vectors in embeddings.embedded_between(connection, space, 0, reached):
            yield vectors[rng.random(len(vectors)) < share]

    return np.concatenate(list(parts()))
