"""Finds clips that sound less like their own character than like another one: arrays in, arrays out.

Each clip is compared with the mean of its own character's other clips, and with the means of all other characters. A
logistic regression over such comparisons within games, where the labels say who is who, turns a cosine into a
likelihood ratio. A clip's log-odds are those of the likeliest other character against its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import numpy as np

from speaker_search.entities import Floats, Ids
from speaker_search.search.profiles.repeats import aggregated
from speaker_search.search.scoring import Bools, blocks, unit
from speaker_search.search.strangers import Doubles
from speaker_search.search.suspects.ratios import Ratios, mixed_regression
from speaker_search.views.clip_index import columns
from speaker_search.views.clip_index.columns import Columns
from speaker_search.views.snapshot import Snapshot

HERE = 0.03  # assumed share of the clips that are another character's of their game ...
ELSEWHERE = 0.02  # ... and of other games
SURE = 3.0  # log-likelihood ratio: clips above it are their own character's, whoever else sounds like them
PASSES = 3  # in each but the first, the suspects of the one before do not count in the characters' means
AGAIN = -10.0  # log-odds: clips below this are so surely their character's that later passes leave them alone
LEARNT_CHARACTERS = 1_000  # whose clips the ratios are learnt from ...
LEARNT_CLIPS = 8  # ... with this many each
MIN_TRIALS = 30  # of a clip with its own character: fewer say too little
NOTHING = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class Suspects:
    """Clips (n) and the likeliest other character of each, the most suspect first."""

    ids: Ids  # (n,)
    own: Ids  # (n,) the character that each belongs to
    other: Ids  # (n,) the likelier one
    log_odds: Doubles  # (n,) of the other character against the own one
    own_cosines: Floats  # (n,) with the mean of the own character's other clips
    other_cosines: Floats  # (n,) with the other character's mean
    compared: int = 0  #: clips
    alone: int = 0  #: clips that are their character's only one, and cannot be compared with it


@dataclass(frozen=True)
class Voices:
    """Characters (C), ordered by game and id, by the sums of the clips that count."""

    ids: Ids  # (C,)
    games: Ids  # (C,)
    counts: Ids  # (C,)
    sums: Doubles  # (C, dim)
    echoes: Bools  # (C,) whether all of their clips repeat the audio of another game
    persons: Ids  # (C,) equal numbers are one person's characters

    @cached_property
    def means(self) -> Floats:
        """(C, dim) of unit length."""
        return unit(self.sums.astype(np.float32))

    def rows(self, clips: Columns) -> Ids:
        """The row of each clip's character, (n,); the clips are of one game, and their speakers are known."""
        first, end = self.range(int(clips.games[0]))
        return np.asarray(first + np.searchsorted(self.ids[first:end], clips.characters), np.int64)

    def range(self, game: int) -> tuple[int, int]:
        """The first row and the end of a game's characters."""
        first, end = np.searchsorted(self.games, [game, game + 1]).tolist()
        return first, end

    def without(self, clips: Columns) -> Voices:
        """The same, not counting these clips."""
        sums, counts = self.sums.copy(), self.counts.copy()
        for game in _by_game(clips):
            rows = self.rows(game)
            np.subtract.at(sums, rows, game.vectors.astype(np.float64))
            np.subtract.at(counts, rows, 1)
        return replace(self, sums=sums, counts=counts)


def find_suspects(
    snapshot: Snapshot,
    *,
    games: Ids | None = None,
    repeated: Ids = NOTHING,
    people: Mapping[int, int] | None = None,
    least: float = 0.0,
) -> Suspects | None:
    """Clips whose log-odds are at least `least`, and over AGAIN, of all games or of these alone; None where too few
    clips say what is usual.

    `repeated` are ids of clips whose audio another game keeps: they count in no mean, and are compared
    within their game alone. `people` numbers who speaks characters, by id: characters of one person are not told apart.
    """
    index, whole = snapshot.clips, _voices(snapshot, repeated, people or {})
    echoes = whole.ids[whole.echoes]
    held = index.held(repeated)
    uncounted = np.sort(held.ids[~np.isin(held.characters, echoes)])  # an echo's clips are all that it has
    voices = whole
    wanted: Iterator[Columns] = (index.of_game(game) for game in (index.games if games is None else games).tolist())
    found = _none()
    for turn in range(PASSES):
        ratios = _learnt(snapshot, voices, uncounted)
        if ratios is None:
            return None
        parts = [_compared(voices, ratios, clips, uncounted, repeated) for clips in wanted]
        before, found = found, _joined(parts)
        if turn:  # in which only some clips were compared again
            found = replace(found, compared=before.compared, alone=before.alone)
        again = found.ids[found.log_odds > AGAIN]
        suspected = left_out(found, whole.counts, whole.ids)
        uncounted = np.union1d(np.intersect1d(repeated, uncounted), suspected)
        voices = whole.without(columns.ordered(index.held(suspected)).named())
        wanted = iter(_by_game(columns.ordered(index.held(again))))
    kept = np.flatnonzero(found.log_odds >= least)
    return _taken(found, kept[np.lexsort((found.ids[kept], -found.log_odds[kept]))])


def _voices(snapshot: Snapshot, repeated: Ids, people: Mapping[int, int]) -> Voices:
    characters, echoes = aggregated(snapshot, repeated).left_out(snapshot.characters)
    order = np.lexsort((characters.ids, characters.games))
    ids = characters.ids[order]
    persons = np.array([people.get(id_, -id_) for id_ in ids.tolist()], np.int64)
    return Voices(
        ids, characters.games[order], characters.counts[order], characters.sums[order], echoes[order], persons
    )


def _learnt(snapshot: Snapshot, voices: Voices, uncounted: Ids) -> Ratios | None:
    """The likelihood ratios, from clips and the characters of their games; None where there are too few of them.

    Their features are the cosine and one over the character's clips: the mean of few clips is a noisy one.
    """
    several = np.flatnonzero(voices.counts > 1)
    chosen = several[np.sort(np.random.default_rng(0).permutation(len(several))[:LEARNT_CHARACTERS])]
    same, different = [np.empty((0, 2))], [np.empty((0, 2))]
    held = snapshot.clips.of_characters(voices.games[chosen], voices.ids[chosen], LEARNT_CLIPS)
    for row, clips in zip(chosen.tolist(), held, strict=True):
        vectors = clips.vectors[~np.isin(clips.ids, uncounted)].astype(np.float32)
        first, end = voices.range(int(voices.games[row]))
        others = first + np.flatnonzero(
            (voices.counts[first:end] > 0) & (voices.persons[first:end] != voices.persons[row])
        )
        rest = unit(np.asarray(voices.sums[row] - vectors, np.float32))
        fewer = np.full(len(vectors), 1 / (voices.counts[row] - 1))
        same.append(np.column_stack([(vectors * rest).sum(axis=1), fewer]))
        cosines = vectors @ voices.means[others].T
        different.append(np.column_stack([cosines.ravel(), np.tile(1 / voices.counts[others], len(vectors))]))
    own, strangers = np.concatenate(same), np.concatenate(different)
    if min(len(own), len(strangers)) < MIN_TRIALS:
        return None
    return mixed_regression(own, strangers, HERE + ELSEWHERE)


def _compared(voices: Voices, ratios: Ratios, clips: Columns, uncounted: Ids, repeated: Ids) -> Suspects:
    """A game's clips with named speakers, as they are now; in no order."""
    clips = clips.named()
    if not len(clips):
        return _none()
    constant, (slope, by_count) = ratios.linear
    first, end = voices.range(int(clips.games[0]))
    means, here, away = voices.means, end - first, len(voices.ids) - (end - first)
    added = np.where(voices.echoes, -np.inf, np.log(ELSEWHERE / max(1, away)))
    added[first:end] = np.log(HERE / max(1, here - 1))
    added += np.where(voices.counts > 0, constant + by_count / np.maximum(1, voices.counts), -np.inf)
    matrix, added = (slope * means).astype(np.float32), added.astype(np.float32)
    own = voices.rows(clips)
    counted = ~np.isin(clips.ids, uncounted)
    left = voices.counts[own] - counted
    own_cosines = np.concatenate(
        [_to_the_rest(voices, own[part], clips.take(part), counted[part]) for part in blocks(len(clips), clips.dim)]
    )
    own_odds = constant + slope * own_cosines + by_count / np.maximum(1, left)
    doubtful = np.flatnonzero((left > 0) & (own_odds < SURE))
    own_odds += np.log(1 - HERE - ELSEWHERE)
    parts = [replace(_none(), compared=int((left > 0).sum()), alone=int((left == 0).sum()))]
    for part in blocks(len(doubtful), len(voices.ids)):
        places = doubtful[part]
        some, speakers = clips.take(places), own[places]
        vectors = some.vectors.astype(np.float32)
        scores = vectors @ matrix.T + added
        again = np.isin(some.ids, repeated)
        scores[again, :first], scores[again, end:] = -np.inf, -np.inf
        for row in np.unique(speakers).tolist():
            scores[np.ix_(speakers == row, voices.persons == voices.persons[row])] = -np.inf
        best = scores.argmax(axis=1)
        parts.append(
            Suspects(
                some.ids,
                voices.ids[speakers],
                voices.ids[best],
                scores[np.arange(len(some)), best] - own_odds[places],
                own_cosines[places],
                (vectors * means[best]).sum(axis=1),
            )
        )
    found = _joined(parts)
    return _taken(found, np.flatnonzero(np.isfinite(found.log_odds)))


def _to_the_rest(voices: Voices, own: Ids, clips: Columns, counted: Bools) -> Floats:
    """The cosine (n,) of each clip with the mean of its character's other clips."""
    vectors = clips.vectors.astype(np.float32)
    rest = np.asarray(voices.sums[own] - vectors * counted[:, None], np.float32)
    return np.asarray((vectors * unit(rest)).sum(axis=1), np.float32)


def left_out(found: Suspects, counts: Ids, ids: Ids) -> Ids:
    """The suspects (by id, in order) that are left out of their characters' means: never all clips of one."""
    places = np.flatnonzero(found.log_odds > 0)
    places = places[np.lexsort((-found.log_odds[places], found.own[places]))]
    own = found.own[places]
    first = np.flatnonzero(np.diff(own, prepend=-1))
    rank = np.arange(len(own)) - np.repeat(first, np.diff(first, append=len(own)))
    by_id = np.argsort(ids)
    most = counts[by_id[np.searchsorted(ids[by_id], own)]] - 1
    return np.sort(found.ids[places[rank < most]])


def _by_game(clips: Columns) -> Iterator[Columns]:
    """Clips ordered by game, one game at a time."""
    starts = np.flatnonzero(np.diff(clips.games, prepend=-1))
    return (clips.take(slice(low, high)) for low, high in pairwise([*starts.tolist(), len(clips)]))


def _none() -> Suspects:
    empty = np.empty(0, np.float32)
    return Suspects(NOTHING, NOTHING, NOTHING, np.empty(0), empty, empty)


def _taken(found: Suspects, places: Ids) -> Suspects:
    return Suspects(
        found.ids[places],
        found.own[places],
        found.other[places],
        found.log_odds[places],
        found.own_cosines[places],
        found.other_cosines[places],
        found.compared,
        found.alone,
    )


def _joined(parts: list[Suspects]) -> Suspects:
    parts = [_none(), *parts]
    return Suspects(
        np.concatenate([part.ids for part in parts]),
        np.concatenate([part.own for part in parts]),
        np.concatenate([part.other for part in parts]),
        np.concatenate([part.log_odds for part in parts]),
        np.concatenate([part.own_cosines for part in parts]),
        np.concatenate([part.other_cosines for part in parts]),
        sum(part.compared for part in parts),
        sum(part.alone for part in parts),
    )
