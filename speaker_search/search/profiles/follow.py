"""Profiles that follow a catalog's changes without being calibrated again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from speaker_search.entities import Floats, Ids
from speaker_search.search.profiles.build import counting, means_of, several, uncalibrated
from speaker_search.search.profiles.profiles import Profiles, Sounding
from speaker_search.search.scoring import Bools, channels, cohorts_across_games, unit
from speaker_search.views.characters import Characters


def follow_profiles(before: Profiles, then: Characters, now: Characters) -> Profiles:
    """Profiles of the current characters; `before` are those of the characters `then`.

    What all characters have in common (whitening, calibration, centre) stays as it was, and a character whose clips did
    not change keeps its cohort. So this takes milliseconds where `build_profiles` takes seconds, and approximates it
    while little has changed.
    """
    repeats = before.repeats.unchanged(then, now)
    if not len(now):
        return uncalibrated(now, repeats)
    # Characters of a single game have no cohort, so going from one game to several, or back, changes every cohort.
    if not len(then) or several(then.games) != several(now.games):
        anew = uncalibrated(now, repeats)
        return replace(anew, position=before.position, pairs=before.pairs, queries=before.queries)
    earlier, changed = _compared(then, now)
    gone = ~np.isin(then.ids, now.ids)
    games = np.concatenate([now.games[changed], then.games[earlier[changed]], then.games[gone]])
    rows = np.flatnonzero(np.isin(now.games, games))  # their channel has changed, if not their clips
    own, echoes = repeats.left_out(now)
    means, raw = before.means[earlier], means_of(own, rows)
    means[rows] = unit(raw)
    counted = counting(means, now.games, echoes)
    deviations = raw - channels(raw, now.games[rows], before.centre)[1]
    pairs, queries = (
        _following(sounding, earlier, rows, deviations, changed, now.games, counted)
        for sounding in (before.as_pairs, before.as_queries)
    )
    return replace(
        before,
        character_ids=now.ids,
        game_ids=now.games,
        clips=now.counts,
        echoes=echoes,
        counted=counted,
        means=means,
        as_pairs=pairs,
        as_queries=queries,
        repeats=repeats,
    )


def _following(
    before: Sounding, earlier: Ids, rows: Ids, deviations: Floats, changed: Ids, games: Ids, counted: Bools
) -> Sounding:
    """The same with other deviations (n, dim) of the `rows` (n,), and new cohorts of those that have `changed`."""
    vectors = before.vectors[earlier]
    vectors[rows] = unit(deviations @ before.matrix)
    means, spreads = before.cohort_means[earlier], before.cohort_spreads[earlier]
    means[changed], spreads[changed] = cohorts_across_games(vectors, games, changed, counted)
    return Sounding(before.matrix, vectors, means, spreads)


def _compared(then: Characters, now: Characters) -> tuple[Ids, Ids]:
    """The earlier row (C,) of each character, and the rows of those that are new or whose clips have changed (their
    earlier rows mean nothing).
    """
    row = np.minimum(np.searchsorted(then.ids, now.ids), len(then) - 1)
    same = (then.ids[row] == now.ids) & (then.counts[row] == now.counts) & (then.games[row] == now.games)
    same[same] = (then.sums[row[same]] == now.sums[same]).all(axis=1)
    return row, np.flatnonzero(~same)
