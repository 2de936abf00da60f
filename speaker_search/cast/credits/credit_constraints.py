"""What credits say of pairs of characters, made consistent with verdicts, which stand above them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from speaker_search.cast.constraints import Constraints
from speaker_search.catalog.knowledge.kept_credits import Credit
from speaker_search.entities import Ids


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two characters whose verdict contradicts their credits."""

    one: int
    other: int
    same: bool  #: what the verdict says


@dataclass(frozen=True, slots=True)
class Joined:
    constraints: Constraints  #: of the verdicts and of the credits that do not contradict them
    contradictions: tuple[Contradiction, ...]


def only_actors(credits: Mapping[int, Collection[Credit]], ids: Ids) -> dict[int, int]:
    """The actor of those of the characters (n,) that are credited to just one, by id.

    A character credited to several, such as one recast or heard as a child too, may have lines of each: nothing
    follows from that.
    """
    return {id_: next(iter(credits[id_])).actor.id for id_ in sorted(ids.tolist()) if len(credits.get(id_, ())) == 1}


def joined(actors: Mapping[int, int], verdicts: Constraints) -> Joined:
    """Verdicts and credits together: one actor's characters are one voice, different actors' are not.

    `actors` gives a character's only actor, by id. Where a verdict says the opposite of what credits say, either credit
    may be the wrong one: both characters keep their verdicts and lose what their credits would say of them.
    """
    known = verdicts.groups()
    credited: defaultdict[int, defaultdict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    for id_, actor in sorted(actors.items()):
        credited[known.group_of(id_)][actor].append(id_)
    apart = {(known.group_of(one), known.group_of(other)) for one, other in verdicts.apart.tolist()}  # in either order
    contradictions = list(_contradictions(credited, apart))
    wrong = {id_ for each in contradictions for id_ in (each.one, each.other)}
    trusted = [pair for pair in sorted(actors.items()) if pair[0] not in wrong]
    return Joined(
        replace(verdicts, actors=np.array(trusted, np.int64).reshape(-1, 2)),
        tuple(sorted(contradictions, key=lambda each: (each.one, each.other))),
    )


def _contradictions(
    credited: Mapping[int, Mapping[int, list[int]]], apart: Collection[tuple[int, int]]
) -> Iterator[Contradiction]:
    """Of groups of characters that verdicts make one voice, with their members by credited actor."""
    for by_actor in credited.values():
        for ours, theirs in combinations(by_actor.values(), 2):
            yield from (Contradiction(min(one, other), max(one, other), same=True) for one in ours for other in theirs)
    for one, other in {(min(pair), max(pair)) for pair in apart}:
        for actor in credited.get(one, {}).keys() & credited.get(other, {}).keys():
            for mine in credited[one][actor]:
                for id_ in credited[other][actor]:
                    yield Contradiction(min(mine, id_), max(mine, id_), same=False)
