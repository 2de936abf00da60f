"""Clips whose audio another game keeps (see `duplicates.repeated`): they say nothing new about whose voice it is."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from speaker_search.entities import Ids
from speaker_search.search.scoring import Bools
from speaker_search.search.strangers import Doubles
from speaker_search.views import characters as views
from speaker_search.views.characters import Characters
from speaker_search.views.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Repeats:
    """Repeated clips, aggregated by character (R)."""

    ids: Ids  # (R,) of the characters
    counts: Ids  # (R,) of their repeated clips
    milliseconds: Ids  # (R,) of audio
    sums: Doubles  # (R, dim) of vectors

    def unchanged(self, then: Characters, now: Characters) -> Repeats:
        """Those of characters that have as many clips now as then."""
        if not len(self.ids):
            return self
        before = dict(zip(then.ids.tolist(), then.counts.tolist(), strict=True))
        after = dict(zip(now.ids.tolist(), now.counts.tolist(), strict=True))
        kept = np.array([id_ in after and after[id_] == before.get(id_) for id_ in self.ids.tolist()], np.bool_)
        return Repeats(self.ids[kept], self.counts[kept], self.milliseconds[kept], self.sums[kept])

    def left_out(self, characters: Characters) -> tuple[Characters, Bools]:
        """The characters by their other clips alone, and which of them (C,) have no others: these stay whole."""
        if not len(self.ids):
            return characters, np.zeros(len(characters), np.bool_)
        place = np.searchsorted(characters.ids, self.ids)
        counts, milliseconds, sums = characters.counts.copy(), characters.milliseconds.copy(), characters.sums.copy()
        counts[place] -= self.counts
        milliseconds[place] -= self.milliseconds
        sums[place] -= self.sums
        echoes = counts == 0
        for own, whole in ((counts, characters.counts), (milliseconds, characters.milliseconds)):
            own[echoes] = whole[echoes]
        sums[echoes] = characters.sums[echoes]
        return replace(characters, counts=counts, milliseconds=milliseconds, sums=sums), echoes


def aggregated(snapshot: Snapshot, clip_ids: Ids) -> Repeats:
    """The repeats among a snapshot's clips, from the ids of all repeated clips."""
    of = views.of_clips(snapshot.clips.held(clip_ids), snapshot.position)
    return Repeats(of.ids, of.counts, of.milliseconds, of.sums)
