"""Who speaks which clip: people's word first, otherwise the character. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
from scipy.sparse import coo_array  # type: ignore[import-untyped]  # scipy carries no types
from scipy.sparse.csgraph import connected_components  # type: ignore[import-untyped]

from speaker_search.catalog.knowledge.known_groups import Groups
from speaker_search.entities import Floats, Ids

#: A recording that more characters have than this is nobody's voice, such as a sound of the system. It is more than in
#: data sets (splits.py): there one shared recording makes characters one speaker, here only ALIKE of their clips does.
MOST_SHARING = 8
ALIKE = 0.1  # share of a speaker's clips that another also has, from which on the two may be one person


@dataclass(frozen=True, eq=False, slots=True)
class Clips:
    """Clips (n) of known characters, by id."""

    ids: Ids  # (n,)
    characters: Ids  # (n,)
    games: Ids  # (n,)
    seconds: Floats  # (n,)
    recordings: Ids  # (n,) equal for equal audio

    def __len__(self) -> int:
        return len(self.ids)

    def of(self, rows: Ids) -> Clips:
        """Some of them."""
        return Clips(self.ids[rows], self.characters[rows], self.games[rows], self.seconds[rows], self.recordings[rows])


@dataclass(frozen=True, eq=False, slots=True)
class Spoken:
    """Clips (n) with their speakers."""

    clips: Clips
    speakers: Ids  # (n,) a character's id that stands for all of one person's
    kin: Ids  # (n,) numbers from 0 on, equal for speakers who may be one person


def spoken(clips: Clips, known: Groups, voices: Iterable[Iterable[int]]) -> Spoken:
    """The speakers of clips, each recording of a speaker once.

    `known` says which characters are one person by people's word, `voices` which may be, as the catalog links them
    (ids of characters). Speakers who share much of their sound may be one person, too, such as a character and the same
    one in a sequel. Other recordings of several speakers are left out: they say nothing of either.
    """
    clips = clips.of(_usable(clips))
    speakers = np.array([known.group_of(one) for one in clips.characters.tolist()], np.int64)
    firsts = np.unique(np.stack([speakers, clips.recordings]), axis=1, return_index=True)[1]
    kept = np.sort(firsts)  # by id, as before
    clips, speakers = clips.of(kept), speakers[kept]
    people, places, counts = np.unique(speakers, return_inverse=True, return_counts=True)
    linked = (np.intersect1d([known.group_of(one) for one in voice], people) for voice in voices)
    edges = [
        *_alike(places, clips.recordings, counts),
        *(pair for voice in linked for pair in pairwise(np.searchsorted(people, voice).tolist())),
    ]
    kin = _components(edges, len(people))[places]
    rows = _undisputed(kin, clips.recordings)
    return Spoken(clips.of(rows), speakers[rows], np.unique(kin[rows], return_inverse=True)[1].astype(np.int64))


def _alike(speakers: Ids, recordings: Ids, counts: Ids) -> list[tuple[int, int]]:
    """Pairs of speakers, numbered from 0 on, who share at least ALIKE of the clips of the one with fewer (S,)."""
    order = np.argsort(recordings, kind="stable")
    _, begins, sizes = np.unique(recordings[order], return_index=True, return_counts=True)
    shared: Counter[tuple[int, int]] = Counter()
    for begin, size in zip(begins[sizes > 1].tolist(), sizes[sizes > 1].tolist(), strict=True):
        shared.update(combinations(sorted(speakers[order[begin : begin + size]].tolist()), 2))
    return [pair for pair, count in shared.items() if count >= ALIKE * min(counts[list(pair)])]


def _undisputed(kin: Ids, recordings: Ids) -> Ids:
    """Rows of the clips whose recording only speakers have who may be one person."""
    pairs = np.unique(np.stack([recordings, kin]), axis=1)
    found, several = np.unique(pairs[0], return_counts=True)
    return np.flatnonzero(~np.isin(recordings, found[several > 1]))


def directions(people: Ids, known: Groups, characters: Ids, means: Floats, clips: Ids) -> Floats:
    """Where each speaker's clips lie (S, dim), from the means (C, dim) of characters with so many clips (C,).

    `people` (S,) are the characters that stand for the speakers, in ascending order.
    """
    speakers = np.array([known.group_of(one) for one in characters.tolist()], np.int64)
    theirs = np.flatnonzero(np.isin(speakers, people))
    sums = np.zeros((len(people), means.shape[1]), np.float32)
    np.add.at(sums, np.searchsorted(people, speakers[theirs]), means[theirs] * clips[theirs, None])
    return np.asarray(sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-9), np.float32)


def random_directions(count: int, dim: int, seed: int) -> Floats:
    """Directions (count, dim) that know nothing of anybody."""
    found = np.random.default_rng([seed, 2]).standard_normal((count, dim)).astype(np.float32)
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), np.float32)


def _usable(clips: Clips) -> Ids:
    """Rows of the clips whose recording at most MOST_SHARING characters have."""
    pairs = np.unique(np.stack([clips.recordings, clips.characters]), axis=1)
    recordings, characters = np.unique(pairs[0], return_counts=True)
    return np.flatnonzero(~np.isin(clips.recordings, recordings[characters > MOST_SHARING]))


def _components(edges: Sequence[tuple[int, int]], nodes: int) -> Ids:
    """The component (nodes,) that each node is in."""
    ends = np.array(edges, np.int64).reshape(-1, 2)
    graph = coo_array((np.ones(len(ends), np.int8), (ends[:, 0], ends[:, 1])), shape=(nodes, nodes))
    return np.asarray(connected_components(graph, directed=False)[1], np.int64)
