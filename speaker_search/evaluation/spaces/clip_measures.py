"""How well the clips of characters hold together and apart in a space, game by game: nobody need know who speaks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from speaker_search.cast.roles.styles import silhouette
from speaker_search.entities import Floats, Ids
from speaker_search.evaluation.metrics import Bools, Doubles, mean
from speaker_search.search.scoring import unit


@dataclass(frozen=True, slots=True)
class OfGame:
    """The clips of a game whose speaker is known."""

    game: int
    vectors: Floats  # (n, dim) of unit length
    characters: Ids  # (n,)
    wordless: Bools  # (n,) whether the text says that it is no speech, such as a scream


@dataclass(frozen=True, slots=True)
class Found:
    """Clips compared with the characters of their game."""

    clips: int
    own_first: float | None  #: the share that is nearest to its own character, by the character's other clips


@dataclass(frozen=True, slots=True)
class ClipMeasures:
    """Over all clips; None where there is nothing to measure."""

    within: float | None  #: the mean cosine of a clip with its character's other clips, together
    between: float | None  #: the mean cosine of a clip with another character of its game
    separation: float | None  #: their difference, in standard deviations of such cosines (d')
    spoken: Found
    wordless: Found
    silhouettes: dict[int, float]  #: by game; games in which fewer than two characters have two clips are left out

    @property
    def silhouette(self) -> float | None:
        """The mean over games."""
        return mean(np.array([*self.silhouettes.values()], np.float64))


def clip_measures(games: Iterable[OfGame]) -> ClipMeasures:
    """Compare every clip with the characters of its game: with its own by the other clips alone."""
    within, between = np.zeros(3), np.zeros(3)  # moments
    right, cries = [np.empty(0)], [np.empty(0, np.bool_)]
    silhouettes: dict[int, float] = {}
    for one in games:
        labels, sizes = np.unique(one.characters, return_inverse=True, return_counts=True)[1:]
        several = sizes[labels] > 1
        own, others = _cosines(one.vectors, labels, len(sizes))
        within += _moments(own[several])
        between += _moments(others[np.isfinite(others)])
        if len(sizes) > 1:
            right.append((own > others.max(axis=1))[several].astype(np.float64))
            cries.append(one.wordless[several])
        if (sizes > 1).sum() > 1:
            counted = np.unique(labels[several], return_inverse=True)[1]
            silhouettes[one.game] = silhouette(one.vectors[several], counted)
    found, wordless = np.concatenate(right), np.concatenate(cries)
    return ClipMeasures(
        _mean(within),
        _mean(between),
        _separation(within, between),
        Found(int((~wordless).sum()), mean(found[~wordless])),
        Found(int(wordless.sum()), mean(found[wordless])),
        silhouettes,
    )


def _cosines(vectors: Floats, labels: Ids, characters: int) -> tuple[Doubles, Doubles]:
    """Each clip's cosine (n,) with its own character's other clips together, and those (n, characters) with the others;
    minus infinity in its own character's column.
    """
    member = labels[:, None] == np.arange(characters)
    sums = member.T.astype(np.float32) @ vectors
    own = (vectors * unit(sums[labels] - vectors)).sum(axis=1, dtype=np.float64)
    others = np.where(member, -np.inf, vectors @ unit(sums).T)
    return own, np.asarray(others, np.float64)


def _moments(values: Doubles) -> Doubles:
    """How many values (n,) there are, their sum, and that of their squares: added up, millions take no memory."""
    return np.array([len(values), values.sum(), (values**2).sum()])


def _mean(moments: Doubles) -> float | None:
    return float(moments[1] / moments[0]) if moments[0] else None


def _separation(same: Doubles, different: Doubles) -> float | None:
    """The difference of two means, given by their moments, in units of their common standard deviation."""
    if not same[0] or not different[0]:
        return None
    spread = np.sqrt(sum(m[2] / m[0] - (m[1] / m[0]) ** 2 for m in (same, different)) / 2)
    return float((same[1] / same[0] - different[1] / different[0]) / spread) if spread > 0 else None
