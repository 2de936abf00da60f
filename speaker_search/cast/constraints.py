"""What is known of characters from verdicts and credits. It counts more than any score."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from speaker_search.catalog.knowledge.known_groups import Groups
from speaker_search.entities import Ids


def _nothing() -> Ids:
    return np.empty((0, 2), np.int64)


@dataclass(frozen=True, eq=False, slots=True)
class Constraints:
    """What always holds of characters, by id. Nothing in it contradicts the rest, even indirectly."""

    together: Ids = field(default_factory=_nothing)  #: (n, 2) pairs that are one voice
    apart: Ids = field(default_factory=_nothing)  #: (m, 2) pairs that are not
    #: (k, 2) characters with a number for who speaks them: one actor's are one voice, two actors' are not
    actors: Ids = field(default_factory=_nothing)

    @property
    def pairs(self) -> tuple[bytes, ...]:
        """All of it, to be compared with other constraints."""
        return self.together.tobytes(), self.apart.tobytes(), self.actors.tobytes()

    def groups(self) -> Groups:
        """The groups of characters that follow."""
        known = Groups()
        for one, other in self.together.tolist():
            known.add(one, other, same=True)
        for character, actor in self.actors.tolist():
            known.credit(character, actor)
        for one, other in self.apart.tolist():
            known.add(one, other, same=False)
        return known


def none() -> Constraints:
    """Nothing is known."""
    return Constraints()


def constraints_of(known: Groups, character_ids: Ids) -> Constraints:
    """What is known of these characters (n,), also through others."""
    return Constraints(*(np.array(pairs, np.int64).reshape(-1, 2) for pairs in known.known_of(character_ids.tolist())))
