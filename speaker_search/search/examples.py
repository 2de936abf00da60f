"""What a query is made of: clips and characters of the catalog, or sounds from elsewhere."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from speaker_search import documents
from speaker_search.catalog import people
from speaker_search.catalog.clips import clips_by_id
from speaker_search.catalog.database import Catalog
from speaker_search.catalog.embeddings import vectors_of
from speaker_search.entities import Caution, Floats, Ids, counted
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
    seconds: float | None  #: of all of them together; None for vectors made elsewhere
    warnings: tuple[Caution, ...] = ()  #: what was left out
    game_ids: tuple[int, ...] = ()  #: that they are from, as far as they are the catalog's
    noisy: bool = False  #: noise is about as loud as the voice in most of them

    def __len__(self) -> int:
        return len(self.vectors)

    def mean(self) -> Floats:
        """Their mean (dim,), of unit length."""
        if len(self) == 1:
            return unit(self.vectors[0])
        return unit(np.average(self.vectors, axis=0, weights=self.clips).astype(np.float32))

    def __add__(self, other: Examples) -> Examples:
        seconds = None if self.seconds is None or other.seconds is None else self.seconds + other.seconds
        return Examples(
            np.concatenate([self.vectors, other.vectors]),
            np.concatenate([self.clips, other.clips]),
            seconds,
            self.warnings + other.warnings,
            tuple(sorted({*self.game_ids, *other.game_ids})),
            self.noisy and (other.noisy or not len(other)),
        )


def query_of(like: Examples, unlike: Examples | None = None, asked: str = "") -> Query:
    """A query from examples of one voice, and of voices that it should be unlike."""
    vector, warnings = like.mean(), list(like.warnings)
    if unlike is not None and len(unlike):
        vector = unit(vector - UNLIKE_WEIGHT * unlike.mean())
        warnings += unlike.warnings
    if like.seconds is not None and like.seconds < LITTLE_SECONDS:
        little = f"{like.seconds:.1f} s of audio is little to recognise a voice by: give more or longer clips."
        warnings.append(Caution(little))
    return Query(
        vector,
        int(like.clips.sum()),
        like.seconds,
        tuple(warnings),
        game_ids=like.game_ids,
        blended=unlike is not None and len(unlike) > 0,
        noisy=like.noisy,
        asked=asked,
    )


def stored_examples(
    catalog: Catalog, ready: Ready, clips: Sequence[int], characters: Sequence[int], heard: Collection[bytes] = ()
) -> Examples:
    """The catalog's own clips and characters, by id.

    Each counts once: clips with the audio of another one or of a sound `heard` (fingerprints) are left out, and so are
    clips of the characters. Raises NotFoundError, and UsageError for a character without embedded clips.
    """
    if not clips and not characters:
        return Examples(np.empty((0, ready.space.dim), np.float32), np.empty(0, np.int64), 0.0)
    with catalog.read() as connection:
        stored = vectors_of(connection, ready.space, [c for c in clips if c <= documents.MAX_ID])
        held = clips_by_id(connection, list(stored))
        named = {one.id: one for one in (people.find_character(connection, None, str(id_)) for id_ in characters)}
    absent = [clip for clip in clips if clip not in stored or clip not in held]
    if absent:
        raise NotFoundError(f"There is no embedded clip {absent[0]} in {ready.space.name}.")
    once: dict[bytes | int, int] = {}
    for clip in clips:
        if held[clip].fingerprint not in heard and held[clip].character_id not in named:
            once.setdefault(held[clip].fingerprint or clip, clip)
    queries = [character_query(ready, id_) for id_ in named]
    games = {held[clip].game_id for clip in once.values()} | {one.game.id for one in named.values()}
    vectors = [stored[clip] for clip in once.values()] + [query.vector for query in queries]
    counts = [1] * len(once) + [min(query.clips, MOST_CLIPS) for query in queries]
    total = sum(held[clip].seconds or 0.0 for clip in once.values()) + sum(query.seconds or 0.0 for query in queries)
    whole = np.stack(vectors) if vectors else np.empty((0, ready.space.dim), np.float32)
    return Examples(whole, np.array(counts, np.int64), total, game_ids=tuple(sorted(games)))


def made_elsewhere(ready: Ready, embedding: Sequence[float]) -> Examples:
    """An embedding (dim,), by its direction. Raises UsageError for one that is not of this space."""
    given = np.asarray(embedding, np.float64)
    if given.shape != (ready.space.dim,) or not np.isfinite(given).all() or not given.any():
        raise UsageError(f"An embedding in {ready.space.name} is {ready.space.dim} finite numbers, not all 0.")
    direction = unit((given / np.abs(given).max()).astype(np.float32))
    return Examples(direction[None], np.ones(1, np.int64), None)


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
    asked = f"character {character_id}"
    return Query(ready.profiles.means[row], clips, seconds, character_id=character_id, asked=asked)
