"""Comparing the views of a space with its catalog, clip by clip."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection

from speaker_search.catalog.checks.vectors import UnusableVector, unusable_vectors
from speaker_search.catalog.database import Catalog
from speaker_search.catalog.embeddings import UNKNOWN, EmbeddedClips, Labels, all_embedded, all_labels, embedded
from speaker_search.catalog.spaces import ClipCounts, Space, count_clips, position
from speaker_search.entities import Ids
from speaker_search.views import characters
from speaker_search.views.characters import Characters
from speaker_search.views.clip_index.columns import ById, Columns, halves
from speaker_search.views.snapshot import Snapshot, follow, follow_within, load

SAMPLED = 10_000  # vectors, evenly over the clips: read from the catalog in about a second

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The index compared with the catalog, in clips."""

    vectors: int  #: held by the index
    missing: int  #: in the catalog only
    extra: int  #: in the index only
    different: int  #: in both, with another vector, character, game or length; or wrong in what is derived from them


@dataclass(frozen=True, slots=True)
class Verification:
    """The outcome of comparing a space's index with the catalog."""

    clips: ClipCounts
    index: Comparison
    compared: int  #: vectors, of those that both hold
    unusable: list[UnusableVector]  #: in the catalog; they are in no index
    ahead: int  #: changes that the saved index has seen and the catalog's log has not
    ok: bool


def verify(catalog: Catalog, space: Space, folder: Path, *, deep: bool = False, sampled: int = SAMPLED) -> Verification:
    """Compare the catalog with the views as a program would open them now.

    Ids, labels and lengths of all clips are compared, and the vectors of up to `sampled`; with `deep`, all vectors and
    all that is derived from them. Raises IndexUnusableError when damaged.
    """
    snapshot = load(folder, catalog.uuid, space)
    with catalog.read() as connection:
        reached = position(connection, space, catalog.uuid)
    ahead = max(0, snapshot.position - reached) if snapshot else 0
    while True:
        snapshot = follow(catalog, space, snapshot)
        with catalog.read() as connection:  # sees one state, whatever is stored meanwhile
            here = follow_within(connection, catalog.uuid, space, snapshot)
            if here is not None:
                counts = count_clips(connection, space.id)
                if deep or counts.embedded <= sampled:
                    compared, unusable = _all(connection, space, here)
                    vectors = compared.vectors
                else:
                    compared, unusable = _sampled(connection, space, here, sampled)
                    vectors = min(sampled, compared.vectors)
                wrong = unusable or compared.missing or compared.extra or compared.different
                return Verification(counts, compared, vectors, unusable, ahead, not wrong)


def _all(connection: Connection, space: Space, snapshot: Snapshot) -> tuple[Comparison, list[UnusableVector]]:
    return compare(snapshot, all_embedded(connection, space)), unusable_vectors(connection, space)


def _sampled(
    connection: Connection, space: Space, snapshot: Snapshot, most: int
) -> tuple[Comparison, list[UnusableVector]]:
    clips, sums = snapshot.index, snapshot.characters
    own, tail, alive = clips.segment.columns, clips.tail, ~clips.tombstones
    held = Labels(
        np.concatenate([own.ids[alive], tail.ids]),
        np.concatenate([own.characters[alive], tail.characters]),
        np.concatenate([own.games[alive], tail.games]),
        np.concatenate([own.seconds[alive], tail.seconds]),
    )
    by_id, seen = ById(held.ids), np.zeros(len(held), np.bool_)
    missing: list[int] = []
    different = clips.segment.lists.miscounted(len(own))
    for part in all_labels(connection, space):
        rows = by_id.rows(part.ids)
        here = rows >= 0
        missing += part.ids[~here].tolist()
        same = held.characters[rows[here]] == part.characters[here]
        same &= held.games[rows[here]] == part.games[here]
        same &= held.seconds[rows[here]] == part.seconds[here]
        different += int(np.count_nonzero(~same))
        seen[rows[here]] = True
    ids, counts = np.unique(held.characters[held.characters != UNKNOWN], return_counts=True)
    if not (np.array_equal(ids, sums.ids) and np.array_equal(counts, sums.counts)):
        different += 1
    sample = np.sort(held.ids[np.linspace(0, len(held) - 1, min(most, len(held))).astype(np.int64)])
    columns = clips.held(sample)
    in_sample = ById(columns.ids)
    for vectors in embedded(connection, space, sample):
        rows = in_sample.rows(vectors.ids)
        here = rows >= 0
        different += int(np.count_nonzero(~same_vectors(columns.take(rows[here]), vectors, here)))
    unusable = unusable_vectors(connection, space, [*sample.tolist(), *missing])  # damaged ones are in no view
    absent = set(missing) - {one.id for one in unusable}
    return Comparison(len(held), len(absent), int(np.count_nonzero(~seen)), different), unusable


def compare(snapshot: Snapshot, catalog: Iterable[EmbeddedClips]) -> Comparison:
    """Compare a snapshot with everything that the catalog holds at its position."""
    held = snapshot.clips.all()
    by_id = ById(held.ids)
    seen = np.zeros(len(held), np.bool_)
    missing = different = 0
    for part in catalog:
        rows = by_id.rows(part.ids)
        here = rows >= 0
        missing += int(np.count_nonzero(~here))
        different += _differing(held.take(rows[here]), part, here)
        seen[rows[here]] = True
    segment = snapshot.index.segment
    different += segment.lists.differing(segment.columns)
    different += differing_characters(snapshot.characters, characters.of_clips(held, snapshot.position))
    return Comparison(len(held), missing, int(np.count_nonzero(~seen)), different)


def _differing(held: Columns, part: EmbeddedClips, here: Bools) -> int:
    same = (held.characters == part.characters[here]) & (held.games == part.games[here])
    same &= held.seconds == part.seconds[here]
    same &= same_vectors(held, part, here)
    return int(np.count_nonzero(~same))


def same_vectors(held: Columns, part: EmbeddedClips, here: Bools | Ids) -> Bools:
    """Whether the clips held (n,) have the vectors of those rows of the catalog's, rounded, bit for bit."""
    same: Bools = (held.vectors.view(np.uint16) == halves(part.vectors[here]).view(np.uint16)).all(axis=1)
    return same


def differing_characters(one: Characters, other: Characters) -> int:
    """How many characters' sums are wrong."""
    ids = np.union1d(one.ids, other.ids)
    if len(ids) != len(one) or len(ids) != len(other):
        return len(ids) - len(np.intersect1d(one.ids, other.ids))
    same = (one.games == other.games) & (one.counts == other.counts) & (one.milliseconds == other.milliseconds)
    same &= (one.sums == other.sums).all(axis=1)
    return int(np.count_nonzero(~same)) + int(not (one.moment == other.moment).all())
