"""What is known of each character's voice as a whole, and of scores in this catalog: made from the catalog, kept beside
the index, made again when the catalog has changed."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt

from speaker_search.catalog import embedding as embeddings
from speaker_search.catalog import reading
from speaker_search.catalog.database import Catalog
from speaker_search.catalog.embedding import Space
from speaker_search.entities import Floats, Ids
from speaker_search.search.calibration import Calibration, calibrate
from speaker_search.search.scoring import channels, cohort, cohorts_across_games, normalised, unit

QUERY_SIZES = (1, 2, 4, 8)  # clips: calibrated apart, since more clips make a surer query
SAMPLED_CHARACTERS = 1_000
MIN_SAMPLED_CHARACTERS = 10
MAX_PAIRS = 4_000_000  # scores a calibration is fitted on
FILE = "profiles.npz"
SUM_BYTES = 32  # SHA-256, behind the arrays
FORM = 3  # raised whenever the same catalog would give other profiles


@dataclass(frozen=True)
class Profiles:
    """Characters (C) with at least one embedded clip, by id. Vectors are unit float32."""

    character_ids: Ids  # (C,)
    game_ids: Ids  # (C,)
    clips: Ids  # (C,) embedded clips of each
    means: Floats  # (C, dim) mean of a character's clips
    vectors: Floats  # (C, dim) the means less their game's channel
    centre: Floats  # (dim,) mean of all means
    cohort_means: Floats  # (C,)
    cohort_spreads: Floats  # (C,)
    pairs: Calibration | None  # of scores between characters
    queries: tuple[tuple[int, Calibration], ...]  # of scores between so many clips and a character

    def __len__(self) -> int:
        return len(self.character_ids)

    @property
    def cohorts(self) -> tuple[Floats, Floats]:
        return self.cohort_means, self.cohort_spreads

    def row(self, character_id: int) -> int | None:
        place = int(np.searchsorted(self.character_ids, character_id))
        return place if place < len(self) and self.character_ids[place] == character_id else None

    def pair_scores(self, rows: slice | Ids) -> Floats:
        """Scores (n, C) between some characters and all."""
        own = self.cohort_means[rows], self.cohort_spreads[rows]
        return normalised(self.vectors[rows] @ self.vectors.T, own, self.cohorts)

    def query_scores(self, queries: Floats, *, games: Ids | None = None) -> Floats:
        """Scores (n, C) between unit vectors (n, dim) from clips and all characters.

        Characters of a query's own game (`games` (n,)) stay out of its cohort, where that is known.
        """
        cosines = unit(queries - self.centre) @ self.vectors.T
        counted = None if games is None else games[:, None] != self.game_ids[None]
        return normalised(cosines, cohort(cosines, counted), self.cohorts)

    def query_calibration(self, clips: int) -> Calibration | None:
        """The calibration for a query of so many clips: that of the largest size measured which it reaches."""
        reached = [calibration for size, calibration in self.queries if size <= clips]
        return reached[-1] if reached else None


def build_profiles(catalog: Catalog, space: Space) -> Profiles:
    """Read every embedding of a space once, and learn the scores' calibration from them."""
    with catalog.read() as connection:
        clip_ids, clip_characters, clip_games = reading.clip_labels(connection, space)
        # How far the log reaches by now, not when the space was looked up: every clip with a label has a vector there.
        space = next(s for s in embeddings.spaces(connection) if s.id == space.id)
        named = clip_characters >= 0
        character_ids, first, places = np.unique(clip_characters[named], return_index=True, return_inverse=True)
        game_ids = clip_games[named][first]
        place_of_clip = np.full(len(clip_ids), -1, np.int64)
        place_of_clip[named] = places
        sums = np.zeros((len(character_ids), space.dim), np.float64)
        for ids, vectors in embeddings.embedded_between(connection, space, 0, space.changes):
            slots = np.searchsorted(clip_ids, ids)
            slots[slots == len(clip_ids)] = 0
            known = (clip_ids[slots] == ids) & (place_of_clip[slots] >= 0)
            _add_by_place(sums, place_of_clip[slots[known]], vectors[known])
        clips = np.bincount(places, minlength=len(character_ids)).astype(np.int64)
        means = unit((sums / np.maximum(1, clips)[:, None]).astype(np.float32))
        plain = _plain(character_ids, game_ids, clips, means)
        if len(np.unique(game_ids)) < 2:
            return plain
        samples = _samples(clip_ids[named], places, len(character_ids))
        wanted = [int(clip) for clips_of_one in samples.values() for clip in clips_of_one]
        vectors_by_clip = embeddings.vectors_of(connection, space, wanted)
    sampled = {
        place: np.stack([vectors_by_clip[int(clip)] for clip in ids])
        for place, ids in samples.items()
        if all(int(clip) in vectors_by_clip for clip in ids)  # none was taken out in the meantime
    }
    return _calibrated(plain, sampled)


def _add_by_place(sums: npt.NDArray[np.float64], places: Ids, vectors: Floats) -> None:
    """sums[places] += vectors, places repeating (np.add.at, five times as fast)."""
    order = np.argsort(places, kind="stable")
    present, starts = np.unique(places[order], return_index=True)
    if len(present):
        sums[present] += np.add.reduceat(vectors[order].astype(np.float64), starts, axis=0)


def _plain(character_ids: Ids, game_ids: Ids, clips: Ids, means: Floats) -> Profiles:
    """Profiles without calibration: all a catalog of one game has."""
    if len(character_ids) == 0:
        nothing, none = np.zeros(means.shape[1], np.float32), np.empty(0, np.float32)
        return Profiles(character_ids, game_ids, clips, means, means, nothing, none, none, None, ())
    centre, channel = channels(means, game_ids)
    vectors = unit(means - channel)
    cohorts = cohorts_across_games(vectors, game_ids)
    return Profiles(character_ids, game_ids, clips, means, vectors, centre, *cohorts, None, ())


def _samples(clip_ids: Ids, places: Ids, characters: int) -> dict[int, Ids]:
    """Up to 8 clips each of up to 1,000 characters, drawn evenly, the same ones every time."""
    rng = np.random.default_rng(0)
    chosen = rng.permutation(characters)[:SAMPLED_CHARACTERS]
    order = np.argsort(places, kind="stable")
    starts = np.searchsorted(places[order], np.arange(characters + 1))
    return {
        int(place): clip_ids[rng.permutation(order[starts[place] : starts[place + 1]])[: QUERY_SIZES[-1]]]
        for place in chosen
    }


def _calibrated(profiles: Profiles, samples: dict[int, Floats]) -> Profiles:
    """The same profiles with calibrations for pairs of characters and for queries of each size."""
    rng = np.random.default_rng(1)
    rows = np.sort(rng.permutation(len(profiles))[: max(1, MAX_PAIRS // len(profiles))])
    pairs = _calibration(profiles, profiles.pair_scores(rows), rows)
    queries = []
    for size in QUERY_SIZES:
        long_enough = np.array([row for row, clips in samples.items() if len(clips) >= size], np.int64)
        if len(long_enough) < MIN_SAMPLED_CHARACTERS:
            break
        means = unit(np.stack([samples[int(row)][:size].mean(axis=0) for row in long_enough]))
        scores = profiles.query_scores(means, games=profiles.game_ids[long_enough])
        calibration = _calibration(profiles, scores, long_enough)
        if calibration is not None:
            queries.append((size, calibration))
    values = {field.name: getattr(profiles, field.name) for field in fields(profiles)}
    return Profiles(**{**values, "pairs": pairs, "queries": tuple(queries)})


def _calibration(profiles: Profiles, scores: Floats, rows: Ids) -> Calibration | None:
    """Learn from scores (n, C) of the rows' voices; of two rows' mutual scores both count."""
    same_game = profiles.game_ids[rows, None] == profiles.game_ids[None]
    strangers = same_game & (rows[:, None] != np.arange(len(profiles))[None])
    return calibrate(scores[strangers], scores[~same_game])


def open_profiles(catalog: Catalog, space: Space, folder: Path) -> Profiles:
    """The profiles as the catalog is now: read from the folder if it holds them, otherwise built, and left there."""
    with catalog.read() as connection:
        revision = reading.revision(connection)
    state = f"{FORM} {catalog.uuid} {space.space} {space.changes} {revision}"
    profiles = _load(folder / FILE, state)
    if profiles is None:
        profiles = build_profiles(catalog, space)
        _save(folder / FILE, state, profiles)
    return profiles


def _save(path: Path, state: str, profiles: Profiles) -> None:
    """Leave the profiles for the next start; a disk that takes no file costs only the time to build them again."""
    arrays = {f.name: getattr(profiles, f.name) for f in fields(profiles) if f.name not in ("pairs", "queries")}
    numbers = {
        "state": state,
        "pairs": profiles.pairs and [profiles.pairs.slope, profiles.pairs.intercept],
        "queries": [[size, c.slope, c.intercept] for size, c in profiles.queries],
    }
    file = io.BytesIO()
    np.savez(file, numbers=np.frombuffer(json.dumps(numbers).encode(), np.uint8), **arrays)
    beside = path.with_name(f"{path.name}.{np.random.default_rng().integers(1 << 62):x}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(file.getvalue() + hashlib.sha256(file.getvalue()).digest())
        beside.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            beside.unlink()


def _load(path: Path, state: str) -> Profiles | None:
    """Profiles of exactly this state of the catalog; None when the file is of another, damaged or not there.

    A checksum of the whole file ends it: zip's own are per array, and of an array whose header says fewer rows than
    were written the rest is never read and so never checked.
    """
    try:
        data = path.read_bytes()
    except OSError:
        return None
    if hashlib.sha256(data[:-SUM_BYTES]).digest() != data[-SUM_BYTES:]:
        return None
    with np.load(io.BytesIO(data[:-SUM_BYTES]), allow_pickle=False) as file:
        numbers = json.loads(file["numbers"].tobytes())
        if numbers["state"] != state:
            return None
        arrays = {f.name: file[f.name] for f in fields(Profiles) if f.name not in ("pairs", "queries")}
    pairs = Calibration(*numbers["pairs"]) if numbers["pairs"] else None
    queries = tuple((int(size), Calibration(slope, intercept)) for size, slope, intercept in numbers["queries"])
    return Profiles(**arrays, pairs=pairs, queries=queries)
