"""The same measures for parts of the known characters: those of each style of acting, game or maker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from speaker_search.entities import Floats, Ids
from speaker_search.evaluation.metrics import BCubed, Doubles, bcubed_of_each, f1, mean


@dataclass(frozen=True, slots=True)
class Part:
    """Known characters that share a style, game or maker, each measured against all known characters."""

    name: str  #: empty where the truth does not say
    characters: int
    voice_actors: int
    precision_at_1: float | None
    map: float | None
    bcubed: BCubed
    members: int  #: of voices, that can be judged
    members_right: float | None  #: the share of them that is right


def broken_down(
    names: Sequence[str], actors: Ids, found: Doubles, precisions: Doubles, voices: Ids, members_right: Floats
) -> tuple[Part, ...]:
    """The measures of each part, by name, from those of each character (n): its part's name, actor, whether its first
    match is right, average precision, voice, and whether it is a right member (nan where nothing can be judged).
    """
    parts = []
    labels = np.array(names, np.str_)
    each = bcubed_of_each(voices, actors)
    for name in np.unique(labels).tolist():
        inside = labels == name
        precision, recall = (float(values[inside].mean()) for values in each)
        judged = members_right[inside]
        parts.append(
            Part(
                name,
                int(inside.sum()),
                len(np.unique(actors[inside])),
                mean(found[inside]),
                mean(precisions[inside]),
                BCubed(precision, recall, f1(precision, recall)),
                int((~np.isnan(judged)).sum()),
                mean(judged.astype(np.float64)),
            )
        )
    return tuple(parts)
