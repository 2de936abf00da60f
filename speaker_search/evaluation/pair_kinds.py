"""Scores of pairs, by what is known of them: of one character's halves, of one voice, and of the rest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from speaker_search.entities import Floats, Ids
from speaker_search.evaluation.known import NOBODY
from speaker_search.search.live import Ready
from speaker_search.search.profiles.build import means_of
from speaker_search.search.profiles.profiles import Profiles
from speaker_search.search.scoring import Bools, channels, s_norm, unit

MOST_PAIRS = 1_000_000  # of the rest, drawn at random, the same ones every time
MOST_HALVED = 2_000  # characters, drawn likewise
LEAST_CLIPS, MOST_CLIPS = 4, 64  # of each, the most evenly chosen: half a voice of one clip is no character
BLOCK = 512  # halves compared with all characters at a time, or 100 times as many pairs


@dataclass(frozen=True, eq=False, slots=True)
class PairKinds:
    """Scores of pairs of characters of different games, and of one character's halves."""

    halves: Floats  # (h,)
    known: Floats  # (k,) one voice, because somebody said so
    linked: Floats  # (l,) one voice, because they were linked
    rest: Floats  # (r,)


def pair_kinds(ready: Ready, known: Ids, linked: Ids) -> PairKinds:
    """The scores of a space's pairs. `known` and `linked` (C,) number who speaks each of its characters, as far as
    somebody said so and as far as they were linked; NOBODY elsewhere.
    """
    profiles = ready.profiles
    said, joined, rest = _within(known), _within(linked), _drawn(len(profiles))
    joined = joined[:, ~_alike(known, joined)]
    rest = rest[:, ~_alike(known, rest) & ~_alike(linked, rest)]
    return PairKinds(_halves(ready), *(_scores(profiles, pairs) for pairs in (said, joined, rest)))


def _halves(ready: Ready) -> Floats:
    """The scores (h,) of each character's clips of even place with those of odd place, where it has four clips or more.

    Either half is compared as a character of its own would be.
    """
    profiles, held = ready.profiles, ready.snapshot.characters
    centre, channel = channels(means_of(profiles.repeats.left_out(held)[0]), profiles.game_ids, profiles.centre)
    several = np.flatnonzero((held.counts >= LEAST_CLIPS) & ~profiles.echoes)
    rows = np.sort(np.random.default_rng(0).permutation(several)[:MOST_HALVED])
    games, ids = profiles.game_ids[rows], profiles.character_ids[rows]
    means = np.empty((2, len(rows), len(centre)), np.float32)
    for place, clips in enumerate(ready.snapshot.clips.of_characters(games, ids, MOST_CLIPS)):
        vectors = clips.vectors[np.argsort(clips.ids)].astype(np.float32)
        means[:, place] = vectors[::2].mean(axis=0), vectors[1::2].mean(axis=0)
    one, other = (unit((half - channel[rows]) @ profiles.as_pairs.matrix) for half in means)
    found = [np.empty(0, np.float32)]
    for start in range(0, len(rows), BLOCK):
        part = slice(start, start + BLOCK)
        cohorts = [profiles.cohort_of(half[part] @ profiles.as_pairs.vectors.T, games[part]) for half in (one, other)]
        found.append(s_norm((one[part] * other[part]).sum(axis=1), *cohorts))
    return np.concatenate(found)


def _within(labels: Ids) -> Ids:
    """The pairs (2, p) of rows that have the same label; rows of NOBODY are in none."""
    order = np.argsort(labels, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(labels[order])) + 1)
    pairs = [group[np.stack(np.triu_indices(len(group), 1))] for group in groups if labels[group[0]] != NOBODY]
    return np.concatenate([np.empty((2, 0), np.int64), *pairs], axis=1)


def _drawn(count: int) -> Ids:
    """Pairs (2, p) of that many rows: all of them, or MOST_PAIRS drawn at random."""
    if count * (count - 1) // 2 <= MOST_PAIRS:
        return np.stack(np.triu_indices(count, 1))
    return np.random.default_rng(0).integers(0, count, (2, MOST_PAIRS))


def _alike(labels: Ids, pairs: Ids) -> Bools:
    """Whether both of each pair (p,) have the same label."""
    return np.asarray((labels[pairs[0]] == labels[pairs[1]]) & (labels[pairs[0]] != NOBODY))


def _scores(profiles: Profiles, pairs: Ids) -> Floats:
    """The scores (p,) of those pairs (2, p) that are of different games, neither of them an echo."""
    one, other = pairs[
        :, (profiles.game_ids[pairs[0]] != profiles.game_ids[pairs[1]]) & ~profiles.echoes[pairs].any(axis=0)
    ]
    vectors, (means, spreads) = profiles.as_pairs.vectors, profiles.as_pairs.cohorts
    found = [np.empty(0, np.float32)]
    for start in range(0, len(one), 100 * BLOCK):
        a, b = one[start : start + 100 * BLOCK], other[start : start + 100 * BLOCK]
        found.append(s_norm((vectors[a] * vectors[b]).sum(axis=1), (means[a], spreads[a]), (means[b], spreads[b])))
    return np.concatenate(found)
