"""What a query is made of: clips and characters of the catalog, or sounds from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from speaker_search import documents
from speaker_search.catalog import people
from speaker_search.catalog.clips import clips_by_id
from speaker_search.catalog.database import Catalog
from speaker_search.catalog.embeddings import vectors_of
from speaker_search.entities import Floats, Ids, counted
from speaker_search.errors import NotFoundError, UsageError
from speaker_search.search.live import Ready
from speaker_search.search.query import Query
from speaker_search.search.scoring import unit

LITTLE_SECONDS = 2.0
MOST_CLIPS = 8  # that a character counts as in a query, so that clips beside it still count
UNLIKE_WEIGHT = 0.5  # of what the query should be unlike (Rocchio 1971)


@dataclass(frozen=True, slots=True)
class Examples:
    """Clips and characters believed to be one voice, each as a vector."""

    vectors: Floats  # (n, dim)
    clips: Ids  # (n,) what each counts as: 1, or a character's clips up to MOST_CLIPS
    seconds: float | None  #: of all of them together
    warnings: tuple[str, ...] = ()  #: what was left out
    game_ids: tuple[int, ...] = ()  #: that they are from, as far as they are the catalog's
    noisy: bool = False  #: noise is about as loud as the voice in most of them


def query_of(like: Examples, unlike: Floats) -> Query:
    """A query from examples of one voice, and from the vectors (n, dim) of clips that it should be unlike."""
    vector = unit(np.average(like.vectors, axis=0, weights=like.clips).astype(np.float32))
    if len(unlike):
        vector = unit(vector - UNLIKE_WEIGHT * unit(unlike.mean(axis=0)))
    warnings = list(like.warnings)
    if like.seconds is not None and like.seconds < LITTLE_SECONDS:
        warnings.append(f"{like.seconds:.1f} s of audio is little to recognise a voice by: give more or longer clips.")
    return Query(
        vector,
        int(like.clips.sum()),
        like.seconds,
        tuple(warnings),
        game_ids=like.game_ids,
        blended=len(unlike) > 0,
        noisy=like.noisy,
    )


def stored_examples(catalog: Catalog, ready: Ready, clips: Sequence[int], characters: Sequence[int]) -> Examples:
    """The catalog's own clips and characters, by id, each once. Raises NotFoundError, and UsageError for a character
    without embedded clips.
    """
    with catalog.read() as connection:
        stored = vectors_of(connection, ready.space, [c for c in clips if c <= documents.MAX_ID])
        heard = clips_by_id(connection, list(stored)).values()
        named = [people.find_character(connection, None, str(id_)) for id_ in dict.fromkeys(characters)]
    absent = [clip for clip in clips if clip not in stored]
    if absent:
        raise NotFoundError(f"There is no embedded clip {absent[0]} in {ready.space.name}.")
    queries = [character_query(ready, one.id) for one in named]
    games = {clip.game_id for clip in heard} | {one.game.id for one in named}
    vectors = [stored[clip] for clip in dict.fromkeys(clips)] + [query.vector for query in queries]
    counts = [1] * len(stored) + [min(query.clips, MOST_CLIPS) for query in queries]
    total = sum(clip.seconds or 0.0 for clip in heard) + sum(query.seconds or 0.0 for query in queries)
    whole = np.stack(vectors) if vectors else np.empty((0, ready.space.dim), np.float32)
    return Examples(whole, np.array(counts, np.int64), total, game_ids=tuple(sorted(games)))


def character_query(ready: Ready, character_id: int) -> Query:
    """A query for a character of the catalog. Raises UsageError when none of its clips is embedded."""
    row = ready.profiles.row(character_id)
    if row is None:
        if ready.pending:
            waiting = counted(ready.pending, "clip")
            raise UsageError(
                f"This character has no embedded clip yet, while {waiting} of the catalog are still to be embedded.",
                "Run `spksearch worker --drain`, which embeds them.",
            )
        raise UsageError("This character has no embedded clip.", "`spksearch catalog refused` may say why.")
    clips = int(ready.profiles.clips[row])
    held = ready.snapshot.characters
    seconds = float(held.milliseconds[held.ids == character_id].sum()) / 1_000
    return Query(ready.profiles.means[row], clips, seconds, character_id=character_id)
