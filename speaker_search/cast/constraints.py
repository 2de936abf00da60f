"""What is known of pairs of characters, from verdicts and credits: it stands above every score."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from speaker_search.entities import Ids


@dataclass(frozen=True, eq=False, slots=True)
class Constraints:
    """Pairs of characters, by id, that are always or never one voice. No two contradict each other, even indirectly."""

    together: Ids  # (n, 2)
    apart: Ids  # (m, 2)

    @property
    def pairs(self) -> tuple[bytes, bytes]:
        """All pairs, to be compared with those of other constraints."""
        return self.together.tobytes(), self.apart.tobytes()


def none() -> Constraints:
    """Nothing is known."""
    return Constraints(np.empty((0, 2), np.int64), np.empty((0, 2), np.int64))
