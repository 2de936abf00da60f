"""Character profiles and score calibration: what characters are ranked by, made from a snapshot of the views."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np

from speaker_search.catalog.spaces import Space
from speaker_search.entities import Floats, Ids
from speaker_search.errors import IndexUnusableError
from speaker_search.search.calibration import Calibration, calibrate
from speaker_search.search.scoring import channels, cohort, cohorts_across_games, normalised, unit
from speaker_search.views import storage
from speaker_search.views.characters import Characters
from speaker_search.views.snapshot import Snapshot

QUERY_SIZES = (1, 2, 4, 8)  # clips: calibrated separately, since more clips make a more reliable query
SAMPLED_CHARACTERS = 1_000
MIN_SAMPLED_CHARACTERS = 10
SAMPLED_CLIPS = 1_000  # of a character, the clips that samples are drawn from
MAX_PAIRS = 4_000_000  # scores a calibration is fitted on
FILE = "profiles.npz"
FORM = 4  # raised whenever the same catalog would give other profiles


@dataclass(frozen=True)
class Profiles:
    """Characters (C) with at least one embedded clip, by id. Vectors are unit float32."""

    position: int  # of the change log, when the scores were calibrated
    character_ids: Ids  # (C,)
    game_ids: Ids  # (C,)
    clips: Ids  # (C,) embedded clips of each
    means: Floats  # (C, dim) mean of a character's clips
    vectors: Floats  # (C, dim) the means minus their game's channel
    centre: Floats  # (dim,) mean of all means
    cohort_means: Floats  # (C,)
    cohort_spreads: Floats  # (C,)
    pairs: Calibration | None  # of scores between characters
    queries: tuple[tuple[int, Calibration], ...]  # of scores between a number of clips and a character

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
        """The calibration for a query of that many clips: the one for the largest size that it reaches."""
        reached = [calibration for size, calibration in self.queries if size <= clips]
        return reached[-1] if reached else None


def build_profiles(snapshot: Snapshot) -> Profiles:
    """Profiles of all characters, with scores calibrated on this catalog."""
    plain = _plain(snapshot.characters)
    if not _several(plain.game_ids):
        return plain  # a catalog of one game has nothing to calibrate on
    return _calibrated(plain, _samples(snapshot, plain))


def follow_profiles(before: Profiles, characters: Characters) -> Profiles:
    """Profiles of the current characters, with the calibration of `before` and the cohorts of unchanged characters.

    Takes milliseconds where `build_profiles` takes seconds, and approximates it while little has changed.
    """
    now = _plain(characters, cohorts=False)
    if not len(now):
        return now
    row = np.searchsorted(before.character_ids, now.character_ids)
    row[row == len(before)] = 0
    known = np.zeros(len(now), np.bool_)
    # Characters of a single game have no cohort, so going from one game to several, or back, changes every cohort.
    if _several(before.game_ids) and _several(now.game_ids):
        known = before.character_ids[row] == now.character_ids
        known[known] = (before.means[row[known]] == now.means[known]).all(axis=1)
    changed = np.flatnonzero(~known)
    means, spreads = np.zeros(len(now), np.float32), np.ones(len(now), np.float32)
    means[known], spreads[known] = before.cohort_means[row[known]], before.cohort_spreads[row[known]]
    means[changed], spreads[changed] = cohorts_across_games(now.vectors, now.game_ids, changed)
    return replace(
        now,
        position=before.position,
        cohort_means=means,
        cohort_spreads=spreads,
        pairs=before.pairs,
        queries=before.queries,
    )


def _several(games: Ids) -> bool:
    return len(games) > 0 and bool((games != games[0]).any())


def _plain(characters: Characters, *, cohorts: bool = True) -> Profiles:
    """Profiles without calibration: all a catalog of one game has."""
    ids, games, counts = characters.ids, characters.games, characters.counts
    means = unit((characters.sums / np.maximum(1, counts)[:, None]).astype(np.float32))
    if not len(ids):
        nothing, none = np.zeros(means.shape[1], np.float32), np.empty(0, np.float32)
        return Profiles(characters.position, ids, games, counts, means, means, nothing, none, none, None, ())
    centre, channel = channels(means, games)
    vectors = unit(means - channel)
    none = np.empty(0, np.float32)
    cohort_means, spreads = cohorts_across_games(vectors, games) if cohorts else (none, none)
    return Profiles(characters.position, ids, games, counts, means, vectors, centre, cohort_means, spreads, None, ())


def _samples(snapshot: Snapshot, profiles: Profiles) -> dict[int, Floats]:
    """The vectors of up to 8 clips each of up to 1,000 characters by row, drawn evenly, the same ones every time."""
    rng = np.random.default_rng(0)
    chosen = rng.permutation(len(profiles))[:SAMPLED_CHARACTERS]
    games, ids = profiles.game_ids[chosen], profiles.character_ids[chosen]
    samples = {}
    for row, clips in zip(chosen.tolist(), snapshot.clips.of_characters(games, ids, SAMPLED_CLIPS), strict=True):
        drawn = rng.permutation(len(clips))[: QUERY_SIZES[-1]]
        samples[row] = clips.vectors[drawn].astype(np.float32)
    return samples


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
    return replace(profiles, pairs=pairs, queries=tuple(queries))


def _calibration(profiles: Profiles, scores: Floats, rows: Ids) -> Calibration | None:
    """Calibrate on scores (n, C) of the rows; a pair of rows counts in both directions."""
    same_game = profiles.game_ids[rows, None] == profiles.game_ids[None]
    strangers = same_game & (rows[:, None] != np.arange(len(profiles))[None])
    return calibrate(scores[strangers], scores[~same_game])


def save_profiles(folder: Path, profiles: Profiles, uuid: str, space: Space) -> None:
    """Save the profiles for the next start. Failing to costs only the time to rebuild them, so errors are ignored."""
    arrays = {f.name: getattr(profiles, f.name) for f in fields(profiles) if f.name not in ("pairs", "queries")}
    facts = {
        "form": FORM,
        "pairs": profiles.pairs and [profiles.pairs.slope, profiles.pairs.intercept],
        "queries": [[size, c.slope, c.intercept] for size, c in profiles.queries],
    }
    del arrays["position"]
    with contextlib.suppress(IndexUnusableError):
        storage.save(
            folder,
            {FILE: lambda path: np.savez(path, allow_pickle=False, **arrays)},
            catalog=uuid,
            space=space.name,
            position=profiles.position,
            facts=facts,
        )


def load_profiles(folder: Path, uuid: str, space: Space, position: int) -> Profiles | None:
    """Profiles of exactly this position; None when the folder holds others, damaged ones or none."""
    try:
        found = storage.load(folder, catalog=uuid, space=space.name, read=_read)
    except IndexUnusableError:
        return None  # they are quickly rebuilt
    return found if found is not None and found.position == position else None


def _read(version: storage.Version) -> Profiles | None:
    facts = version.stamp.facts
    if facts.get("form") != FORM:
        return None
    with np.load(version.path(FILE), allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    pairs = Calibration(*facts["pairs"]) if facts["pairs"] else None
    queries = tuple((int(size), Calibration(slope, intercept)) for size, slope, intercept in facts["queries"])
    return Profiles(position=version.stamp.position, **arrays, pairs=pairs, queries=queries)
