"""Who speaks which clip: people's word first, otherwise the character. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array  # type: ignore[import-untyped]  # scipy carries no types
from scipy.sparse.csgraph import connected_components  # type: ignore[import-untyped]

from speaker_search.catalog.knowledge.known_groups import Groups
from speaker_search.entities import Floats, Ids

#: A recording that more characters have than this is nobody's voice, such as a sound of the system.
MOST_SHARING = 8


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
    (ids of characters). Speakers who share a recording may be one person, too.
    """
    clips = clips.of(_usable(clips))
    speakers = np.array([known.group_of(one) for one in clips.characters.tolist()], np.int64)
    firsts = np.unique(np.stack([speakers, clips.recordings]), axis=1, return_index=True)[1]
    kept = np.sort(firsts)  # by id, as before
    clips, speakers = clips.of(kept), speakers[kept]
    people, places = np.unique(speakers, return_inverse=True)
    edges = [np.column_stack([places, len(people) + np.unique(clips.recordings, return_inverse=True)[1]])]
    several = len(people) + len(clips)  # beyond all recordings
    for voice in voices:
        linked = np.intersect1d([known.group_of(one) for one in voice], people)
        edges.append(np.column_stack([np.searchsorted(people, linked), np.full(len(linked), several)]))
        several += 1
    kin = _components(np.concatenate(edges), several)[: len(people)]
    return Spoken(clips, speakers, np.unique(kin, return_inverse=True)[1][places].astype(np.int64))


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


def _components(edges: Ids, nodes: int) -> Ids:
    """The component (nodes,) that each node is in."""
    graph = coo_array((np.ones(len(edges), np.int8), (edges[:, 0], edges[:, 1])), shape=(nodes, nodes))
    return np.asarray(connected_components(graph, directed=False)[1], np.int64)
