"""The evidence for a match: a character's clips nearest to the query."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from speaker_search.catalog.clips import clips_by_id
from speaker_search.entities import Floats, Hit, Ids
from speaker_search.views.engine import Clips

HITS_PER_MATCH = 3
COSINE_DIGITS = 3  # that hold: vectors are compared in float16, which changes a cosine by less than 0.0005
CLIPS_COMPARED = 100_000  # over all matches of an answer, in some milliseconds: with ten that is every clip of each


def nearest(index: Clips, vector: Floats, games: Ids, characters: Ids) -> list[tuple[Ids, Floats]]:
    """For each character (m,), whose games `games` (m,) are: the ids of its clips nearest to a unit vector (dim,), and
    their cosines.

    Where FAISS keeps the clips, a character with more than its share of CLIPS_COMPARED is sampled evenly.
    """
    share = max(HITS_PER_MATCH, CLIPS_COMPARED // max(1, len(characters)))
    return index.nearest_of_each(vector, games, characters, HITS_PER_MATCH, share)


def hits(connection: Connection, near: Sequence[tuple[Ids, Floats]]) -> list[tuple[Hit, ...]]:
    """The nearest clips of each character as hits, best first."""
    clips = clips_by_id(connection, [id_ for ids, _ in near for id_ in ids.tolist()])
    # A clip that has been deleted since the snapshot was taken is left out.
    return [
        tuple(
            Hit(clips[id_], round(cosine, COSINE_DIGITS))
            for id_, cosine in zip(ids.tolist(), cosines.tolist(), strict=True)
            if id_ in clips
        )
        for ids, cosines in near
    ]
