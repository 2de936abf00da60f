"""Comparing the views of a space with its catalog, clip by clip."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from speaker_search.catalog.checks.vectors import UnusableVector, unusable_vectors
from speaker_search.catalog.database import Catalog
from speaker_search.catalog.embeddings import EmbeddedClips, all_embedded
from speaker_search.catalog.spaces import ClipCounts, Space, count_clips
from speaker_search.views import characters
from speaker_search.views.characters import Characters
from speaker_search.views.clip_index.columns import ById, Columns, halves
from speaker_search.views.snapshot import Snapshot, follow, follow_within, load


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
    unusable: list[UnusableVector]  #: in the catalog; they are in no index
    ok: bool


def verify(catalog: Catalog, space: Space, folder: Path) -> Verification:
    """Compare the catalog with the views as a program would open them now. Raises IndexUnusableError when damaged."""
    snapshot = load(folder, catalog.uuid, space)
    while True:
        snapshot = follow(catalog, space, snapshot)
        with catalog.read() as connection:  # sees one state, whatever is stored meanwhile
            here = follow_within(connection, catalog.uuid, space, snapshot)
            if here is not None:
                counts = count_clips(connection, space.id)
                unusable = unusable_vectors(connection, space)
                compared = compare(here, all_embedded(connection, space))
                wrong = unusable or compared.missing or compared.extra or compared.different
                return Verification(counts, compared, unusable, not wrong)


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
    different += snapshot.clips.segment.lists.differing(snapshot.clips.segment.columns)
    different += _differing_characters(snapshot.characters, characters.of_clips(held, snapshot.position))
    return Comparison(len(held), missing, int(np.count_nonzero(~seen)), different)


def _differing(held: Columns, part: EmbeddedClips, here: np.typing.NDArray[np.bool_]) -> int:
    same = (held.characters == part.characters[here]) & (held.games == part.games[here])
    same &= held.seconds == part.seconds[here]
    same &= (held.vectors.view(np.uint16) == halves(part.vectors[here]).view(np.uint16)).all(axis=1)
    return int(np.count_nonzero(~same))


def _differing_characters(one: Characters, other: Characters) -> int:
    """How many characters' sums are wrong."""
    ids = np.union1d(one.ids, other.ids)
    if len(ids) != len(one) or len(ids) != len(other):
        return len(ids) - len(np.intersect1d(one.ids, other.ids))
    same = (one.games == other.games) & (one.counts == other.counts) & (one.milliseconds == other.milliseconds)
    same &= (one.sums == other.sums).all(axis=1)
    return int(np.count_nonzero(~same)) + int(not (one.moment == other.moment).all())
