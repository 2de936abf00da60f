"""The evidence for a match: a character's clips nearest to the query."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sqlalchemy import Connection

from speaker_search.catalog.clips import clips_by_id
from speaker_search.catalog.embeddings import vectors_of
from speaker_search.catalog.spaces import Space
from speaker_search.entities import Floats, Hit, Ids
from speaker_search.views.clip_index.clip_index import ClipIndex

HITS_PER_MATCH = 3
CANDIDATES = 2 * HITS_PER_MATCH  # selected by float16 cosine; the best of them by exact cosine are shown
CLIPS_COMPARED = 100_000  # over all matches of an answer, in about 30 ms: with ten matches that is every clip of each


def candidates(index: ClipIndex, vector: Floats, games: Ids, characters: Ids) -> list[Ids]:
    """For each character (m,), whose games `games` (m,) are, ids of the clips nearest to a unit vector (dim,).

    A character with more clips than its share of CLIPS_COMPARED is sampled evenly.
    """
    share = max(CANDIDATES, CLIPS_COMPARED // max(1, len(characters)))
    found = []
    for clips in index.of_characters(games, characters, share):
        cosines = clips.vectors.astype(np.float32) @ vector
        found.append(clips.ids[np.lexsort((clips.ids, -cosines))[:CANDIDATES]])
    return found


def hits(connection: Connection, space: Space, vector: Floats, candidates: Sequence[Ids]) -> list[tuple[Hit, ...]]:
    """The nearest of each character's candidates as hits, with exact cosines, best first."""
    wanted = [int(id_) for ids in candidates for id_ in ids]
    vectors = vectors_of(connection, space, wanted)
    clips = clips_by_id(connection, wanted)
    found = []
    for ids in candidates:
        # A clip that has been deleted since the snapshot was taken is left out.
        known = [id_ for id_ in ids.tolist() if id_ in clips and id_ in vectors]
        exact = [Hit(clips[id_], float(vectors[id_] @ vector)) for id_ in known]
        found.append(tuple(sorted(exact, key=lambda hit: (-hit.cosine, hit.clip.id))[:HITS_PER_MATCH]))
    return found
