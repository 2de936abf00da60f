"""What a linking knew of each character: one number each, to tell later which have changed."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from speaker_search.entities import Ids

Bools = npt.NDArray[np.bool_]

GONE = 0  # the state of a character that has no clips any more
ROW = np.dtype([("id", "<i8"), ("state", "<i8"), ("recent", "?")])  # of the stored form


@dataclass(frozen=True, eq=False, slots=True)
class Seen:
    """Characters (n), by id, those included that have lost all their clips since the whole catalog was linked."""

    ids: Ids  # (n,) ascending
    states: Ids  # (n,) a hash of all that affects the character's voice, or GONE
    recent: Bools  # (n,) clips or names have changed since the whole catalog was linked

    @property
    def digest(self) -> str:
        """One hash of all characters that are there. What is recent does not count."""
        there = self.states != GONE
        rows = np.stack([self.ids[there], self.states[there]], axis=1)
        return blake2b(rows.astype("<i8").tobytes(), digest_size=16).hexdigest()

    def states_of(self, ids: Ids) -> Ids:
        """The states (m,) of these characters, GONE for those that were not seen."""
        place = np.searchsorted(self.ids, ids)
        known = np.isin(ids, self.ids)
        found = np.full(len(ids), GONE, np.int64)
        found[known] = self.states[place[known]]
        return found

    def to_bytes(self) -> bytes:
        rows = np.empty(len(self.ids), ROW)
        rows["id"], rows["state"], rows["recent"] = self.ids, self.states, self.recent
        return rows.tobytes()

    @classmethod
    def of_bytes(cls, stored: bytes | None) -> Seen | None:
        """None where nothing is stored, or something else: all characters are then linked anew."""
        if stored is None or len(stored) % ROW.itemsize:
            return None
        rows = np.frombuffer(stored, ROW)
        return cls(rows["id"].astype(np.int64), rows["state"].astype(np.int64), rows["recent"].copy())
