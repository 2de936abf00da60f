"""Catalogs of voices that are given as vectors: what an ingest leaves behind, without sound files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from hashlib import blake2b
from pathlib import Path

import numpy as np
from sqlalchemy import update
from standin import DIM, StandInEncoder

from speaker_search.catalog import tables
from speaker_search.catalog.outcomes import Outcome, store
from speaker_search.catalog.queue import Claims
from speaker_search.catalog.scans.gone import forget_gone
from speaker_search.catalog.scans.register import register
from speaker_search.catalog.spaces import ensure_space
from speaker_search.library import Library
from speaker_search.sources import Candidate, Route

SECONDS = 3.0  # each clip's

#: "maker/game" -> character, None for nobody known -> the vectors (n, dim) of the clips.
Voices = Mapping[str, Mapping[str | None, np.ndarray]]


def units(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


def around(centre: np.ndarray, clips: int, rng: np.random.Generator, spread: float = 0.5) -> np.ndarray:
    """Clips (n, dim) that lie around a voice: unit vectors, their noise `spread` long."""
    noise = rng.standard_normal((clips, len(centre))) / np.sqrt(len(centre))
    return units(centre + spread * noise)


def fill(
    library: Library,
    voices: Voices,
    seconds: Callable[[int], float] | None = None,
    *,
    heard: bool = False,
    encoder: type[StandInEncoder] = StandInEncoder,
) -> dict[int, np.ndarray]:
    """Write clips into a library's catalog as embedded; every vector of those games by its clip's id.

    `seconds` gives a clip's length by its id, SECONDS unless given. With `heard`, clips of one vector have one audio.

    Filled again with the same games, it writes what is new, and changes whose clips are another's now.
    """
    catalog, by_path = library.catalog, enqueue(library, voices, encoder)
    space = ensure_space(catalog, space=encoder.space, name=encoder.name, dim=DIM).id
    claims = Claims(catalog, space, machine="test", pid=1)
    waiting = claims.claim(10**6)
    lengths = seconds or (lambda _: SECONDS)
    outcomes = [Outcome(clip.id, lengths(clip.id), by_path[clip.path]) for clip in waiting]
    if heard:
        outcomes = [replace(one, fingerprint=blake2b(one.vector, digest_size=16).digest()) for one in outcomes]
    store(catalog, space, outcomes)
    claims.leave()
    return {clip.id: by_path[clip.path] for clip in waiting}


def enqueue(library: Library, voices: Voices, encoder: type[StandInEncoder] = StandInEncoder) -> dict[Path, np.ndarray]:
    """Register clips as still to be embedded; the vector that `fill` would store, by path."""
    catalog = library.catalog
    space = ensure_space(catalog, space=encoder.space, name=encoder.name, dim=DIM).id
    by_path: dict[Path, np.ndarray] = {}
    for game, characters in voices.items():
        root = Path("/nowhere") / game
        candidates, number = [], 0
        for character, vectors in characters.items():
            for vector in vectors:
                path = f"{number:05d}.ogg"
                candidates.append(Candidate(path, Route.EXACT, character, "", 1, 1))
                by_path[root / path] = vector
                number += 1
        maker, title = game.split("/")
        register(catalog, space, root=root, maker=maker, title=title, candidates=candidates, is_there=lambda *_: False)
    return by_path


def forget(library: Library, *clips: int) -> None:
    """Have clips forgotten, as after a scan that did not find their files."""
    with library.catalog.write() as connection:
        connection.execute(update(tables.clips).where(tables.clips.c.id.in_(clips)).values(gone=True))
    forget_gone(library.catalog)


def some_voices(
    games: int = 6, characters: int = 8, clips: int = 5, *, people: int = 36, seed: int = 0, spread: float = 0.5
) -> dict[str, dict[str | None, np.ndarray]]:
    """Games of two makers: each has `characters` of `people`, and a few clips that nobody is known to speak.

    A character is called after who speaks, such as "p07".
    """
    rng = np.random.default_rng(seed)
    voices = units(rng.standard_normal((people, DIM)))
    filled: dict[str, dict[str | None, np.ndarray]] = {}
    for game in range(games):
        cast = rng.permutation(people)[:characters]
        filled[f"maker{game % 2}/game{game}"] = {
            **{f"p{person:02d}": around(voices[person], clips, rng, spread) for person in sorted(cast)},
            None: around(voices[rng.integers(people)], 2, rng, spread),
        }
    return filled


def assert_equal(one: object, other: object, name: str = "profiles") -> None:
    """Two profiles, or any dataclasses, tuples or arrays, have exactly the same numbers."""
    if is_dataclass(one) and is_dataclass(other):
        assert type(one) is type(other), name
        for field in fields(one):
            assert_equal(getattr(one, field.name), getattr(other, field.name), f"{name}.{field.name}")
    elif isinstance(one, tuple) and isinstance(other, tuple):
        assert len(one) == len(other), name
        for place, (mine, theirs) in enumerate(zip(one, other, strict=True)):
            assert_equal(mine, theirs, f"{name}[{place}]")
    else:
        np.testing.assert_array_equal(one, other, err_msg=name)
